"""Metrics of how targets and predictions vary together."""

from __future__ import annotations

from typing import Any

import numpy as np

from pydl._base.args import axis_of
from pydl._base.arrays import align
from pydl.config import epsilon
from pydl.metrics.base import RowMetric


def pearson_correlation(y_true: Any, y_pred: Any, axis: int = -1) -> np.ndarray:
    """Covariance over `axis` divided by both standard deviations, in [-1, 1]; NaN where one of them is 0."""
    t, y = (v - v.mean(axis=axis, keepdims=True) for v in align("pearson_correlation", y_true, y_pred, sparse=False))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.mean(t * y, axis=axis) / (t.std(axis=axis) * y.std(axis=axis))


def concordance_correlation(y_true: Any, y_pred: Any, axis: int = -1) -> np.ndarray:
    """2 covariance / (both variances + (difference of the means)^2) over `axis`, in [-1, 1]; Lin, 1989."""
    t, y = align("concordance_correlation", y_true, y_pred, sparse=False)
    apart = t.mean(axis=axis) - y.mean(axis=axis)
    covariance = np.mean((t - t.mean(axis=axis, keepdims=True)) * (y - y.mean(axis=axis, keepdims=True)), axis=axis)
    return 2 * covariance / (t.var(axis=axis) + y.var(axis=axis) + apart**2 + epsilon())


class PearsonCorrelation(RowMetric):
    """Mean over samples of the correlation of a sample's targets with its predictions.

    Parameters
    ----------
    name : str, default "pearson_correlation"
    dtype
        As for `Metric`.
    axis : int, default -1
        The axis to correlate along: with 0, that of the samples, the figure depends on the batches.
    """

    rising = True

    def __init__(self, name: str = "pearson_correlation", dtype: Any = None, axis: int = -1) -> None:
        super().__init__(name, dtype)
        self.axis = axis_of(type(self).__name__, axis)

    def rows(self, t: np.ndarray, y: np.ndarray) -> np.ndarray:
        return pearson_correlation(t, y, self.axis)


class ConcordanceCorrelation(PearsonCorrelation):
    """Mean over samples of the concordance of a sample's targets with its predictions: 1 only where they are equal.

    Parameters
    ----------
    name : str, default "concordance_correlation"
    dtype, axis
        As for `PearsonCorrelation`.
    """

    def __init__(self, name: str = "concordance_correlation", dtype: Any = None, axis: int = -1) -> None:
        super().__init__(name, dtype, axis)

    def rows(self, t: np.ndarray, y: np.ndarray) -> np.ndarray:
        return concordance_correlation(t, y, self.axis)
