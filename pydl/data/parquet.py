"""Parquet files, row group by row group."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from pydl.data.base import Batch
from pydl.data.chunked import BUFFER, ChunkedSource
from pydl.data.columns import Columns

_CHUNK = 1 << 14  # rows to decode at a time: a row group may be larger than memory
_BUFFER = 1 << 16  # bytes of a column to read at a time, likewise


def open_parquet(path: str | os.PathLike[str]) -> Any:
    """A `pyarrow.parquet.ParquetFile` that reads its columns in small pieces, not a whole row group at a time."""
    import pyarrow.parquet as pq

    return pq.ParquetFile(path, buffer_size=_BUFFER, pre_buffer=False)


class ParquetSource(ChunkedSource):
    """Rows of one or more Parquet files, of which a few thousand are in memory at a time.

    Parameters
    ----------
    path : str, path-like, or sequence of them
    target : str, optional
        The column to predict.
    features : sequence of str, optional
        The columns that are inputs, as one float32 matrix in this order; by default all others.
    sample_weight : str, optional
    transform : callable, optional
        From a pandas DataFrame of some rows to `(x, y)` or `(x, y, sample_weight)`, for columns that are not numbers.
        It must treat each row by itself, and runs in the thread that reads ahead. All columns are read, unless
        `features` names them.
    buffer : int
        Rows to shuffle at a time, after the row groups have been put into a random order.

    Raises
    ------
    FileNotFoundError
    TypeError, ValueError
        What is not a Parquet file; a column that is not there or does not hold numbers.
    """

    def __init__(
        self, path: str | os.PathLike[str] | Sequence[str | os.PathLike[str]], target: str | None = None, *,
        features: Sequence[str] | None = None, sample_weight: str | None = None,
        transform: Callable[[Any], Batch] | None = None, buffer: int = BUFFER,
    ) -> None:  # fmt: skip
        import pyarrow as pa
        import pyarrow.parquet as pq

        super().__init__(buffer)
        self.paths = [os.fspath(p) for p in ([path] if isinstance(path, str | os.PathLike) else path)]
        self._groups: list[tuple[str, int]] = []
        self.sizes = []
        names: list[str] = []
        for file in self.paths:
            try:
                about = pq.read_metadata(file)
            except pa.ArrowInvalid as error:
                raise ValueError(f'ParquetSource: "{file}" is not a Parquet file: {error}') from None
            found = list(about.schema.to_arrow_schema().names)
            if names and found != names:
                raise ValueError(f'ParquetSource: "{file}" has other columns than "{self.paths[0]}"')
            names = found
            self._groups += [(file, i) for i in range(about.num_row_groups)]
            self.sizes += [about.row_group(i).num_rows for i in range(about.num_row_groups)]
        self.rows = sum(self.sizes)
        self.columns = Columns("ParquetSource", names, target, sample_weight, features)
        self.transform = transform

    def group(self, number: int) -> Iterator[Batch]:
        path, group = self._groups[number]
        with open_parquet(path) as file:
            for part in file.iter_batches(_CHUNK, row_groups=[group], columns=self.columns.used):
                yield self.columns.batch(part.column) if self.transform is None else self.transform(part.to_pandas())
