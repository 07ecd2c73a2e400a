"""Tables into files, piece by piece; a file is there when all of it is."""

from __future__ import annotations

import gzip
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import IO, Any, Self

import numpy as np
import pandas as pd
import pyarrow
import pyarrow.parquet
from numpy.typing import NDArray

from pydl.pipeline import values
from pydl.pipeline.table import SUFFIXES, suffix


def write_table(frame: pd.DataFrame, path: str | Path) -> None:
    """A table as a file, in the format that the name's ending says."""
    with TableWriter(path) as file:
        file.write(frame)


class TableWriter:
    """A file of tables one below the other, in the format that the name's ending says.

    What is written goes to a file beside it, which takes its name at the end of the `with` block, and is deleted if an
    error ends that. NPZ files are made at the end, of arrays that are in memory until then.

    Parameters
    ----------
    path : str or Path

    Raises
    ------
    ValueError
        An unknown ending; a file that cannot be written.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        ending = suffix(self.path)
        if ending not in SUFFIXES:
            raise ValueError(f"{path}: unknown ending; expected one of {' '.join(SUFFIXES)}")
        if self.path.is_dir():
            raise ValueError(f"{path} is a folder; expected the name of a file to write")
        self._form = _FORMS.get(ending) or _FORMS[SUFFIXES[ending]]
        self._packed = self.path.suffix.lower() == ".gz" and SUFFIXES[ending] in _PACKED
        self._draft = self.path.with_name(f".{self.path.name}.new")

    def __enter__(self) -> Self:
        try:
            self._raw = self._draft.open("wb")
        except OSError as error:
            raise self._cannot(error) from None
        self._file: Any = gzip.GzipFile("", "wb", fileobj=self._raw, mtime=0) if self._packed else self._raw
        self._writer = self._form(self._file)
        return self

    def write(self, frame: pd.DataFrame) -> None:
        """Append some rows, with the same columns as before."""
        frame = frame.copy(deep=False)
        frame.attrs = {}
        try:
            self._writer.write(frame)
        except OSError as error:
            raise self._cannot(error) from None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: Any) -> None:
        try:
            self._writer.close()  # after an error as well, for Arrow's writers complain when they are dropped open
            if kind is None:
                if self._packed:
                    self._file.close()
                self._raw.flush()
                os.fsync(self._raw.fileno())
                self._draft.replace(self.path)
        except OSError as failed:
            raise self._cannot(failed) from None
        finally:
            self._raw.close()
            self._draft.unlink(missing_ok=True)

    def _cannot(self, error: OSError) -> ValueError:
        return ValueError(f"{self.path}: cannot be written: {error.strerror or error}")


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
    return frame.to_json(orient="records", lines=True, date_format="iso", double_precision=15)


def _json_list(frame: pd.DataFrame, first: bool) -> str:
    rows = frame.to_json(orient="records", date_format="iso", double_precision=15)
    return "[" * first + "," * (not first) + rows[1:-1]


class _Arrow:
    """Arrow's file format, the first piece giving the types of all."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file = file
        self.schema: Any = None

    def open(self, schema: Any) -> Any:
        return pyarrow.ipc.new_file(self.file, schema, options=pyarrow.ipc.IpcWriteOptions(compression="lz4"))

    def write(self, frame: pd.DataFrame) -> None:
        table = pyarrow.Table.from_pandas(frame, self.schema, preserve_index=False)
        if self.schema is None:
            self.schema = table.schema
            self.writer = self.open(self.schema)
        self.writer.write_table(table)

    def close(self) -> None:
        if self.schema is not None:
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
        arrays: dict[str, Any] = {name: np.concatenate([piece[name] for piece in self.pieces]) for name in names}
        np.savez(self.file, **arrays)


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
