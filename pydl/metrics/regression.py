"""Metrics of errors."""

from __future__ import annotations

import math

from pydl.metrics.base import Metric


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
