"""Further functions of each element: roots, angles, extremes without NaN, signs, special functions."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from pydl._base.arrays import float_array
from pydl._engine.tape import differentiable
from pydl.activations import erf
from pydl.ops.elementwise import absolute, cast, clip, maximum, minimum, multiply, subtract
from pydl.ops.logic import all, isclose, isnan, where

Array = np.ndarray

fabs = absolute


@differentiable(lambda dy, y, x: dy / (3 * np.square(y)))
def cbrt(x: Any) -> Any:
    """The cube root of x."""
    return np.cbrt(x)


def deg2rad(x: Any) -> Any:
    """An angle in radians, of one in degrees."""
    return multiply(x, math.pi / 180)


def rad2deg(x: Any) -> Any:
    """An angle in degrees, of one in radians."""
    return multiply(x, 180 / math.pi)


@differentiable(lambda dy, y, x1, x2: (dy, -dy * np.trunc(np.divide(x1, x2))), tensors=2)
def fmod(x1: Any, x2: Any) -> Any:
    """x1 - x2 * trunc(x1 / x2): the remainder with the sign of x1."""
    return np.fmod(x1, x2)


def fmax(x1: Any, x2: Any) -> Any:
    """The larger of x1 and x2, the other one where one is NaN."""
    return _but_nan(maximum, x1, x2)


def fmin(x1: Any, x2: Any) -> Any:
    """The smaller of x1 and x2, the other one where one is NaN."""
    return _but_nan(minimum, x1, x2)


def _but_nan(choose: Callable[[Any, Any], Any], x1: Any, x2: Any) -> Any:
    return choose(where(isnan(x1), x2, x1), where(isnan(x2), x1, x2))


@differentiable(None, tensors=2)
def heaviside(x1: Any, x2: Any) -> Any:
    """0 where x1 < 0, x2 where it is 0, 1 above; without a gradient."""
    return np.heaviside(x1, x2)


@differentiable(None)
def signbit(x: Any) -> Any:
    """Whether the sign is minus, that of -0.0 as well."""
    return np.signbit(x)


@differentiable(None)
def isposinf(x: Any) -> Any:
    """Whether x is +inf."""
    return np.isposinf(x)


@differentiable(None)
def isneginf(x: Any) -> Any:
    """Whether x is -inf."""
    return np.isneginf(x)


@differentiable(None)
def isreal(x: Any) -> Any:
    """Whether x has no imaginary part."""
    return np.isreal(x)


@differentiable(None, tensors=2)
def nextafter(x1: Any, x2: Any) -> Any:
    """The next number of the dtype from x1 towards x2; without a gradient."""
    return np.nextafter(x1, x2)


@differentiable(lambda dy, y, x1, x2: (dy * np.exp2(x1 - y), dy * np.exp2(x2 - y)), tensors=2)
def logaddexp2(x1: Any, x2: Any) -> Any:
    """log2(2^x1 + 2^x2)."""
    return np.logaddexp2(x1, x2)


@differentiable(lambda dy, y, x1, x2: (dy * np.exp2(x2), dy * y * np.log(2)), tensors=2)
def ldexp(x1: Any, x2: Any) -> Any:
    """x1 * 2^x2."""
    return x1 * np.exp2(x2)


def _sinc_slope(dy: Array, y: Array, x: Array) -> Array:
    at = np.where(x == 0, 1, x)
    return dy * np.where(x == 0, 0, (np.cos(np.pi * x) - y) / at)


@differentiable(_sinc_slope)
def sinc(x: Any) -> Any:
    """sin(pi x) / (pi x), and 1 at 0."""
    return np.sinc(x)


def _bessel_slope(dy: Array, y: Array, x: Array) -> Array:
    """I1, by the mean of exp(x cos t) cos t over t."""
    t = (np.arange(256) + 0.5) * (np.pi / 256)
    wide = np.asarray(x, np.float64)[..., None]
    return dy * np.mean(np.exp(wide * np.cos(t)) * np.cos(t), axis=-1)


@differentiable(_bessel_slope)
def i0(x: Any) -> Any:
    """The modified Bessel function of the first kind and order 0."""
    return np.i0(x).reshape(np.shape(x))


def erfc(x: Any) -> Any:
    """1 - erf(x)."""
    return subtract(1.0, erf(x))


@differentiable(lambda dy, y, x: dy * (math.sqrt(math.pi) / 2) * np.exp(np.square(y)))
def erfinv(x: Any) -> Any:
    """The inverse of erf: infinite at -1 and 1, NaN beyond."""
    x = float_array("erfinv", "x", x)
    wide = x.astype(np.float64)
    with np.errstate(all="ignore"):
        log = np.log1p(-np.square(wide)) / 2
    term = 2 / (math.pi * 0.147) + log
    y = np.sign(wide) * np.sqrt(np.sqrt(np.square(term) - 2 * log / 0.147) - term)  # to 2e-3: Winitzki 2008
    inside = np.isfinite(y)
    for _ in range(4):  # Newton's steps, each of which doubles the digits
        step = (np.asarray(erf(np.where(inside, y, 0))) - wide) * (math.sqrt(math.pi) / 2) * np.exp(np.square(y))
        y = np.where(inside, y - step, y)
    return y.astype(x.dtype)


@differentiable(lambda dy, y, x: dy)
def real(x: Any) -> Any:
    """x, of which all numbers are real here."""
    return np.real(x)


conj = conjugate = real


@differentiable(None)
def imag(x: Any) -> Any:
    """0: all numbers are real here."""
    return np.imag(x)


def allclose(x1: Any, x2: Any, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> Any:
    """Whether |x1 - x2| <= atol + rtol * |x2| everywhere."""
    return all(isclose(x1, x2, rtol, atol, equal_nan))


def saturate_cast(x: Any, dtype: Any) -> Any:
    """x in another dtype, limited to the numbers that it has."""
    kind = np.dtype(dtype)
    if kind.kind not in "iu":
        return cast(x, dtype)
    limits = np.iinfo(kind)
    return cast(clip(x, limits.min, limits.max), dtype)
