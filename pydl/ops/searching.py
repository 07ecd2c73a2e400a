"""Where something is: in order, in bins, among others. These have no gradients."""

from __future__ import annotations

from typing import Any

import numpy as np

from pydl._engine.tape import differentiable


@differentiable(None, tensors=2)
def searchsorted(sorted_sequence: Any, values: Any, side: str = "left") -> Any:
    """Before which element of an ordered row each value belongs; "right": behind those that equal it; int32."""
    return np.searchsorted(np.asarray(sorted_sequence), values, side).astype("int32")  # type: ignore[call-overload]


@differentiable(None)
def digitize(x: Any, bins: Any) -> Any:
    """How many edges, in order, are at most x: the bin it is in; int32."""
    return np.asarray(np.digitize(x, np.asarray(bins))).astype("int32")


@differentiable(None)
def histogram(x: Any, bins: int = 10, range: Any = None) -> Any:
    """How many elements are in each of so many bins of equal width, and their edges."""
    counts, edges = np.histogram(x, bins, range)
    return counts, edges.astype(np.asarray(x).dtype if np.asarray(x).dtype.kind == "f" else "float32")


@differentiable(None, tensors=2)
def isin(x1: Any, x2: Any, assume_unique: bool = False, invert: bool = False) -> Any:
    """Whether each element of x1 is one of x2; with `invert`, whether it is none."""
    return np.isin(x1, x2, assume_unique, invert)


@differentiable(None)
def nonzero(x: Any) -> Any:
    """The indices of elements that are not 0, an array for each axis."""
    return tuple(i.astype("int32") for i in np.nonzero(np.atleast_1d(x)))


@differentiable(None)
def argpartition(x: Any, kth: int, axis: int = -1) -> Any:
    """Indices of which the first `kth` are those of the smallest elements, in any order; int32."""
    return np.argpartition(x, kth, axis).astype("int32")


@differentiable(None)
def unravel_index(indices: Any, shape: Any) -> Any:
    """The index along each axis of an array of this shape, of those along all of them in order."""
    return tuple(np.asarray(i).astype("int32") for i in np.unravel_index(np.asarray(indices).astype(int), shape))
