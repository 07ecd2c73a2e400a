"""pandas and polars frames and Arrow tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from numpy.typing import NDArray

from pydl.data.base import Batch
from pydl.data.columns import Columns
from pydl.data.indexed import IndexedSource


class FrameSource(IndexedSource):
    """Numeric columns of a table in memory. The columns stay where they are; each batch is put together from them.

    Parameters
    ----------
    frame : pandas.DataFrame, polars.DataFrame or pyarrow.Table
    target : str, optional
        The column to predict.
    features : sequence of str, optional
        The columns that are inputs, as one float32 matrix in this order; by default all others.
    sample_weight : str, optional

    Raises
    ------
    TypeError, ValueError
        What is not a table; a column that is not there or does not hold numbers.
    """

    def __init__(
        self, frame: Any, target: str | None = None, *, features: Sequence[str] | None = None,
        sample_weight: str | None = None,
    ) -> None:  # fmt: skip
        names = getattr(frame, "column_names", None)  # Arrow; the other two have `columns`
        names = getattr(frame, "columns", None) if names is None else names
        if names is None or not hasattr(frame, "__getitem__"):
            raise TypeError(
                f"FrameSource: expected a pandas or polars DataFrame or an Arrow table, got {type(frame).__name__}"
            )
        self.columns = Columns("FrameSource", list(names), target, sample_weight, features)
        self._arrays = {n: self.columns.numbers(n, frame[n]) for n in dict.fromkeys(self.columns.used)}
        self.rows = len(frame)

    def take(self, rows: NDArray[Any]) -> Batch:
        return self.columns.batch(lambda name: self._arrays[name][rows])
