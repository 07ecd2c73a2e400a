"""Checks of what users pass to models. Messages name the object, what was expected, what was given, the remedy."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from numbers import Real
from typing import Any, Protocol

import numpy as np

from pydl._base.args import real
from pydl._base.frames import as_array

Array = np.ndarray

_ROUNDING = 1e-6  # by how much targets that are mixed in float32 may leave [0, 1]


class Described(Protocol):
    """What is said of a model's input or output, a symbolic tensor."""

    name: str
    shape: tuple[int | None, ...]
    dtype: str


def numeric(owner: str, what: str, x: Any) -> Array:
    """`x` as an array of a real dtype that batches can be gathered from, without a copy if possible.

    What is missing in a frame, or masked, is NaN.

    Raises
    ------
    TypeError
        None, text, objects, complex numbers, ragged lists.
    """
    if x is None:
        raise TypeError(f"{owner}: {what} is None; expected an array of numbers")
    if hasattr(x, "__dlpack__") and not hasattr(x, "__array__"):
        x = np.from_dlpack(x)
    try:
        array = as_array(x)
    except (ValueError, TypeError) as error:
        raise TypeError(f"{owner}: {what} is not an array of numbers: {error}") from None
    if array.dtype.kind not in "biuf":
        raise TypeError(
            f"{owner}: {what}: expected an array of numbers, got dtype {array.dtype}{_first_other(x)}; convert or "
            "encode it first"
        )
    if array.dtype.itemsize > 8 or array.dtype == np.float16 or not array.dtype.isnative:
        array = array.astype(np.float64 if array.dtype.itemsize >= 8 else np.float32)
    return array


def _first_other(x: Any) -> str:
    """Which column of a frame holds no numbers."""
    if not hasattr(x, "iloc") or not hasattr(x, "columns"):
        return ""
    others = (name for i, name in enumerate(x.columns) if as_array(x.iloc[:, i]).dtype.kind not in "biuf")
    return f' (column "{next(others, "")}")'


def rows_contiguous(array: Array) -> Array:
    """The array, or a copy whose rows are contiguous and aligned."""
    inner = array.itemsize
    for d in range(array.ndim - 1, 0, -1):
        if array.shape[d] != 1 and array.strides[d] != inner:
            return array.copy()
        inner *= array.shape[d]
    return array if array.flags.aligned and array.strides[0] % array.itemsize == 0 else array.copy()


def model_input(owner: str, tensor: Described, x: Any, codes: int | None) -> Array:
    """Rows for one input of a model; if `codes` is given, they must be whole numbers below it."""
    given = array = numeric(owner, f'input "{tensor.name}"', x)
    wanted = tensor.shape[1:]
    if array.ndim == len(wanted) and wanted[-1:] == (1,):  # a last axis of size one may be left out, or be too many
        array = array[..., None]
    elif array.ndim == len(wanted) + 2 and array.shape[-1] == 1:
        array = array[..., 0]
    if array.ndim == 0 or not _fits(array.shape[1:], wanted):
        raise ValueError(
            f'{owner}: input "{tensor.name}": expected {_batch(wanted)}, got {given.shape}'
            + _input_remedy(given.shape, wanted)
        )
    bad = None if codes is None else not_below(codes, array)
    if bad is not None:
        raise ValueError(
            f'{owner}: input "{tensor.name}": its codes must be whole numbers in [0, {codes}), the input_dim of its '
            f"Embedding; got {array[bad]} in row {bad[0]}"
        )
    return rows_contiguous(_cast(owner, tensor, array))


def _cast(owner: str, tensor: Described, array: Array) -> Array:
    """Numbers for an input of whole numbers or flags, cast as `ndarray.astype` does; others as they are."""
    if tensor.dtype == "bool" and array.dtype.kind != "b":
        return array != 0
    if "int" not in tensor.dtype or array.dtype.kind != "f":
        return array
    if not np.isfinite(array).all():
        raise ValueError(
            f'{owner}: input "{tensor.name}" is of {tensor.dtype}, got NaN or infinity; drop or impute such rows'
        )
    return np.trunc(array)


def host_input(owner: str, tensor: Described, x: Any) -> Array:
    """Rows for an input that a layer in NumPy reads: text as str, numbers in the dtype of the input."""
    what, wanted = f'input "{tensor.name}"', tensor.shape[1:]
    if tensor.dtype == "string":
        array = _text(owner, what, x)
    else:
        array = _cast(owner, tensor, numeric(owner, what, x)).astype(tensor.dtype)
    if array.ndim == 1 and wanted == (1,):
        array = array[:, None]
    elif array.shape[1:] == (1,) and wanted == ():
        array = array[:, 0]
    if array.ndim == 0 or not _fits(array.shape[1:], wanted):
        raise ValueError(f"{owner}: {what}: expected {_batch(wanted)}, got {array.shape}")
    return array


def _text(owner: str, what: str, x: Any) -> Array:
    """`x` as an array of str; bytes are decoded from UTF-8."""
    if x is None:
        raise TypeError(f"{owner}: {what} is None; expected an array of text")
    array = np.asarray(x)
    if array.dtype.kind == "S":
        return np.char.decode(array, "utf-8")
    if array.dtype.kind not in "OUT":
        raise TypeError(f"{owner}: {what}: expected text, got {array.dtype}; use .astype(str)")
    texts = [v.decode() if isinstance(v, bytes) else str(v) for v in array.ravel()]
    return np.array(texts, dtype=str).reshape(array.shape)


def _fits(shape: tuple[int, ...], wanted: tuple[int | None, ...]) -> bool:
    """Whether sizes are those wanted; None stands for any but 0."""
    return len(shape) == len(wanted) and all(d == w or (w is None and d) for d, w in zip(shape, wanted, strict=True))


def not_below(n: int, array: Array) -> tuple[int, ...] | None:
    """The place of a value that is no whole number in [0, n); None if all are."""
    if array.size == 0 or (array.min() >= 0 and array.max() < n and (array.dtype.kind != "f" or _whole(array))):
        return None
    with np.errstate(invalid="ignore"):
        wrong = ~((array >= 0) & (array < n) & (array == np.floor(array)))
    return tuple(int(i) for i in np.unravel_index(np.argmax(wrong), array.shape))


def _whole(array: Array) -> bool:
    return bool((array == np.floor(array)).all())


def _input_remedy(shape: tuple[int, ...], wanted: tuple[int | None, ...]) -> str:
    if shape == wanted:
        return "; a single row needs a batch axis: x[None]"
    size = math.prod(int(d or 0) for d in wanted)
    if len(shape) > 1 and math.prod(shape[1:]) == size:
        return "; add pydl.layers.Flatten() after the Input, or reshape the data"
    return ""


def _batch(shape: Sequence[int | None]) -> str:
    return f"(batch, {', '.join(map(str, shape))})" if shape else "(batch,)"


def outputs(owner: str, tensors: Sequence[Described], out: Any, n: int) -> list[Array]:
    """`out` of a prediction of n rows: an array to write for each output."""
    given = list(out) if isinstance(out, list | tuple) else [out]
    if len(given) != len(tensors):
        raise ValueError(f"{owner}: out: expected an array for each of {len(tensors)} outputs, got {len(given)}")
    for tensor, array in zip(tensors, given, strict=True):
        what = f'{owner}: out for output "{tensor.name}": expected'
        if not isinstance(array, np.ndarray):
            raise TypeError(f"{what} a NumPy array to write into, got {type(array).__name__}")
        shape = (n, *tensor.shape[1:])
        if array.shape != shape or array.dtype != tensor.dtype:
            raise ValueError(f"{what} {tensor.dtype} of shape {shape}, got {array.dtype} of shape {array.shape}")
        if not array.flags.writeable:
            raise ValueError(f"{what} a writable array, got a read-only one")
    return given


def target(
    owner: str, name: str, expected: Any, y: Any, output_shape: tuple[int | None, ...]
) -> tuple[Array, tuple[int, ...] | None]:
    """Targets for one output, of shape (n, elements per row), and the shape of a row if it is none the output implies.

    `expected`: with attributes name, sparse, probability_targets, own_shape, names_columns, ignored and missing.
    """
    what = f'targets of output "{name}"'
    array = numeric(owner, what, y)
    features = tuple(int(d or 0) for d in output_shape[1:])
    if array.ndim == 0:
        raise ValueError(f"{owner}: {what}: expected one row per sample, got a single number")
    own = None
    if expected.sparse:
        wanted: tuple[int, ...] = features[:-1]
        if array.shape[1:] == (*wanted, 1):
            own = (*wanted, 1) if expected.own_shape else None
            array = array.reshape(len(array), *wanted)
    else:
        wanted = features
        if array.shape[1:] == wanted[:-1] and wanted[-1:] == (1,):
            array = array.reshape(len(array), *wanted)
    if array.shape[1:] != wanted and expected.own_shape:
        own = wanted = array.shape[1:]
    if array.shape[1:] != wanted:
        raise ValueError(
            f"{owner}: {what} for {expected.name}: expected shape {_batch(wanted)}, "
            f"got {array.shape}{_target_remedy(expected, array, features)}"
        )
    _check_values(owner, what, expected, array, features[-1])
    return rows_contiguous(array.reshape(len(array), math.prod(wanted))), own


def _target_remedy(expected: Any, array: Array, features: tuple[int, ...]) -> str:
    if expected.sparse and array.shape[1:] == features:
        return '; for one-hot targets use loss="categorical_crossentropy"'
    if not expected.sparse and array.shape[1:] in ((), (1,)) and features[-1] > 1 and "categorical" in expected.name:
        return '; for class numbers use loss="sparse_categorical_crossentropy" or pydl.utils.to_categorical'
    return ""


def _check_values(owner: str, what: str, expected: Any, array: Array, classes: int) -> None:
    if array.size == 0:
        return
    low, high = array.min(), array.max()
    if array.dtype.kind == "f" and not expected.missing and not (np.isfinite(low) and np.isfinite(high)):
        row = int(np.argmin(np.isfinite(array.reshape(len(array), -1)).all(axis=1)))
        raise ValueError(f"{owner}: {what}: row {row} holds NaN or infinity; drop or impute such rows")
    if expected.sparse:
        if not expected.names_columns:
            return
        if expected.ignored is not None:
            array = array[array != expected.ignored]
        wrong = not_below(classes, array)
        if wrong is not None:
            raise ValueError(
                f"{owner}: {what}: class numbers must be whole and in [0, {classes}), the output has {classes} units; "
                f"got {array[wrong]}"
            )
    elif expected.probability_targets and not (low >= -_ROUNDING and high <= 1 + _ROUNDING):
        bad = low if low < -_ROUNDING else high
        raise ValueError(
            f"{owner}: {what}: {expected.name} expects targets in [0, 1], got {bad}; if they are meant so, a function "
            f"takes them as they are: loss=lambda y_true, y_pred: pydl.losses.{expected.name}(y_true, y_pred)"
        )


def weights(owner: str, what: str, w: Any, n: int, positions: Sequence[int] = ()) -> Array:
    """Sample weights `(n,)`, or, for an output with axes of positions (steps; rows and columns), one for each along the
    first axes or all of them, as `(n, how many)`."""
    array = numeric(owner, what, w)
    allowed = [tuple(positions[:k]) for k in range(len(positions), -1, -1)]
    given = array.shape[1:]
    if array.ndim == 0 or len(array) != n or not any(given in (axes, (*axes, 1)) for axes in allowed):
        more = "".join(
            f", or {(n, *axes)}, one per {'step' if len(axes) == 1 else 'position'}" for axes in allowed[-2::-1]
        )
        raise ValueError(f"{owner}: {what}: expected shape ({n},), one weight per sample{more}, got {array.shape}")
    array = array.reshape(n, -1) if any(given in (axes, (*axes, 1)) for axes in allowed[:-1]) else array.reshape(n)
    if not np.isfinite(array).all():
        raise ValueError(f"{owner}: {what}: expected finite numbers, got NaN or infinity")
    return rows_contiguous(array)


def class_weights(owner: str, table: Any, y: Array, classes: int, sparse: bool) -> Array:
    """The weight of each sample's class; classes that `table` does not name weigh 1."""
    if not isinstance(table, Mapping) or not all(isinstance(k, Real) and k % 1 == 0 for k in table):
        raise TypeError(f"{owner}: class_weight: expected a dict from class numbers to weights, got {table!r}")
    n = classes if classes > 1 else 2
    unknown = sorted(k for k in table if not 0 <= k < n)
    if unknown:
        raise ValueError(f"{owner}: class_weight: class {unknown[0]} is not in [0, {n})")
    per_class = np.ones(n)
    for k, weight in table.items():
        per_class[int(k)] = real(owner, f"class_weight[{k}]", weight)
    if y.shape[1] != (1 if sparse else classes):
        raise ValueError(f"{owner}: class_weight: expected one class per sample; use sample_weight for sequences")
    labels = y[:, 0] if sparse or classes == 1 else y.argmax(axis=1)
    numbers = labels.astype(np.int64)
    if (numbers != labels).any() or numbers.min(initial=0) < 0 or numbers.max(initial=0) >= n:
        raise ValueError(f"{owner}: class_weight: the targets are not class numbers in [0, {n}); use sample_weight")
    return per_class[numbers]


def same_length(owner: str, named: Sequence[tuple[str, Array]], *, minimum: int = 1) -> int:
    """The number of rows that all arrays have."""
    n = len(named[0][1])
    for name, array in named[1:]:
        if len(array) != n:
            raise ValueError(
                f"{owner}: expected arrays of one length, got {named[0][0]} with {n} rows and {name} with {len(array)}"
            )
    if n < minimum:
        raise ValueError(f"{owner}: expected at least {minimum} row, got {n}")
    return n


def batch_size(owner: str, value: Any) -> int:
    """`batch_size`, 32 if it is None."""
    if value is None:
        return 32
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise TypeError(f"{owner}: batch_size: expected an int >= 1, got {value!r}")
    if value < 1:
        raise ValueError(f"{owner}: batch_size: expected an int >= 1, got {value}")
    return int(value)
