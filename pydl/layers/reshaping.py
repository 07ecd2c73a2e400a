"""Layers that repeat or move elements: RepeatVector, Permute."""

from __future__ import annotations

from typing import Any

import numpy as np

from pydl._base.args import whole
from pydl._engine.graph import Shape
from pydl.layers.base import Layer

Array = np.ndarray


class RepeatVector(Layer):
    """`(batch, features)` -> `(batch, n, features)`: the same row n times.

    Parameters
    ----------
    n : int
        At least 1.
    **kwargs
        `name`, `trainable`, `dtype`.
    """

    def __init__(self, n: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.n = whole("RepeatVector", "n", n, at_least=1)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        if len(input_shape) != 2:
            raise ValueError(f'RepeatVector "{self.name}": expected input (batch, features), got {tuple(input_shape)}')
        return (input_shape[0], self.n, input_shape[1])

    def call(self, *inputs: Array) -> Array:
        self.compute_output_shape(inputs[0].shape)  # refuses what does not fit
        return np.repeat(inputs[0][:, None], self.n, axis=1)

    def backward(self, x: Array, y: Array, dy: Array) -> Array:
        return np.asarray(dy.sum(axis=1))


class Permute(Layer):
    """Axes in another order: `Permute((2, 1))` makes `(batch, a, b)` `(batch, b, a)`.

    Parameters
    ----------
    dims : tuple of int
        Which axis of the input each axis of the output is, without the batch and from 1 on.
    **kwargs
        `name`, `trainable`, `dtype`.

    Raises
    ------
    ValueError
        `dims` that do not hold each number from 1 on once, or not one for each axis of the input.
    """

    def __init__(self, dims: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.dims = tuple(whole("Permute", "dims", d, at_least=1) for d in dims)
        if sorted(self.dims) != list(range(1, len(self.dims) + 1)):
            raise ValueError(
                f'Permute "{self.name}": Invalid permutation `dims`: expected each of 1 to {len(self.dims)} once, got '
                f"{self.dims}"
            )

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        if len(input_shape) != len(self.dims) + 1:
            raise ValueError(
                f'Permute "{self.name}": expected input of {len(self.dims)} axes behind the batch, got '
                f"{tuple(input_shape)}"
            )
        return (input_shape[0], *(input_shape[d] for d in self.dims))

    def call(self, *inputs: Array) -> Array:
        self.compute_output_shape(inputs[0].shape)  # refuses what does not fit
        return inputs[0].transpose(0, *self.dims)

    def backward(self, x: Array, y: Array, dy: Array) -> Array:
        return dy.transpose(np.argsort((0, *self.dims)))
