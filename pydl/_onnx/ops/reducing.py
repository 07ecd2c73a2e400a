"""Sums, means and extremes along axes."""

from __future__ import annotations

from typing import Any

import numpy as np

from pydl import layers, ops
from pydl._onnx.building import Building, as_list, axis_of, behind_batch
from pydl._onnx.ops.table import handles
from pydl._onnx.parsing import Node
from pydl._onnx.values import Value, sizes_of

_FUNCTIONS: dict[str, Any] = {
    "ReduceMean": ops.mean, "ReduceSum": ops.sum, "ReduceMax": ops.max, "ReduceMin": ops.min, "ReduceProd": ops.prod,
    "ReduceLogSumExp": ops.logsumexp,
    "ReduceL1": lambda x, axis, keepdims: ops.sum(ops.abs(x), axis=axis, keepdims=keepdims),
    "ReduceL2": lambda x, axis, keepdims: ops.sqrt(ops.sum(x * x, axis=axis, keepdims=keepdims)),
    "ReduceSumSquare": lambda x, axis, keepdims: ops.sum(x * x, axis=axis, keepdims=keepdims),
    "ReduceLogSum": lambda x, axis, keepdims: ops.log(ops.sum(x, axis=axis, keepdims=keepdims)),
}  # fmt: skip


@handles(*_FUNCTIONS)
def reduce(g: Building, node: Node, x: Any, given: Any = None) -> Any:
    """Axes are an attribute, or since version 18, of sums since 13, an input."""
    axes = node.attributes.get("axes") if given is None else as_list(given)
    rank = x.ndim if isinstance(x, np.ndarray) else x.rank
    if not axes and node.attributes.get("noop_with_empty_axes", 0):
        return x
    found = [axis_of(a, rank) for a in axes] if axes else list(range(rank))
    keep = bool(node.attributes.get("keepdims", 1))
    if isinstance(x, np.ndarray):
        return np.asarray(_FUNCTIONS[node.op](x, axis=tuple(found), keepdims=keep), x.dtype)
    places = sorted(x.place(a) for a in behind_batch(found, rank))
    if node.op == "ReduceMean" and 3 <= rank <= 5 and places == list(range(1, rank - 1)):
        kind = getattr(layers, f"GlobalAveragePooling{rank - 2}D")
        y = g.connect(g.layer(kind, keepdims=keep), x.tensor)
    else:
        y = _FUNCTIONS[node.op](x.tensor, axis=tuple(places), keepdims=keep)
    return Value(y, x.order if keep else without(x.order, found))


def without(order: tuple[int, ...], axes: list[int]) -> list[int]:
    """An order of axes when some are gone."""
    left = sorted(set(order) - set(axes))
    return [left.index(a) for a in order if a not in axes]


@handles("ArgMax", "ArgMin")
def arg(g: Building, node: Node, x: Any) -> Any:
    """The first of equal ones, or with `select_last_index` the last."""
    function = ops.argmax if node.op == "ArgMax" else ops.argmin
    keep, last = (bool(node.attributes.get(*pair)) for pair in (("keepdims", 1), ("select_last_index", 0)))
    rank = x.ndim if isinstance(x, np.ndarray) else x.rank
    axis = axis_of(node.attributes.get("axis", 0), rank)
    if isinstance(x, np.ndarray):
        found = function(np.flip(x, axis) if last else x, axis=axis, keepdims=keep)
        return np.asarray(x.shape[axis] - 1 - found if last else found, np.int64)
    place = x.place(behind_batch([axis], rank)[0])
    y = function(ops.flip(x.tensor, place) if last else x.tensor, axis=place, keepdims=keep)
    if last:
        y = (sizes_of(x)[axis] - 1) - y
    return Value(y, x.order if keep else without(x.order, [axis]), whole=True)
