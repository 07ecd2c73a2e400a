"""VGG16, and what VGG19 shares with it (Simonyan and Zisserman, 2014)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydl import layers
from pydl.applications._imagenet import dense_top, documented, net
from pydl.applications.imagenet_utils import caffe as preprocess_input
from pydl.applications.imagenet_utils import decode_predictions
from pydl.models import Model

__all__ = ["VGG16", "decode_predictions", "preprocess_input"]

_FILTERS = (64, 128, 256, 512, 512)


def stages(x: Any, convolutions: Sequence[int]) -> Any:
    """Five stages of so many 3 x 3 convolutions, each ended by pooling."""
    for stage, (filters, count) in enumerate(zip(_FILTERS, convolutions, strict=True), 1):
        for i in range(1, count + 1):
            x = layers.Conv2D(filters, 3, padding="same", activation="relu", name=f"block{stage}_conv{i}")(x)
        x = layers.MaxPooling2D(2, name=f"block{stage}_pool")(x)
    return x


def top(x: Any) -> Any:
    """Two dense layers of 4,096 units."""
    x = layers.Flatten(name="flatten")(x)
    for name in ("fc1", "fc2"):
        x = layers.Dense(4096, activation="relu", name=name)(x)
    return x


@documented("VGG16: 13 convolutions and 3 dense layers, 138 million weights; 14.7 million without the top.", 224)
def VGG16(
    include_top: bool = True, weights: Any = "imagenet", input_tensor: Any = None, input_shape: Any = None,
    pooling: str | None = None, classes: int = 1000, classifier_activation: Any = "softmax", name: str = "vgg16",
) -> Model:  # fmt: skip
    return net(
        lambda x: stages(x, (2, 2, 3, 3, 3)), dense_top(top), 224, include_top=include_top, weights=weights,
        input_tensor=input_tensor, input_shape=input_shape, pooling=pooling, classes=classes,
        classifier_activation=classifier_activation, name=name,
    )  # fmt: skip
