"""Metrics of margins, for targets -1 and 1, by the kernels of their losses."""

from __future__ import annotations

from pydl.metrics.base import LossMetric


class Hinge(LossMetric):
    """mean(max(1 - y_true y_pred, 0)) for targets -1 and 1, or 0 and 1: 0 stands for -1."""

    op = "loss_hinge"


class SquaredHinge(LossMetric):
    """mean(max(1 - y_true y_pred, 0)^2) for targets -1 and 1, or 0 and 1: 0 stands for -1."""

    op = "loss_squared_hinge"
    rising = False


class CategoricalHinge(LossMetric):
    """Mean of max(best other score - score of the class + 1, 0), for one-hot targets; scores below 0 count as 0."""

    op = "loss_categorical_hinge"
    of_whole_rows = True
    rising = False
