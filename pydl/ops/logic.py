"""Comparisons, logic, and choices by them. They have no gradients, but for what `where` chooses."""

from __future__ import annotations

from typing import Any

import numpy as np

from pydl._engine.tape import differentiable


@differentiable(None, tensors=2)
def equal(x1: Any, x2: Any) -> Any:
    """Whether x1 == x2."""
    return np.equal(x1, x2)


@differentiable(None, tensors=2)
def not_equal(x1: Any, x2: Any) -> Any:
    """Whether x1 != x2."""
    return np.not_equal(x1, x2)


@differentiable(None, tensors=2)
def less(x1: Any, x2: Any) -> Any:
    """Whether x1 < x2."""
    return np.less(x1, x2)


@differentiable(None, tensors=2)
def less_equal(x1: Any, x2: Any) -> Any:
    """Whether x1 <= x2."""
    return np.less_equal(x1, x2)


@differentiable(None, tensors=2)
def greater(x1: Any, x2: Any) -> Any:
    """Whether x1 > x2."""
    return np.greater(x1, x2)


@differentiable(None, tensors=2)
def greater_equal(x1: Any, x2: Any) -> Any:
    """Whether x1 >= x2."""
    return np.greater_equal(x1, x2)


@differentiable(None, tensors=2)
def logical_and(x1: Any, x2: Any) -> Any:
    """Whether both hold."""
    return np.logical_and(x1, x2)


@differentiable(None, tensors=2)
def logical_or(x1: Any, x2: Any) -> Any:
    """Whether one holds, or both."""
    return np.logical_or(x1, x2)


@differentiable(None, tensors=2)
def logical_xor(x1: Any, x2: Any) -> Any:
    """Whether just one holds."""
    return np.logical_xor(x1, x2)


@differentiable(None)
def logical_not(x: Any) -> Any:
    """Whether it does not hold."""
    return np.logical_not(x)


@differentiable(None)
def isnan(x: Any) -> Any:
    """Whether x is no number."""
    return np.isnan(x)


@differentiable(None)
def isfinite(x: Any) -> Any:
    """Whether x is neither infinite nor NaN."""
    return np.isfinite(x)


@differentiable(None)
def isinf(x: Any) -> Any:
    """Whether x is infinite."""
    return np.isinf(x)


@differentiable(None, tensors=2)
def isclose(x1: Any, x2: Any, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> Any:
    """Whether |x1 - x2| <= atol + rtol * |x2|."""
    return np.isclose(x1, x2, rtol, atol, equal_nan)


@differentiable(None)
def any(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Whether some element holds."""
    return np.any(x, axis=axis, keepdims=keepdims)


@differentiable(None)
def all(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Whether all elements hold."""
    return np.all(x, axis=axis, keepdims=keepdims)


@differentiable(lambda dy, y, condition, x1, x2: (None, np.where(condition, dy, 0), np.where(condition, 0, dy)),
                tensors=3)  # fmt: skip
def _choose(condition: Any, x1: Any, x2: Any) -> Any:
    return np.where(condition, x1, x2)


def where(condition: Any, x1: Any = None, x2: Any = None) -> Any:
    """x1 where the condition holds, else x2; without them the indices at which it holds, an array for each axis."""
    if x1 is None and x2 is None:
        return np.nonzero(np.asarray(condition))
    return _choose(condition, x1, x2)


def select(condlist: Any, choicelist: Any, default: Any = 0) -> Any:
    """Of several arrays, each element from the first one whose condition holds there; `default` where none does."""
    if not isinstance(condlist, list | tuple) or not isinstance(choicelist, list | tuple):
        raise ValueError(
            f"select: condlist and choicelist must be lists, got {condlist!r:.100} and {choicelist!r:.100}"
        )
    if not condlist or len(condlist) != len(choicelist):
        raise ValueError(
            f"select: expected as many conditions as choices, one at least, got {len(condlist)} and {len(choicelist)}"
        )
    found = default
    for condition, choice in zip(reversed(condlist), reversed(choicelist), strict=True):
        found = where(condition, choice, found)
    return found
