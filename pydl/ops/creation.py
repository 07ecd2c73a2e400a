"""New arrays, and things made into arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from pydl import config
from pydl._base.args import whole
from pydl._engine.operators import Operators
from pydl._engine.tape import arrays, differentiable, is_followed, value_of
from pydl._engine.variable import Variable
from pydl.ops.elementwise import copy, multiply, power
from pydl.ops.shapes import expand_dims, ravel, shape

Array = np.ndarray


def convert_to_tensor(x: Any, dtype: Any = None, sparse: bool | None = None, ragged: bool | None = None) -> Any:
    """An array: of Python's floats in `floatx`, of its integers in int32. What is symbolic or has a history stays."""
    if is_followed(x):
        return x if isinstance(x, Operators) else copy(x)
    if x is None:
        raise ValueError("pydl.ops.convert_to_tensor: expected an array, got None")
    array = arrays([x.numpy() if isinstance(x, Variable) else x])[0]
    return np.asanyarray(array if dtype is None else np.asarray(array).astype(np.dtype(dtype)))


array = convert_to_tensor


def convert_to_numpy(x: Any) -> Array:
    """The array that x is, or stands for."""
    return x.numpy() if isinstance(x, Variable) else np.asarray(value_of(x))


def is_tensor(x: Any) -> bool:
    """Whether x is an array, or stands for one."""
    return isinstance(x, np.ndarray | Operators)


def dtype(x: Any) -> str:
    """The name of the dtype."""
    return np.dtype(x.dtype).name


def _float(dtype: Any) -> Any:
    return config.floatx() if dtype is None else dtype


def _sizes(shape: Any) -> Any:
    """A shape; of a batch that is not known yet, None, one row, which operators repeat."""
    return [1 if d is None and i == 0 else d for i, d in enumerate(shape)] if isinstance(shape, list | tuple) else shape


def zeros(shape: Any, dtype: Any = None) -> Array:
    """An array of zeros; default `floatx`."""
    return np.zeros(_sizes(shape), _float(dtype))


def ones(shape: Any, dtype: Any = None) -> Array:
    """An array of ones; default `floatx`."""
    return np.ones(_sizes(shape), _float(dtype))


def full(shape: Any, fill_value: Any, dtype: Any = None) -> Array:
    """An array of one number; default `floatx`."""
    if is_followed(fill_value):
        return multiply(ones(shape, dtype), fill_value)
    return np.full(_sizes(shape), value_of(fill_value), _float(dtype))


def eye(N: int, M: int | None = None, k: int = 0, dtype: Any = None) -> Array:
    """Ones on a diagonal; default `floatx`."""
    return np.eye(N, M, k, _float(dtype))


def identity(n: int, dtype: Any = None) -> Array:
    """The square matrix that changes nothing; default `floatx`."""
    return np.identity(n, _float(dtype))


def arange(start: Any, stop: Any = None, step: Any = 1, dtype: Any = None) -> Array:
    """Numbers at equal distances, without the end; whole ones in int32, others in `floatx`."""
    array = np.arange(start, step=step) if stop is None else np.arange(start, stop, step)
    if dtype is None:
        dtype = config.floatx() if array.dtype.kind == "f" else "int32"
    return array.astype(np.dtype(dtype))


def linspace(
    start: Any, stop: Any, num: int = 50, endpoint: bool = True, retstep: bool = False, dtype: Any = None, axis: int = 0
) -> Any:
    """So many numbers at equal distances, of dtype `floatx` by default; with `retstep`, the distance as well."""
    y, step = np.linspace(start, stop, num, endpoint, retstep=True, axis=axis)
    return (y.astype(_float(dtype)), step) if retstep else y.astype(_float(dtype))


def meshgrid(*x: Any, indexing: str = "xy") -> list[Array]:
    """Arrays of all combinations of coordinates."""
    if any(is_followed(v) for v in x):
        raise TypeError("pydl.ops.meshgrid: expected arrays; reshape tensors and let them be broadcast")
    return list(np.meshgrid(*(convert_to_tensor(v) for v in x), indexing=indexing))  # type: ignore[call-overload]


@differentiable(None)
def zeros_like(x: Any, dtype: Any = None) -> Any:
    """Zeros in the shape of x."""
    return np.zeros_like(x, dtype)


@differentiable(None)
def ones_like(x: Any, dtype: Any = None) -> Any:
    """Ones in the shape of x."""
    return np.ones_like(x, dtype)


@differentiable(None)
def full_like(x: Any, fill_value: Any, dtype: Any = None) -> Any:
    """One number in the shape of x."""
    return np.full_like(x, fill_value, dtype)


@differentiable(lambda dy, y, x, k=0: np.triu(dy, k))
def triu(x: Any, k: int = 0) -> Any:
    """With zeros below the k-th diagonal."""
    return np.triu(x, k)


@differentiable(lambda dy, y, x, k=0: np.tril(dy, k))
def tril(x: Any, k: int = 0) -> Any:
    """With zeros above the k-th diagonal."""
    return np.tril(x, k)


def _diagonal_slope(dy: Array, y: Array, x: Array, k: int = 0) -> Array:
    if x.ndim == 1:
        return np.diagonal(dy, k)
    dx = np.zeros_like(x)
    rows = np.arange(len(dy))
    dx[rows - min(k, 0), rows + max(k, 0)] = dy
    return dx


@differentiable(_diagonal_slope)
def diag(x: Any, k: int = 0) -> Any:
    """The matrix that has the elements of a vector on its k-th diagonal, or that diagonal of a matrix."""
    return np.diag(x, k)


def _trace_slope(dy: Array, y: Array, x: Array, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Array:
    diagonal = np.eye(x.shape[axis1], x.shape[axis2], offset, dtype=dy.dtype)
    return np.moveaxis(np.asarray(dy)[..., None, None] * diagonal, (-2, -1), (axis1, axis2))


@differentiable(_trace_slope)
def trace(x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    """The sum of the diagonal of a matrix, or of each of the matrices that two axes hold; `offset` to its right."""
    return np.trace(x, offset, axis1, axis2)


@differentiable(None)
def one_hot(x: Any, num_classes: int, axis: int = -1, dtype: Any = None, sparse: bool = False) -> Any:
    """A one at the place of each class number, zeros elsewhere (everywhere for numbers out of range)."""
    codes = np.asarray(x)[..., None] == np.arange(num_classes)
    return np.moveaxis(codes, -1, axis).astype(_float(dtype))


@differentiable(None)
def multi_hot(inputs: Any, num_classes: int, axis: int = -1, dtype: Any = None, sparse: bool = False) -> Any:
    """A one at the place of each class number that occurs along the last axis."""
    codes = (np.asarray(inputs)[..., None] == np.arange(num_classes)).any(axis=-2 if np.ndim(inputs) > 1 else 0)
    return np.moveaxis(codes, -1, axis).astype(_float(dtype))


def diagflat(x: Any, k: int = 0) -> Any:
    """The matrix that has all elements of x, in order, on its k-th diagonal."""
    return diag(ravel(x), k)


def empty(shape: Any, dtype: Any = None) -> Array:
    """An array that is to be filled, of zeros; default `floatx`."""
    return zeros(shape, dtype)


def empty_like(x: Any, dtype: Any = None) -> Any:
    """An array in the shape of x that is to be filled, of zeros."""
    return zeros_like(x, dtype)


def tri(N: int, M: int | None = None, k: int = 0, dtype: Any = None) -> Array:
    """Ones on the k-th diagonal and below, zeros above; default `floatx`."""
    return np.tri(N, M, k, _float(dtype))


def logspace(
    start: Any, stop: Any, num: int = 50, endpoint: bool = True, base: float = 10, dtype: Any = None, axis: int = 0
) -> Array:
    """So many numbers in equal ratios, from base^start to base^stop; default `floatx`."""
    return np.logspace(start, stop, num, endpoint, base, axis=axis).astype(_float(dtype))


def geomspace(start: Any, stop: Any, num: int = 50, endpoint: bool = True, dtype: Any = None, axis: int = 0) -> Array:
    """So many numbers in equal ratios, from start to stop; default `floatx`."""
    return np.geomspace(start, stop, num, endpoint, axis=axis).astype(_float(dtype))


def bartlett(x: int) -> Array:
    """The triangular window of x points."""
    return np.bartlett(x).astype(config.floatx())


def blackman(x: int) -> Array:
    """The Blackman window of x points."""
    return np.blackman(x).astype(config.floatx())


def hamming(x: int) -> Array:
    """The Hamming window of x points."""
    return np.hamming(x).astype(config.floatx())


def hanning(x: int) -> Array:
    """The Hann window of x points."""
    return np.hanning(x).astype(config.floatx())


def kaiser(x: int, beta: float) -> Array:
    """The Kaiser window of x points; the larger beta, the narrower."""
    return np.kaiser(x, beta).astype(config.floatx())


def vander(x: Any, N: int | None = None, increasing: bool = False) -> Any:
    """Powers of a vector, `N` columns from the highest to 1, or the other way round."""
    sizes = shape(x)
    if len(sizes) != 1:
        raise ValueError(f"vander: expected one axis, got shape {tuple(sizes)}")
    powers = np.arange(int(sizes[0] or 0) if N is None else whole("vander", "N", N))
    return power(expand_dims(x, 1), powers if increasing else powers[::-1])
