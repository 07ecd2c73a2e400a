"""Metrics of errors."""

from __future__ import annotations

from typing import Any

import numpy as np

from pydl._base.args import axis_of
from pydl.metrics.base import LossMetric, MeanMetric, RowMetric


class MeanSquaredError(MeanMetric):
    """mean((y_true - y_pred)^2)."""

    op = "metric_mse"


class RootMeanSquaredError(MeanMetric):
    """sqrt(mean((y_true - y_pred)^2)), the mean being that of all rows so far."""

    op = "metric_mse"
    by_element = True

    def result(self) -> Any:
        return np.sqrt(super().result())


class MeanAbsoluteError(MeanMetric):
    """mean(|y_true - y_pred|)."""

    op = "metric_mae"


class MeanAbsolutePercentageError(LossMetric):
    """100 mean(|y_true - y_pred| / max(|y_true|, 1e-7))."""

    op = "loss_mape"
    rising = False


class CosineSimilarity(RowMetric):
    """Mean of the cosines of the angles between targets and predictions: 1 for one direction, -1 for opposite ones.

    A vector of length 0 counts as at right angles to everything.

    Parameters
    ----------
    name : str, default "cosine_similarity"
    dtype
        As for `Metric`.
    axis : int, default -1
        That of the vectors.
    """

    of_whole_rows = True
    rising = True

    def __init__(self, name: str = "cosine_similarity", dtype: Any = None, axis: int = -1) -> None:
        super().__init__(name, dtype)
        self.axis = axis_of("CosineSimilarity", axis)

    def rows(self, t: np.ndarray, y: np.ndarray) -> np.ndarray:
        lengths = [np.maximum(np.linalg.norm(v, axis=self.axis), 1e-12) for v in (t, y)]
        return np.sum(t * y, axis=self.axis) / (lengths[0] * lengths[1])


class MeanSquaredLogarithmicError(LossMetric):
    """mean((log(1 + y_true) - log(1 + y_pred))^2), both numbers clipped to at least 1e-7."""

    op = "loss_msle"


class LogCoshError(LossMetric):
    """mean(log(cosh(y_pred - y_true))).

    Parameters
    ----------
    name : str, default "logcosh"
    dtype
        As for `Metric`.
    """

    op = "loss_log_cosh"

    def __init__(self, name: str = "logcosh", dtype: Any = None) -> None:
        super().__init__(name, dtype)


class Poisson(LossMetric):
    """mean(y_pred - y_true log(y_pred + 1e-7))."""

    op = "loss_poisson"
