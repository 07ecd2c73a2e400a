"""Sparse rows, of which only a batch at a time is made dense."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

import pydl

Array = NDArray[Any]

_ELEMENTS = 1 << 20  # of dense rows to predict at a time: what a CPU has cache for


class SparseBatches(pydl.utils.PyDataset):
    """Batches of a CSR matrix, in a new order for each epoch.

    Parameters
    ----------
    x : CSR matrix
    y : ndarray
    weights : ndarray or None
    batch_size : int
    order : Generator or None
        None: in the order of the rows.
    """

    def __init__(
        self, x: Any, y: Array, weights: Array | None, batch_size: int, order: np.random.Generator | None
    ) -> None:
        super().__init__()
        self.x, self.y, self.weights, self.batch_size, self.order = x, y, weights, batch_size, order
        self.rows = np.arange(x.shape[0])

    def __len__(self) -> int:
        return math.ceil(len(self.rows) / self.batch_size)

    def __getitem__(self, i: int) -> Any:
        rows = self.rows[i * self.batch_size : (i + 1) * self.batch_size]
        batch = self.x[rows].toarray(), self.y[rows]
        return batch if self.weights is None else (*batch, self.weights[rows])

    def on_epoch_begin(self) -> None:
        """Draw the order of an epoch."""
        if self.order is not None:
            self.rows = self.order.permutation(len(self.rows))


def predict(model: pydl.Model, x: Any, batch_size: int) -> Array:
    """Outputs for the rows of a CSR matrix, fewer at a time where these are wide."""
    size = min(batch_size, max(1, _ELEMENTS // x.shape[1]))
    starts = range(0, x.shape[0], size)
    parts = [model.predict(x[s : s + size].toarray(), batch_size=size, verbose=0) for s in starts]
    return np.concatenate(parts)
