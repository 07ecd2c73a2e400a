"""AUC: the area under a curve of right against wrong positives, or of precision against recall."""

from __future__ import annotations

from typing import Any

import numpy as np

from pydl import activations
from pydl._base.args import one_of, optional_whole, real, whole
from pydl.metrics.base import Metric, judged

Array = np.ndarray

_EPSILON = 1e-7  # the outermost thresholds lie so far beyond 0 and 1


class AUC(Metric):
    """Area under a curve of points, one for each threshold.

    Predictions are counted into the intervals between thresholds, in double, so the figure is that of all rows whatever
    the batches; it differs from the area of all distinct predictions (scikit-learn's) by what happens within intervals.
    Predictions below 0 and above 1 count as 0 and 1; any that is NaN makes the figure NaN.

    Parameters
    ----------
    num_thresholds : int, default 200
        At equal distances from 0 to 1, at least 2.
    curve : {"ROC", "PR"}, default "ROC"
        True positives' rate over false positives' rate, or precision over recall.
    summation_method : {"interpolation", "minoring", "majoring"}, default "interpolation"
        Between two points: the line (for "PR", the curve of Davis and Goadrich, ICML 2006), the lower or the upper one.
    name : str, default "auc"
    dtype
        As for `Metric`.
    thresholds : list of float, optional
        In [0, 1], in place of `num_thresholds`; those below 0 and above 1 come by themselves.
    multi_label : bool, default False
        The (weighted) mean of the areas of the columns, in place of one area for all elements.
    num_labels : int, optional
        For `multi_label`: how many columns there have to be.
    label_weights : list of float, optional
        Of the columns.
    from_logits : bool, default False
        Whether predictions go through the sigmoid first.
    """

    on_logits = ("from_logits", True)

    def __init__(
        self,
        num_thresholds: int = 200,
        curve: str = "ROC",
        summation_method: str = "interpolation",
        name: str | None = None,
        dtype: Any = None,
        thresholds: Any = None,
        multi_label: bool = False,
        num_labels: int | None = None,
        label_weights: Any = None,
        from_logits: bool = False,
    ) -> None:
        super().__init__(name, dtype)
        self.curve = one_of("AUC", "curve", curve, ("ROC", "PR"))
        self.summation_method = one_of(
            "AUC", "summation_method", summation_method, ("interpolation", "minoring", "majoring")
        )
        if thresholds is None:
            self.thresholds = None
            n = whole("AUC", "num_thresholds", num_thresholds, at_least=2)
            inner = [i / (n - 1) for i in range(1, n - 1)]
        else:
            inner = sorted(real("AUC", "thresholds", v, at_least=0, at_most=1) for v in thresholds)
            self.thresholds = inner
        self.num_thresholds = len(inner) + 2
        self._thresholds = np.array([-_EPSILON, *inner, 1 + _EPSILON])
        self.multi_label = bool(multi_label)
        self.num_labels = optional_whole("AUC", "num_labels", num_labels, at_least=1)
        if self.num_labels is not None and not self.multi_label:
            raise ValueError("AUC: num_labels is for multi_label=True")
        weights = (
            None if label_weights is None else [real("AUC", "label_weights", v, at_least=0) for v in label_weights]
        )
        self.label_weights = weights
        self.from_logits = bool(from_logits)
        self.reset_state()

    def reset_state(self) -> None:
        #: Weights of negative and of positive targets, by interval and, for `multi_label`, column.
        self._counts: Array | None = None

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        t, y, w = judged(self.name, y_true, y_pred, sample_weight)
        if self.from_logits:
            y = activations.sigmoid(y.astype(np.float64))
        labels = y.shape[-1]
        if self.multi_label and (y.ndim != 2 or labels != (self.num_labels or labels)):
            raise ValueError(f"{self.name}: expected y_pred (rows, {self.num_labels or 'labels'}), got {y.shape}")
        if self.label_weights is not None:
            if len(self.label_weights) != labels:
                raise ValueError(
                    f"{self.name}: label_weights: expected {labels} numbers, one for each column of y_pred, got "
                    f"{len(self.label_weights)}"
                )
            if not self.multi_label:
                w = w * np.array(self.label_weights)
        columns = labels if self.multi_label else 1
        shape = (2, self.num_thresholds, columns)
        # How many thresholds lie below a prediction, which is compared as it is rounded; at 0 one does.
        interval = np.searchsorted(self._thresholds.astype(y.dtype), np.clip(y, 0, 1)) - 1
        interval = np.clip(interval, 0, self.num_thresholds - 1)
        w = np.where(np.isnan(y), np.nan, w)
        place = np.ravel_multi_index((t.astype(int), interval, np.arange(labels) % columns), shape, mode="raise")
        counts = np.bincount(place.ravel(), w.ravel(), minlength=2 * self.num_thresholds * columns).reshape(shape)
        self._counts = counts if self._counts is None else self._counts + counts

    def result(self) -> float:
        """The area so far; 0 before any."""
        if self._counts is None:
            return 0.0
        false, true = self._counts[:, ::-1].cumsum(axis=1)[:, ::-1]  # positives at each threshold
        areas = self._areas(true, false).sum(axis=0)
        if self.multi_label and self.label_weights is not None:
            return float(_ratio(areas @ np.array(self.label_weights), np.sum(self.label_weights)))
        return float(areas.mean())

    def _areas(self, true: Array, false: Array) -> Array:
        """The area between each two neighbouring thresholds, by column."""
        recall = _ratio(true, true[0])
        if self.curve == "PR" and self.summation_method == "interpolation":
            return _between(true, true + false) / np.where(true[0] == 0, 1, true[0])
        x, y = (_ratio(false, false[0]), recall) if self.curve == "ROC" else (recall, _ratio(true, true + false))
        left, right = y[:-1], y[1:]
        if self.summation_method == "interpolation":
            heights = (left + right) / 2
        else:
            heights = (np.minimum if self.summation_method == "minoring" else np.maximum)(left, right)
        return (x[:-1] - x[1:]) * heights


def _between(true: Array, positive: Array) -> Array:
    """Integral of precision over true positives where both counts vary linearly between thresholds."""
    more_true, more = true[:-1] - true[1:], positive[:-1] - positive[1:]
    slope = _ratio(more_true, more)
    intercept = true[1:] - slope * positive[1:]
    both = (positive[:-1] > 0) & (positive[1:] > 0)
    ratio = np.where(both, _ratio(positive[:-1], positive[1:]), 1)
    return slope * (more_true + intercept * np.log(ratio))


def _ratio(a: Any, b: Any) -> Array:
    """a / b, 0 where b is 0."""
    a, b = np.broadcast_arrays(a, b)
    return np.divide(a, b, out=np.zeros(a.shape), where=b != 0)
