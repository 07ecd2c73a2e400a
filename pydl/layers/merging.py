"""Layers that merge several tensors: element by element, or side by side."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from functools import partial, reduce
from typing import Any

import numpy as np

from pydl._base.args import whole
from pydl._engine.builder import Buffer, Builder
from pydl._engine.graph import Call, Shape
from pydl._engine.masks import either
from pydl._engine.tensor import Tensor
from pydl.layers.base import Layer

Array = np.ndarray


class _Merge(Layer):
    merges = True

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """The mask of the output, for arrays of those of the inputs; None where one of these has none."""
        masks = self._listed_masks(inputs, mask)
        if any(m is None for m in masks):
            return None
        return reduce(np.logical_or, masks)

    def _listed_masks(self, inputs: Any, mask: Any) -> list[Any]:
        if mask is None:
            return [None]
        for name, given in (("mask", mask), ("inputs", inputs)):
            if not isinstance(given, list | tuple):
                raise ValueError(f'{type(self).__name__} "{self.name}": `{name}` should be a list, one for each input')
        if len(mask) != len(inputs):
            raise ValueError(
                f'{type(self).__name__} "{self.name}": the lists of inputs and masks should have the same length, got '
                f"{len(inputs)} and {len(mask)}"
            )
        return [None if m is None else np.asarray(m) for m in mask]

    least, most = 1, 2**31  # so many tensors

    def build(self, input_shape: Any) -> None:
        if not isinstance(input_shape, list) or not self.least <= len(input_shape) <= self.most:
            wanted = f"{self.least} tensors" if self.least == self.most else "at least one tensor"
            raise ValueError(f'{type(self).__name__} "{self.name}": expected a list of {wanted}, got {input_shape}')


class _Elementwise(_Merge):
    """A merge of tensors element by element: of one shape by kernels; of shapes that repeat to each other in NumPy.

    An axis of size 1 is repeated, and tensors of lower rank get axes of size 1 behind the batch. If all have masks,
    steps count that count in any of them.
    """

    op: str
    function: Callable[[Any, Any], Any]
    supports_masking = True

    def compute_output_shape(self, input_shape: list[Shape]) -> Shape:
        shapes = [tuple(s) for s in input_shape]
        rank = max(map(len, shapes))
        full = [(*s[:1], *(1,) * (rank - len(s)), *s[1:]) for s in shapes]
        out: list[int | None] = [full[0][0]]
        for sizes in zip(*(s[1:] for s in full), strict=True):
            repeated = {d for d in sizes if d != 1} or {1}
            if len(repeated - {None}) > 1:
                raise ValueError(
                    f'{type(self).__name__} "{self.name}": expected inputs of equal shapes, or sizes of 1 that can be '
                    f"repeated, got {shapes}"
                )
            out.append(None if None in repeated else repeated.pop())
        return tuple(out)

    def output_masks(self, masked: list[bool]) -> list[bool]:
        return [all(masked)]

    def emit_masks(self, b: Builder, x: list[Tensor], y: list[Tensor]) -> None:
        _mask_either(b, x, y[0])

    def _combine(self, b: Builder, buffers: list[Buffer], out: Buffer, like: Tensor) -> None:
        """out = buffers[0] op buffers[1] op ..."""
        first = buffers[0]
        for other in buffers[1:]:
            b.emit(self.op, x1=first, x2=other, y=out, B=like.batch, O=like.columns)
            first = out

    def emit_forward(self, b: Builder, *x: Tensor) -> Tensor:
        if len(x) == 1:
            return x[0]
        if not _alike(x):
            y: Tensor = super().emit_forward(b, *x)
            return y
        b.note_reader(*x)
        y = b.tensor(x[0].shape, *x)
        self._combine(b, [t.buffer for t in x], y.buffer, y)
        return y

    def emit_backward(self, b: Builder, *x: Tensor, y: Tensor) -> None:
        if not _alike(x):
            super().emit_backward(b, *x, y=y)
        elif y is not x[0]:
            dy = b.gradient(y)
            assert dy is not None
            self._emit_slopes(b, x, y, dy)

    def _emit_slopes(self, b: Builder, x: Sequence[Tensor], y: Tensor, dy: Buffer) -> None:
        """Send gradients to inputs of one shape."""
        raise NotImplementedError

    def call(self, *inputs: Array) -> Array:
        return np.asarray(reduce(self.function, _of_one_rank(inputs)))

    def backward(self, *args: Any) -> list[Array]:
        *x, y, dy = args
        slopes = self._slopes(_of_one_rank(x), y, dy)
        return [_summed(np.broadcast_to(slope, y.shape), t.shape) for slope, t in zip(slopes, x, strict=True)]

    def _slopes(self, x: Sequence[Array], y: Array, dy: Array) -> list[Array]:
        """Gradients of inputs of one rank, as if they had been repeated."""
        raise NotImplementedError


def _alike(x: Sequence[Tensor]) -> bool:
    return all(t.shape == x[0].shape for t in x)


def _of_one_rank(x: Sequence[Array]) -> list[Array]:
    rank = max(a.ndim for a in x)
    return [a.reshape(len(a), *(1,) * (rank - a.ndim), *a.shape[1:]) for a in x]


def _summed(a: Array, shape: tuple[int, ...]) -> Array:
    """The sum over the axes along which an array of `shape` was repeated."""
    full = (shape[0], *(1,) * (a.ndim - len(shape)), *shape[1:])
    axes = tuple(i for i, (size, wanted) in enumerate(zip(a.shape, full, strict=True)) if size != wanted)
    return np.asarray(a.sum(axis=axes, keepdims=True)).reshape(shape)


class Add(_Elementwise):
    """`y = x1 + x2 + ...`; shapes repeat to each other. If all have masks, steps count that count in any of them."""

    op = "add"
    function = np.add

    def _emit_slopes(self, b: Builder, x: Sequence[Tensor], y: Tensor, dy: Buffer) -> None:
        for t in x[1:]:
            b.add_input_gradient(t, partial(b.copy_gradient, t, dy), adds=True)
        b.give_input_gradient(x[0], dy)

    def _slopes(self, x: Sequence[Array], y: Array, dy: Array) -> list[Array]:
        return [dy] * len(x)


class Average(Add):
    """`y = (x1 + x2 + ... + xk) / k`; shapes repeat to each other."""

    def _combine(self, b: Builder, buffers: list[Buffer], out: Buffer, like: Tensor) -> None:
        super()._combine(b, buffers, out, like)
        _scale(b, like, out, out, 1 / len(buffers))

    def _emit_slopes(self, b: Builder, x: Sequence[Tensor], y: Tensor, dy: Buffer) -> None:
        _scale(b, y, dy, dy, 1 / len(x))
        super()._emit_slopes(b, x, y, dy)

    def call(self, *inputs: Array) -> Array:
        return super().call(*inputs) / len(inputs)

    def _slopes(self, x: Sequence[Array], y: Array, dy: Array) -> list[Array]:
        return super()._slopes(x, y, dy / len(x))


class Subtract(_Elementwise):
    """`y = x1 - x2`; shapes repeat to each other."""

    op = "subtract"
    function = np.subtract
    least = most = 2

    def _emit_slopes(self, b: Builder, x: Sequence[Tensor], y: Tensor, dy: Buffer) -> None:
        b.add_input_gradient(x[1], lambda dx, _: _scale(b, y, dy, dx, -1.0))
        b.give_input_gradient(x[0], dy)

    def _slopes(self, x: Sequence[Array], y: Array, dy: Array) -> list[Array]:
        return [dy, -dy]


class Maximum(_Elementwise):
    """`y = max(x1, x2, ...)`, element by element; shapes repeat to each other. Equal ones share the gradient."""

    op = "maximum"
    function: Callable[[Any, Any], Any] = np.maximum
    sign = 1.0  # of what is larger

    def _emit_slopes(self, b: Builder, x: Sequence[Tensor], y: Tensor, dy: Buffer) -> None:
        sizes = {"B": y.batch, "O": y.columns}
        before = [x[0].buffer]  # the extreme of the inputs up to each one
        for t in x[1:-1]:
            before.append(b.buffer(y.shape))
            b.emit(self.op, x1=before[-2], x2=t.buffer, y=before[-1], **sizes)

        def slope(one: Buffer, other: Buffer, dx: Buffer) -> None:
            p, q = (one, other) if self.sign > 0 else (other, one)
            b.emit("larger", x1=p, x2=q, dy=dy, dx=dx, **sizes)

        for t, rest in zip(reversed(x[1:]), reversed(before), strict=True):
            b.add_input_gradient(t, lambda dx, _, t=t, rest=rest: slope(t.buffer, rest, dx))  # type: ignore[misc]
            slope(rest, t.buffer, dy)
        b.give_input_gradient(x[0], dy)

    def _slopes(self, x: Sequence[Array], y: Array, dy: Array) -> list[Array]:
        slopes: list[Array] = []
        before = [x[0]]
        for t in x[1:-1]:
            before.append(self.function(before[-1], t))
        for t, rest in zip(reversed(x[1:]), reversed(before), strict=True):
            share = np.heaviside(self.sign * (t - rest), 0.5)
            slopes.insert(0, dy * share)
            dy = dy * (1 - share)
        return [dy, *slopes]


class Minimum(Maximum):
    """`y = min(x1, x2, ...)`, element by element; shapes repeat to each other. Equal ones share the gradient."""

    op = "minimum"
    function = np.minimum
    sign = -1.0


def _scale(b: Builder, like: Tensor, x: Buffer, y: Buffer, factor: float) -> None:
    b.emit("affine", x=x, y=y, B=like.batch, O=like.columns, a=factor, c=0.0)


class Multiply(_Elementwise):
    """`y = x1 * x2 * ...`; shapes repeat to each other.

    Where only some of the tensors have masks, there is none behind it, and steps that do not count are multiplied as
    they are; Keras takes ones in their place, so that a warning tells.
    """

    op = "multiply"
    function = np.multiply

    def connect(self, inputs: Any, training: bool | None = None) -> Call:
        call = super().connect(inputs, training)
        masked = [t.masked for t in call.inputs]
        if any(masked) and not all(masked):
            warnings.warn(
                f'layer "{self.name}" (Multiply): only some of its inputs have masks, which end here; steps that do '
                "not count are multiplied as they are, where Keras takes ones",
                stacklevel=4,
            )
        return call

    def _slopes(self, x: Sequence[Array], y: Array, dy: Array) -> list[Array]:
        return [reduce(np.multiply, [o for j, o in enumerate(x) if j != i], dy) for i in range(len(x))]

    def _emit_slopes(self, b: Builder, x: Sequence[Tensor], y: Tensor, dy: Buffer) -> None:
        for i, t in enumerate(x):
            factors = [dy, *(o.buffer for j, o in enumerate(x) if j != i)]
            b.add_input_gradient(t, partial(self._slope, b, factors, y))

    def _slope(self, b: Builder, factors: list[Buffer], y: Tensor, dx: Buffer, add: int) -> None:
        self._combine(b, factors, dx, y)


class Concatenate(_Merge):
    """Joins tensors along an axis; all other axes are equal.

    If any has a mask, that of the output marks the steps that count: along the steps, those of one behind those of
    the other; along an axis behind them, those that count in any, and no mask where one of the tensors has none.

    Parameters
    ----------
    axis : int
        Not that of the batch, 0.
    """

    supports_masking = True

    def __init__(self, axis: int = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.axis = whole("Concatenate", "axis", axis, at_least=-32)

    def _along(self, shape: Sequence[int | None]) -> int:
        """The axis, from the front."""
        axis = self.axis + len(shape) if self.axis < 0 else self.axis
        if not 0 < axis < len(shape):
            raise ValueError(
                f'Concatenate "{self.name}": expected inputs (batch, ..., columns) and an axis behind the batch, got '
                f"axis {self.axis} of {tuple(shape)}"
            )
        return axis

    def output_masks(self, masked: list[bool]) -> list[bool]:
        return [all(masked)]

    def emit_masks(self, b: Builder, x: list[Tensor], y: list[Tensor]) -> None:
        axis = self._along(y[0].shape)
        masks = [t.mask for t in x if t.mask is not None]
        if axis < len(y[0].shape) - 1 and len(masks) == len(x):
            y[0].mask = b.constant_tensor(y[0].shape[:-1])
            self._join(b, masks, y[0].mask, axis)
        else:
            _mask_either(b, x, y[0])

    def compute_output_shape(self, input_shape: list[Shape]) -> Shape:
        first, axis = tuple(input_shape[0]), self._along(input_shape[0])
        shapes = [tuple(s) for s in input_shape]
        if any(len(s) != len(first) or s[:axis] + s[axis + 1 :] != first[:axis] + first[axis + 1 :] for s in shapes):
            raise ValueError(f'Concatenate "{self.name}": expected inputs equal but for axis {self.axis}, got {shapes}')
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
        axis = self._along(x[0].shape)
        shape = x[0].shape
        y = b.tensor((*shape[:axis], sum(t.shape[axis] for t in x), *shape[axis + 1 :]), *x)
        self._join(b, x, y, axis)
        return y

    def _join(self, b: Builder, x: Sequence[Tensor], y: Tensor, axis: int) -> None:
        total = math.prod(y.shape[axis:])
        for t, n, at in _places(x, axis):
            b.emit("copy", x=t.buffer, y=y.buffer, O=n, ldx=n, ldy=total, yo=at, **_blocks(t, axis))

    def emit_backward(self, b: Builder, *x: Tensor, y: Tensor) -> None:
        axis = self._along(y.shape)
        dy, total = b.gradient(y), math.prod(y.shape[axis:])
        for t, n, at in _places(x, axis):
            fields = {"O": n, "ldx": total, "ldy": n, "xo": at, **_blocks(t, axis)}
            b.add_input_gradient(
                t,
                lambda dx, add, fields=fields: b.emit("copy", x=dy, y=dx, add=add, **fields),  # type: ignore[misc]
                adds=True,
            )


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


def _mask_either(b: Builder, x: list[Tensor], y: Tensor) -> None:
    masks = [t.mask for t in x if t.mask is not None]
    y.mask = either(b, masks) if len(masks) == len(x) else None


def add(inputs: Any, **kwargs: Any) -> Any:
    """`x1 + x2 + ...`: what an `Add` layer makes of symbolic tensors, or of arrays."""
    return Add(**kwargs)(inputs)


def subtract(inputs: Any, **kwargs: Any) -> Any:
    """`x1 - x2`: what a `Subtract` layer makes of symbolic tensors, or of arrays."""
    return Subtract(**kwargs)(inputs)


def multiply(inputs: Any, **kwargs: Any) -> Any:
    """`x1 * x2 * ...`: what a `Multiply` layer makes of symbolic tensors, or of arrays."""
    return Multiply(**kwargs)(inputs)


def average(inputs: Any, **kwargs: Any) -> Any:
    """The mean of tensors: what an `Average` layer makes of symbolic tensors, or of arrays."""
    return Average(**kwargs)(inputs)


def maximum(inputs: Any, **kwargs: Any) -> Any:
    """The largest, element by element: what a `Maximum` layer makes of symbolic tensors, or of arrays."""
    return Maximum(**kwargs)(inputs)


def minimum(inputs: Any, **kwargs: Any) -> Any:
    """The smallest, element by element: what a `Minimum` layer makes of symbolic tensors, or of arrays."""
    return Minimum(**kwargs)(inputs)


def concatenate(inputs: Any, axis: int = -1, **kwargs: Any) -> Any:
    """Tensors side by side: what a `Concatenate` layer makes of symbolic tensors, or of arrays."""
    return Concatenate(axis=axis, **kwargs)(inputs)
