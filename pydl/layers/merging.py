"""Layers that merge several tensors: Add, Multiply, Concatenate."""

from __future__ import annotations

from functools import partial
from typing import Any

from pydl._engine.builder import Buffer, Builder
from pydl._engine.graph import Shape
from pydl._engine.masks import either
from pydl._engine.tensor import Tensor
from pydl.layers.base import Layer


class _Merge(Layer):
    def build(self, input_shape: Any) -> None:
        if not isinstance(input_shape, list) or len(input_shape) < 2:
            raise ValueError(
                f'{type(self).__name__} "{self.name}": expected a list of at least two tensors, got {input_shape}'
            )


class _Elementwise(_Merge):
    """All inputs and the output have one shape."""

    op: str

    def compute_output_shape(self, input_shape: list[Shape]) -> Shape:
        shapes = [tuple(s) for s in input_shape]
        if any(s != shapes[0] for s in shapes):
            raise ValueError(f'{type(self).__name__} "{self.name}": expected inputs of equal shapes, got {shapes}')
        return tuple(input_shape[0])

    def _combine(self, b: Builder, buffers: list[Buffer], out: Buffer, like: Tensor) -> None:
        """out = buffers[0] op buffers[1] op ..."""
        first = buffers[0]
        for other in buffers[1:]:
            b.emit(self.op, x1=first, x2=other, y=out, B=like.batch, O=like.columns)
            first = out

    def emit_forward(self, b: Builder, *x: Tensor) -> Tensor:
        b.note_reader(*x)
        y = b.tensor(x[0].shape, *x)
        self._combine(b, [t.buffer for t in x], y.buffer, y)
        return y


class Add(_Elementwise):
    """`y = x1 + x2 + ...` for tensors of one shape. If all have masks, steps count that count in any of them."""

    op = "add"
    supports_masking = True

    def output_masks(self, masked: list[bool]) -> list[bool]:
        return [all(masked)]

    def emit_masks(self, b: Builder, x: list[Tensor], y: list[Tensor]) -> None:
        _mask_either(b, x, y[0])

    def emit_backward(self, b: Builder, *x: Tensor, y: Tensor) -> None:
        dy = b.gradient(y)
        assert dy is not None
        for t in x[1:]:
            b.add_input_gradient(t, partial(b.copy_gradient, t, dy), adds=True)
        b.give_input_gradient(x[0], dy)


class Multiply(_Elementwise):
    """`y = x1 * x2 * ...` for tensors of one shape."""

    op = "multiply"

    def emit_backward(self, b: Builder, *x: Tensor, y: Tensor) -> None:
        dy = b.gradient(y)
        assert dy is not None
        for i, t in enumerate(x):
            factors = [dy, *(o.buffer for j, o in enumerate(x) if j != i)]
            b.add_input_gradient(t, partial(self._slope, b, factors, y))

    def _slope(self, b: Builder, factors: list[Buffer], y: Tensor, dx: Buffer, add: int) -> None:
        self._combine(b, factors, dx, y)


class Concatenate(_Merge):
    """Joins tensors along the last axis; all other axes are equal. If all have masks, steps count that count in any.

    Parameters
    ----------
    axis : int
        -1, or the number of the last axis.
    """

    def __init__(self, axis: int = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.axis = axis

    supports_masking = True

    def output_masks(self, masked: list[bool]) -> list[bool]:
        return [all(masked)]

    def emit_masks(self, b: Builder, x: list[Tensor], y: list[Tensor]) -> None:
        _mask_either(b, x, y[0])

    def compute_output_shape(self, input_shape: list[Shape]) -> Shape:
        first = tuple(input_shape[0])
        if len(first) < 2:
            raise ValueError(f'Concatenate "{self.name}": expected inputs (batch, ..., columns), got {first}')
        if self.axis not in (-1, len(first) - 1):
            raise ValueError(f'Concatenate "{self.name}": expected axis -1 (the last), got {self.axis}')
        shapes = [tuple(s) for s in input_shape]
        if any(s[:-1] != first[:-1] for s in shapes):
            raise ValueError(f'Concatenate "{self.name}": expected inputs equal but for the last axis, got {shapes}')
        return (*first[:-1], sum(int(s[-1] or 0) for s in input_shape))

    def code_limits(self, limit: int | None, inputs: int) -> list[int | None]:
        return [limit] * inputs

    def emit_forward(self, b: Builder, *x: Tensor) -> Tensor:
        b.note_reader(*x)
        total = sum(t.shape[-1] for t in x)
        y = b.tensor((*x[0].shape[:-1], total), *x)
        for t, at in self._places(x):
            n = t.shape[-1]
            b.emit("copy", x=t.buffer, y=y.buffer, O=n, ldx=n, ldy=total, yo=at, **t.by_last())
        return y

    def emit_backward(self, b: Builder, *x: Tensor, y: Tensor) -> None:
        dy = b.gradient(y)
        for t, at in self._places(x):
            b.add_input_gradient(t, partial(self._part, b, dy, y.shape[-1], t, at), adds=True)

    def _part(self, b: Builder, dy: Any, total: int, t: Tensor, at: int, dx: Buffer, add: int) -> None:
        n = t.shape[-1]
        b.emit("copy", x=dy, y=dx, O=n, ldx=total, ldy=n, xo=at, add=add, **t.by_last())

    @staticmethod
    def _places(x: tuple[Tensor, ...]) -> list[tuple[Tensor, int]]:
        at, places = 0, []
        for t in x:
            places.append((t, at))
            at += t.shape[-1]
        return places


def _mask_either(b: Builder, x: list[Tensor], y: Tensor) -> None:
    masks = [t.mask for t in x if t.mask is not None]
    y.mask = either(b, masks) if len(masks) == len(x) else None
