"""The functions of `keras.backend` that programs still call: settings, and NumPy under the names of Keras 2.

A name that is not here is looked up in `pydl.ops`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from pydl import config, ops, random
from pydl.config import backend, epsilon, floatx, image_data_format, set_epsilon, set_floatx, set_image_data_format
from pydl.config import standardize_dtype as standardize_dtype
from pydl.utils import clear_session, is_keras_tensor

__all__ = [
    "backend", "cast", "cast_to_floatx", "clear_session", "constant", "count_params", "dtype", "epsilon", "eval",
    "floatx", "get_value", "image_data_format", "int_shape", "is_float_dtype", "is_int_dtype", "is_keras_tensor",
    "ndim", "random_normal", "random_uniform", "set_epsilon", "set_floatx", "set_image_data_format", "set_value",
    "shape", "standardize_dtype", "std", "truncated_normal", "var",
]  # fmt: skip

Array = np.ndarray


def __getattr__(name: str) -> Any:
    if name in ops.__all__:
        return getattr(ops, name)
    raise AttributeError(f"module 'pydl.backend' has no attribute {name!r}")


def cast(x: Any, dtype: Any) -> Array:
    """x in another dtype."""
    return np.asarray(x).astype(dtype)


def cast_to_floatx(x: Any) -> Array:
    """x in the dtype `pydl.config.floatx()`."""
    return np.asarray(x).astype(config.floatx())


def constant(value: Any, dtype: Any = None, shape: Any = None, name: str | None = None) -> Array:
    """An array of a value, by default in `pydl.config.floatx()`."""
    array = np.asarray(value, dtype or config.floatx())
    return array if shape is None else np.broadcast_to(array, shape).copy()


def count_params(x: Any) -> int:
    """How many elements x has."""
    return int(np.prod(x.shape, dtype=np.int64))


def dtype(x: Any) -> str:
    """The name of the dtype of an array, a weight or a symbolic tensor."""
    return str(x.dtype)


def eval(x: Any) -> Array:
    """x as an array: a weight's value."""
    return np.asarray(x)


get_value = eval


def set_value(x: Any, value: Any) -> None:
    """Set the value of a weight."""
    x.assign(value)


def shape(x: Any) -> tuple[int | None, ...]:
    """The shape of an array, a weight or a symbolic tensor, as a tuple."""
    return tuple(x.shape) if hasattr(x, "shape") else np.shape(x)


int_shape = shape


def ndim(x: Any) -> int:
    """How many axes x has."""
    return len(shape(x))


def is_float_dtype(dtype: Any) -> bool:
    """Whether a dtype is of floating-point numbers."""
    return bool(np.dtype(dtype).kind == "f")


def is_int_dtype(dtype: Any) -> bool:
    """Whether a dtype is of integers."""
    return bool(np.dtype(dtype).kind in "iu")


def std(x: Any, axis: Any = None, keepdims: bool = False) -> Array:
    """The standard deviation along axes."""
    return np.asarray(x).std(axis=axis, keepdims=keepdims)


def var(x: Any, axis: Any = None, keepdims: bool = False) -> Array:
    """The variance along axes."""
    return np.asarray(x).var(axis=axis, keepdims=keepdims)


def random_normal(shape: Any, mean: float = 0.0, stddev: float = 1.0, dtype: Any = None, seed: Any = None) -> Array:
    """As `pydl.random.normal`."""
    return random.normal(shape, mean, stddev, dtype, seed)


def random_uniform(shape: Any, minval: float = 0.0, maxval: float = 1.0, dtype: Any = None, seed: Any = None) -> Array:
    """As `pydl.random.uniform`."""
    return random.uniform(shape, minval, maxval, dtype, seed)


def truncated_normal(shape: Any, mean: float = 0.0, stddev: float = 1.0, dtype: Any = None, seed: Any = None) -> Array:
    """As `pydl.random.truncated_normal`."""
    return random.truncated_normal(shape, mean, stddev, dtype, seed)
