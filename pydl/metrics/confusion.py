"""Metrics that compare predictions with thresholds: counts of right and wrong ones, and shares of them."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Real
from types import MappingProxyType
from typing import Any

import numpy as np

from pydl._base.args import optional_whole, real, whole
from pydl._base.confusion import Confusion, confusion, judged, ratio
from pydl.metrics.base import Metric

Array = np.ndarray


class _Confusion(Metric):
    """Weighted counts, for each threshold, of elements by target and by `y_pred > threshold`."""

    on_logits: tuple[str, Any] | None = ("thresholds", 0.0)

    #: Names of the variables, and which of the four counts each is.
    counted: Mapping[str, str]

    def __init__(
        self,
        thresholds: Any = None,
        top_k: int | None = None,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(name, dtype)
        owner = type(self).__name__
        several = isinstance(thresholds, list | tuple | np.ndarray)
        given = [] if thresholds is None else list(thresholds) if several else [thresholds]
        if wrong := [v for v in given if not _is_share(v)]:
            raise ValueError(f"{owner}: Threshold values must be in [0, 1]. Received: {wrong}")
        numbers = [float(v) for v in given]
        if several and not numbers:
            raise ValueError(f"{owner}: thresholds must be a number or a list of some, got {thresholds!r}")
        self.init_thresholds = None if thresholds is None else numbers if several else numbers[0]
        self.top_k = optional_whole(owner, "top_k", top_k, at_least=1)
        self.class_id = optional_whole(owner, "class_id", class_id)
        #: One for each figure; with `top_k` and none given, one that everything is above.
        self.thresholds = numbers or [0.5 if top_k is None else -np.inf]
        self.figures = len(self.thresholds)
        order = np.argsort(self.thresholds)
        self._rising, self._places = np.array(self.thresholds)[order], np.argsort(order)
        for variable in self.counted:
            setattr(self, variable, self.add_variable((self.figures,), "zeros", name=variable))

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take in a batch.

        Parameters
        ----------
        y_true, y_pred : array_like of one shape
        sample_weight : array_like, optional
            One weight per element, row or sample; axes of size one are for all.
        """
        t, y, w = judged(self.name, y_true, y_pred, sample_weight)
        if self.top_k is not None:
            y = _best(y, self.top_k)
        if self.class_id is not None:
            if y.ndim < 2 or self.class_id >= y.shape[-1]:
                classes = y.shape[-1] if y.ndim > 1 else "no"
                raise ValueError(f"{self.name}: class_id {self.class_id}: y_pred has {classes} classes")
            t, y, w = (a[..., self.class_id] for a in (t, y, w))
        found = confusion(t, y, w, self._rising)
        for variable, count in self.counted.items():
            getattr(self, variable).assign_add(getattr(found, count)[self._places])

    def result(self) -> Any:
        """The figure so far, one for each threshold if several were given."""
        figures = self._figures(*(getattr(self, variable).numpy() for variable in self.counted))
        return figures if self.figures > 1 else figures[0]

    def _figures(self, *counts: Array) -> Array:
        """The first count's share of all, 0 of none."""
        return ratio(counts[0], sum(counts))

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments as plain JSON values."""
        config = super().get_config()
        return config | {"thresholds": self.init_thresholds} if "thresholds" in config else config


def _is_share(value: Any) -> bool:
    return type(value) is not bool and isinstance(value, Real) and 0 <= float(value) <= 1


def _best(y: Array, k: int) -> Array:
    """The k largest of each row, the first ones where several are equal; minus infinity in place of the others."""
    best = np.argsort(-y, axis=-1, kind="stable")[..., :k]
    kept = np.full_like(y, -np.inf)
    np.put_along_axis(kept, best, np.take_along_axis(y, best, -1), -1)
    return kept


class Precision(_Confusion):
    """Share of the predicted positives that are positive: TP / (TP + FP), 0 where nothing is predicted positive.

    A prediction is positive where `y_pred > threshold`, a target where it is not 0. All elements of a row count.

    Parameters
    ----------
    thresholds : float or list of float, optional
        In [0, 1], default 0.5; with `top_k`, none. 0 suits logits. With a list, `result` is an array of a figure for
        each, which logs number: "precision_0", "precision_1".
    top_k : int, optional
        Only the k largest predictions of a row can be positive; one-dimensional predictions are one row.
    class_id : int, optional
        Look at this column only.
    name : str, default "precision"
    dtype
        As for `Metric`.
    """

    counted = MappingProxyType({"true_positives": "true_positives", "false_positives": "false_positives"})


class Recall(_Confusion):
    """Share of the positives that are predicted positive: TP / (TP + FN), 0 where there are no positives.

    Parameters
    ----------
    thresholds, top_k, class_id, dtype
        As for `Precision`.
    name : str, default "recall"
    """

    counted = MappingProxyType({"true_positives": "true_positives", "false_negatives": "false_negatives"})


class _Count(_Confusion):
    """One weighted count for each threshold."""

    def __init__(self, thresholds: Any = None, name: str | None = None, dtype: Any = None) -> None:
        super().__init__(thresholds, name=name, dtype=dtype)

    def _figures(self, *counts: Array) -> Array:
        return counts[0]


class TruePositives(_Count):
    """How many elements with a positive target are predicted positive, weighted.

    Parameters
    ----------
    thresholds, dtype
        As for `Precision`.
    name : str, default "true_positives"
    """

    counted = MappingProxyType({"accumulator": "true_positives"})


class TrueNegatives(_Count):
    """How many elements with the target 0 are not predicted positive, weighted; arguments as for `TruePositives`."""

    counted = MappingProxyType({"accumulator": "true_negatives"})


class FalsePositives(_Count):
    """How many elements with the target 0 are predicted positive, weighted; arguments as for `TruePositives`."""

    counted = MappingProxyType({"accumulator": "false_positives"})


class FalseNegatives(_Count):
    """How many elements with a positive target are not predicted positive, weighted; as for `TruePositives`."""

    counted = MappingProxyType({"accumulator": "false_negatives"})


_RATES = {
    "sensitivity": ("true_positives", "false_negatives"),
    "specificity": ("true_negatives", "false_positives"),
    "precision": ("true_positives", "false_positives"),
}


class _BestUnder(_Confusion):
    """The largest of one rate among the thresholds at which another one is as high as asked for."""

    rising = True
    on_logits = None
    counted = MappingProxyType({count: count for count in Confusion._fields})

    #: The rate that is wanted and the one that is bound.
    rates: tuple[str, str]

    def __init__(self, least: float, num_thresholds: int, class_id: int | None, name: str | None, dtype: Any) -> None:
        self.num_thresholds = n = whole(type(self).__name__, "num_thresholds", num_thresholds, at_least=1)
        super().__init__([i / (n - 1) for i in range(n)] if n > 1 else [0.5], None, class_id, name, dtype)
        self.figures = 1
        self._least = least

    def result(self) -> Any:
        """The figure so far; 0 before any."""
        wanted, bound = (ratio(*self._parts(rate)) for rate in self.rates)
        return np.max(np.where(bound >= self._least, wanted, 0), initial=0)

    def _parts(self, rate: str) -> tuple[Array, Array]:
        part, rest = (getattr(self, count).numpy() for count in _RATES[rate])
        return part, part + rest


class SensitivityAtSpecificity(_BestUnder):
    """The highest sensitivity TP / (TP + FN) at a threshold with TN / (TN + FP) >= `specificity`, 0 if there is none.

    Parameters
    ----------
    specificity : float in [0, 1]
    num_thresholds : int, default 200
        At equal distances from 0 to 1; a single one is 0.5.
    class_id : int, optional
        Look at this column only.
    name : str, default "sensitivity_at_specificity"
    dtype
        As for `Metric`.
    """

    rates = ("sensitivity", "specificity")

    def __init__(
        self,
        specificity: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        self.specificity = _share(self, "specificity", specificity)
        super().__init__(self.specificity, num_thresholds, class_id, name, dtype)


class SpecificityAtSensitivity(_BestUnder):
    """The highest specificity TN / (TN + FP) at a threshold with TP / (TP + FN) >= `sensitivity`, 0 if there is none.

    Parameters
    ----------
    sensitivity : float in [0, 1]
    num_thresholds, class_id, name, dtype
        As for `SensitivityAtSpecificity`.
    """

    rates = ("specificity", "sensitivity")

    def __init__(
        self,
        sensitivity: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        self.sensitivity = _share(self, "sensitivity", sensitivity)
        super().__init__(self.sensitivity, num_thresholds, class_id, name, dtype)


class PrecisionAtRecall(_BestUnder):
    """The highest precision TP / (TP + FP) at a threshold with TP / (TP + FN) >= `recall`, 0 if there is none.

    Parameters
    ----------
    recall : float in [0, 1]
    num_thresholds, class_id, name, dtype
        As for `SensitivityAtSpecificity`.
    """

    rates = ("precision", "sensitivity")

    def __init__(
        self,
        recall: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        self.recall = _share(self, "recall", recall)
        super().__init__(self.recall, num_thresholds, class_id, name, dtype)


class RecallAtPrecision(_BestUnder):
    """The highest recall TP / (TP + FN) at a threshold with TP / (TP + FP) >= `precision`, 0 if there is none.

    Parameters
    ----------
    precision : float in [0, 1]
    num_thresholds, class_id, name, dtype
        As for `SensitivityAtSpecificity`.
    """

    rates = ("sensitivity", "precision")

    def __init__(
        self,
        precision: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        self.precision = _share(self, "precision", precision)
        super().__init__(self.precision, num_thresholds, class_id, name, dtype)


def _share(metric: Metric, name: str, value: Any) -> float:
    return real(type(metric).__name__, name, value, at_least=0, at_most=1)
