"""Reductions that leave NaN out. What has NaN alone gives NaN, a sum 0 and a product 1."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from pydl._engine.tape import UNKNOWN, differentiable
from pydl.ops import reductions
from pydl.ops.elementwise import divide, sqrt, square, subtract
from pydl.ops.logic import all, isnan, where


def _filled(x: Any, value: float) -> Any:
    return where(isnan(x), value, x)


def _counted(x: Any, axis: Any, keepdims: bool) -> Any:
    return reductions.sum(where(isnan(x), 0.0, 1.0), axis, keepdims)


def _unless_empty(y: Any, x: Any, axis: Any, keepdims: bool) -> Any:
    return where(all(isnan(x), axis, keepdims), np.nan, y)


def nansum(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The sum of what is there."""
    return reductions.sum(_filled(x, 0.0), axis, keepdims)


def nanprod(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The product of what is there."""
    return reductions.prod(_filled(x, 1.0), axis, keepdims)


def nanmean(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The mean of what is there."""
    return divide(nansum(x, axis, keepdims), _counted(x, axis, keepdims))


def nanvar(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The mean squared distance of what is there from its mean."""
    off = where(isnan(x), 0.0, subtract(x, nanmean(x, axis, True)))
    return divide(reductions.sum(square(off), axis, keepdims), _counted(x, axis, keepdims))


def nanstd(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The square root of `nanvar`."""
    return sqrt(nanvar(x, axis, keepdims))


def nanmax(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The largest element there is."""
    return _unless_empty(reductions.max(_filled(x, -np.inf), axis, keepdims), x, axis, keepdims)


def nanmin(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The smallest element there is."""
    return _unless_empty(reductions.min(_filled(x, np.inf), axis, keepdims), x, axis, keepdims)


@differentiable(None)
def _where_largest(x: Any, sign: float, axis: int | None, keepdims: bool) -> Any:
    filled = np.where(np.isnan(x), -np.inf, sign * x)
    found = np.argmax(filled, axis=axis, keepdims=keepdims)
    return np.where(np.isnan(x).all(axis=axis, keepdims=keepdims), -1, found).astype("int32")


def nanargmax(x: Any, axis: int | None = None, keepdims: bool = False) -> Any:
    """Where the largest element there is stands, the first of several; -1 where there is none; int32."""
    return _where_largest(x, 1.0, axis, keepdims)


def nanargmin(x: Any, axis: int | None = None, keepdims: bool = False) -> Any:
    """Where the smallest element there is stands, the first of several; -1 where there is none; int32."""
    return _where_largest(x, -1.0, axis, keepdims)


def nancumsum(x: Any, axis: int | None = None, dtype: Any = None) -> Any:
    """Running sums of what is there."""
    return reductions.cumsum(_filled(x, 0.0), axis, dtype)


def nancumprod(x: Any, axis: int | None = None, dtype: Any = None) -> Any:
    """Running products of what is there; without a gradient."""
    return reductions.cumprod(_filled(x, 1.0), axis, dtype)


@differentiable(UNKNOWN)
def nanquantile(x: Any, q: Any, axis: Any = None, method: str = "linear", keepdims: bool = False) -> Any:
    """The element below which a share q of those are that are there; without a gradient."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of what has NaN alone
        return np.nanquantile(x, q, axis=axis, method=method, keepdims=keepdims)  # type: ignore[call-overload]


def nanpercentile(x: Any, q: Any, axis: Any = None, method: str = "linear", keepdims: bool = False) -> Any:
    """`nanquantile` of q per cent."""
    return nanquantile(x, reductions.hundredths(q), axis, method, keepdims)


def nanmedian(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The middle element of those that are there, or the mean of the two; without a gradient."""
    return nanquantile(x, 0.5, axis, "linear", keepdims)
