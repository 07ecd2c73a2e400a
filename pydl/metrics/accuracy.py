"""Metrics that count hits."""

from __future__ import annotations

from typing import Any

from pydl._base.args import real, whole
from pydl.metrics.base import Metric


class Accuracy(Metric):
    """Share of elements with y_pred == y_true."""

    op = "metric_accuracy"


class BinaryAccuracy(Metric):
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
    on_logits = ("threshold", 0.0)

    def __init__(self, name: str = "binary_accuracy", dtype: Any = None, threshold: float = 0.5) -> None:
        super().__init__(name, dtype)
        self.threshold = real("BinaryAccuracy", "threshold", threshold)

    def fields(self) -> dict[str, Any]:
        return {"a": self.threshold}


class _TopK(Metric):
    """Share of rows whose class is among the k largest predictions."""

    k: int = 1

    def fields(self) -> dict[str, Any]:
        return {"k": self.k}


class CategoricalAccuracy(_TopK):
    """Share of rows whose largest prediction stands where the largest target does (one-hot targets)."""

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

    op = "metric_categorical_accuracy"

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
    """

    op = "metric_sparse_categorical_accuracy"
    sparse = True

    def __init__(self, k: int = 5, name: str = "sparse_top_k_categorical_accuracy", dtype: Any = None) -> None:
        super().__init__(k, name, dtype)
