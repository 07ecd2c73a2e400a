"""Mean and sum of values that come from anywhere."""

from __future__ import annotations

from typing import Any

import numpy as np

from pydl._base.arrays import element_weights, float_array
from pydl.metrics.base import MeanMetric, Metric


class Sum(Metric):
    """The (weighted) sum of values: `update_state(values, sample_weight=None)`.

    Parameters
    ----------
    name : str, default "sum"
    dtype
        As for `Metric`.
    """

    def __init__(self, name: str = "sum", dtype: Any = None) -> None:
        super().__init__(name, dtype)
        self.total = self.add_variable((), "zeros", name="total")

    def update_state(self, values: Any, sample_weight: Any = None) -> None:
        """Take in values of any shape, with weights of the same shape or of its beginning."""
        given = float_array(self.name, "values", values, "float64")
        self.total.assign_add(np.sum(given * element_weights(self.name, sample_weight, given.shape)))

    def result(self) -> Any:
        """The sum so far."""
        return np.float64(self.total)


class Mean(MeanMetric):
    """The (weighted) mean of values: `update_state(values, sample_weight=None)`.

    Parameters
    ----------
    name : str, default "mean"
    dtype
        As for `Metric`.
    """

    def __init__(self, name: str = "mean", dtype: Any = None) -> None:
        super().__init__(name, dtype)

    def update_state(self, values: Any, sample_weight: Any = None) -> None:  # type: ignore[override]
        """Take in values of any shape, with weights of the same shape or of its beginning."""
        self._add(float_array(self.name, "values", values, "float64"), sample_weight)
