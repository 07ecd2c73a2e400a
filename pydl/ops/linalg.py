"""Linear algebra of matrices along the last two axes, by the names of `keras.ops.linalg`: LAPACK's, through NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np

from pydl._engine.tape import UNKNOWN, differentiable
from pydl.ops.creation import tril, triu
from pydl.ops.elementwise import absolute, log
from pydl.ops.products import stacked_matmul
from pydl.ops.reductions import norm
from pydl.ops.shapes import expand_dims, swapaxes

__all__ = [
    "cholesky", "cholesky_inverse", "det", "eigh", "inv", "logdet", "lstsq", "matrix_rank", "norm", "pinv", "qr",
    "slogdet", "solve", "solve_triangular", "svd",
]  # fmt: skip

Array = np.ndarray


def _or_nan(function: Any, *xs: Array) -> Array:
    """A function of matrices, NaN for those of which it has no value, such as the inverse of singular ones."""
    try:
        return np.asarray(function(*xs))
    except np.linalg.LinAlgError:
        if xs[0].ndim == 2:
            return np.full_like(xs[-1], np.nan)
        return np.stack([_or_nan(function, *parts) for parts in zip(*xs, strict=True)])


def _turned(x: Array) -> Array:
    return np.swapaxes(x, -1, -2)


@differentiable(lambda dy, y, x: -_turned(y) @ dy @ _turned(y))
def inv(x: Any) -> Any:
    """The inverse of square matrices; NaN of singular ones."""
    return _or_nan(np.linalg.inv, x)


@differentiable(lambda dy, y, x: (dy * y)[..., None, None] * _turned(_or_nan(np.linalg.inv, x)))
def det(x: Any) -> Any:
    """The determinant of square matrices."""
    return np.linalg.det(x)


def logdet(x: Any) -> Any:
    """The logarithm of the determinant's size."""
    return log(absolute(det(x)))


@differentiable(UNKNOWN)
def slogdet(x: Any) -> Any:
    """The sign of the determinant, and the logarithm of its size; without a gradient."""
    return tuple(np.linalg.slogdet(x))


def _solve_slopes(dy: Array, y: Array, a: Array, b: Array) -> tuple[Array, Array]:
    column = b.ndim == a.ndim - 1
    dy, y = (dy[..., None], y[..., None]) if column else (dy, y)
    db = _or_nan(np.linalg.solve, _turned(a), dy)
    return -db @ _turned(y), db[..., 0] if column else db


@differentiable(_solve_slopes, tensors=2)
def solve(a: Any, b: Any) -> Any:
    """x with a @ x = b, of a vector or the columns of a matrix; NaN of singular a."""
    if b.ndim == a.ndim - 1:
        return _or_nan(np.linalg.solve, a, b[..., None])[..., 0]
    return _or_nan(np.linalg.solve, a, b)


def solve_triangular(a: Any, b: Any, lower: bool = False) -> Any:
    """`solve` of the upper triangle of a, or its lower one."""
    return solve(tril(a) if lower else triu(a), b)


@differentiable(UNKNOWN)
def cholesky(x: Any, upper: bool = False) -> Any:
    """The lower triangle L with L @ L^T = x (NaN of other than positive definite x); no gradient."""
    y = _or_nan(np.linalg.cholesky, x)
    return _turned(y) if upper else y


def cholesky_inverse(x: Any, upper: bool = False) -> Any:
    """The inverse of what x is the triangle of, as `cholesky` gives it."""
    half = triu(x) if upper else tril(x)
    other = swapaxes(half, -1, -2)
    return inv(stacked_matmul(other, half) if upper else stacked_matmul(half, other))


@differentiable(UNKNOWN)
def eigh(x: Any) -> Any:
    """The eigenvalues of symmetric matrices, rising, and their vectors as columns; without a gradient."""
    return tuple(np.linalg.eigh(x))


@differentiable(UNKNOWN)
def qr(x: Any, mode: str = "reduced") -> Any:
    """Orthogonal q and upper triangle r with q @ r = x; `mode`: "reduced" or "complete"; without a gradient."""
    return tuple(np.linalg.qr(x, mode))  # type: ignore[call-overload]


@differentiable(UNKNOWN)
def svd(x: Any, full_matrices: bool = True, compute_uv: bool = True) -> Any:
    """u, s and vh with u @ diag(s) @ vh = x, s falling; without `compute_uv` s alone; without a gradient."""
    return tuple(np.linalg.svd(x, full_matrices)) if compute_uv else np.linalg.svd(x, compute_uv=False)


@differentiable(UNKNOWN, tensors=2)
def lstsq(a: Any, b: Any, rcond: float | None = None) -> Any:
    """x for which the squares of a @ x - b sum to the least; without a gradient."""
    return np.linalg.lstsq(a, b, rcond)[0]


@differentiable(UNKNOWN)
def pinv(x: Any, rcond: float | None = None) -> Any:
    """The pseudoinverse; without a gradient."""
    return np.linalg.pinv(x, rcond)


@differentiable(None)
def matrix_rank(x: Any, tol: float | None = None) -> Any:
    """How many singular values are above `tol`; int32."""
    return np.asarray(np.linalg.matrix_rank(x, tol)).astype("int32")


def cdist(x: Any, y: Any) -> Any:
    """The distance of each row of x from each of y: `(..., n, d)`, `(..., m, d)` -> `(..., n, m)`."""
    return norm(expand_dims(x, -2) - expand_dims(y, -3), axis=-1)
