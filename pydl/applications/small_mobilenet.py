"""A net in the manner of MobileNet: each channel convolved by itself, then all of them mixed (Howard et al., 2017)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from pydl import layers
from pydl.applications._parts import model, normalized
from pydl.models import Model

_BLOCKS = ((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), (512, 1))  # filters and strides
_LARGE = 64  # pixels of the shorter side beyond which the first convolution passes over every second one


def features(x: Any, alpha: float = 1.0) -> Any:
    """A convolution, seven separable ones, each part of them normalized, and the mean over all positions.

    `alpha` multiplies the filters of every layer.
    """
    x = normalized(x, _scaled(32, alpha), strides=2 if min(x.shape[1:3]) > _LARGE else 1, activation="relu6")
    for filters, strides in _BLOCKS:
        x = layers.DepthwiseConv2D(3, strides, padding="same", use_bias=False)(x)
        x = layers.Activation("relu6")(layers.BatchNormalization()(x))
        x = normalized(x, _scaled(filters, alpha), 1, activation="relu6")
    return layers.GlobalAveragePooling2D()(x)


def _scaled(filters: int, alpha: float) -> int:
    return max(1, int(filters * alpha))


def SmallMobileNet(
    input_shape: Sequence[int] = (32, 32, 3), classes: int = 10, include_top: bool = True,
    classifier_activation: str | None = "softmax", alpha: float = 1.0,
) -> Model:  # fmt: skip
    """A small MobileNet: without the second half of its blocks: for images of 32 to some 128 pixels a side.

    Parameters
    ----------
    input_shape : (height, width, channels)
    classes : int
    include_top : bool
        Whether it tells classes; else it ends in 512 * alpha features.
    classifier_activation : str or None
        None: logits.
    alpha : float
        What the filters of every layer are multiplied with.
    """
    made = partial(features, alpha=alpha)
    return model("small_mobilenet", made, input_shape, classes, include_top, classifier_activation)
