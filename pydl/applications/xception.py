"""mini-XCEPTION, a small net that tells emotions (Arriaga et al., 2017, arXiv 1710.07557)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydl import layers, regularizers
from pydl.applications._parts import normalized
from pydl.models import Model

_FILTERS = (16, 32, 64, 128)
_DECAY = 0.01


def maps(x: Any) -> Any:
    """Two convolutions, then blocks of two separable ones, pooled, beside a 1 x 1 convolution of the input."""
    for _ in range(2):
        x = normalized(x, 8, padding="valid", kernel_regularizer=regularizers.L2(_DECAY))
    for filters in _FILTERS:
        beside = normalized(x, filters, 1, 2, activation=None)
        x = layers.Activation("relu")(_separable(x, filters))
        x = _separable(x, filters)
        x = layers.Add()([layers.MaxPooling2D(3, 2, padding="same")(x), beside])
    return x


def _separable(x: Any, filters: int) -> Any:
    return layers.BatchNormalization()(layers.SeparableConv2D(filters, 3, padding="same", use_bias=False)(x))


def features(x: Any) -> Any:
    """The mean over all positions of the maps."""
    return layers.GlobalAveragePooling2D()(maps(x))


def MiniXception(
    input_shape: Sequence[int] = (64, 64, 1), classes: int = 7, include_top: bool = True,
    classifier_activation: str | None = "softmax",
) -> Model:  # fmt: skip
    """mini-XCEPTION: 58 thousand numbers; at the top a convolution has a map for each class, whose mean is its logit.

    Parameters
    ----------
    input_shape : (height, width, channels)
    classes : int
    include_top : bool
        Whether it tells classes; else it ends in 128 features.
    classifier_activation : str or None
        None: logits.
    """
    x = layers.Input(tuple(input_shape))
    if not include_top:
        return Model(x, features(x), name="mini_xception")
    y = layers.Conv2D(classes, 3, padding="same")(maps(x))
    y = layers.GlobalAveragePooling2D()(y)
    return Model(x, layers.Activation(classifier_activation, name="predictions")(y), name="mini_xception")
