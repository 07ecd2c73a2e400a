"""ResNets for small images, as Keras's example has them (He et al., "Deep Residual Learning", section 4.2)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from pydl import layers, regularizers
from pydl.applications._parts import model
from pydl.applications.resnet50 import ResNet50, ResNet101, ResNet152, decode_predictions, preprocess_input
from pydl.models import Model

__all__ = [
    "ResNet20", "ResNet32", "ResNet50", "ResNet56", "ResNet101", "ResNet152", "decode_predictions", "preprocess_input",
]  # fmt: skip

_FILTERS = (16, 32, 64)  # of the three stages, each on half the rows and columns of the one before


def _convolution(x: Any, filters: int, size: int = 3, strides: int = 1) -> Any:
    return layers.Conv2D(
        filters, size, strides, padding="same", kernel_initializer="he_normal",
        kernel_regularizer=regularizers.L2(1e-4),
    )(x)  # fmt: skip


def _normalized(x: Any, filters: int, strides: int = 1) -> Any:
    return layers.BatchNormalization()(_convolution(x, filters, strides=strides))


def _block(x: Any, filters: int, strides: int) -> Any:
    """Two convolutions, beside them the input itself, or a 1 x 1 convolution of it where its shape is another."""
    y = layers.Activation("relu")(_normalized(x, filters, strides))
    y = _normalized(y, filters)
    if strides > 1:
        x = _convolution(x, filters, 1, strides)
    return layers.Activation("relu")(layers.Add()([x, y]))


def features(x: Any, blocks: int) -> Any:
    """A convolution, three stages of so many blocks, and the mean over all positions."""
    x = layers.Activation("relu")(_normalized(x, _FILTERS[0]))
    for stage, filters in enumerate(_FILTERS):
        for block in range(blocks):
            x = _block(x, filters, strides=2 if stage > 0 and block == 0 else 1)
    return layers.GlobalAveragePooling2D()(x)


def _named(depth: int, weights: str) -> Callable[..., Model]:
    blocks = (depth - 2) // 6

    def build(
        input_shape: Sequence[int] = (32, 32, 3), classes: int = 10, include_top: bool = True,
        classifier_activation: str | None = "softmax",
    ) -> Model:  # fmt: skip
        return model(
            f"resnet{depth}", partial(features, blocks=blocks), input_shape, classes, include_top,
            classifier_activation, "he_normal",
        )  # fmt: skip

    build.__name__ = build.__qualname__ = f"ResNet{depth}"
    build.__doc__ = f"""A residual net of {depth} layers, version 1: {blocks} blocks a stage, {weights} weights.

    Weights of convolutions are decayed by an L2 penalty of 1e-4, as in Keras's example `cifar10_resnet`.

    Parameters
    ----------
    input_shape : (height, width, channels)
    classes : int
    include_top : bool
        Whether it tells classes; else it ends in 64 features.
    classifier_activation : str or None
        None: logits.
    """
    return build


ResNet20 = _named(20, "272 thousand")
ResNet32 = _named(32, "467 thousand")
ResNet56 = _named(56, "856 thousand")
