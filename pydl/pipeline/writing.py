"""Tables written to files, piece by piece, that are there when all of them is written."""

from __future__ import annotations

import gzip
import json
import re
import zipfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, nullcontext
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import IO, Any

import numpy as np
import pandas as pd
import pyarrow
import pyarrow.parquet
from numpy.typing import NDArray

from pydl._base.replacing import replaced
from pydl.pipeline import values
from pydl.pipeline.formats import SUFFIXES, suffix


def write_table(frame: pd.DataFrame, path: str | Path) -> None:
    """A table as a file, in the format that the name's ending says."""
    with table_writer(path) as writer:
        writer.write(frame)


@contextmanager
def table_writer(path: str | Path) -> Iterator[Any]:
    """A file of tables one below the other, in the format that the name's ending says; it is there when all of it is.

    Each `write` appends some rows, with the same columns as before; those of Parquet and Arrow take the columns of a
    record batch in front of them (`beside`). NPZ files are made at the end, of arrays that are
    in memory until then.

    Parameters
    ----------
    path : str or Path

    Raises
    ------
    ValueError
        An unknown ending; a file that cannot be written.
    """
    path = Path(path)
    ending = suffix(path)
    if ending not in SUFFIXES:
        raise ValueError(f"{path}: unknown ending; expected one of {' '.join(SUFFIXES)}")
    if path.exists() and not path.is_file():
        raise ValueError(f"{path} is a folder or device; expected the name of a file to write")
    form = _FORMS.get(ending) or _FORMS[SUFFIXES[ending]]
    packed = path.suffix.lower() == ".gz" and SUFFIXES[ending] in _PACKED
    try:
        with (
            replaced(path, "wb") as file,
            gzip.GzipFile("", "wb", fileobj=file, mtime=0) if packed else nullcontext(file) as inner,
            closing(form(inner)) as writer,  # after an error as well: Arrow's complain when they are dropped open
        ):
            yield writer
    except OSError as error:
        raise ValueError(f"{path}: cannot be written: {error.strerror or error}") from None


class _Text:
    """What a function makes of each piece, and of whether it is the first."""

    def __init__(self, file: IO[bytes], text: Callable[[pd.DataFrame, bool], str], end: str = "") -> None:
        self.file, self.text, self.end, self.first = file, text, end, True

    def write(self, frame: pd.DataFrame) -> None:
        self.file.write(self.text(frame, self.first).encode())
        self.first = False

    def close(self) -> None:
        self.file.write(self.end.encode())


def _delimited(frame: pd.DataFrame, first: bool, delimiter: str = ",") -> str:
    return frame.to_csv(index=False, sep=delimiter, header=first)


def _json_lines(frame: pd.DataFrame, first: bool) -> str:
    return "".join(f"{row}\n" for row in _json_rows(frame))


def _json_list(frame: pd.DataFrame, first: bool) -> str:
    return ("[" if first else ",") + ",".join(_json_rows(frame))


def _json_rows(frame: pd.DataFrame) -> list[str]:
    """Each row as a JSON object, every digit of floats; NaN and infinity are null."""
    names = [json.dumps(str(name), ensure_ascii=False) for name in frame.columns]
    columns = [_json_cells(frame.iloc[:, i]) for i in range(len(names))]
    row = "{" + ",".join(f"{name.replace('%', '%%')}:%s" for name in names) + "}"
    return [row % cells for cells in zip(*columns, strict=True)] if columns else ["{}"] * len(frame)


def _json_cells(column: pd.Series) -> list[str]:
    if pd.api.types.is_datetime64_any_dtype(column.dtype):
        return [json.dumps(cell) for cell in json.loads(column.to_json(orient="values", date_format="iso"))]
    cells = column.astype(object).where(column.notna(), None).tolist()
    other = partial(_for_json, str(column.name))
    return [json.dumps(_finite(cell), ensure_ascii=False, default=other) for cell in cells]


def _finite(cell: Any) -> Any:
    """A cell with None for numbers that JSON lacks, within lists and dicts too."""
    if isinstance(cell, np.ndarray):
        cell = cell.tolist()
    if isinstance(cell, list | tuple):
        return [_finite(each) for each in cell]
    if isinstance(cell, dict):
        return {key: _finite(each) for key, each in cell.items()}
    return None if isinstance(cell, float | np.floating) and not np.isfinite(cell) else cell


def _for_json(name: str, cell: Any) -> Any:
    """What JSON has no form of: numbers of NumPy, decimals (as floats), dates."""
    if isinstance(cell, np.generic):
        return cell.item()
    if isinstance(cell, bytes):
        raise ValueError(f'column "{name}": bytes, which JSON has no form of; write .parquet, or leave out the column')
    return float(cell) if isinstance(cell, Decimal) else cell.isoformat() if hasattr(cell, "isoformat") else str(cell)


class _Arrow:
    """Arrow's file format, the first piece giving the types of all."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file = file
        self.schema: Any = None  # of the tables
        self.writer: Any = None

    def open(self, schema: Any) -> Any:
        return pyarrow.ipc.new_file(self.file, schema, options=pyarrow.ipc.IpcWriteOptions(compression="lz4"))

    def write(self, frame: pd.DataFrame, beside: pyarrow.RecordBatch | None = None) -> None:
        frame = frame.copy(deep=False)
        frame.attrs = {}
        table = pyarrow.Table.from_pandas(frame, self.schema, preserve_index=False)
        self.schema = table.schema
        if beside is not None:
            schema = pyarrow.schema([*beside.schema, *table.schema], beside.schema.metadata)
            table = pyarrow.Table.from_arrays([*beside.columns, *table.columns], schema=schema)
        if self.writer is None:
            self.writer = self.open(table.schema)
        self.writer.write_table(table)

    def close(self) -> None:
        if self.writer is not None:
            self.writer.close()


class _Parquet(_Arrow):
    def open(self, schema: Any) -> Any:
        return pyarrow.parquet.ParquetWriter(self.file, schema)


class _Npz:
    """An array for each column, which takes all of its pieces at once."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file, self.pieces = file, list[dict[str, NDArray[Any]]]()

    def write(self, frame: pd.DataFrame) -> None:
        self.pieces.append({name: _array(frame[name]) for name in frame.columns})

    def close(self) -> None:
        names = self.pieces[0] if self.pieces else ()
        # Not `np.savez`, to which some names of columns are arguments, and "a/b" a folder.
        with zipfile.ZipFile(self.file, "w", allowZip64=True) as archive:
            for name in names:
                member = zipfile.ZipInfo(f"{_member(name)}.npy")
                with archive.open(member, "w", force_zip64=True) as inner:
                    np.lib.format.write_array(
                        inner, np.concatenate([piece[name] for piece in self.pieces]), allow_pickle=False
                    )


def _member(name: str) -> str:
    """The name of a column without what would make a path of it."""
    return re.sub(r"[/\\:\0]", lambda found: f"%{ord(found[0]):02X}", name)


def _array(column: pd.Series) -> NDArray[Any]:
    if values.is_text(column):
        return np.array(["" if v is None else v for v in values.labels(column)], dtype=str)
    return column.to_numpy()


_FORMS: dict[str, Any] = {
    "delimited": partial(_Text, text=_delimited),
    ".tsv": partial(_Text, text=partial(_delimited, delimiter="\t")),
    ".tab": partial(_Text, text=partial(_delimited, delimiter="\t")),
    "json": partial(_Text, text=_json_lines),
    ".json": partial(_Text, text=_json_list, end="]"),
    "parquet": _Parquet,
    "arrow": _Arrow,
    "npz": _Npz,
}
_PACKED = ("delimited", "json")  # what a name that ends in .gz is packed for
