"""Tables in files: what a person has on disk becomes a DataFrame of numbers and tidy text, and back.

Numbers are read where every value of a column is one; whatever needs judgement (dates, `$1,234`, `12 %`, yes and no)
stays text for `columns.guess`. What was noticed on the way stands in `frame.attrs["notes"]`.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import pandas as pd
import pyarrow
import pyarrow.feather
import pyarrow.parquet

from pydl.pipeline import values
from pydl.pipeline.delimited import Delimited, is_packed

SUFFIXES = {
    ".csv": "delimited", ".txt": "delimited", ".data": "delimited", ".dat": "delimited", ".tsv": "delimited",
    ".tab": "delimited", ".jsonl": "json", ".ndjson": "json", ".json": "json", ".parquet": "parquet",
    ".pq": "parquet", ".arrow": "arrow", ".feather": "arrow", ".ipc": "arrow", ".npz": "npz",
}  # fmt: skip
_MAGIC = {b"PAR1": "parquet", b"ARROW1": "arrow", b"PK\x03\x04": "npz"}
FORMATS = "CSV, TSV, Parquet, JSON lines, Arrow or NPZ"


def read_table(path: str | Path, text: Collection[str] = ()) -> pd.DataFrame:
    """A whole file as a table.

    Parameters
    ----------
    path : str or Path
        CSV with any delimiter, TSV, JSON lines (these also as `.gz`), Parquet, Arrow, NPZ with arrays of equal length.
    text : collection of str
        Columns to leave as text even where all their values are plain numbers: dates such as 20200131, `1.234` for a
        thousand, a file of which another part had text there.

    Raises
    ------
    ValueError
        One line that says what is wrong with the file.
    """
    path = Path(path)
    kind = _kind(path)
    notes: list[str] = []
    with _plain_errors(path):
        if kind == "delimited":
            file = Delimited(path)
            frame = file.read()
            notes += file.notes
        else:
            frame = _READERS[kind](path)
    frame = _named(frame, notes)
    if not len(frame.columns) or not len(frame):
        raise ValueError(f"{path}: no rows; expected a table with a header and at least one row")
    return _with_notes(pd.DataFrame({name: _typed(frame[name], name in text) for name in frame.columns}), notes)


@dataclass(frozen=True)
class Schema:
    """What the chunks of a file have in common: the kind of each column, ``number``, ``flag``, ``date`` or ``text``."""

    kinds: dict[str, str]


def scan(path: str | Path, rows: int = 65536, text: Collection[str] = ()) -> Schema:
    """What each column of a file holds: one pass through it, in chunks.

    A column is text if it holds text in one chunk, or something else in one than in another.
    """
    seen: dict[str, set[str]] = {}
    for frame in _chunks(Path(path), rows):
        for name in frame.columns:
            kinds = seen.setdefault(name, set())
            if name in text:
                kinds.add("text")
            elif "text" not in kinds:
                kinds.add(_kind_of_values(_typed(frame[name], False)))
    if not seen:
        raise ValueError(f"{path}: no rows; expected a table with a header and at least one row")
    return Schema({name: _common_kind(kinds) for name, kinds in seen.items()})


def read_chunks(path: str | Path, rows: int = 65536, schema: Schema | None = None) -> Iterator[pd.DataFrame]:
    """A file in tables of at most `rows` rows, all with the same columns and dtypes, without ever holding all of it.

    What these are takes a pass through the file, which `schema`, the result of `scan`, saves.
    """
    schema = schema or scan(path, rows)
    for frame in _chunks(Path(path), rows):
        notes = frame.attrs["notes"]
        frame = frame.reindex(columns=list(schema.kinds))
        yield _with_notes(
            pd.DataFrame({name: _of_kind(frame[name], kind) for name, kind in schema.kinds.items()}), notes
        )


def _kind_of_values(column: pd.Series) -> str:
    if pd.api.types.is_bool_dtype(column):
        return "flag"
    if pd.api.types.is_datetime64_any_dtype(column):
        return "date"
    if not values.is_text(column):
        return "number"
    return "text" if column.notna().any() else "nothing"


def _common_kind(kinds: set[str]) -> str:
    if kinds == {"nothing"}:
        return "number"
    if kinds - {"nothing"} in ({"number"}, {"date"}) or kinds == {"flag"}:
        return next(iter(kinds - {"nothing"}))
    return "text"


def _of_kind(column: pd.Series, kind: str) -> pd.Series:
    if kind == "text":
        return pd.Series(values.labels(column), index=column.index, name=column.name, dtype="str")
    column = _typed(column, False)
    if kind == "number":
        return pd.to_numeric(column).astype(np.float64)
    return column.astype("datetime64[us]") if kind == "date" else column


def write_table(frame: pd.DataFrame, path: str | Path) -> None:
    """A table as a file, in the format that the name's ending says."""
    path = Path(path)
    kind = SUFFIXES.get(_suffix(path))
    if kind in (None, "npz") and _suffix(path) != ".npz":
        raise ValueError(f"{path}: unknown ending; expected one of {' '.join(SUFFIXES)}")
    packed = "gzip" if path.suffix == ".gz" else None
    frame = _with_notes(frame, None)
    try:
        if kind == "delimited":
            frame.to_csv(path, index=False, sep="\t" if _suffix(path) in (".tsv", ".tab") else ",", compression=packed)
        elif kind == "json":
            lines = _suffix(path) != ".json"
            frame.to_json(
                path, orient="records", lines=lines, date_format="iso", double_precision=15, compression=packed
            )
        elif kind == "parquet":
            frame.to_parquet(path, index=False)
        elif kind == "arrow":
            pyarrow.feather.write_feather(pyarrow.Table.from_pandas(frame, preserve_index=False), path)
        else:
            arrays: dict[str, Any] = {name: _array(frame[name]) for name in frame.columns}
            np.savez(path, **arrays)
    except OSError as error:
        raise ValueError(f"{path}: cannot be written: {error.strerror or error}") from None


def _array(column: pd.Series) -> np.ndarray[Any, Any]:
    if values.is_text(column):
        return np.array(["" if v is None else v for v in values.labels(column)], dtype=str)
    return column.to_numpy()


def _with_notes(frame: pd.DataFrame, notes: list[str] | None) -> pd.DataFrame:
    frame = frame.copy(deep=False)
    frame.attrs = {} if notes is None else {"notes": notes}
    return frame


def _suffix(path: Path) -> str:
    return (path.with_suffix("") if path.suffix.lower() == ".gz" else path).suffix.lower()


def _kind(path: Path) -> str:
    """The format: by what the file begins with, else by its name."""
    if path.is_dir():
        raise ValueError(f"{path} is a folder; expected a file ({FORMATS}); a folder of pictures needs --task image")
    if not path.exists():
        raise ValueError(f"{path}: no such file")
    try:
        with path.open("rb") as file:
            head = file.read(8)
    except OSError as error:
        raise ValueError(f"{path}: cannot be read: {error.strerror or error}") from None
    if not head:
        raise ValueError(f"{path} is empty; expected a table with a header and at least one row")
    magic = next((kind for start, kind in _MAGIC.items() if head.startswith(start)), None)
    kind = magic or SUFFIXES.get(_suffix(path), "delimited")
    if kind in ("parquet", "arrow", "npz") and magic != kind and not (kind == "arrow" and head[:4] == b"\xff" * 4):
        raise ValueError(f"{path}: not a {_suffix(path)} file, whatever its name says; expected {FORMATS}")
    return kind


class _plain_errors:
    """Whatever a reader raises about the contents of a file, as a ValueError of one line."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: Any) -> None:
        if isinstance(error, ValueError) and str(error).startswith(str(self.path)):
            return
        if isinstance(error, ValueError | OSError | BadZipFile | EOFError | KeyError | pyarrow.ArrowException):
            why = " ".join(str(error).split())[:160]
            raise ValueError(f"{self.path}: cannot be read as a table: {why}; expected {FORMATS}") from None


def _read_npz(path: Path) -> pd.DataFrame:
    """Each array of one row per entry; one of two or more axes gives a column for each number of a row."""
    with np.load(path, allow_pickle=False) as arrays:
        found = {name: arrays[name] for name in arrays.files}
    if not all(isinstance(array, np.ndarray) for array in found.values()):
        raise ValueError("a zip file of something else than arrays; save a spreadsheet as CSV first")
    lengths = {name: a.shape[0] if a.ndim else 0 for name, a in found.items()}
    if not found or len(set(lengths.values())) != 1:
        raise ValueError(f"{path}: expected arrays of equal length, got {lengths or 'none'}")
    columns: dict[str, Any] = {}
    for name, array in found.items():
        if array.ndim == 1:
            columns[name] = array
        else:
            rows = array.reshape(len(array), -1)
            columns |= {f"{name}{i}": rows[:, i] for i in range(rows.shape[1])}
    return pd.DataFrame(columns)


def _read_json(path: Path) -> pd.DataFrame:
    return pd.DataFrame(list(_json_rows(path)))


def _json_rows(path: Path) -> Iterator[dict[str, Any]]:
    """One JSON object for each line, or a list of objects."""
    opener = gzip.open if is_packed(path) else open
    with opener(path, "rt", encoding="utf-8-sig") as file:
        listed = next((line.lstrip() for line in file if line.strip()), "").startswith("[")
        file.seek(0)
        rows = json.load(file) if listed else map(json.loads, filter(str.strip, file))
        for i, row in enumerate(rows):
            if not isinstance(row, dict):
                raise ValueError(f"{path}: expected a JSON object for each row, but row {i + 1} is another value")
            yield row


def _read_parquet(path: Path) -> pd.DataFrame:
    return pyarrow.parquet.read_table(path).to_pandas(ignore_metadata=True)


def _read_arrow(path: Path) -> pd.DataFrame:
    with pyarrow.memory_map(str(path)) as source:
        return _arrow_reader(source).read_all().to_pandas(ignore_metadata=True)


def _arrow_reader(source: Any) -> Any:
    """A file with a footer, or else a stream."""
    try:
        return pyarrow.ipc.open_file(source)
    except pyarrow.ArrowInvalid:
        source.seek(0)
        return pyarrow.ipc.open_stream(source)


_READERS: dict[str, Callable[[Path], pd.DataFrame]] = {
    "npz": _read_npz,
    "json": _read_json,
    "parquet": _read_parquet,
    "arrow": _read_arrow,
}


def _chunks(path: Path, rows: int) -> Iterator[pd.DataFrame]:
    """Untyped pieces of a file; formats that only come whole are cut up."""
    kind = _kind(path)
    notes: list[str] = []
    with _plain_errors(path):
        for frame in _pieces(path, kind, rows, notes):
            if len(frame):
                yield _with_notes(_named(frame, notes), notes)


def _pieces(path: Path, kind: str, rows: int, notes: list[str]) -> Iterator[pd.DataFrame]:
    if kind == "delimited":
        file = Delimited(path)
        file.notes = notes + file.notes
        yield from file.chunks(rows)
        notes[:] = file.notes
    elif kind == "json":
        lines = _json_rows(path)
        while some := list(islice(lines, rows)):
            yield pd.DataFrame(some)
    elif kind == "parquet":
        with pyarrow.parquet.ParquetFile(path) as file:
            for group in range(file.num_row_groups):  # one call for all of them would hold the whole file
                for batch in file.iter_batches(batch_size=rows, row_groups=[group]):
                    yield batch.to_pandas()
    elif kind == "arrow":
        with pyarrow.memory_map(str(path)) as source:
            reader = _arrow_reader(source)
            batches = (
                reader
                if hasattr(reader, "read_next_batch")
                else map(reader.get_batch, range(reader.num_record_batches))
            )
            for batch in batches:
                for start in range(0, batch.num_rows, rows):
                    yield batch.slice(start, rows).to_pandas()
    else:
        frame = _READERS[kind](path)
        for start in range(0, len(frame), rows):
            yield frame.iloc[start : start + rows]


def _named(frame: pd.DataFrame, notes: list[str]) -> pd.DataFrame:
    """The table with names that are text and all different (`x`, `x.2`, `x.3`), its rows numbered from 0."""
    given = [str(name).strip() or f"column {i + 1}" for i, name in enumerate(frame.columns)]
    taken, names = set(given), list[str]()
    used: set[str] = set()
    for name in given:
        unique, k = name, 2
        while unique in used or (unique != name and unique in taken):
            unique, k = f"{name}.{k}", k + 1
        used.add(unique)
        names.append(unique)
    renamed = [new for old, new in zip(given, names, strict=True) if old != new]
    note = f"names that occur more than once, made different: {', '.join(renamed[:5])}{' ...' * (len(renamed) > 5)}"
    if renamed and note not in notes:
        notes.append(note)
    return frame.set_axis(names, axis=1).reset_index(drop=True)


def _typed(column: pd.Series, text: bool) -> pd.Series:
    if values.is_text(column) and column.dtype == object:
        column = values.tidy(column)
    if not values.is_text(column):
        return column
    return values.tidy(column) if text else values.read_text(column)
