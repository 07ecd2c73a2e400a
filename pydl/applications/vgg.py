"""A small net in the manner of VGG: stages of two 3 x 3 convolutions, and pooling between them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydl import layers
from pydl.applications._parts import model, normalized
from pydl.models import Model

_STAGES = ((32, 0.2), (64, 0.3), (128, 0.4))  # filters, and the share of features left out


def features(x: Any) -> Any:
    """Three stages, each with twice the filters on half the rows and columns, and the mean over all positions."""
    for filters, dropout in _STAGES:
        for _ in range(2):
            x = normalized(x, filters, kernel_initializer="he_normal")
        x = layers.MaxPooling2D(2, padding="same")(x)
        x = layers.Dropout(dropout)(x)
    return layers.GlobalAveragePooling2D()(x)


def SmallVGG(
    input_shape: Sequence[int] = (32, 32, 3), classes: int = 10, include_top: bool = True,
    classifier_activation: str | None = "softmax",
) -> Model:  # fmt: skip
    """Six convolutions with batch normalization, of 32, 64 and 128 filters: 289 thousand weights.

    Parameters
    ----------
    input_shape : (height, width, channels)
    classes : int
    include_top : bool
        Whether it tells classes; else it ends in 128 features.
    classifier_activation : str or None
        None: logits.
    """
    return model("small_vgg", features, input_shape, classes, include_top, classifier_activation)
