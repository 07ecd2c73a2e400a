"""The coefficient of determination."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from pydl._base.args import one_of, whole
from pydl._base.arrays import align, element_weights, float_array
from pydl._base.confusion import ratio
from pydl.metrics.base import Metric

_SUMS = ("squared_sum", "sum", "total_mse", "count")


class R2Score(Metric):
    """1 - sum((y_true - y_pred)^2) / sum((y_true - mean(y_true))^2): the share of the variance that is explained.

    For targets that do not vary it is 1 if all predictions are right, else 0.

    Parameters
    ----------
    class_aggregation : {"uniform_average", "variance_weighted_average", None}, default "uniform_average"
        Of several columns: the mean of their scores, that weighted by their targets' variances, or an array of all.
    num_regressors : int, default 0
        How many features there are: the score is then the adjusted one, 1 - (1 - R2) (n - 1) / (n - features - 1).
    name : str, default "r2_score"
    dtype
        As for `Metric`.
    """

    rising = True

    def __init__(
        self,
        class_aggregation: str | None = "uniform_average",
        num_regressors: int = 0,
        name: str = "r2_score",
        dtype: Any = None,
    ) -> None:
        super().__init__(name, dtype)
        choices = (None, "uniform_average", "variance_weighted_average")
        self.class_aggregation = one_of("R2Score", "class_aggregation", class_aggregation, choices)
        self.num_regressors = whole("R2Score", "num_regressors", num_regressors)
        self.num_samples = self.add_variable((), "zeros", name="num_samples")

    def build(self, y_pred_shape: tuple[int | None, ...]) -> None:
        """Make the variables, a number for each column."""
        if len(self.variables) > 1:
            return
        if len(y_pred_shape) != 2 or y_pred_shape[1] is None:
            raise ValueError(f"{self.name}: expected y_true and y_pred (rows, columns), got {y_pred_shape}")
        self.figures = y_pred_shape[1] if self.class_aggregation is None else 1
        for name in _SUMS:
            setattr(self, name, self.add_variable(y_pred_shape[1:], "zeros", name=name))

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take in a batch.

        Parameters
        ----------
        y_true, y_pred : array_like (rows, columns)
            One-dimensional ones are taken as (rows, 1).
        sample_weight : array_like, optional
            One weight per row.
        """
        y = float_array(self.name, "y_pred", y_pred, "float64")
        t, y = align(self.name, y_true, y[:, np.newaxis] if y.ndim == 1 else y, sparse=False)
        self.build(y.shape)
        w = element_weights(self.name, sample_weight, y.shape)
        for name, values in zip(_SUMS, (t * t * w, t * w, (t - y) ** 2 * w, w), strict=True):
            getattr(self, name).assign_add(np.sum(values, axis=0))
        self.num_samples.assign_add(t.size)

    def result(self) -> Any:
        """The score so far; 0 before any."""
        if not self.num_samples:
            return np.zeros(self.figures) if self.figures > 1 else np.float64(0)
        squares, total, residual, count = (getattr(self, name).numpy() for name in _SUMS)
        variance = squares - total * ratio(total, count)
        scores = np.where(variance == 0, residual == 0, 1 - ratio(residual, variance))
        if self.class_aggregation == "uniform_average":
            scores = scores.mean()
        elif self.class_aggregation == "variance_weighted_average":
            scores = ratio(np.sum(variance * scores), np.sum(variance))[()]
        return self._adjusted(scores)

    def _adjusted(self, score: Any) -> Any:
        if not self.num_regressors:
            return score
        n, k = float(self.num_samples), self.num_regressors
        if k >= n - 1:
            warnings.warn(
                f"{self.name}: the adjusted score of {k} features needs {k + 2} values, got {n:.0f}; "
                "this is the plain score",
                stacklevel=3,
            )
            return score
        return 1 - (1 - score) * (n - 1) / (n - k - 1)
