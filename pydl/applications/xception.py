"""Xception (Chollet, 2016), and mini-XCEPTION, a small net that tells emotions (Arriaga et al., 2017)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydl import layers, regularizers
from pydl.applications._imagenet import dense_top, documented, net, pooled
from pydl.applications._parts import normalized
from pydl.applications.imagenet_utils import decode_predictions
from pydl.applications.imagenet_utils import tf as preprocess_input
from pydl.models import Model

__all__ = ["MiniXception", "Xception", "decode_predictions", "preprocess_input"]

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


def _named(x: Any, name: str, filters: int, activation: str | None = None) -> Any:
    """A separable convolution with normalization; `activation`: of its input, by name."""
    if activation is not None:
        x = layers.Activation("relu", name=activation)(x)
    x = layers.SeparableConv2D(filters, 3, padding="same", use_bias=False, name=name)(x)
    return layers.BatchNormalization(name=f"{name}_bn")(x)


def _entry(x: Any) -> Any:
    for i, (filters, strides) in enumerate(((32, 2), (64, 1)), 1):
        x = layers.Conv2D(filters, 3, strides, use_bias=False, name=f"block1_conv{i}")(x)
        x = layers.BatchNormalization(name=f"block1_conv{i}_bn")(x)
        x = layers.Activation("relu", name=f"block1_conv{i}_act")(x)
    return x


def _halved(x: Any, block: int, filters: tuple[int, int]) -> Any:
    """Two separable convolutions, pooled, beside a 1 x 1 convolution of the input."""
    beside = normalized(x, filters[1], 1, 2, activation=None)
    for i, count in enumerate(filters, 1):
        name = f"block{block}_sepconv{i}"
        x = _named(x, name, count, None if block == 2 and i == 1 else f"{name}_act")
    return layers.Add()([layers.MaxPooling2D(3, 2, padding="same", name=f"block{block}_pool")(x), beside])


def _whole(x: Any) -> Any:
    x = _entry(x)
    for block, filters in ((2, 128), (3, 256), (4, 728)):
        x = _halved(x, block, (filters, filters))
    for block in range(5, 13):
        beside = x
        for i in range(1, 4):
            x = _named(x, f"block{block}_sepconv{i}", 728, f"block{block}_sepconv{i}_act")
        x = layers.Add()([x, beside])
    x = _halved(x, 13, (728, 1024))
    for i, count in enumerate((1536, 2048), 1):
        x = _named(x, f"block14_sepconv{i}", count)
        x = layers.Activation("relu", name=f"block14_sepconv{i}_act")(x)
    return x


@documented("Xception: 36 convolutions, most of them separable, 22.9 million weights.", 299)
def Xception(
    include_top: bool = True, weights: Any = "imagenet", input_tensor: Any = None, input_shape: Any = None,
    pooling: str | None = None, classes: int = 1000, classifier_activation: Any = "softmax", name: str = "xception",
) -> Model:  # fmt: skip
    return net(
        _whole, dense_top(pooled), 299, include_top=include_top, weights=weights, input_tensor=input_tensor,
        input_shape=input_shape, pooling=pooling, classes=classes, classifier_activation=classifier_activation,
        name=name,
    )  # fmt: skip
