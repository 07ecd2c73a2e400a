"""Arrays of what has gaps or columns of several types: masked arrays, frames and series of any library."""

from __future__ import annotations

from contextlib import suppress
from numbers import Real
from typing import Any

import numpy as np


def as_array(x: Any) -> np.ndarray:
    """`x` as NumPy sees it, where that loses nothing; else the numbers in it, with NaN for those that are missing.

    A sparse matrix is taken with its zeros. What a mask hides is missing. Columns of truth values beside numbers are 1
    and 0. What is no number stays as it is, for the caller to refuse.
    """
    if hasattr(x, "mask") and hasattr(x, "filled"):
        return _unmasked(x)
    if is_sparse(x):
        return np.asarray(x.toarray())
    array = np.asarray(x)
    if array.dtype != object or isinstance(x, np.ndarray):
        return array
    if hasattr(x, "iloc") and array.ndim == 2:
        columns = [as_array(x.iloc[:, i]) for i in range(array.shape[1])]
        return np.stack(columns, axis=1) if all(c.dtype.kind in "biuf" for c in columns) else array
    return _numbers(x, array) if hasattr(x, "to_numpy") else array


def is_sparse(x: Any) -> bool:
    """Whether it is a matrix or array of SciPy's that keeps what is not zero alone."""
    return hasattr(x, "toarray") and hasattr(x, "nnz")


def _unmasked(x: Any) -> np.ndarray:
    if not x.mask.any():
        return np.asarray(x.data)
    if x.dtype.kind not in "biuf":
        return np.asarray(x.data, dtype=object)
    return np.asarray(x.filled(np.nan) if x.dtype.kind == "f" else x.astype(np.float64).filled(np.nan))


def _numbers(series: Any, array: np.ndarray) -> np.ndarray:
    """The values of a column, if all of them are numbers or missing."""
    from decimal import Decimal  # a column of objects is rare

    with suppress(TypeError):  # only pandas has `na_value`, and an NA that is no number
        array = series.to_numpy(dtype=object, na_value=None)
    kinds = (Real, Decimal, np.bool_, type(None))
    return array.astype(np.float64) if all(isinstance(v, kinds) for v in array.flat) else array


def array_of_any(x: Any) -> np.ndarray:
    """An array of numbers or of str; bytes and objects become str, and what is missing "nan" or "None"."""
    try:
        array = as_array(x) if not isinstance(x, list | tuple) else np.array(x)
    except (TypeError, ValueError):
        array = np.asarray(x, dtype=object)
    if array.dtype.kind == "S":
        return np.char.decode(array, "utf-8")
    if array.dtype.kind in "OT":
        if rows := next((v for v in array.ravel() if isinstance(v, list | tuple | np.ndarray)), None):
            raise ValueError(
                f"expected rows of the same length, or one value each, got some such as {rows!r:.60}; fill them up, as "
                "utils.pad_sequences does"
            )
        texts = [v.decode() if isinstance(v, bytes) else str(v) for v in array.ravel()]
        return np.array(texts, dtype=str).reshape(array.shape)
    return array
