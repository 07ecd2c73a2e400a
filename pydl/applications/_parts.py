"""What the nets have in common: a convolution with normalization, and a model around features."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from pydl import layers
from pydl.models import Model

Features = Callable[[Any], Any]  # from images, symbolic, to one row for each


def normalized(
    x: Any, filters: int, size: int = 3, strides: int = 1, activation: str | None = "relu", **how: Any
) -> Any:
    """A convolution without bias, batch normalization in its place, and an activation."""
    settings: dict[str, Any] = {"padding": "same", "use_bias": False} | how
    x = layers.Conv2D(filters, size, strides, **settings)(x)
    x = layers.BatchNormalization()(x)
    return x if activation is None else layers.Activation(activation)(x)


def model(
    name: str, features: Features, input_shape: Sequence[int], classes: int, include_top: bool,
    classifier_activation: str | None, kernel_initializer: str = "glorot_uniform",
) -> Model:  # fmt: skip
    """Features, and a dense layer on top of them that tells the classes if `include_top`."""
    x = layers.Input(tuple(input_shape))
    y = features(x)
    if include_top:
        head = layers.Dense(
            classes, activation=classifier_activation, kernel_initializer=kernel_initializer, name="predictions"
        )
        y = head(y)
    return Model(x, y, name=name)
