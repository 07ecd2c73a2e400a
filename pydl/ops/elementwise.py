"""Functions of each element: arithmetic, powers, exponentials, circular and hyperbolic ones, rounding."""

from __future__ import annotations

from typing import Any

import numpy as np

from pydl._engine.tape import differentiable

Array = np.ndarray

# -- of two ------------------------------------------------------------------------------------------------------------


@differentiable(lambda dy, y, x1, x2: (dy, dy), tensors=2)
def add(x1: Any, x2: Any) -> Any:
    """x1 + x2."""
    return np.add(x1, x2)


@differentiable(lambda dy, y, x1, x2: (dy, -dy), tensors=2)
def subtract(x1: Any, x2: Any) -> Any:
    """x1 - x2."""
    return np.subtract(x1, x2)


@differentiable(lambda dy, y, x1, x2: (dy * x2, dy * x1), tensors=2)
def multiply(x1: Any, x2: Any) -> Any:
    """x1 * x2."""
    return np.multiply(x1, x2)


@differentiable(lambda dy, y, x1, x2: (dy / x2, -dy * y / x2), tensors=2)
def divide(x1: Any, x2: Any) -> Any:
    """x1 / x2."""
    with np.errstate(all="ignore"):
        return np.divide(x1, x2)


true_divide = divide


@differentiable(
    lambda dy, y, x1, x2: (np.where(x2 == 0, 0, dy / _nonzero(x2)), np.where(x2 == 0, 0, -dy * y / _nonzero(x2))),
    tensors=2,
)
def divide_no_nan(x1: Any, x2: Any) -> Any:
    """x1 / x2, and 0 where x2 is 0."""
    return np.where(x2 == 0, 0, np.divide(x1, _nonzero(x2)))


def _nonzero(x: Any) -> Any:
    return np.where(x == 0, np.ones_like(x), x)


@differentiable(None, tensors=2)
def floor_divide(x1: Any, x2: Any) -> Any:
    """The largest whole number <= x1 / x2; without a gradient."""
    return np.floor_divide(x1, x2)


@differentiable(lambda dy, y, x1, x2: (dy, -dy * np.floor_divide(x1, x2)), tensors=2)
def mod(x1: Any, x2: Any) -> Any:
    """x1 - x2 * floor(x1 / x2)."""
    return np.mod(x1, x2)


remainder = mod


def _power_slopes(dy: Array, y: Array, x1: Any, x2: Any) -> tuple[Any, Any]:
    log = np.log(np.where(np.asarray(x1) > 0, x1, np.ones_like(x1)))
    return dy * x2 * np.power(x1, np.where(np.equal(x2, 0), 1, np.subtract(x2, 1))), dy * y * log


@differentiable(_power_slopes, tensors=2)
def power(x1: Any, x2: Any) -> Any:
    """x1 to the power x2. The gradient of x2 is 0 where x1 <= 0."""
    if np.asarray(x1).dtype.kind in "iu" and np.any(np.less(x2, 0)):
        x1 = np.asarray(x1, float)
    return np.power(x1, x2)


def _shared(choose: Any) -> Any:
    """Gradients of a maximum or minimum: to the side that was taken, half to each where both are equal."""

    def slopes(dy: Array, y: Array, x1: Any, x2: Any) -> tuple[Any, Any]:
        share = np.where(np.equal(x1, x2), 0.5, choose(x1, x2)).astype(dy.dtype)
        return dy * share, dy * (1 - share)

    return slopes


@differentiable(_shared(np.greater), tensors=2)
def maximum(x1: Any, x2: Any) -> Any:
    """The larger of x1 and x2."""
    return np.maximum(x1, x2)


@differentiable(_shared(np.less), tensors=2)
def minimum(x1: Any, x2: Any) -> Any:
    """The smaller of x1 and x2."""
    return np.minimum(x1, x2)


@differentiable(
    lambda dy, y, x1, x2: (dy * x2 / (np.square(x1) + np.square(x2)), -dy * x1 / (np.square(x1) + np.square(x2))),
    tensors=2,
)
def arctan2(x1: Any, x2: Any) -> Any:
    """The angle of the point (x2, x1), in (-pi, pi]."""
    return np.arctan2(x1, x2)


@differentiable(lambda dy, y, x1, x2: (dy * np.exp(x1 - y), dy * np.exp(x2 - y)), tensors=2)
def logaddexp(x1: Any, x2: Any) -> Any:
    """log(exp(x1) + exp(x2))."""
    return np.logaddexp(x1, x2)


@differentiable(lambda dy, y, x1, x2: (dy * x1 / _nonzero(y), dy * x2 / _nonzero(y)), tensors=2)
def hypot(x1: Any, x2: Any) -> Any:
    """sqrt(x1^2 + x2^2)."""
    return np.hypot(x1, x2)


@differentiable(lambda dy, y, x1, x2: (2 * dy * (x1 - x2), -2 * dy * (x1 - x2)), tensors=2)
def squared_difference(x1: Any, x2: Any) -> Any:
    """(x1 - x2)^2."""
    return np.square(np.subtract(x1, x2))


# -- of one ------------------------------------------------------------------------------------------------------------


@differentiable(lambda dy, y, x: -dy)
def negative(x: Any) -> Any:
    """-x."""
    return np.negative(x)


@differentiable(lambda dy, y, x: dy * np.sign(x))
def absolute(x: Any) -> Any:
    """|x|."""
    return np.absolute(x)


abs = absolute


@differentiable(lambda dy, y, x: 2 * dy * x)
def square(x: Any) -> Any:
    """x^2."""
    return np.square(x.astype(np.int32) if getattr(x, "dtype", None) == np.bool_ else x)


@differentiable(lambda dy, y, x: 0.5 * dy / y)
def sqrt(x: Any) -> Any:
    """The square root of x; NaN below 0."""
    with np.errstate(invalid="ignore"):
        return np.sqrt(x)


@differentiable(lambda dy, y, x: -0.5 * dy * y / x)
def rsqrt(x: Any) -> Any:
    """1 / sqrt(x)."""
    with np.errstate(all="ignore"):
        return 1 / np.sqrt(x)


@differentiable(lambda dy, y, x: -dy * np.square(y))
def reciprocal(x: Any) -> Any:
    """1 / x."""
    with np.errstate(all="ignore"):
        return 1 / x


@differentiable(lambda dy, y, x: dy * y)
def exp(x: Any) -> Any:
    """e^x."""
    with np.errstate(over="ignore"):
        return np.exp(x)


@differentiable(lambda dy, y, x: dy * y * np.log(2))
def exp2(x: Any) -> Any:
    """2^x."""
    with np.errstate(over="ignore"):
        return np.exp2(x)


@differentiable(lambda dy, y, x: dy * (y + 1))
def expm1(x: Any) -> Any:
    """e^x - 1, exact near 0."""
    with np.errstate(over="ignore"):
        return np.expm1(x)


@differentiable(lambda dy, y, x: dy / x)
def log(x: Any) -> Any:
    """The natural logarithm; -inf at 0, NaN below."""
    with np.errstate(all="ignore"):
        return np.log(x)


@differentiable(lambda dy, y, x: dy / (x * np.log(2)))
def log2(x: Any) -> Any:
    """The logarithm to base 2."""
    with np.errstate(all="ignore"):
        return np.log2(x)


@differentiable(lambda dy, y, x: dy / (x * np.log(10)))
def log10(x: Any) -> Any:
    """The logarithm to base 10."""
    with np.errstate(all="ignore"):
        return np.log10(x)


@differentiable(lambda dy, y, x: dy / (1 + x))
def log1p(x: Any) -> Any:
    """log(1 + x), exact near 0."""
    with np.errstate(all="ignore"):
        return np.log1p(x)


@differentiable(lambda dy, y, x: dy * np.cos(x))
def sin(x: Any) -> Any:
    """The sine of x, in radians."""
    return np.sin(x)


@differentiable(lambda dy, y, x: -dy * np.sin(x))
def cos(x: Any) -> Any:
    """The cosine of x, in radians."""
    return np.cos(x)


@differentiable(lambda dy, y, x: dy * (1 + np.square(y)))
def tan(x: Any) -> Any:
    """The tangent of x, in radians."""
    return np.tan(x)


@differentiable(lambda dy, y, x: dy / np.sqrt(1 - np.square(x)))
def arcsin(x: Any) -> Any:
    """The angle whose sine is x."""
    return np.arcsin(x)


@differentiable(lambda dy, y, x: -dy / np.sqrt(1 - np.square(x)))
def arccos(x: Any) -> Any:
    """The angle whose cosine is x."""
    return np.arccos(x)


@differentiable(lambda dy, y, x: dy / (1 + np.square(x)))
def arctan(x: Any) -> Any:
    """The angle whose tangent is x."""
    return np.arctan(x)


@differentiable(lambda dy, y, x: dy * np.cosh(x))
def sinh(x: Any) -> Any:
    """(e^x - e^-x) / 2."""
    return np.sinh(x)


@differentiable(lambda dy, y, x: dy * np.sinh(x))
def cosh(x: Any) -> Any:
    """(e^x + e^-x) / 2."""
    return np.cosh(x)


@differentiable(lambda dy, y, x: dy / np.sqrt(np.square(x) + 1))
def arcsinh(x: Any) -> Any:
    """The inverse of sinh."""
    return np.arcsinh(x)


@differentiable(lambda dy, y, x: dy / np.sqrt(np.square(x) - 1))
def arccosh(x: Any) -> Any:
    """The inverse of cosh."""
    return np.arccosh(x)


@differentiable(lambda dy, y, x: dy / (1 - np.square(x)))
def arctanh(x: Any) -> Any:
    """The inverse of tanh."""
    return np.arctanh(x)


@differentiable(
    lambda dy, y, x, x_min, x_max: dy * ((x >= x_min) & (x <= x_max)),
    otherwise=lambda x, x_min, x_max: minimum(maximum(x, x_min), x_max),
)
def clip(x: Any, x_min: Any, x_max: Any) -> Any:
    """x, at least x_min and at most x_max."""
    return np.clip(x, x_min, x_max)


@differentiable(None)
def sign(x: Any) -> Any:
    """-1, 0 or 1; without a gradient."""
    return np.sign(x)


@differentiable(None)
def floor(x: Any) -> Any:
    """The largest whole number <= x; without a gradient."""
    return np.floor(x)


@differentiable(None)
def ceil(x: Any) -> Any:
    """The smallest whole number >= x; without a gradient."""
    return np.ceil(x)


@differentiable(None)
def round(x: Any, decimals: int = 0) -> Any:
    """x to so many decimals, halves to the even neighbour; without a gradient."""
    return np.round(x, decimals)


@differentiable(None)
def trunc(x: Any) -> Any:
    """x without its decimals; without a gradient."""
    return np.trunc(x)


@differentiable(
    lambda dy, y, x, nan=0.0, posinf=None, neginf=None: dy * np.isfinite(x),
)
def nan_to_num(x: Any, nan: float = 0.0, posinf: float | None = None, neginf: float | None = None) -> Any:
    """x with numbers in place of NaN and infinities (default: 0, the largest and the smallest of the dtype)."""
    return np.nan_to_num(x, nan=nan, posinf=posinf, neginf=neginf)


@differentiable(lambda dy, y, x: dy)
def copy(x: Any) -> Any:
    """The same values in new memory."""
    return np.array(x)


@differentiable(lambda dy, y, x, dtype: dy if np.dtype(dtype).kind == "f" else np.zeros_like(dy))
def cast(x: Any, dtype: Any) -> Any:
    """x in another dtype; without a gradient if that is none of floats."""
    array = np.asarray(x)
    if array.dtype == object:
        raise ValueError(f"pydl.ops.cast: expected an array, got {x}")
    return array.astype(np.dtype(dtype))


def _length_of_batch(notes: Any, x: Any, dtype: Any) -> Any:
    return notes.by_batch("_length") if x is None and hasattr(notes, "by_batch") else NotImplemented


cast.for_batch = _length_of_batch


@differentiable(None)
def stop_gradient(variable: Any) -> Any:
    """The value, for which no gradient is taken."""
    return np.asarray(variable)
