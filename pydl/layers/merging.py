"""Layers that merge several tensors element by element."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial, reduce
from typing import Any

import numpy as np

from pydl._engine.builder import Buffer, Builder
from pydl._engine.graph import Shape
from pydl._engine.masks import either
from pydl._engine.tensor import Tensor
from pydl.layers.base import Layer

Array = np.ndarray


class Merge(Layer):
    """Makes one tensor of a list of them."""

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
            wanted = f"exactly {self.least} inputs" if self.least == self.most else "a list of at least one tensor"
            raise ValueError(
                f'{type(self).__name__} "{self.name}": the layer should be called on {wanted}, got {input_shape}'
            )


class _Elementwise(Merge):
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
        mask_either(b, x, y[0])

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
        _affine(b, like, out, out, 1 / len(buffers))

    def _emit_slopes(self, b: Builder, x: Sequence[Tensor], y: Tensor, dy: Buffer) -> None:
        _affine(b, y, dy, dy, 1 / len(x))
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
        b.add_input_gradient(x[1], lambda dx, _: _affine(b, y, dy, dx, -1.0))
        b.give_input_gradient(x[0], dy)

    def _slopes(self, x: Sequence[Array], y: Array, dy: Array) -> list[Array]:
        return [dy, -dy]


class _OfCounting(_Elementwise):
    """One in which a step that does not count changes nothing of the others: it is taken as what is neutral there."""

    @classmethod
    def neutral(cls, dtype: str) -> float:
        """What a tensor is taken to hold in steps that do not count."""
        raise NotImplementedError

    def emit_forward(self, b: Builder, *x: Tensor) -> Tensor:
        filled = [t if t.mask is None else _filled(b, t, self.neutral(b.dtype)) for t in x]
        y = super().emit_forward(b, *filled)
        b.notes[id(y.value), id(self)] = filled
        return y

    def emit_masks(self, b: Builder, x: list[Tensor], y: list[Tensor]) -> None:
        super().emit_masks(b, x, y)
        if y[0].mask is not None:
            b.emit("keep_steps", x=y[0].buffer, m=y[0].mask.buffer, y=y[0].buffer, **_by_step(y[0]))

    def emit_backward(self, b: Builder, *x: Tensor, y: Tensor) -> None:
        filled = b.notes[id(y.value), id(self)]
        super().emit_backward(b, *filled, y=y)
        for t, z in zip(x, filled, strict=True):
            dz = None if z is t else b.gradient(z)
            if dz is not None:
                b.add_input_gradient(t, partial(self._kept, b, t, dz), adds=True)

    def _kept(self, b: Builder, t: Tensor, dz: Buffer, dx: Buffer, add: int) -> None:
        assert t.mask is not None
        b.emit("keep_steps", x=dz, m=t.mask.buffer, y=dx, add=add, **_by_step(t))


class Maximum(_OfCounting):
    """`y = max(x1, x2, ...)`, element by element; shapes repeat to each other. Equal ones share the gradient.

    Steps that do not count in a tensor are left out. If all tensors have masks, steps that count in none come out as 0;
    if only some have, there is no mask behind it.
    """

    op = "maximum"
    function: Callable[[Any, Any], Any] = np.maximum
    sign = 1.0  # of what is larger

    @classmethod
    def neutral(cls, dtype: str) -> float:
        return -cls.sign * float(np.finfo(dtype).max)

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
    """`y = min(x1, x2, ...)`, element by element; shapes repeat to each other. Equal ones share the gradient.

    Masks as for `Maximum`.
    """

    op = "minimum"
    function = np.minimum
    sign = -1.0


def _affine(b: Builder, like: Tensor, x: Buffer, y: Buffer, factor: float, constant: float = 0.0) -> None:
    b.emit("affine", x=x, y=y, B=like.batch, O=like.columns, a=factor, c=constant)


class Multiply(_OfCounting):
    """`y = x1 * x2 * ...`; shapes repeat to each other.

    Steps that do not count are taken as ones. If all tensors have masks, steps that count in none come out as 0; if
    only some have, there is no mask behind it.
    """

    op = "multiply"
    function = np.multiply

    @classmethod
    def neutral(cls, dtype: str) -> float:
        return 1.0

    def _slopes(self, x: Sequence[Array], y: Array, dy: Array) -> list[Array]:
        return [reduce(np.multiply, [o for j, o in enumerate(x) if j != i], dy) for i in range(len(x))]

    def _emit_slopes(self, b: Builder, x: Sequence[Tensor], y: Tensor, dy: Buffer) -> None:
        for i, t in enumerate(x):
            factors = [dy, *(o.buffer for j, o in enumerate(x) if j != i)]
            b.add_input_gradient(t, partial(self._slope, b, factors, y))

    def _slope(self, b: Builder, factors: list[Buffer], y: Tensor, dx: Buffer, add: int) -> None:
        self._combine(b, factors, dx, y)


def _by_step(t: Tensor) -> dict[str, int]:
    """The sizes of a record over a tensor's steps."""
    assert t.mask is not None
    steps = t.mask.columns
    return {"B": t.batch * steps, "O": t.columns // steps, "L": steps}


def _filled(b: Builder, t: Tensor, value: float) -> Tensor:
    """A tensor with a number in place of the steps that do not count."""
    assert t.mask is not None
    b.note_reader(t)
    beyond, numbers, z = b.buffer(t.mask.shape), b.buffer(t.shape), b.tensor(t.shape, t)
    sizes = _by_step(t)
    _affine(b, t.mask, t.mask.buffer, beyond, -value, value)
    b.emit("repeat", x=beyond, y=numbers, B=sizes["B"], O=1, L=sizes["L"], M=sizes["O"])
    b.emit("keep_steps", x=t.buffer, m=t.mask.buffer, y=z.buffer, **sizes)
    b.emit("add", x1=z.buffer, x2=numbers, y=z.buffer, B=z.batch, O=z.columns)
    return z


def mask_either(b: Builder, x: list[Tensor], y: Tensor) -> None:
    """Give y the mask of steps that count in any of some tensors, if all have one."""
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
