"""Known image nets to train from the start: they come without weights.

`ResNet20(input_shape=(32, 32, 3), classes=10)` is a model; with `include_top=False` it ends in the features, one row
for each image, for a head of your own. Inputs are taken as they are: put a `Rescaling` in front, or scale the data.
"""

from pydl.applications.mobilenet import MobileNet
from pydl.applications.resnet import ResNet20, ResNet32, ResNet56
from pydl.applications.simple import SimpleCNN
from pydl.applications.vgg import SmallVGG
from pydl.applications.xception import MiniXception

__all__ = ["MiniXception", "MobileNet", "ResNet20", "ResNet32", "ResNet56", "SimpleCNN", "SmallVGG"]
