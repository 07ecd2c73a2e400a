"""Metrics that count hits."""

from __future__ import annotations

from typing import Any

import numpy as np

from pydl._base.args import real, whole
from pydl._base.arrays import align, float_array
from pydl.config import floatx
from pydl.metrics.base import MeanMetric


class Accuracy(MeanMetric):
    """Share of elements with y_pred == y_true."""

    op = "metric_accuracy"
    by_element = True


class BinaryAccuracy(MeanMetric):
    """Share of elements with (y_pred > threshold) == y_true; a prediction that is NaN is never right.

    Parameters
    ----------
    name : str, default "binary_accuracy"
    dtype
        As for `Metric`.
    threshold : float, default 0.5
        0 suits logits.
    """

    op = "metric_binary_accuracy"
    counts_nan = True
    by_element = True
    on_logits = ("threshold", 0.0)

    def __init__(self, name: str = "binary_accuracy", dtype: Any = None, threshold: float = 0.5) -> None:
        super().__init__(name, dtype)
        self.threshold = real("BinaryAccuracy", "threshold", threshold)

    def fields(self) -> dict[str, Any]:
        return {"a": self.threshold}


class _TopK(MeanMetric):
    """Share of rows whose class is among the k largest predictions."""

    k: int = 1

    def fields(self) -> dict[str, Any]:
        return {"k": self.k}


class CategoricalAccuracy(_TopK):
    """Share of rows whose largest prediction stands where the largest target does (one-hot targets)."""

    of_whole_rows = True
    op = "metric_categorical_accuracy"


class SparseCategoricalAccuracy(_TopK):
    """Share of rows whose largest prediction stands at the class number y_true."""

    op = "metric_sparse_categorical_accuracy"
    sparse = True


class TopKCategoricalAccuracy(_TopK):
    """Share of rows whose class (one-hot targets) is among the k largest predictions.

    Parameters
    ----------
    k : int, default 5
    name : str, default "top_k_categorical_accuracy"
    dtype
        As for `Metric`.
    """

    op: str | None = "metric_categorical_accuracy"

    def __init__(self, k: int = 5, name: str = "top_k_categorical_accuracy", dtype: Any = None) -> None:
        super().__init__(name, dtype)
        self.k = whole(type(self).__name__, "k", k, at_least=1)


class SparseTopKCategoricalAccuracy(TopKCategoricalAccuracy):
    """Share of rows whose class number y_true is among the k largest predictions.

    Parameters
    ----------
    k : int, default 5
    name : str, default "sparse_top_k_categorical_accuracy"
    dtype
        As for `Metric`.
    from_sorted_ids : bool, default False
        Whether predictions are class numbers, the best one first, in place of a score for each class.
    """

    op: str | None = "metric_sparse_categorical_accuracy"
    sparse = True

    def __init__(
        self,
        k: int = 5,
        name: str = "sparse_top_k_categorical_accuracy",
        dtype: Any = None,
        from_sorted_ids: bool = False,
    ) -> None:
        super().__init__(k, name, dtype)
        self.from_sorted_ids = bool(from_sorted_ids)
        if self.from_sorted_ids:
            self.op = None

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        if not self.from_sorted_ids:
            super().update_state(y_true, y_pred, sample_weight)
            return
        values = sparse_top_k_categorical_accuracy(y_true, y_pred, self.k, from_sorted_ids=True)
        self._add(values, sample_weight)


def binary_accuracy(y_true: Any, y_pred: Any, threshold: float = 0.5) -> np.ndarray:
    """1 where (y_pred > threshold) == y_true, else 0, for each element; 0 where y_pred is NaN."""
    t, y = align("binary_accuracy", y_true, y_pred, sparse=False)
    return (((y > y.dtype.type(threshold)) == t) & ~np.isnan(y)).astype(floatx())


def categorical_accuracy(y_true: Any, y_pred: Any) -> np.ndarray:
    """1 for rows whose largest prediction stands where the largest target does, else 0; shape y_pred.shape[:-1]."""
    t, y = align("categorical_accuracy", y_true, y_pred, sparse=False)
    return sparse_categorical_accuracy(t.argmax(axis=-1), y)


def sparse_categorical_accuracy(y_true: Any, y_pred: Any) -> np.ndarray:
    """1 for rows whose largest prediction stands at the class number y_true, else 0; shape y_pred.shape[:-1]."""
    t, y = align("sparse_categorical_accuracy", y_true, y_pred, sparse=True)
    return ((y.argmax(axis=-1) == t) & ~np.isnan(y).any(axis=-1)).astype(floatx())


def top_k_categorical_accuracy(y_true: Any, y_pred: Any, k: int = 5) -> np.ndarray:
    """1 for rows whose class (one-hot targets) is among the k largest predictions, else 0; shape y_pred.shape[:-1]."""
    t, y = align("top_k_categorical_accuracy", y_true, y_pred, sparse=False)
    return sparse_top_k_categorical_accuracy(t.argmax(axis=-1), y, k)


def sparse_top_k_categorical_accuracy(
    y_true: Any, y_pred: Any, k: int = 5, from_sorted_ids: bool = False
) -> np.ndarray:
    """1 for rows whose class number y_true is among the k largest predictions, else 0; shape y_pred.shape[:-1].

    Equal predictions share a rank. With `from_sorted_ids`, predictions are class numbers, the best one first.
    """
    if from_sorted_ids:
        y = float_array("sparse_top_k_categorical_accuracy", "y_pred", y_pred, "float64")
        t = float_array("sparse_top_k_categorical_accuracy", "y_true", y_true, "float64").reshape(y.shape[:-1])
        return (y[..., :k] == t[..., np.newaxis]).any(axis=-1).astype(floatx())
    t, y = align("sparse_top_k_categorical_accuracy", y_true, y_pred, sparse=True)
    score = np.take_along_axis(y, t.astype(np.intp)[..., np.newaxis], axis=-1)
    return (np.sum(~(y <= score), axis=-1) < k).astype(floatx())
