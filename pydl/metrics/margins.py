"""Metrics of margins, for targets -1 and 1."""

from __future__ import annotations

from typing import Any

import numpy as np

from pydl._base.arrays import align
from pydl.metrics.base import LossMetric, RowMetric


class Hinge(LossMetric):
    """mean(max(1 - y_true y_pred, 0)) for targets -1 and 1, or 0 and 1: 0 stands for -1."""

    op = "loss_hinge"


def squared_hinge(y_true: Any, y_pred: Any) -> np.ndarray:
    """mean(max(1 - y_true y_pred, 0)^2) of each row, shape y_pred.shape[:-1]; a target 0 stands for -1."""
    t, y = align("squared_hinge", y_true, y_pred, sparse=False)
    return np.mean(np.maximum(1 - np.where(t == 0, -1, t) * y, 0) ** 2, axis=-1)


def categorical_hinge(y_true: Any, y_pred: Any) -> np.ndarray:
    """max(max((1 - y_true) y_pred) - sum(y_true y_pred) + 1, 0) of each row, for one-hot targets."""
    t, y = align("categorical_hinge", y_true, y_pred, sparse=False)
    return np.maximum(np.max((1 - t) * y, axis=-1) - np.sum(t * y, axis=-1) + 1, 0)


class SquaredHinge(RowMetric):
    """mean(max(1 - y_true y_pred, 0)^2) for targets -1 and 1, or 0 and 1: 0 stands for -1."""

    rising = False

    def rows(self, t: np.ndarray, y: np.ndarray) -> np.ndarray:
        return squared_hinge(t, y)


class CategoricalHinge(RowMetric):
    """Mean of max(best other score - score of the class + 1, 0), for one-hot targets; scores below 0 count as 0."""

    rising = False

    def rows(self, t: np.ndarray, y: np.ndarray) -> np.ndarray:
        return categorical_hinge(t, y)
