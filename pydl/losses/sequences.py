"""The loss of sequences of labels whose times are not known."""

from __future__ import annotations

from typing import Any

import numpy as np

from pydl._base import ctc as steps
from pydl._base.arrays import float_array
from pydl.losses.base import Loss


class CTC(Loss):
    """-log of the probability of a sequence of labels, at whatever steps these are, given logits for each step.

    Class 0 stands for no label: a row of targets is labels from 1 on, then zeros. Where there are more labels than
    steps, repeated ones counted twice, the loss is infinite. It has no kernel: training calls NumPy.

    Parameters
    ----------
    reduction, name, dtype
        As for `Loss`.

    Examples
    --------
    >>> loss = pydl.losses.CTC()
    >>> loss([[1, 2, 0]], np.zeros((1, 4, 3)))  # 15 of 81 paths
    1.686399
    """

    def __init__(self, reduction: str | None = "sum_over_batch_size", name: str = "ctc", dtype: Any = None) -> None:
        super().__init__(name, reduction, dtype)

    def values_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return shape[:1]

    def call(self, y_true: Any, y_pred: Any) -> np.ndarray:
        return self._computed(y_true, y_pred)[0]

    def pullback(self, y_true: Any, y_pred: Any, factors: Any) -> np.ndarray:
        slope = self._computed(y_true, y_pred)[1]
        return slope * (factors[:, np.newaxis, np.newaxis] if np.ndim(factors) else factors)

    def _computed(self, y_true: Any, y_pred: Any) -> tuple[np.ndarray, np.ndarray]:
        y = float_array(self.name, "y_pred", y_pred)
        t = np.asarray(y_true)
        if y.ndim != 3 or t.ndim != 2 or len(t) != len(y):
            raise ValueError(
                f"{self.name}: expected y_true (batch, labels) and y_pred (batch, steps, classes), got {t.shape} and "
                f"{y.shape}"
            )
        if t.size and not (np.all(t >= 0) and np.all(t < y.shape[2])):
            raise ValueError(f"{self.name}: expected labels from 0 to {y.shape[2] - 1}, got {t.min():g} to {t.max():g}")
        labels = t.astype(np.int64)
        lengths, ends = np.count_nonzero(labels, axis=1), np.full(len(y), y.shape[1])
        losses, slope = steps.ctc(labels, y, lengths, ends, 0)
        return losses.astype(y.dtype), slope.astype(y.dtype)


def ctc(y_true: Any, y_pred: Any) -> np.ndarray:
    """`CTC` of each sample."""
    return CTC().each(y_true, y_pred)
