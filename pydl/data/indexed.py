"""Sources whose rows can be had by number."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pydl._base.random import permutation
from pydl.data.base import Batch, Source

Array = NDArray[Any]


class IndexedSource(Source):
    """Rows by number: shuffled over all of them. A subclass sets `rows` and writes `take`."""

    rows: int

    def take(self, rows: Array) -> Batch:
        """The batch of these rows.

        Parameters
        ----------
        rows : int64 array
        """
        raise NotImplementedError

    def subset(self, rows: Any) -> Source:
        """A source of some of the rows, in the order given.

        Parameters
        ----------
        rows : slice, or array of row numbers or of one bool per row
        """
        return Subset(self, row_numbers(type(self).__name__, rows, self.rows))

    def _read(self, batch_size: int, seed: int | None, start: int, stop: int | None) -> Iterator[Batch]:
        order = np.arange(self.rows) if seed is None else permutation(self.rows, seed)
        end = self.rows if stop is None else min(self.rows, stop * batch_size)
        for first in range(start * batch_size, end, batch_size):
            yield self.take(order[first : min(first + batch_size, end)])


class Subset(IndexedSource):
    """Some of the rows of another source."""

    def __init__(self, of: IndexedSource, numbers: Array) -> None:
        self.of, self.numbers, self.rows = of, numbers, len(numbers)

    def take(self, rows: Array) -> Batch:
        return self.of.take(self.numbers[rows])

    def subset(self, rows: Any) -> Source:
        return Subset(self.of, self.numbers[row_numbers("Subset", rows, self.rows)])


def row_numbers(owner: str, rows: Any, n: int) -> Array:
    """A slice, a mask or row numbers as int64 numbers from 0 to n - 1."""
    if isinstance(rows, slice):
        return np.arange(n)[rows]
    numbers = np.asarray(rows)
    if numbers.dtype == bool and numbers.shape == (n,):
        return np.flatnonzero(numbers)
    if numbers.ndim != 1 or (numbers.size and numbers.dtype.kind not in "iu"):
        raise TypeError(
            f"{owner}: rows: expected a slice, row numbers or {n} bools, got {numbers.dtype} {numbers.shape}"
        )
    numbers = numbers.astype(np.int64)
    if numbers.size and not (-n <= numbers.min() and numbers.max() < n):
        raise ValueError(f"{owner}: rows: expected numbers below {n}, got {numbers.min()} to {numbers.max()}")
    return np.where(numbers < 0, numbers + n, numbers)
