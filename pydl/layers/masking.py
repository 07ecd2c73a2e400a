"""Masking: leaves steps of a sequence out."""

from __future__ import annotations

from typing import Any

import numpy as np

from pydl._base.args import real
from pydl._engine.builder import Builder
from pydl._engine.graph import Shape
from pydl._engine.tensor import Tensor
from pydl.layers.base import Layer


class Masking(Layer):
    """Marks the steps of `(batch, ..., features)` whose features all equal `mask_value` as not to be counted.

    Their output is 0; the other steps pass unchanged. The mask goes on through layers that support it to pooling,
    losses and metrics, which leave marked steps out.

    Parameters
    ----------
    mask_value : float
    **kwargs
        `name`, `trainable`, `dtype`.

    Raises
    ------
    ValueError
        An input without an axis of features.
    """

    supports_masking = True

    def __init__(self, mask_value: float = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.mask_value = real("Masking", "mask_value", mask_value)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        if len(input_shape) < 2:
            raise ValueError(f'Masking "{self.name}": expected input (batch, ..., features), got {tuple(input_shape)}')
        return tuple(input_shape)

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """Of an array, whether each step counts."""
        return np.any(np.asarray(inputs) != self.mask_value, axis=-1)

    def output_masks(self, masked: list[bool]) -> list[bool]:
        return [True]

    def emit_forward(self, b: Builder, *x: Tensor) -> Tensor:
        t = x[0]
        b.note_reader(t)
        y = b.tensor(t.shape, t)
        y.mask = b.constant_tensor(t.shape[:-1])
        b.emit("mask_steps", x=t.buffer, y=y.buffer, m=y.mask.buffer, O=t.shape[-1], value=self.mask_value,
               **t.by_last())  # fmt: skip
        return y

    def emit_masks(self, b: Builder, x: list[Tensor], y: list[Tensor]) -> None:
        """`emit_forward` has made it."""

    def emit_backward(self, b: Builder, *x: Tensor, y: Tensor) -> None:
        t, dy, mask = x[0], b.gradient(y), y.mask
        assert mask is not None
        b.add_input_gradient(
            t,
            lambda dx, add: b.emit("keep_steps", x=dy, m=mask.buffer, y=dx, O=t.shape[-1], add=add, **t.by_last()),
            adds=True,
        )


class MaskOf(Layer):
    """The mask of its input, as numbers: what an output is given to say of its steps."""

    supports_masking = True

    def output_masks(self, masked: list[bool]) -> list[bool]:
        return [False]

    def emit_masks(self, b: Builder, x: list[Tensor], y: list[Tensor]) -> None:
        """It has none itself."""

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return tuple(input_shape[:-1])

    def emit_forward(self, b: Builder, *x: Tensor) -> Tensor:
        mask = x[0].mask
        assert mask is not None
        y, n = b.constant_tensor(mask.shape), mask.columns
        b.emit("copy", x=mask.buffer, y=y.buffer, B=mask.batch, O=n, ldx=n, ldy=n)
        return y


class GivenMask(Layer):
    """Its first input, with the second one as the mask: what a call on an array makes of `mask=`."""

    merges = True

    def output_masks(self, masked: list[bool]) -> list[bool]:
        return [True]

    def compute_output_shape(self, input_shape: Any) -> Shape:
        return tuple(input_shape[0])

    def emit_forward(self, b: Builder, *x: Tensor) -> Tensor:
        t, n = x[0], x[0].columns
        b.note_reader(t)
        y = b.tensor(t.shape, t)
        y.mask = x[1]
        b.emit("copy", x=t.buffer, y=y.buffer, B=t.batch, O=n, ldx=n, ldy=n)
        return y

    def emit_masks(self, b: Builder, x: list[Tensor], y: list[Tensor]) -> None:
        """`emit_forward` has given it."""

    def emit_backward(self, b: Builder, *x: Tensor, y: Tensor) -> None:
        dy = b.gradient(y)
        if dy is not None:
            b.give_input_gradient(x[0], dy)
