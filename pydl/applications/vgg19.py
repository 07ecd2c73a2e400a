"""VGG19 (Simonyan and Zisserman, 2014)."""

from __future__ import annotations

from typing import Any

from pydl.applications._imagenet import dense_top, documented, net
from pydl.applications.imagenet_utils import caffe as preprocess_input
from pydl.applications.imagenet_utils import decode_predictions
from pydl.applications.vgg16 import stages, top
from pydl.models import Model

__all__ = ["VGG19", "decode_predictions", "preprocess_input"]


@documented("VGG19: 16 convolutions and 3 dense layers, 144 million weights; 20.0 million without the top.", 224)
def VGG19(
    include_top: bool = True, weights: Any = "imagenet", input_tensor: Any = None, input_shape: Any = None,
    pooling: str | None = None, classes: int = 1000, classifier_activation: Any = "softmax", name: str = "vgg19",
) -> Model:  # fmt: skip
    return net(
        lambda x: stages(x, (2, 2, 4, 4, 4)), dense_top(top), 224, include_top=include_top, weights=weights,
        input_tensor=input_tensor, input_shape=input_shape, pooling=pooling, classes=classes,
        classifier_activation=classifier_activation, name=name,
    )  # fmt: skip
