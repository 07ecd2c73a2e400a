"""Arrays in memory or mapped from a file."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pydl._base.check import numeric
from pydl.data import nested
from pydl.data.base import Batch, Source
from pydl.data.indexed import IndexedSource


class ArraySource(IndexedSource):
    """Arrays, or lists or dicts of them by input and output; memory maps (`numpy.load(..., mmap_mode="r")`) included.

    `fit` gathers the rows of a batch in C where the arrays lie; nothing is copied and no thread is needed.

    Parameters
    ----------
    x, y, sample_weight : array, or list or dict of arrays

    Attributes
    ----------
    arrays : tuple
        `(x, y, sample_weight)`, None for what there is not.

    Raises
    ------
    TypeError, ValueError
        What is not an array of numbers; different lengths; weights without targets.
    """

    def __init__(self, x: Any, y: Any = None, sample_weight: Any = None) -> None:
        owner = type(self).__name__
        if y is None and sample_weight is not None:
            raise ValueError(f"{owner}: sample_weight without y; pass the targets as well")
        given = (x, y, sample_weight)
        if x is None:
            raise TypeError(f"{owner}: x is None; expected an array of numbers")
        self.arrays = tuple(
            nested.over(value, partial(numeric, owner, name))
            for name, value in zip(("x", "y", "sample_weight"), given, strict=True)
        )
        self.rows = nested.length(owner, self.arrays)

    def take(self, rows: NDArray[Any]) -> Batch:
        return tuple(nested.take(value, rows) for value in self.arrays if value is not None)

    def subset(self, rows: Any) -> Source:
        """A source of some of the rows: views for a slice, else rows that are gathered batch by batch."""
        if isinstance(rows, slice):
            return ArraySource(*nested.take(self.arrays, rows))
        numbers = np.asarray(rows)
        if numbers.ndim == 1 and numbers.dtype.kind in "iu" and len(numbers) and (np.diff(numbers) == 1).all():
            first = int(numbers[0])
            if first >= 0 and first + len(numbers) <= self.rows:
                return ArraySource(*nested.take(self.arrays, slice(first, first + len(numbers))))
        return super().subset(rows)
