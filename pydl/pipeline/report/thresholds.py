"""What each threshold makes of the probabilities of two classes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

_EVEN = np.arange(1, 10) / 10
_RANKED = (0.01, 0.02, 0.05, 0.1, 0.2)  # shares of the rows, those of the highest probabilities


@dataclass(frozen=True)
class Threshold:
    """What comes of predicting the positive class from a probability on.

    Attributes
    ----------
    at : float
    precision : float or None
        True positives / predicted positives; None where nothing is predicted positive.
    recall : float
        True positives / positives: the gain, what share of all positives lies among the rows predicted so.
    f1 : float
        2 precision recall / (precision + recall).
    share : float
        Predicted positives / rows.
    lift : float or None
        Precision / share of positives in all rows: how many times more than among rows drawn by chance.
    """

    at: float
    precision: float | None
    recall: float
    f1: float
    share: float
    lift: float | None


def table(positive: Array, p: Array, used: float = 0.5) -> list[Threshold]:
    """Thresholds 0.1 to 0.9, those that take about 1, 2, 5, 10 and 20 % of the rows, and the one in use, in order.

    Parameters
    ----------
    positive : ndarray of bool (rows,)
    p : ndarray (rows,)
        Probabilities of the positive class.
    used : float
        The threshold that predictions go by.

    Returns
    -------
    list of Threshold
        Empty where the rows are all positive, or none of them is.
    """
    count = int(positive.sum())
    if not 0 < count < len(positive):
        return []
    ranked = np.quantile(p, 1 - np.array(_RANKED), method="higher")
    found = []
    for at in np.unique([used, *_EVEN, *(float(f"{value:.3g}") for value in ranked)]):  # as it is shown
        taken = p >= at
        predicted, hits = int(taken.sum()), int((taken & positive).sum())
        precision = hits / predicted if predicted else None
        found.append(Threshold(
            float(at), precision, hits / count, 2 * hits / (predicted + count), predicted / len(p),
            None if precision is None else precision * len(p) / count,
        ))  # fmt: skip
    return found
