"""The convolutional net of Keras's CIFAR-10 example: pairs of convolutions, pooling, dropout, one hidden layer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydl import layers
from pydl.applications._parts import model
from pydl.models import Model

_SMALL = 6  # rows or columns of a map below which it is not pooled any more
_WIDEST = 256


def features(x: Any) -> Any:
    """For each stage two convolutions, the second without padding, and half the rows and columns: 32 to 15 to 6.

    Larger images pass through more stages, each of which has twice the filters of the one before, from 32 to 256.
    """
    side, filters = min(x.shape[1:3]), 32
    while side > _SMALL or filters == 32:
        x = layers.Conv2D(filters, 3, padding="same", activation="relu")(x)
        x = layers.Conv2D(filters, 3, activation="relu")(x)
        x = layers.MaxPooling2D(2)(x)
        x = layers.Dropout(0.25)(x)
        side, filters = (side - 2) // 2, min(2 * filters, _WIDEST)
    x = layers.Flatten()(x)
    x = layers.Dense(512, activation="relu")(x)
    return layers.Dropout(0.5)(x)


def SimpleCNN(
    input_shape: Sequence[int] = (32, 32, 3), classes: int = 10, include_top: bool = True,
    classifier_activation: str | None = "softmax",
) -> Model:  # fmt: skip
    """The net of Keras's example `cifar10_cnn`: 1.25 million weights for 32 x 32 pixels.

    Parameters
    ----------
    input_shape : (height, width, channels)
        Sides of 4 pixels or more.
    classes : int
    include_top : bool
        Whether it tells classes; else it ends in 512 features.
    classifier_activation : str or None
        None: logits.
    """
    return model("simple_cnn", features, input_shape, classes, include_top, classifier_activation)
