"""Metrics of errors."""

from __future__ import annotations

import math
from typing import Any

from pydl.metrics.base import LossMetric, Metric


class MeanSquaredError(Metric):
    """mean((y_true - y_pred)^2)."""

    op = "metric_mse"


class RootMeanSquaredError(Metric):
    """sqrt(mean((y_true - y_pred)^2)), the mean being that of all rows so far."""

    op = "metric_mse"

    def result(self) -> float:
        return math.sqrt(super().result())


class MeanAbsoluteError(Metric):
    """mean(|y_true - y_pred|)."""

    op = "metric_mae"


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


class Hinge(LossMetric):
    """mean(max(1 - y_true y_pred, 0)) for targets -1 and 1, or 0 and 1: 0 stands for -1."""

    op = "loss_hinge"
