"""F scores: precision and recall in one figure."""

from __future__ import annotations

from typing import Any

import numpy as np

from pydl._base.args import one_of
from pydl._base.arrays import align, element_weights, float_array
from pydl._base.confusion import ratio
from pydl.metrics.base import Metric

_COUNTS = ("true_positives", "false_positives", "false_negatives", "intermediate_weights")


class FBetaScore(Metric):
    """(1 + beta^2) P R / (beta^2 P + R), P the precision and R the recall; 0 where both are 0.

    For several classes or labels: targets and predictions are (rows, classes).

    Parameters
    ----------
    average : {None, "micro", "macro", "weighted"}, default None
        None: a figure for each class, which logs number, "f1_score_0"; "micro": that of all classes' counts together;
        "macro": the mean over classes; "weighted": their mean by how often each is a target.
    beta : float, default 1.0
        How many times as much recall weighs as precision.
    threshold : float in (0, 1], optional
        Predictions above it are positive; by default the largest one of a row, if it is not 0.
    name : str, default "fbeta_score"
    dtype
        As for `Metric`.
    """

    rising = True

    def __init__(
        self,
        average: str | None = None,
        beta: float = 1.0,
        threshold: float | None = None,
        name: str = "fbeta_score",
        dtype: Any = None,
    ) -> None:
        super().__init__(name, dtype)
        owner = type(self).__name__
        self.average = one_of(owner, "average", average, (None, "micro", "macro", "weighted"))
        if not isinstance(beta, float) or not beta > 0:
            raise ValueError(f"{owner}: beta must be a float > 0, got {beta!r}")
        if threshold is not None and not (isinstance(threshold, float) and 0 < threshold <= 1):
            raise ValueError(f"{owner}: threshold must be a float in (0, 1] or None, got {threshold!r}")
        self.beta = beta
        self.threshold = threshold

    def build(self, y_pred_shape: tuple[int | None, ...]) -> None:
        """Make the variables, a number for each class unless the average is "micro"."""
        if self.variables:
            return
        if len(y_pred_shape) != 2 or y_pred_shape[1] is None:
            raise ValueError(f"{self.name}: expected y_true and y_pred (rows, classes), got {y_pred_shape}")
        self.figures = y_pred_shape[1] if self.average is None else 1
        for count in _COUNTS:
            variable = self.add_variable(() if self.average == "micro" else y_pred_shape[1:], "zeros", name=count)
            setattr(self, count, variable)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take in a batch.

        Parameters
        ----------
        y_true, y_pred : array_like (rows, classes)
        sample_weight : array_like, optional
            One weight per row.
        """
        t, y = align(self.name, y_true, float_array(self.name, "y_pred", y_pred), sparse=False, dtype="float64")
        self.build(y.shape)
        if self.threshold is None:
            said = (y >= y.max(axis=-1, keepdims=True)) & (np.abs(y) > 1e-9)
        else:
            said = y > self.threshold
        w = element_weights(self.name, sample_weight, y.shape)
        axis = None if self.average == "micro" else 0
        for count, values in zip(_COUNTS, (said * t, said * (1 - t), ~said * t, t), strict=True):
            getattr(self, count).assign_add(np.sum(values * w, axis=axis))

    def result(self) -> Any:
        """The score so far, an array with one of each class if they are not averaged; 0 before any."""
        if not self.variables:
            return np.float64(0)
        true, false, missed, weights = (getattr(self, count).numpy() for count in _COUNTS)
        # the formula above with P = TP / (TP + FP), R = TP / (TP + FN)
        scores = ratio((1 + self.beta**2) * true, (1 + self.beta**2) * true + self.beta**2 * missed + false)
        if self.average == "weighted":
            return ratio(np.sum(scores * weights), np.sum(weights))[()]
        return scores if self.average is None else np.mean(scores)


class F1Score(FBetaScore):
    """2 P R / (P + R), P the precision and R the recall; 0 where both are 0.

    Parameters
    ----------
    average, threshold, dtype
        As for `FBetaScore`.
    name : str, default "f1_score"
    """

    def __init__(
        self, average: str | None = None, threshold: float | None = None, name: str = "f1_score", dtype: Any = None
    ) -> None:
        super().__init__(average, 1.0, threshold, name, dtype)
