"""Arrays in other shapes and orders, parts of them, and several in one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from pydl._engine.tape import differentiable, is_followed, value_of

Array = np.ndarray


def shape(x: Any) -> tuple[int | None, ...]:
    """The sizes of all axes; None for those that a symbolic tensor leaves open."""
    return tuple(x.shape) if hasattr(x, "shape") else np.shape(x)


def ndim(x: Any) -> int:
    """The number of axes."""
    return len(shape(x))


def size(x: Any) -> int | None:
    """The number of elements; None where a symbolic tensor leaves it open."""
    sizes = shape(x)
    return None if None in sizes else math.prod(d for d in sizes if d is not None)


@differentiable(lambda dy, y, x, newshape: dy.reshape(x.shape))
def reshape(x: Any, newshape: Any) -> Any:
    """The same elements in another shape; one size may be -1, and None keeps the size of that axis."""
    sizes = (newshape,) if isinstance(newshape, int) else newshape
    return np.reshape(x, tuple(np.shape(x)[i] if d is None else int(d) for i, d in enumerate(sizes)))


@differentiable(lambda dy, y, x, axes=None: dy.transpose(None if axes is None else np.argsort(axes)))
def transpose(x: Any, axes: Any = None) -> Any:
    """Axes in another order, by default in the reverse one."""
    return np.transpose(x, axes)


@differentiable(lambda dy, y, x, axis1, axis2: dy.swapaxes(axis1, axis2))
def swapaxes(x: Any, axis1: int, axis2: int) -> Any:
    """Two axes exchanged."""
    return np.swapaxes(x, axis1, axis2)


@differentiable(lambda dy, y, x, source, destination: np.moveaxis(dy, destination, source))
def moveaxis(x: Any, source: Any, destination: Any) -> Any:
    """Axes at other places, the others in their order."""
    return np.moveaxis(x, source, destination)


@differentiable(lambda dy, y, x, axis: dy.reshape(x.shape))
def expand_dims(x: Any, axis: Any) -> Any:
    """Another axis of size one."""
    return np.expand_dims(x, axis)


def squeeze(x: Any, axis: Any = None) -> Any:
    """Without axes of size one, all (of a symbolic tensor all but the batch) or these."""
    if axis is None:
        axis = tuple(i for i, size in enumerate(shape(x)) if size == 1)
    return _squeeze(x, axis)


@differentiable(lambda dy, y, x, axis: dy.reshape(x.shape))
def _squeeze(x: Any, axis: Any) -> Any:
    return np.squeeze(x, axis)


@differentiable(lambda dy, y, x: dy.reshape(x.shape))
def ravel(x: Any) -> Any:
    """All elements along one axis."""
    return np.ravel(x)


@differentiable(lambda dy, y, x, shape: dy)
def broadcast_to(x: Any, shape: Any) -> Any:
    """x repeated to another shape."""
    return np.broadcast_to(x, tuple(shape))


@differentiable(lambda dy, y, batch, x: (None, dy.sum(axis=0, keepdims=True)), tensors=2)
def _for_each(batch: Any, x: Any) -> Any:
    """x, whose first axis is of size one, for each sample of a batch."""
    if np.shape(x)[:1] != (1,):
        raise ValueError(f"expected an array of one sample to be repeated along the batch, got shape {np.shape(x)}")
    return np.broadcast_to(x, (len(batch), *np.shape(x)[1:]))


@differentiable(lambda dy, y, batch, x: (None, dy / np.size(x)), tensors=2)
def _of_batch(batch: Any, x: Any) -> Any:
    """The mean of x, beside a batch that it does not depend on."""
    return np.mean(x)


@differentiable(None)
def _length(batch: Any) -> Any:
    """The number of samples."""
    return np.float32(len(batch))


def _broadcast_to_batch(notes: Any, x: Any, shape: Any) -> Any:
    if None not in shape[:1]:
        return NotImplemented
    return notes.by_batch("_for_each", broadcast_to(x, (1, *shape[1:])))


broadcast_to.for_batch = _broadcast_to_batch


@differentiable(lambda dy, y, x, axis=None: np.flip(dy, axis))
def flip(x: Any, axis: Any = None) -> Any:
    """In the reverse order along axes, by default all."""
    return np.flip(x, axis)


@differentiable(lambda dy, y, x, shift, axis=None: np.roll(dy, np.negative(shift).tolist(), axis))
def roll(x: Any, shift: Any, axis: Any = None) -> Any:
    """Moved along axes, what leaves on one side coming in on the other."""
    return np.roll(x, shift, axis)


def _repeat_slope(dy: Array, y: Array, x: Array, repeats: Any, axis: int | None = None) -> Array:
    flat = axis is None
    dx = np.zeros((x.size,) if flat else x.shape, dy.dtype)
    places = np.repeat(np.arange(dx.shape[axis or 0]), repeats)
    np.add.at(np.moveaxis(dx, axis or 0, 0), places, np.moveaxis(dy, axis or 0, 0))
    return dx.reshape(x.shape)


@differentiable(_repeat_slope)
def repeat(x: Any, repeats: Any, axis: int | None = None) -> Any:
    """Each element, so many times, along an axis."""
    return np.repeat(x, repeats, axis)


def _repeat_for_batch(notes: Any, x: Any, repeats: Any, axis: int | None = None) -> Any:
    return notes.by_batch("_for_each", x) if repeats is None and axis == 0 else NotImplemented


repeat.for_batch = _repeat_for_batch


def _tile_slope(dy: Array, y: Array, x: Array, repeats: Any) -> Array:
    given = np.atleast_1d(np.asarray(repeats)).tolist()
    rank = max(len(given), x.ndim)
    times = (*(1,) * (rank - len(given)), *given)
    sizes = (*(1,) * (rank - x.ndim), *x.shape)
    split = dy.reshape([n for pair in zip(times, sizes, strict=True) for n in pair])
    return split.sum(axis=tuple(range(0, 2 * rank, 2))).reshape(x.shape)


@differentiable(_tile_slope)
def tile(x: Any, repeats: Any) -> Any:
    """The whole array, so many times, along each axis."""
    return np.tile(x, repeats)


def _tile_for_batch(notes: Any, x: Any, repeats: Any) -> Any:
    if not isinstance(repeats, list | tuple) or None not in repeats[:1]:
        return NotImplemented
    return notes.by_batch("_for_each", tile(x, (1, *repeats[1:])))


tile.for_batch = _tile_for_batch


def _pad_slope(
    dy: Array, y: Array, x: Array, pad_width: Any, mode: str = "constant", constant_values: Any = None
) -> Array:
    widths = [(int(a), int(b)) for a, b in np.broadcast_to(np.asarray(pad_width), (x.ndim, 2))]
    if mode == "constant":
        return dy[tuple(slice(a, a + n) for (a, _), n in zip(widths, x.shape, strict=True))]
    if mode not in _MOVING:
        raise ValueError(f"pydl.ops.pad: the gradient is known for modes 'constant', {_MOVING}, not for {mode!r}")
    for axis, ends in enumerate(widths):  # the borders hold elements that are elsewhere too
        if ends != (0, 0):
            dx = np.zeros((*dy.shape[:axis], x.shape[axis], *dy.shape[axis + 1 :]), dy.dtype)
            at = np.pad(np.arange(x.shape[axis]), ends, mode)  # type: ignore[call-overload]
            np.add.at(np.moveaxis(dx, axis, 0), at, np.moveaxis(dy, axis, 0))
            dy = dx
    return dy


#: Modes of `pad` that fill borders with elements.
_MOVING = ("edge", "reflect", "symmetric", "wrap")


@differentiable(_pad_slope)
def pad(x: Any, pad_width: Any, mode: str = "constant", constant_values: Any = None) -> Any:
    """With borders: a pair of sizes for each axis, filled with a number (default 0) or by a `mode` of `numpy.pad`."""
    values = {"constant_values": constant_values or 0} if mode == "constant" else {}
    return np.pad(x, pad_width, mode=mode, **values)  # type: ignore[call-overload]


def _scattered(dy: Array, x: Array, key: Any) -> Array:
    dx = np.zeros(x.shape, dy.dtype)
    if all(
        k is None or k is Ellipsis or isinstance(k, slice | int) for k in (key if isinstance(key, tuple) else (key,))
    ):
        dx[key] = dy  # each element once
    else:
        np.add.at(dx, key, dy)
    return dx


def _key(key: Any) -> Any:
    """An index that may hold lists and values with a history."""
    if isinstance(key, tuple):
        return tuple(_key(k) for k in key)
    return np.asarray(key) if isinstance(key, list) else value_of(key)


@differentiable(lambda dy, y, x, key: _scattered(dy, x, _key(key)))
def get_item(x: Any, key: Any) -> Any:
    """x[key]."""
    return x[_key(key)]


def _take_slope(dy: Array, y: Array, x: Array, indices: Any, axis: int | None = None) -> tuple[Array, None]:
    key = np.asarray(indices).astype(int)
    if axis is None:
        return _scattered(dy, x.ravel(), key).reshape(x.shape), None
    return _scattered(dy, x, (slice(None),) * (axis % x.ndim) + (key,)), None


@differentiable(_take_slope, tensors=2)
def take(x: Any, indices: Any, axis: int | None = None) -> Any:
    """Elements, or what stands along an axis, by their numbers."""
    return np.take(x, np.asarray(indices).astype(int), axis)


def _take_along_slope(dy: Array, y: Array, x: Array, indices: Any, axis: int | None = None) -> tuple[Array, None]:
    dx = np.zeros_like(x) if axis is not None else np.zeros(x.size, dy.dtype)
    at = np.asarray(indices).astype(int)
    grid: list[Array] = list(np.indices(at.shape, sparse=True))
    grid[0 if axis is None else axis % x.ndim] = at
    np.add.at(dx, tuple(grid), dy)
    return dx.reshape(x.shape), None


@differentiable(_take_along_slope, tensors=2)
def take_along_axis(x: Any, indices: Any, axis: int | None = None) -> Any:
    """For each place of the indices, the element with that number along an axis."""
    return np.take_along_axis(x, np.asarray(indices).astype(int), axis)


def _parts(dy: Array, y: Array, xs: Sequence[Array], axis: int = 0) -> list[Array]:
    return np.split(dy, np.cumsum([np.shape(x)[axis] for x in xs])[:-1], axis)


@differentiable(_parts, tensors=0)
def concatenate(xs: Any, axis: int = 0) -> Any:
    """Arrays one behind the other along an axis that they have."""
    return np.concatenate(xs, axis)


@differentiable(lambda dy, y, xs, axis=0: list(np.moveaxis(dy, axis, 0)), tensors=0)
def stack(x: Any, axis: int = 0) -> Any:
    """Arrays of one shape along a new axis."""
    return np.stack(x, axis)


def hstack(xs: Any) -> Any:
    """Arrays side by side: along the second axis, or the only one."""
    return concatenate(xs, axis=0 if ndim(xs[0]) == 1 else 1)


def vstack(xs: Any) -> Any:
    """Arrays one below the other: along the first axis, of what has at least two."""
    return concatenate([expand_dims(x, 0) if ndim(x) == 1 else x for x in xs], axis=0)


def split(x: Any, indices_or_sections: Any, axis: int = 0) -> list[Any]:
    """Parts along an axis: so many equal ones, or those between these indices."""
    n = shape(x)[axis]
    if n is None:
        raise ValueError(f"pydl.ops.split: the size of axis {axis} of {x!r} is not known")
    if isinstance(indices_or_sections, int):
        if n % indices_or_sections:
            raise ValueError(f"pydl.ops.split: {n} along axis {axis} are not {indices_or_sections} equal parts")
        step = n // indices_or_sections
        ends = list(range(step, n, step))
    else:
        ends = [int(i) for i in indices_or_sections]
    before = (slice(None),) * (axis % ndim(x))
    tensor = x if is_followed(x) else np.asarray(value_of(x))
    pairs = zip([0, *ends], [*ends, n], strict=True)
    return [get_item(tensor, (*before, slice(a, b))) for a, b in pairs]


def unstack(x: Any, num: int | None = None, axis: int = 0) -> list[Any]:
    """What stands along an axis, one by one."""
    n = shape(x)[axis] if num is None else num
    before = (slice(None),) * (axis % ndim(x))
    return [get_item(x, (*before, i)) for i in range(n or 0)]


def append(x1: Any, x2: Any, axis: int | None = None) -> Any:
    """One behind the other along an axis, by default all elements of both."""
    return concatenate([ravel(x1), ravel(x2)] if axis is None else [x1, x2], axis=axis or 0)


def dstack(xs: Any) -> Any:
    """Arrays one behind the other along the third axis, of what has at least three."""
    deep = [reshape(x, (1, -1, 1)) if ndim(x) < 2 else expand_dims(x, -1) if ndim(x) == 2 else x for x in xs]
    return concatenate(deep, axis=2)


def array_split(x: Any, indices_or_sections: Any, axis: int = 0) -> list[Any]:
    """As `split`; of so many parts, the first ones are longer by one where they cannot be equal."""
    n = shape(x)[axis]
    if isinstance(indices_or_sections, int) and n is not None:
        parts = indices_or_sections
        sizes = [n // parts + (i < n % parts) for i in range(parts)]
        return split(x, np.cumsum(sizes)[:-1].tolist(), axis)
    return split(x, indices_or_sections, axis)


def vsplit(x: Any, indices_or_sections: Any) -> list[Any]:
    """Parts along the first axis."""
    return split(x, indices_or_sections, 0)


def hsplit(x: Any, indices_or_sections: Any) -> list[Any]:
    """Parts along the second axis, or the only one."""
    return split(x, indices_or_sections, 0 if ndim(x) == 1 else 1)


def dsplit(x: Any, indices_or_sections: Any) -> list[Any]:
    """Parts along the third axis."""
    return split(x, indices_or_sections, 2)


def fliplr(x: Any) -> Any:
    """In the reverse order along the second axis."""
    return flip(x, 1)


def flipud(x: Any) -> Any:
    """In the reverse order along the first axis."""
    return flip(x, 0)


def rot90(array: Any, k: int = 1, axes: Any = (0, 1)) -> Any:
    """Turned k times by a right angle, from the first of two axes towards the second."""
    first, second = axes
    if k % 4 == 0:
        return array
    if k % 4 == 2:
        return flip(array, (first, second))
    return swapaxes(flip(array, second), first, second) if k % 4 == 1 else flip(swapaxes(array, first, second), second)


def _diagonal_slope(dy: Array, y: Array, x: Array, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Array:
    dx = np.zeros_like(x)
    there = np.moveaxis(dx, (axis1, axis2), (-2, -1))
    i = np.arange(dy.shape[-1])
    there[..., i - min(offset, 0), i + max(offset, 0)] = dy
    return dx


@differentiable(_diagonal_slope)
def diagonal(x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    """The diagonal of a matrix, or of each of those that two axes hold, as the last axis; `offset` to its right."""
    return np.array(np.diagonal(x, offset, axis1, axis2))
