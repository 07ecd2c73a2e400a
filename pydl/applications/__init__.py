"""Known image nets: they come without weights.

`ResNet20(input_shape=(32, 32, 3), classes=10)` and other small ones are models to train from the start; with
`include_top=False` they end in the features, one row for each image, for a head of your own. Inputs are taken as they
are: put a `Rescaling` in front, or scale the data.

`VGG16`, `VGG19`, `ResNet50`, `ResNet101`, `ResNet152`, `Xception`, `MobileNet` and `MobileNetV2` are Keras's, with its
arguments and names of layers: `weights=` takes a file of weights that Keras wrote. `preprocess_input` is in the module
of each.
"""

from pydl.applications.mobilenet import MobileNet
from pydl.applications.mobilenet_v2 import MobileNetV2
from pydl.applications.resnet import ResNet20, ResNet32, ResNet50, ResNet56, ResNet101, ResNet152
from pydl.applications.simple import SimpleCNN
from pydl.applications.small_mobilenet import SmallMobileNet
from pydl.applications.vgg import SmallVGG
from pydl.applications.vgg16 import VGG16
from pydl.applications.vgg19 import VGG19
from pydl.applications.xception import MiniXception, Xception

__all__ = [
    "VGG16", "VGG19", "MiniXception", "MobileNet", "MobileNetV2", "ResNet20", "ResNet32", "ResNet50", "ResNet56",
    "ResNet101", "ResNet152", "SimpleCNN", "SmallMobileNet", "SmallVGG", "Xception",
]  # fmt: skip
