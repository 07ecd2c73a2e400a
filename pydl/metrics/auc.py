"""AUC: the area under a curve of right against wrong positives, or of precision against recall."""

from __future__ import annotations

from typing import Any

import numpy as np

from pydl import activations
from pydl._base.args import one_of, optional_whole, real, whole
from pydl._base.confusion import Confusion, confusion, judged, ratio
from pydl._engine.state import StateVariable
from pydl.metrics.base import Metric

Array = np.ndarray

_EPSILON = 1e-7  # the outermost thresholds lie so far beyond 0 and 1


class AUC(Metric):
    """Area under a curve of points, one for each threshold.

    What is right and wrong at each threshold is counted in double, so the figure is that of all rows whatever the
    batches; it differs from the area of all distinct predictions (scikit-learn's) by what happens between thresholds.
    Predictions below 0 and above 1 count as 0 and 1; any that is NaN makes the figure NaN.

    Parameters
    ----------
    num_thresholds : int, default 200
        At equal distances from 0 to 1, at least 2.
    curve : {"ROC", "PR", "PRGAIN"}, default "ROC"
        True positives' rate over false positives' rate, precision over recall, or precision gain over recall gain
        (1 - FP P / (TP N) and 1 - FN P / (TP N), with P positive and N negative targets; Flach and Kull, NeurIPS 2015).
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

    true_positives: StateVariable

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
        given = curve.upper() if isinstance(curve, str) else curve
        self.curve = one_of("AUC", "curve", given, ("ROC", "PR", "PRGAIN"))
        given = summation_method.lower() if isinstance(summation_method, str) else summation_method
        self.summation_method = one_of("AUC", "summation_method", given, ("interpolation", "minoring", "majoring"))
        if thresholds is None:
            n = whole("AUC", "num_thresholds", num_thresholds, at_least=2)
            inner = [i / (n - 1) for i in range(1, n - 1)]
        else:
            inner = sorted(real("AUC", "thresholds", v, at_least=0, at_most=1) for v in thresholds)
        self._inner = None if thresholds is None else inner
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
        if not self.multi_label:
            self._add_counts((self.num_thresholds,))
        elif self.num_labels is not None:
            self.build((None, self.num_labels))

    @property
    def thresholds(self) -> list[float]:
        """All thresholds, those below 0 and above 1 as well."""
        return self._thresholds.tolist()

    def build(self, y_pred_shape: tuple[int | None, ...]) -> None:
        """Make the variables of `multi_label`: a column for each of predictions (rows, labels)."""
        if self.multi_label and not self.variables and len(y_pred_shape) == 2 and y_pred_shape[1] is not None:
            self._add_counts((self.num_thresholds, y_pred_shape[1]))

    def _add_counts(self, shape: tuple[int, ...]) -> None:
        for variable in Confusion._fields:
            setattr(self, variable, self.add_variable(shape, "zeros", name=variable))

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take in a batch; arguments as for `Precision`, for `multi_label` of shape (rows, labels)."""
        t, y, w = judged(self.name, y_true, y_pred, sample_weight)
        if self.from_logits:
            y = activations.sigmoid(y.astype(np.float64))
        self.build(y.shape)
        if self.multi_label and (y.ndim != 2 or y.shape[-1] != self.true_positives.shape[-1]):
            labels = self.true_positives.shape[-1] if self.variables else "labels"
            raise ValueError(f"{self.name}: expected y_pred (rows, {labels}), got {y.shape}")
        if self.label_weights is not None:
            if len(self.label_weights) != y.shape[-1]:
                raise ValueError(
                    f"{self.name}: label_weights: expected {y.shape[-1]} numbers, one for each column of y_pred, got "
                    f"{len(self.label_weights)}"
                )
            if not self.multi_label:
                w = w * np.array(self.label_weights)
        nan = np.isnan(y)
        if nan.any():
            w = np.where(nan, np.nan, w)
        found = confusion(t, np.clip(y, 0, 1), w, self._thresholds, by_column=self.multi_label)
        for variable, counts in found._asdict().items():
            getattr(self, variable).assign_add(counts)

    def result(self) -> Any:
        """The area so far; 0 before any."""
        if not self.variables:
            return np.float64(0)
        counts = Confusion(*(getattr(self, variable).numpy() for variable in Confusion._fields))
        areas = self._areas(counts).sum(axis=0)
        if self.multi_label and self.label_weights is not None:
            return ratio(areas @ np.array(self.label_weights), np.sum(self.label_weights))[()]
        return areas.mean()

    def _areas(self, c: Confusion) -> Array:
        """The area between each two neighbouring thresholds, by column."""
        true, false = c.true_positives, c.false_positives
        positive, negative = true + c.false_negatives, false + c.true_negatives
        if self.curve == "PR" and self.summation_method == "interpolation":
            return ratio(_between(true, true + false), np.maximum(positive[1:], 0))
        if self.curve == "PRGAIN":
            odds = ratio(positive, negative)
            x = np.where(true == 0, 0, np.maximum(1 - odds * ratio(c.false_negatives, true), 0))
            y = np.where(true == 0, 1, 1 - odds * ratio(false, true))
        elif self.curve == "PR":
            x, y = ratio(true, positive), ratio(true, true + false)
        else:
            x, y = ratio(false, negative), ratio(true, positive)
        left, right = y[:-1], y[1:]
        if self.summation_method == "interpolation":
            heights = (left + right) / 2
        else:
            heights = (np.minimum if self.summation_method == "minoring" else np.maximum)(left, right)
        return (x[:-1] - x[1:]) * heights

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments as plain JSON values; thresholds only if they were given."""
        config = super().get_config()
        del config["thresholds"]
        return config if self._inner is None else config | {"thresholds": self._inner}


def _between(true: Array, positive: Array) -> Array:
    """Integral of precision over true positives where both counts vary linearly between thresholds."""
    more_true, more = true[:-1] - true[1:], positive[:-1] - positive[1:]
    slope = ratio(more_true, more)
    intercept = true[1:] - slope * positive[1:]
    both = (positive[:-1] > 0) & (positive[1:] > 0)
    growth = np.where(both, ratio(positive[:-1], positive[1:]), 1)
    return slope * (more_true + intercept * np.log(growth))
