"""Counts of right and wrong positives: what every metric that compares predictions with thresholds is made of."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from pydl._base.arrays import align, element_weights, float_array

Array = np.ndarray


class Confusion(NamedTuple):
    """Weights of elements, by target and by `prediction > threshold`; each of shape (thresholds,) or with columns."""

    true_positives: Array
    false_positives: Array
    true_negatives: Array
    false_negatives: Array


def judged(owner: str, y_true: Any, y_pred: Any, sample_weight: Any) -> tuple[Array, Array, Array]:
    """Whether targets are positive (not 0), predictions, and float64 weights: all of one shape, (O,) or (..., O)."""
    t, y = align(owner, y_true, float_array(owner, "y_pred", y_pred), sparse=False)
    return t != 0, y, element_weights(owner, sample_weight, y.shape)


def confusion(positive: Array, y: Array, w: Array, thresholds: Array, *, by_column: bool = False) -> Confusion:
    """The counts at each of some thresholds, in rising order.

    A prediction that is NaN is above none of them; beside a negative target it counts nowhere, for it rejects nothing.
    Every other prediction is counted once, between the two thresholds that enclose it: the cost hardly depends on how
    many thresholds there are. They are compared as the predictions are rounded, so that 0.3 is not above 0.3.
    """
    n, columns = len(thresholds), y.shape[-1] if by_column else 1
    place = np.searchsorted(thresholds.astype(y.dtype), y)  # how many of them a prediction is above
    nan = np.isnan(y)
    if nan.any():
        place[nan] = 0
        w = np.where(nan & ~positive, 0.0, w)
    place = place * 2 + positive
    if by_column:
        place = place * columns + np.arange(columns)
    counts = np.bincount(place.ravel(), w.ravel(), minlength=2 * (n + 1) * columns)
    sums = counts.reshape((n + 1, 2, columns) if by_column else (n + 1, 2)).cumsum(axis=0)
    not_above, above = sums[:-1], sums[-1] - sums[:-1]
    return Confusion(above[:, 1], above[:, 0], not_above[:, 0], not_above[:, 1])


def ratio(a: Any, b: Any) -> Array:
    """a / b, 0 where b is 0."""
    a, b = np.broadcast_arrays(np.asarray(a, np.float64), np.asarray(b, np.float64))
    return np.divide(a, b, out=np.zeros(a.shape), where=b != 0)
