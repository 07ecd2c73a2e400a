"""Concatenate: tensors side by side."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from pydl._base.args import whole
from pydl._engine.builder import Builder
from pydl._engine.graph import Shape
from pydl._engine.layout import array_of
from pydl._engine.tensor import Tensor, Value
from pydl.layers.merging import Merge, mask_either


class Concatenate(Merge):
    """Joins tensors along an axis; all other axes are equal.

    If any has a mask, that of the output marks the steps that count: along the steps, those of one behind those of
    the other, all of them of a tensor without one; along an axis behind them, those that count in any, and no mask
    where one of the tensors has none.

    Parameters
    ----------
    axis : int
        Not that of the batch, 0.
    """

    supports_masking = True

    def __init__(self, axis: int = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.axis = whole("Concatenate", "axis", axis, at_least=-32)

    def axis_along(self, shape: Sequence[int | None]) -> int:
        """The axis, from the front."""
        axis = self.axis + len(shape) if self.axis < 0 else self.axis
        if not 0 < axis < len(shape):
            raise ValueError(
                f'Concatenate "{self.name}": expected inputs (batch, ..., columns) and an axis behind the batch, got '
                f"axis {self.axis} of {tuple(shape)}"
            )
        return axis

    def output_masks(self, masked: list[bool]) -> list[bool]:
        shape = self.input_shape[0] if self.input_shape else ()
        along_steps = len(shape) > 0 and self.axis_along(shape) < len(shape) - 1
        return [any(masked) if along_steps else all(masked)]

    def emit_masks(self, b: Builder, x: list[Tensor], y: list[Tensor]) -> None:
        axis = self.axis_along(y[0].shape)
        if axis < len(y[0].shape) - 1 and any(t.mask is not None for t in x):
            masks = [_all_count(b, t) if t.mask is None else t.mask for t in x]
            y[0].mask = b.constant_tensor(y[0].shape[:-1])
            self._join(b, masks, y[0].mask, axis)
        else:
            mask_either(b, x, y[0])

    def compute_output_shape(self, input_shape: list[Shape]) -> Shape:
        first, axis = tuple(input_shape[0]), self.axis_along(input_shape[0])
        shapes = [tuple(s) for s in input_shape]
        if any(len(s) != len(first) or s[:axis] + s[axis + 1 :] != first[:axis] + first[axis + 1 :] for s in shapes):
            raise ValueError(
                f'Concatenate "{self.name}": it requires inputs with matching shapes except for the concatenation axis '
                f"({self.axis}), got {shapes}"
            )
        sizes = [s[axis] for s in shapes]
        total = None if None in sizes else sum(int(d or 0) for d in sizes)
        return (*first[:axis], total, *first[axis + 1 :])

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """The mask of the output, for arrays of those of the inputs; what has none counts. None where all have none."""
        masks = self._listed_masks(inputs, mask)
        if all(m is None for m in masks):
            return None
        shown = [
            np.ones(np.shape(x), bool) if m is None else m if m.ndim == np.ndim(x) else
            np.broadcast_to(m[..., None], np.shape(x))
            for x, m in zip(inputs, masks, strict=True)
        ]  # fmt: skip
        return np.concatenate(shown, axis=self.axis).any(axis=-1)

    def code_limits(self, limit: int | None, inputs: int) -> list[int | None]:
        return [limit] * inputs

    def emit_forward(self, b: Builder, *x: Tensor) -> Tensor:
        b.note_reader(*x)
        axis = self.axis_along(x[0].shape)
        shape = x[0].shape
        y = b.tensor((*shape[:axis], sum(t.shape[axis] for t in x), *shape[axis + 1 :]), *x)
        self._join(b, x, y, axis)
        codes = [t.value.codes for t in x]
        y.value.codes = None if None in codes else max(n or 0 for n in codes)
        return y

    def _join(self, b: Builder, x: Sequence[Tensor], y: Tensor, axis: int) -> None:
        total = math.prod(y.shape[axis:])
        for t, n, at in _places(x, axis):
            b.emit("copy", x=t.buffer, y=y.buffer, O=n, ldx=n, ldy=total, yo=at, **_blocks(t, axis))

    def emit_backward(self, b: Builder, *x: Tensor, y: Tensor) -> None:
        axis = self.axis_along(y.shape)
        dy, total = b.gradient(y), math.prod(y.shape[axis:])
        for t, n, at in _places(x, axis):
            fields = {"O": n, "ldx": total, "ldy": n, "xo": at, **_blocks(t, axis)}
            b.add_input_gradient(
                t,
                lambda dx, add, fields=fields: b.emit("copy", x=dy, y=dx, add=add, **fields),  # type: ignore[misc]
                adds=True,
            )


def _all_count(b: Builder, t: Tensor) -> Tensor:
    """A mask of steps that all count."""
    ones = b.zeros(t.shape[:-1])
    array_of(ones)[...] = 1
    return Tensor(Value(ones, False), t.shape[:-1])


def _places(x: Sequence[Tensor], axis: int) -> list[tuple[Tensor, int, int]]:
    """Each tensor, how many elements of it lie side by side, and where in a row of the output."""
    at, places = 0, []
    for t in x:
        n = math.prod(t.shape[axis:])
        places.append((t, n, at))
        at += n
    return places


def _blocks(t: Tensor, axis: int) -> dict[str, int]:
    """B and L of a record on such blocks."""
    rows = math.prod(t.shape[:axis])
    return {"B": rows, "L": rows // t.batch}


def concatenate(inputs: Any, axis: int = -1, **kwargs: Any) -> Any:
    """Tensors side by side: what a `Concatenate` layer makes of symbolic tensors, or of arrays."""
    return Concatenate(axis=axis, **kwargs)(inputs)
