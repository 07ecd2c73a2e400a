"""Metrics that compare predictions with thresholds: counts of right and wrong ones, Precision and Recall."""

from __future__ import annotations

from typing import Any

import numpy as np

from pydl._base.args import optional_whole, real
from pydl.metrics.base import Metric, judged

Array = np.ndarray


class _Confusion(Metric):
    """Weighted counts, for each threshold, of elements by target and by `y_pred > threshold`."""

    on_logits = ("thresholds", 0.0)

    #: Whether a count is of positive targets, and whether of positive predictions.
    counted: tuple[tuple[bool, bool], ...]

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
        numbers = [real(owner, "thresholds", v) for v in given]
        if several and not numbers:
            raise ValueError(f"{owner}: thresholds must be a number or a list of some, got {thresholds!r}")
        self.thresholds = None if thresholds is None else numbers if several else numbers[0]
        self.top_k = optional_whole(owner, "top_k", top_k, at_least=1)
        self.class_id = optional_whole(owner, "class_id", class_id)
        self._thresholds = numbers or [0.5 if top_k is None else -np.inf]
        self.figures = len(self._thresholds)
        self.reset_state()

    def reset_state(self) -> None:
        self._counts = np.zeros((len(self.counted), self.figures))

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        t, y, w = judged(self.name, y_true, y_pred, sample_weight)
        if self.top_k is not None:
            y = _best(y, self.top_k)
        if self.class_id is not None:
            if self.class_id >= y.shape[-1]:
                raise ValueError(f"{self.name}: class_id {self.class_id}: y_pred has {y.shape[-1]} classes")
            t, y, w = (a[..., self.class_id] for a in (t, y, w))
        for k, threshold in enumerate(self._thresholds):
            above = y > y.dtype.type(threshold)  # as the predictions are rounded, so that 0.3 is not above 0.3
            for i, (target, prediction) in enumerate(self.counted):
                self._counts[i, k] += w[(t == target) & (above == prediction)].sum()

    def result(self) -> Any:
        """The figure so far, one for each threshold if a list was given."""
        figures = self._figures()
        return figures if isinstance(self.thresholds, list) and self.figures > 1 else float(figures[0])

    def _figures(self) -> Array:
        """The first count's share of all, 0 of none."""
        total = self._counts.sum(axis=0)
        return np.divide(self._counts[0], total, out=np.zeros(self.figures), where=total != 0)


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
        Default 0.5; with `top_k`, none. 0 suits logits. With a list, `result` is an array of a figure for each, which
        `compile` does not take.
    top_k : int, optional
        Only the k largest predictions of a row can be positive.
    class_id : int, optional
        Look at this column only.
    name : str, default "precision"
    dtype
        As for `Metric`.
    """

    counted = ((True, True), (False, True))


class Recall(_Confusion):
    """Share of the positives that are predicted positive: TP / (TP + FN), 0 where there are no positives.

    Parameters
    ----------
    thresholds, top_k, class_id, dtype
        As for `Precision`.
    name : str, default "recall"
    """

    counted = ((True, True), (True, False))


class _Count(_Confusion):
    """One weighted count for each threshold."""

    def __init__(self, thresholds: Any = None, name: str | None = None, dtype: Any = None) -> None:
        super().__init__(thresholds, name=name, dtype=dtype)

    def _figures(self) -> Array:
        return self._counts[0].copy()


class TruePositives(_Count):
    """How many elements with a positive target are predicted positive, weighted.

    Parameters
    ----------
    thresholds, dtype
        As for `Precision`.
    name : str, default "true_positives"
    """

    counted = ((True, True),)


class TrueNegatives(_Count):
    """How many elements with the target 0 are not predicted positive, weighted; arguments as for `TruePositives`."""

    counted = ((False, False),)


class FalsePositives(_Count):
    """How many elements with the target 0 are predicted positive, weighted; arguments as for `TruePositives`."""

    counted = ((False, True),)


class FalseNegatives(_Count):
    """How many elements with a positive target are not predicted positive, weighted; as for `TruePositives`."""

    counted = ((True, False),)
