"""Sums, means, extremes and their kin along axes, and what is found by sorting."""

from __future__ import annotations

from typing import Any

import numpy as np

from pydl._engine.tape import differentiable
from pydl.ops.creation import diag, ones_like
from pydl.ops.elementwise import add, divide, multiply, negative, sqrt, subtract
from pydl.ops.products import stacked_matmul
from pydl.ops.shapes import get_item, ndim, reshape, take_along_axis, transpose

Array = np.ndarray


def _spread(a: Array, x: Array, axis: Any, keepdims: bool) -> Array:
    """What was reduced along axes of x, in a shape that repeats along them."""
    if keepdims or axis is None:
        return a if keepdims else a.reshape((1,) * x.ndim)
    return np.expand_dims(a, axis)


def _sum_slope(dy: Array, y: Array, x: Array, axis: Any = None, keepdims: bool = False) -> Array:
    return np.broadcast_to(_spread(dy, x, axis, keepdims), x.shape)


@differentiable(_sum_slope)
def sum(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The sum along some axes, by default of everything."""
    return np.sum(x, axis=axis, keepdims=keepdims)


@differentiable(lambda dy, y, x, axis=None, keepdims=False: _sum_slope(dy, y, x, axis, keepdims) * (y.size / x.size))
def mean(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The mean along some axes, by default of everything."""
    return np.mean(x, axis=axis, keepdims=keepdims)


def average(x: Any, axis: int | None = None, weights: Any = None) -> Any:
    """The mean along an axis, by default of everything; `weights`, of x's shape or one for each place on the axis."""
    if weights is None:
        return mean(x, axis)
    if ndim(weights) == 1 and ndim(x) > 1 and axis is not None:
        weights = reshape(weights, [-1 if a == axis % ndim(x) else 1 for a in range(ndim(x))])
    return divide(sum(multiply(x, weights), axis), sum(multiply(ones_like(x), weights), axis))


def _extreme_slope(dy: Array, y: Array, x: Array, axis: Any = None, keepdims: bool = False,
                   initial: Any = None) -> Array:  # fmt: skip
    """To the extreme elements, in equal shares where there are several."""
    chosen = x == _spread(y, x, axis, keepdims)
    count = chosen.sum(axis=axis, keepdims=True)
    return chosen * _spread(dy, x, axis, keepdims) / np.maximum(count, 1)


@differentiable(_extreme_slope)
def max(x: Any, axis: Any = None, keepdims: bool = False, initial: Any = None) -> Any:
    """The largest element."""
    return np.max(x, axis=axis, keepdims=keepdims, **({} if initial is None else {"initial": initial}))


amax = max


@differentiable(_extreme_slope)
def min(x: Any, axis: Any = None, keepdims: bool = False, initial: Any = None) -> Any:
    """The smallest element."""
    return np.min(x, axis=axis, keepdims=keepdims, **({} if initial is None else {"initial": initial}))


amin = min


def _product_slope(dy: Array, y: Array, x: Array, axis: Any = None, keepdims: bool = False, dtype: Any = None) -> Array:
    """The product of the others: by division, and where there is one zero, of the others alone."""
    zeros = (x == 0).sum(axis=axis, keepdims=True)
    others = np.prod(np.where(x == 0, np.ones_like(x), x), axis=axis, keepdims=True)
    slope = np.where(zeros == 0, others / np.where(x == 0, np.ones_like(x), x), 0)
    return _spread(dy, x, axis, keepdims) * np.where((zeros == 1) & (x == 0), others, slope)


@differentiable(_product_slope)
def prod(x: Any, axis: Any = None, keepdims: bool = False, dtype: Any = None) -> Any:
    """The product along some axes."""
    return np.prod(x, axis=axis, keepdims=keepdims, dtype=dtype)


def _variance_slope(dy: Array, y: Array, x: Array, axis: Any = None, keepdims: bool = False) -> Array:
    centred = x - np.mean(x, axis=axis, keepdims=True)
    return _spread(dy, x, axis, keepdims) * centred * (2 * y.size / x.size)


@differentiable(_variance_slope)
def var(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The mean squared distance from the mean."""
    return np.var(x, axis=axis, keepdims=keepdims)


def _deviation_slope(dy: Array, y: Array, x: Array, axis: Any = None, keepdims: bool = False) -> Array:
    with np.errstate(divide="ignore", invalid="ignore"):
        return _variance_slope(np.where(y == 0, 0, dy / (2 * y)), y, x, axis, keepdims)


@differentiable(_deviation_slope)
def std(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The square root of the variance; gradient 0 where it is 0."""
    return np.std(x, axis=axis, keepdims=keepdims)


def _logsumexp_slope(dy: Array, y: Array, x: Array, axis: Any = None, keepdims: bool = False) -> Array:
    return _spread(dy, x, axis, keepdims) * np.exp(x - _spread(y, x, axis, keepdims))


@differentiable(_logsumexp_slope)
def logsumexp(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """log(sum(exp(x))), without overflow."""
    top = np.max(x, axis=axis, keepdims=True)
    top = np.where(np.isfinite(top), top, 0)
    with np.errstate(divide="ignore"):
        y = np.log(np.sum(np.exp(x - top), axis=axis, keepdims=True)) + top
    return y if keepdims else np.squeeze(y, axis=axis)


def _cumsum_slope(dy: Array, y: Array, x: Array, axis: int | None = None, dtype: Any = None) -> Array:
    """Running sums from the end."""
    along = axis or 0
    return np.flip(np.cumsum(np.flip(dy, along), along), along).reshape(x.shape)


@differentiable(_cumsum_slope)
def cumsum(x: Any, axis: int | None = None, dtype: Any = None) -> Any:
    """Running sums along an axis, by default of all elements in order."""
    return np.cumsum(x, axis=axis, dtype=dtype)


def _cumprod_slope(dy: Array, y: Array, x: Array, axis: int | None = None, dtype: Any = None) -> Array:
    """From the end: what each element is multiplied by, in that product and in those behind it."""
    along = axis or 0
    dy, factors = (np.moveaxis(v if axis is not None else np.ravel(v), along, 0) for v in (dy, x))
    before = np.cumprod(np.concatenate([np.ones_like(factors[:1]), factors[:-1]]), axis=0)
    behind = np.zeros_like(dy)
    for i in range(len(dy) - 1, -1, -1):
        behind[i] = dy[i] + (factors[i + 1] * behind[i + 1] if i + 1 < len(dy) else 0)
    return np.moveaxis(before * behind, 0, along).reshape(x.shape)


@differentiable(_cumprod_slope)
def cumprod(x: Any, axis: int | None = None, dtype: Any = None) -> Any:
    """Running products along an axis, by default of all elements in order."""
    return np.cumprod(x, axis=axis, dtype=dtype)


@differentiable(None)
def argmax(x: Any, axis: int | None = None, keepdims: bool = False) -> Any:
    """Where the largest element is, the first of several; int32."""
    return np.argmax(x, axis=axis, keepdims=keepdims).astype("int32")


@differentiable(None)
def argmin(x: Any, axis: int | None = None, keepdims: bool = False) -> Any:
    """Where the smallest element is, the first of several; int32."""
    return np.argmin(x, axis=axis, keepdims=keepdims).astype("int32")


@differentiable(None)
def argsort(x: Any, axis: int = -1) -> Any:
    """The indices that sort along an axis, equal elements in their order; int32."""
    return np.argsort(x, axis=axis, kind="stable").astype("int32")


def _sort_slope(dy: Array, y: Array, x: Array, axis: int = -1) -> Array:
    dx = np.empty_like(dy)
    np.put_along_axis(dx, np.argsort(x, axis=axis, kind="stable"), dy, axis)
    return dx


@differentiable(_sort_slope)
def sort(x: Any, axis: int = -1) -> Any:
    """The elements in order along an axis."""
    return np.sort(x, axis=axis, kind="stable")


@differentiable(None)
def count_nonzero(x: Any, axis: Any = None) -> Any:
    """How many elements are not 0; int32."""
    return np.asarray(np.count_nonzero(x, axis=axis)).astype("int32")


def _quantile_slope(
    dy: Array, y: Array, x: Array, q: Any, axis: Any = None, method: str = "linear", keepdims: bool = False
) -> Array:
    """To the two elements between which a quantile lies, by how near they are."""
    if method != "linear":
        raise ValueError(f'pydl.ops.quantile: the gradient is known for method="linear", not for {method!r}')
    axes = tuple(range(x.ndim)) if axis is None else tuple(a % x.ndim for a in np.atleast_1d(axis))
    order = [*(i for i in range(x.ndim) if i not in axes), *axes]
    turned = np.transpose(x, order)
    rows = turned.reshape(*turned.shape[: x.ndim - len(axes)], -1)
    places = np.ravel(q) * (rows.shape[-1] - 1)
    slope = np.zeros_like(rows)
    for place, d in zip(places, dy.reshape(len(places), *rows.shape[:-1]), strict=True):
        low = int(place)
        slope[..., low] += d * (1 - (place - low))
        if place > low:
            slope[..., low + 1] += d * (place - low)
    found = np.empty_like(slope)
    np.put_along_axis(found, np.argsort(rows, axis=-1, kind="stable"), slope, -1)
    return np.transpose(found.reshape(turned.shape), np.argsort(order))


@differentiable(lambda dy, y, x, axis=None, keepdims=False: _quantile_slope(dy, y, x, 0.5, axis, keepdims=keepdims))
def median(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The middle element in order, or the mean of the two."""
    return np.median(x, axis=axis, keepdims=keepdims)


@differentiable(_quantile_slope)
def quantile(x: Any, q: Any, axis: Any = None, method: str = "linear", keepdims: bool = False) -> Any:
    """The element below which a share q of all are; with a gradient where `method` is "linear"."""
    return np.quantile(x, q, axis=axis, method=method, keepdims=keepdims)  # type: ignore[call-overload]


@differentiable(None)
def bincount(x: Any, weights: Any = None, minlength: int = 0) -> Any:
    """How often each whole number occurs."""
    return np.bincount(x, weights=weights, minlength=minlength).astype("int32" if weights is None else None)


@differentiable(None)
def unique(
    x: Any,
    sorted: bool = True,
    return_index: bool = False,
    return_inverse: bool = False,
    return_counts: bool = False,
    axis: int | None = None,
    size: int | None = None,
    fill_value: Any = None,
) -> Any:
    """The different elements, or entries along an axis, in order.

    With `return_index`, `return_inverse` and `return_counts`, a tuple: then where each is first, which of them every
    element is, and how often each is there. With `size`, so many: the first ones, or `fill_value` (default 0) behind
    them, counted 0 times. `sorted` changes nothing: they always are.
    """
    flags = (return_index, return_inverse, return_counts)
    values, *others = np.unique(x, True, True, True, axis=axis)
    if size is not None:
        kept = np.arange(size) < len(others[0])
        found = np.moveaxis(values, axis or 0, 0)
        filled = np.full((size, *found.shape[1:]), 0 if fill_value is None else fill_value, values.dtype)
        filled[kept] = found[:size]
        values = np.moveaxis(filled, 0, axis or 0)
        others = [o if i == 1 else np.pad(o[:size], (0, int(np.sum(~kept)))) for i, o in enumerate(others)]
    asked = [o for o, flag in zip(others, flags, strict=True) if flag]
    return (values, *asked) if asked else values


def _norm_slope(dy: Array, y: Array, x: Array, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Array:
    y, dy = _spread(y, x, axis, keepdims), _spread(dy, x, axis, keepdims)
    if ord in (None, "euclidean", "fro"):
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(y == 0, 0, dy * x / y)
    axis = axis[0] if isinstance(axis, tuple) and len(axis) == 1 else axis
    if isinstance(axis, tuple) or (axis is None and x.ndim == 2):
        return dy * _matrix_norm_slope(x, ord, (0, 1) if axis is None else axis)
    if ord == np.inf:
        largest = np.abs(x) == y
        return dy * np.sign(x) * largest / np.sum(largest, axis=axis, keepdims=True)
    if isinstance(ord, int | float) and ord >= 1:
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(y == 0, 0, dy * np.sign(x) * (np.abs(x) / y) ** (ord - 1))
    raise ValueError(f"pydl.ops.norm: the gradient of vectors is known for ord None and from 1 on, not for {ord!r}")


def _matrix_norm_slope(x: Array, ord: Any, axes: tuple[int, ...]) -> Array:
    """The derivative of the norm of matrices that lie along two axes."""
    m = np.moveaxis(x, axes, (-2, -1))
    if ord in (1, np.inf):  # the column, or row, whose elements are most
        across = -2 if ord == 1 else -1
        sums = np.abs(m).sum(axis=across, keepdims=True)
        largest = sums == sums.max(axis=-3 - across, keepdims=True)
        found = np.sign(m) * (largest & (np.cumsum(largest, axis=-3 - across) == 1))  # the first of several
    elif ord in (2, "nuc"):
        u, _, vt = np.linalg.svd(m, full_matrices=False)
        found = u @ vt if ord == "nuc" else u[..., :1] * vt[..., :1, :]
    else:
        raise ValueError(
            f'pydl.ops.norm: the gradient of matrices is known for "fro", "nuc", 1, 2, inf, not for {ord!r}'
        )
    return np.moveaxis(found, (-2, -1), axes)


@differentiable(_norm_slope)
def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    """The norm of a vector along an axis, or of everything (`ord` as in `numpy.linalg.norm`)."""
    return np.linalg.norm(x, ord=None if ord == "euclidean" else ord, axis=axis, keepdims=keepdims)


def moments(x: Any, axes: Any, keepdims: bool = False) -> tuple[Any, Any]:
    """Mean and variance along axes."""
    return mean(x, axis=axes, keepdims=keepdims), var(x, axis=axes, keepdims=keepdims)


def top_k(x: Any, k: int, sorted: bool = True) -> tuple[Any, Any]:
    """The k largest elements along the last axis, in falling order, and where they are (int32)."""
    indices = argsort(negative(x))[..., :k]
    return take_along_axis(x, indices, axis=-1), indices


@differentiable(None, tensors=2)
def in_top_k(targets: Any, predictions: Any, k: int) -> Any:
    """Whether the prediction of the target's class is among the k largest."""
    own = np.take_along_axis(predictions, np.asarray(targets)[..., None], -1)
    return (predictions > own).sum(axis=-1) < k


def ptp(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The largest less the smallest element."""
    return subtract(max(x, axis, keepdims), min(x, axis, keepdims))


def hundredths(q: Any) -> Any:
    """Shares, of per cents."""
    return q / 100 if isinstance(q, int | float) else np.asarray(q) / 100


def percentile(x: Any, q: Any, axis: Any = None, method: str = "linear", keepdims: bool = False) -> Any:
    """`quantile` of q per cent."""
    return quantile(x, hundredths(q), axis, method, keepdims)


def diff(a: Any, n: int = 1, axis: int = -1) -> Any:
    """What each element is more than the one before along an axis, n times over."""
    before = (slice(None),) * (axis % ndim(a))
    for _ in range(n):
        a = subtract(get_item(a, (*before, slice(1, None))), get_item(a, (*before, slice(None, -1))))
    return a


def trapezoid(y: Any, x: Any = None, dx: float = 1.0, axis: int = -1) -> Any:
    """The area below straight lines from point to point along an axis; at `x`, or `dx` apart."""
    before = (slice(None),) * (axis % ndim(y))
    pairs = add(get_item(y, (*before, slice(1, None))), get_item(y, (*before, slice(None, -1))))
    if x is not None and ndim(x) == 1:
        x = reshape(x, [-1 if i == axis % ndim(y) else 1 for i in range(ndim(y))])
    return multiply(sum(multiply(pairs, dx if x is None else diff(x, axis=axis)), axis), 0.5)


def corrcoef(x: Any) -> Any:
    """The correlation of each two rows."""
    centred = subtract(x, mean(x, axis=-1, keepdims=True))
    covariance = stacked_matmul(centred, transpose(centred))
    scale = sqrt(diag(covariance))
    return divide(divide(covariance, reshape(scale, (-1, 1))), reshape(scale, (1, -1)))
