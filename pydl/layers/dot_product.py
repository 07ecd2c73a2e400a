"""Dot: products of two tensors, row by row of the batch."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from string import ascii_lowercase
from typing import Any

import numpy as np

from pydl._base.args import whole
from pydl._engine.builder import Buffer, Builder
from pydl._engine.graph import Shape
from pydl._engine.tensor import Tensor
from pydl.layers.base import Layer

Array = np.ndarray


class Dot(Layer):
    """Sums of products along an axis of each of two tensors, row by row of the batch.

    `(batch, n)` and `(batch, n)` give `(batch, 1)`, by kernels unless normalized; others, such as `(batch, n, p)` and
    `(batch, n, q)`, which give `(batch, p, q)`, are computed in NumPy.

    Parameters
    ----------
    axes : int or tuple of two int
        The axis of both, or of each; the batch is axis 0.
    normalize : bool
        Divide each tensor by its length along the axis first: the output is the cosine of the angle.
    **kwargs
        `name`, `trainable`, `dtype`, `activity_regularizer`.

    Raises
    ------
    TypeError, ValueError
        `axes` that are none; inputs other than two, or of different sizes along them.
    """

    supports_masking = True  # in that it accepts tensors with masks; there is none behind it

    def __init__(self, axes: Any, normalize: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        several = isinstance(axes, list | tuple)
        if several and len(axes) != 2:
            raise ValueError(f'Dot "{self.name}": expected one axis, or two, got {axes}')
        both = [whole("Dot", "axes", a, at_least=-32) for a in (axes if several else [axes] * 2)]
        self.axes = both if several else both[0]
        self.normalize = bool(normalize)
        self._both = both

    def build(self, input_shape: Any) -> None:
        self.compute_output_shape(input_shape)

    def _of(self, shapes: Sequence[Shape]) -> list[int]:
        """The axis of each tensor, from the front."""
        axes = [a + len(s) if a < 0 else a for a, s in zip(self._both, shapes, strict=True)]
        if any(not 0 < a < len(s) for a, s in zip(axes, shapes, strict=True)):
            raise ValueError(f'Dot "{self.name}": expected axes behind the batch, got {self.axes} for {shapes}')
        return axes

    def compute_output_shape(self, input_shape: Any) -> Shape:
        if not isinstance(input_shape, list) or len(input_shape) != 2:
            raise ValueError(f'Dot "{self.name}": expected a list of two tensors, got {input_shape}')
        p, q = self._of(input_shape)
        one, other = (list(s) for s in input_shape)
        if one.pop(p) != other.pop(q):
            raise ValueError(
                f'Dot "{self.name}": expected equal sizes along axes {p} and {q}, got {[tuple(s) for s in input_shape]}'
            )
        shape = (*one, *other[1:])
        return shape if len(shape) > 1 else (*shape, 1)

    def compute_mask(self, inputs: Any, mask: Any = None) -> None:
        """There is none."""

    def output_masks(self, masked: list[bool]) -> list[bool]:
        return [False]

    def emit_masks(self, b: Builder, x: list[Tensor], y: list[Tensor]) -> None:
        """There is none."""

    def emit_forward(self, b: Builder, *x: Tensor) -> Tensor:
        if self.normalize or len(x[0].shape) != 2 or len(x[1].shape) != 2:
            out: Tensor = super().emit_forward(b, *x)
            return out
        b.note_reader(*x)
        n = x[0].columns
        y, product = b.tensor((b.batch, 1), *x), b.buffer(x[0].shape)
        b.emit("multiply", x1=x[0].buffer, x2=x[1].buffer, y=product, B=b.batch, O=n)
        b.emit("mean_steps_fwd", x=product, y=y.buffer, B=b.batch * n, L=n, O=1)
        b.emit("affine", x=y.buffer, y=y.buffer, B=b.batch, O=1, a=float(n), c=0.0)
        return y

    def emit_backward(self, b: Builder, *x: Tensor, y: Tensor) -> None:
        if self.normalize or len(x[0].shape) != 2 or len(x[1].shape) != 2:
            super().emit_backward(b, *x, y=y)
            return
        n, dy, spread = x[0].columns, b.gradient(y), b.buffer(x[0].shape)
        b.emit("affine", x=dy, y=dy, B=b.batch, O=1, a=float(n), c=0.0)
        b.emit("mean_steps_bwd", dy=dy, dx=spread, B=b.batch * n, L=n, O=1)
        for t, other in ((x[0], x[1]), (x[1], x[0])):
            b.add_input_gradient(t, partial(self._times, b, spread, other))

    def _times(self, b: Builder, spread: Buffer, other: Tensor, dx: Buffer, add: int) -> None:
        b.emit("multiply", x1=spread, x2=other.buffer, y=dx, B=other.batch, O=other.columns)

    # -- in NumPy -------------------------------------------------------------------------------------------------

    def _terms(self, x: Sequence[Array]) -> tuple[str, str, str]:
        """How einsum names the axes of both tensors and of the output."""
        p, q = self._of([a.shape for a in x])
        one = ascii_lowercase[: x[0].ndim]
        other = "a" + ascii_lowercase[x[0].ndim : x[0].ndim + x[1].ndim - 1]
        other = other[:q] + one[p] + other[q + 1 :]
        return one, other, "".join(c for c in one + other[1:] if c != one[p])

    def _units(self, x: Sequence[Array]) -> list[Array]:
        """Both tensors, of length 1 if that is asked for."""
        if not self.normalize:
            return list(x)
        return [a / _length(a, axis) for a, axis in zip(x, self._of([a.shape for a in x]), strict=True)]

    def call(self, *inputs: Array) -> Array:
        one, other, out = self._terms(inputs)
        y = np.einsum(f"{one},{other}->{out}", *self._units(inputs))
        return y.reshape(len(y), -1) if y.ndim == 1 else y

    def backward(self, *args: Any) -> list[Array]:
        *x, _, dy = args
        one, other, out = self._terms(x)
        u, v = self._units(x)
        dy = dy.reshape(dy.shape[: len(out)])
        slopes = [np.einsum(f"{out},{other}->{one}", dy, v), np.einsum(f"{out},{one}->{other}", dy, u)]
        if not self.normalize:
            return slopes
        axes = self._of([a.shape for a in x])
        return [
            (g - unit * (g * unit).sum(axis=axis, keepdims=True)) / _length(a, axis)
            for g, unit, a, axis in zip(slopes, (u, v), x, axes, strict=True)
        ]


def _length(x: Array, axis: int) -> Array:
    """Lengths along an axis, 1e-7 at least."""
    return np.maximum(np.sqrt((x * x).sum(axis=axis, keepdims=True)), 1e-7)


def dot(inputs: Any, axes: Any = -1, **kwargs: Any) -> Any:
    """Sums of products: what a `Dot` layer makes of two symbolic tensors, or arrays."""
    return Dot(axes=axes, **kwargs)(inputs)
