"""What users hand to losses, metrics and activations, made into float arrays that fit each other."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from pydl._base.frames import as_array
from pydl.config import floatx


def float_array(owner: str, name: str, x: Any, dtype: str | None = None) -> np.ndarray:
    """`x` as a C-ordered array of `dtype`: by default its own if `x` is a float32 or float64 array, else floatx.

    Raises TypeError for anything but numbers.
    """
    try:
        array = as_array(x)
    except ValueError as error:
        raise TypeError(f"{owner}: {name} must be an array of numbers: {error}") from None
    if array.dtype.kind not in "biuf":
        raise TypeError(f"{owner}: {name} must be an array of numbers, got {array.dtype} ({type(x).__name__})")
    if dtype is None:
        own = hasattr(x, "dtype") and array.dtype in (np.float32, np.float64)
        dtype = array.dtype.name if own else floatx()
    return np.asarray(array, dtype=dtype, order="C")


def align(
    owner: str, y_true: Any, y_pred: Any, *, sparse: bool, dtype: str | None = None, labels: bool = True
) -> tuple[np.ndarray, np.ndarray]:
    """Targets and predictions of one dtype and fitting shapes; the last axis of predictions is that of the outputs.

    Parameters
    ----------
    owner : str
        For the message.
    y_true : array_like
        The shape of `y_pred`; for `sparse` ones that without the last axis. A last axis of size one may be missing
        from, or too much in, one of the two.
    y_pred : array_like, shape (..., O)
    sparse : bool
        Whether targets are class numbers.
    dtype : str, optional
        As for `float_array`.
    labels : bool, default True
        Whether `sparse` targets must name columns of `y_pred`.

    Raises
    ------
    ValueError
        Shapes that do not fit, class numbers out of range.
    """
    y = float_array(owner, "y_pred", y_pred, dtype)
    t = float_array(owner, "y_true", y_true, y.dtype.name)
    if sparse:
        if y.ndim and t.shape == (*y.shape[:-1], 1):
            t = t[..., 0]
        wanted = y.shape[:-1]
    else:
        t, y = of_one_rank(t, y)
        wanted = y.shape
    if y.ndim == 0 or t.shape != wanted:
        what = (
            "expected class numbers, one per row of y_pred" if sparse else "targets must have the same shape as y_pred"
        )
        raise ValueError(f"{owner}: {what}; got y_true {np.shape(y_true)} and y_pred {np.shape(y_pred)}")
    if sparse and labels:
        check_labels(owner, y_true, y.shape[-1])
    return t, y


def of_one_rank(t: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both, and the one that lacks the other's last axis, of size one, with it."""
    if y.shape == (*t.shape, 1):
        return t[..., np.newaxis], y
    return (t, y[..., np.newaxis]) if t.shape == (*y.shape, 1) else (t, y)


def check_labels(owner: str, labels: Any, classes: int) -> None:
    """Raise ValueError unless all `labels` are whole numbers in [0, classes); the message names the first bad one."""
    labels = np.asarray(labels)
    good = (labels >= 0) & (labels < classes)
    if labels.dtype.kind == "f":
        good &= labels == np.floor(labels)
    if not good.all():
        bad = labels[~good].ravel()[0] if labels.ndim else labels
        raise ValueError(
            f"{owner}: class numbers must be whole numbers in [0, {classes}), as the predictions have {classes} "
            f"classes; got {bad}"
        )


def row_weights(owner: str, sample_weight: Any, rows: tuple[int, ...]) -> np.ndarray:
    """Sample weights in float64, one for each of `rows`.

    Parameters
    ----------
    sample_weight : float or array_like
        Its shape is `rows` or the beginning of it (one weight then counts for all rows of a sample), optionally with a
        last axis of size one.

    Raises
    ------
    ValueError
        Any other shape.
    """
    w = float_array(owner, "sample_weight", sample_weight, "float64")
    if w.ndim > 1 and w.shape[-1] == 1 and w.shape != rows[: w.ndim]:
        w = w[..., 0]
    if w.shape != rows[: w.ndim]:
        raise ValueError(f"{owner}: expected sample_weight of shape {rows}, got {np.shape(sample_weight)}")
    return np.broadcast_to(w.reshape(w.shape + (1,) * (len(rows) - w.ndim)), rows)


def element_weights(owner: str, sample_weight: Any, shape: tuple[int, ...]) -> np.ndarray:
    """Sample weights in float64, one for each element of an array of `shape`; None stands for ones.

    Parameters
    ----------
    sample_weight : float or array_like, optional
        A number, or of the first axes of `shape`, each of which may have size one, as may one axis more.

    Raises
    ------
    ValueError
        Any other shape.
    """
    if sample_weight is None:
        return np.ones(shape)
    w = float_array(owner, "sample_weight", sample_weight, "float64")
    if w.ndim > len(shape) and w.shape[-1] == 1:
        w = w[..., 0]
    if w.ndim > len(shape) or any(a not in (1, b) for a, b in zip(w.shape, shape, strict=False)):
        raise ValueError(
            f"{owner}: expected sample_weight of shape {shape}, or of its first axes, got {np.shape(sample_weight)}"
        )
    return np.broadcast_to(w.reshape(w.shape + (1,) * (len(shape) - w.ndim)), shape)


def weighted_sums(owner: str, values: np.ndarray, sample_weight: Any) -> tuple[float, float]:
    """Sum over samples of their mean weighted value, and of their mean weight (of ones without weights).

    Parameters
    ----------
    values : array (N, ...) or a single number
        Of samples, or of their rows or elements.
    sample_weight
        As for `element_weights`.
    """
    samples = len(values) if values.ndim else 1
    per_sample = max(values.size // samples, 1) if samples else 1
    if sample_weight is None:
        return float(np.sum(values, dtype=np.float64)) / per_sample, float(samples)
    if not values.ndim:
        values = np.broadcast_to(values, np.shape(sample_weight) or (1,))
        per_sample = max(values.size // len(values), 1)
    w = element_weights(owner, sample_weight, values.shape)
    return float(np.sum(values * w, dtype=np.float64)) / per_sample, float(np.sum(w)) / per_sample


def sizes(y: np.ndarray) -> dict[str, int]:
    """B and O of an array of shape (..., O), for a kernel."""
    return {"B": math.prod(y.shape[:-1]), "O": y.shape[-1] if y.ndim else 1}
