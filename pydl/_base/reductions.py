"""How the values of a loss become one number: weights, masks, sums and means."""

from __future__ import annotations

from typing import Any

import numpy as np

from pydl._base.arrays import row_weights

#: None and "none" keep the values; the first two are the same.
REDUCTIONS = ("sum_over_batch_size", "mean", "mean_with_sample_weight", "sum", "none", None)


def of_what_counts(mask: np.ndarray, reduction: str | None) -> np.ndarray:
    """A mask as weights: a mean over all values then is one over those that count."""
    weights = np.asarray(mask != 0, np.float64)
    if reduction in ("sum_over_batch_size", "mean"):
        weights *= weights.size / max(float(weights.sum()), 1.0)
    return weights


def reduced(owner: str, values: np.ndarray, sample_weight: Any, mask: Any, reduction: str | None) -> np.ndarray:
    """The values times their weights, summed up as `reduction` says: in float64, of shape () unless that is None.

    Parameters
    ----------
    owner : str
        For the message.
    values : ndarray
    sample_weight : float or array_like, optional
        As for `row_weights`. A single value, of a whole batch, may have weights of any shape: it then counts once for
        each.
    mask : array_like, optional
        What counts, of the shape that weights may have.
    """
    values = np.asarray(values, np.float64)
    weights = None
    for given, is_mask in ((sample_weight, False), (mask, True)):
        if given is None:
            continue
        if values.ndim == 0:
            values = np.broadcast_to(values, np.shape(given))
        w = row_weights(owner, given, values.shape)
        w = of_what_counts(w, reduction) if is_mask else w
        weights = w if weights is None else weights * w
    if weights is not None:
        values = values * weights
    if reduction in (None, "none"):
        return values
    total = values.sum()
    if reduction == "sum":
        return np.asarray(total)
    divisor = float(values.size if weights is None or reduction != "mean_with_sample_weight" else weights.sum())
    return np.asarray(total / divisor if divisor else 0.0)
