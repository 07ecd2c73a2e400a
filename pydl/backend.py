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
from pydl.variable import Variable, name_scope

__all__ = [
    "backend", "batch_dot", "batch_flatten", "bias_add", "cast_to_floatx", "clear_session", "constant", "count_params",
    "dropout", "dtype", "epsilon", "eval", "flatten", "floatx", "gather", "get_value", "image_data_format", "int_shape",
    "is_float_dtype", "is_int_dtype", "is_keras_tensor", "l2_normalize", "name_scope", "ndim", "permute_dimensions",
    "random_normal", "random_uniform", "repeat_elements", "set_epsilon", "set_floatx", "set_image_data_format",
    "set_value", "shape", "standardize_dtype", "truncated_normal", "update", "update_add", "update_sub", "variable",
]  # fmt: skip

# Names of Keras 2 that `pydl.ops` has by others.
_RENAMED = {"pow": "power", "identity": "copy", "reverse": "flip"}

Array = np.ndarray


def __getattr__(name: str) -> Any:
    if _RENAMED.get(name, name) in ops.__all__:
        return getattr(ops, _RENAMED.get(name, name))
    raise AttributeError(f"module 'pydl.backend' has no attribute {name!r}")


def cast_to_floatx(x: Any) -> Any:
    """x in the dtype `pydl.config.floatx()`."""
    return ops.cast(x, config.floatx())


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


def batch_dot(x: Any, y: Any, axes: Any = None) -> Any:
    """For each sample, the sums of products along an axis of x and one of y, which are counted with the batch.

    Parameters
    ----------
    axes : int or tuple of two int, optional
        Default: the last axis of x, of y the last but one, or the only one.
    """
    axes = (x.ndim - 1, max(y.ndim - 2, 1)) if axes is None else axes
    of_x, of_y = (axes, axes) if isinstance(axes, int) else axes
    of_x, of_y = of_x % x.ndim, of_y % y.ndim
    left, right = "abcdefgh"[: x.ndim], "a" + "jklmnop"[: y.ndim - 1]
    right = right[:of_y] + left[of_x] + right[of_y + 1 :]
    rest = left.replace(left[of_x], "")[1:] + right.replace(left[of_x], "")[1:]
    found = ops.einsum(f"{left},{right}->a{rest}", x, y)
    return found if rest else ops.expand_dims(found, 1)


def batch_flatten(x: Any) -> Any:
    """Each sample as one row."""
    return ops.reshape(x, (-1, int(np.prod(x.shape[1:]))))


def bias_add(x: Any, bias: Any, data_format: str | None = None) -> Any:
    """The sum of a tensor and a row that stands along its last axis."""
    return ops.add(x, bias)


def dropout(x: Any, level: float, noise_shape: Any = None, seed: Any = None) -> Any:
    """As `pydl.random.dropout`."""
    return random.dropout(x, level, noise_shape, seed)


def flatten(x: Any) -> Any:
    """All elements in one row."""
    return ops.reshape(x, (-1,))


def gather(reference: Any, indices: Any) -> Any:
    """Rows by their numbers."""
    return ops.take(reference, indices, axis=0)


def l2_normalize(x: Any, axis: Any = None) -> Any:
    """x divided by its Euclidean norm along an axis."""
    return ops.multiply(x, ops.rsqrt(ops.maximum(ops.sum(ops.square(x), axis=axis, keepdims=True), 1e-12)))


def permute_dimensions(x: Any, pattern: Any) -> Any:
    """x with its axes in this order."""
    return ops.transpose(x, tuple(pattern))


def repeat_elements(x: Any, rep: int, axis: int) -> Any:
    """Each element along an axis, so many times."""
    return ops.repeat(x, rep, axis)


def update(x: Any, new_x: Any) -> Any:
    """Set the value of a weight, and return the weight."""
    x.assign(new_x)
    return x


def update_add(x: Any, increment: Any) -> Any:
    """Add to the value of a weight, and return the weight."""
    x.assign_add(increment)
    return x


def update_sub(x: Any, decrement: Any) -> Any:
    """Subtract from the value of a weight, and return the weight."""
    x.assign_sub(decrement)
    return x


def variable(value: Any, dtype: Any = None, name: str | None = None, constraint: Any = None) -> Variable:
    """As `pydl.Variable`."""
    made = Variable(value, dtype=dtype, name=name)
    made.constraint = constraint
    return made


def random_normal(shape: Any, mean: float = 0.0, stddev: float = 1.0, dtype: Any = None, seed: Any = None) -> Array:
    """As `pydl.random.normal`."""
    return random.normal(shape, mean, stddev, dtype, seed)


def random_uniform(shape: Any, minval: float = 0.0, maxval: float = 1.0, dtype: Any = None, seed: Any = None) -> Array:
    """As `pydl.random.uniform`."""
    return random.uniform(shape, minval, maxval, dtype, seed)


def truncated_normal(shape: Any, mean: float = 0.0, stddev: float = 1.0, dtype: Any = None, seed: Any = None) -> Array:
    """As `pydl.random.truncated_normal`."""
    return random.truncated_normal(shape, mean, stddev, dtype, seed)
