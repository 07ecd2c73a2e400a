"""Losses of classes that ask for a margin: squared and categorical hinge."""

from __future__ import annotations

from typing import Any

import numpy as np

from pydl.losses.base import KernelLoss


class SquaredHinge(KernelLoss):
    """mean(max(1 - y_true y_pred, 0)^2) over the last axis, for targets -1 and 1, or 0 and 1: 0 stands for -1.

    Parameters
    ----------
    reduction, name, dtype
        As for `Loss`.
    """

    op = "loss_squared_hinge"

    def __init__(
        self, reduction: str | None = "sum_over_batch_size", name: str = "squared_hinge", dtype: Any = None
    ) -> None:
        super().__init__(name, reduction, dtype)


class CategoricalHinge(KernelLoss):
    """max(n - p + 1, 0) with p = sum(y_true y_pred) and n = max((1 - y_true) y_pred) over the last axis, for one-hot
    targets: the class's own score is to exceed every other one by 1.

    Parameters
    ----------
    reduction, name, dtype
        As for `Loss`.
    """

    op = "loss_categorical_hinge"

    def __init__(
        self, reduction: str | None = "sum_over_batch_size", name: str = "categorical_hinge", dtype: Any = None
    ) -> None:
        super().__init__(name, reduction, dtype)


def squared_hinge(y_true: Any, y_pred: Any) -> np.ndarray:
    """`SquaredHinge` of each row, shape y_pred.shape[:-1]."""
    return SquaredHinge().each(y_true, y_pred)


def categorical_hinge(y_true: Any, y_pred: Any) -> np.ndarray:
    """`CategoricalHinge` of each row, shape y_pred.shape[:-1]."""
    return CategoricalHinge().each(y_true, y_pred)
