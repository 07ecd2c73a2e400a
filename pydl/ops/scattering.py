"""Elements put at places of an array, and sums by group."""

from __future__ import annotations

from typing import Any

import numpy as np

from pydl._base.args import one_of
from pydl._engine.tape import UNKNOWN, differentiable, value_of
from pydl.ops.creation import zeros
from pydl.ops.shapes import shape

Array = np.ndarray

_UFUNCS = {"add": np.add, "max": np.maximum, "min": np.minimum, "mul": np.multiply}


def _at(indices: Any) -> tuple[Array, ...]:
    return tuple(np.moveaxis(np.asarray(indices).astype(int), -1, 0))


def _update_slopes(dy: Array, y: Array, inputs: Array, indices: Any, updates: Array,
                   reduction: str | None = None) -> tuple[Array, None, Array]:  # fmt: skip
    at, kept = _at(indices), np.array(dy)
    if reduction is None:
        kept[at] = 0
        last = np.full(inputs.shape, -1)  # of updates of one place the last stands
        order = np.arange(len(np.asarray(indices)))
        last[at] = order.reshape(-1, *(1,) * (inputs.ndim - len(at)))
        won = last[at] == order.reshape(-1, *(1,) * (inputs.ndim - len(at)))
        return kept, None, np.broadcast_to(np.where(won, dy[at], 0), np.shape(updates))
    if reduction == "add":
        return kept, None, dy[at]
    raise ValueError(f"pydl.ops.scatter_update: the gradient is known for None and 'add', not for {reduction!r}")


@differentiable(_update_slopes, tensors=3)
def scatter_update(inputs: Any, indices: Any, updates: Any, reduction: str | None = None) -> Any:
    """The array with others at some places: `y[indices[i]] = updates[i]`, the last of several for one place.

    Parameters
    ----------
    inputs : array
    indices : array_like of int, shape (n, k)
        Each row: along the first k axes.
    updates : array, shape (n, *inputs.shape[k:])
    reduction : {"add", "max", "min", "mul"}, optional
        What is made of the element there and the update. Default: the update stands in its place.
    """
    if reduction is not None:
        one_of("scatter_update", "reduction", reduction, tuple(_UFUNCS))
    y = np.array(inputs)
    if reduction is None:
        y[_at(indices)] = updates
    else:
        _UFUNCS[reduction].at(y, _at(indices), updates)
    return y


def scatter(indices: Any, values: Any, shape: Any) -> Any:
    """Zeros in this shape with values added at some places; see `scatter_update`."""
    kind = getattr(values, "dtype", None)
    return scatter_update(zeros(shape, None if kind is None else str(kind)), indices, values, "add")


def _part_slopes(dy: Array, y: Array, inputs: Array, updates: Array, start_indices: Any) -> tuple[Array, Array]:
    at = _part(start_indices, updates)
    kept = np.array(dy)
    kept[at] = 0
    return kept, dy[at]


def _part(start_indices: Any, updates: Any) -> tuple[slice, ...]:
    sizes = zip(np.asarray(start_indices).tolist(), np.shape(updates), strict=True)
    return tuple(slice(int(i), int(i) + n) for i, n in sizes)


@differentiable(_part_slopes, tensors=2)
def _updated(inputs: Any, updates: Any, start_indices: Any) -> Any:
    y = np.array(inputs)
    y[_part(start_indices, updates)] = updates
    return y


def slice_update(inputs: Any, start_indices: Any, updates: Any) -> Any:
    """The array with another one in the place of the part that begins at an index along each axis."""
    starts = [int(value_of(i)) for i in np.asarray(value_of(start_indices)).tolist()]
    ends = [(i, i + (n or 0), size) for i, n, size in zip(starts, shape(updates), shape(inputs), strict=True)]
    if any(i < 0 or (size is not None and end > size) for i, end, size in ends):
        raise ValueError(f"slice_update: {shape(updates)} from {starts} on is not inside {shape(inputs)}")
    return _updated(inputs, updates, start_indices=starts)


def _sum_slope(
    dy: Array, y: Array, data: Array, segment_ids: Any, num_segments: int | None = None, sorted: bool = False
) -> tuple[Array, None]:
    codes = np.asarray(segment_ids).astype(int)
    known = (codes >= 0) & (codes < len(dy))
    slope = dy[np.where(known, codes, 0)] if len(dy) else np.zeros_like(data)
    return np.where(known.reshape(-1, *(1,) * (data.ndim - 1)), slope, 0), None


def _by_segment(ufunc: np.ufunc, start: float, data: Any, ids: Any, num_segments: int | None) -> Array:
    data, codes = np.asarray(data), np.asarray(ids).astype(int)
    n = int(codes.max(initial=-1)) + 1 if num_segments is None else num_segments
    whole = data.dtype.kind in "iu"
    limits: Any = np.iinfo(data.dtype) if whole else None
    first = {-np.inf: limits.min, np.inf: limits.max}.get(start, start) if whole else start
    y = np.full((n, *data.shape[1:]), first, data.dtype)
    known = (codes >= 0) & (codes < n)
    ufunc.at(y, codes[known], data[known])
    return y


@differentiable(_sum_slope, tensors=2)
def segment_sum(data: Any, segment_ids: Any, num_segments: int | None = None, sorted: bool = False) -> Any:
    """Sums of the entries along the first axis that have the same group number; 0 for a group without one."""
    return _by_segment(np.add, 0.0, data, segment_ids, num_segments)


@differentiable(UNKNOWN, tensors=2)
def segment_prod(data: Any, segment_ids: Any, num_segments: int | None = None, sorted: bool = False) -> Any:
    """Products by group, 1 for one without an entry; without a gradient."""
    return _by_segment(np.multiply, 1.0, data, segment_ids, num_segments)


@differentiable(UNKNOWN, tensors=2)
def segment_max(data: Any, segment_ids: Any, num_segments: int | None = None, sorted: bool = False) -> Any:
    """The largest by group, -inf (or the smallest whole number) for one without an entry; without a gradient."""
    return _by_segment(np.maximum, -np.inf, data, segment_ids, num_segments)


@differentiable(UNKNOWN, tensors=2)
def segment_min(data: Any, segment_ids: Any, num_segments: int | None = None, sorted: bool = False) -> Any:
    """The smallest by group, inf (or the largest whole number) for one without an entry; without a gradient."""
    return _by_segment(np.minimum, np.inf, data, segment_ids, num_segments)
