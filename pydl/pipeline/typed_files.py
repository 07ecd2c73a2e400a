"""Files whose columns have types: NPZ, Parquet and Arrow."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow
import pyarrow.parquet
from numpy.typing import NDArray

from pydl.data.parquet import open_parquet


def read_npz(path: Path) -> pd.DataFrame:
    """Each array of one row per entry; one of two or more axes gives a column for each number of a row."""
    with np.load(path, allow_pickle=False) as arrays:
        found = {name: _array(path, arrays, name) for name in arrays.files}
    lengths = {name: a.shape[0] if a.ndim else 0 for name, a in found.items()}
    if not found or len(set(lengths.values())) != 1:
        raise ValueError(f"{path}: expected arrays of equal length, got {lengths or 'none'}")
    columns: dict[str, Any] = {}
    for name, array in found.items():
        array = array.astype(array.dtype.newbyteorder("="), copy=False)
        if array.ndim == 1:
            columns[name] = array
        else:
            rows = array.reshape(len(array), -1)
            columns |= {f"{name}{i}": rows[:, i] for i in range(rows.shape[1])}
    return pd.DataFrame(columns)


def _array(path: Path, arrays: Any, name: str) -> NDArray[Any]:
    """An array of numbers, text or dates."""
    try:
        found = arrays[name]
    except ValueError as error:
        if "allow_pickle" not in str(error):
            raise
        raise ValueError(f'{path}: array "{name}" holds Python objects, which are not read; save it as text') from None
    if not isinstance(found, np.ndarray):
        raise ValueError("a zip file of something else than arrays; save a spreadsheet as CSV first")
    if found.dtype.kind not in "biufSUMm" or (found.dtype.kind == "f" and found.dtype.itemsize > 8):
        raise ValueError(f'{path}: array "{name}" holds {found.dtype}; expected numbers, text or dates')
    return found


def read_parquet(path: Path) -> pd.DataFrame:
    return pyarrow.parquet.read_table(path).to_pandas(ignore_metadata=True, integer_object_nulls=True)


def read_arrow(path: Path) -> pd.DataFrame:
    with pyarrow.memory_map(os.fspath(path)) as source:
        table = _arrow_reader(source).read_all()
        table.validate(full=True)  # or offsets that point anywhere would be followed
        return table.to_pandas(ignore_metadata=True, integer_object_nulls=True)


def _arrow_reader(source: Any) -> Any:
    """A file with a footer, or else a stream."""
    try:
        return pyarrow.ipc.open_file(source)
    except pyarrow.ArrowInvalid:
        source.seek(0)
        return pyarrow.ipc.open_stream(source)


def batches(path: Path, kind: str, rows: int) -> Iterator[pyarrow.RecordBatch]:
    """The rows of a Parquet or Arrow file in pieces of at most `rows`."""
    if kind == "parquet":
        with open_parquet(path) as file:
            yield from file.iter_batches(batch_size=rows)
        return
    with pyarrow.memory_map(os.fspath(path)) as source:
        reader = _arrow_reader(source)
        in_turn = hasattr(reader, "read_next_batch")
        for batch in reader if in_turn else map(reader.get_batch, range(reader.num_record_batches)):
            batch.validate(full=True)
            yield from (batch.slice(start, rows) for start in range(0, batch.num_rows, rows))
