"""Tables in files: what a person has on disk becomes a DataFrame of numbers and tidy text, whole or in chunks.

Numbers are read where every value of a column is one; whatever needs judgement (dates, `$1,234`, `12 %`, yes and no)
stays text for `columns.guess`. What was noticed on the way stands in `frame.attrs["notes"]`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow

from pydl.pipeline import values
from pydl.pipeline.arff import Arff
from pydl.pipeline.databases import Database
from pydl.pipeline.delimited import Delimited
from pydl.pipeline.encodings import OTHERS
from pydl.pipeline.formats import kind_of, plain_errors
from pydl.pipeline.held import Held
from pydl.pipeline.json_rows import json_rows
from pydl.pipeline.memory import require_memory
from pydl.pipeline.packed import opened
from pydl.pipeline.places import located
from pydl.pipeline.places import notes as noticed
from pydl.pipeline.reading import AS_FOUND, Reading
from pydl.pipeline.sheets import Sheet
from pydl.pipeline.typed_files import batches, read_arrow, read_npz, read_parquet

_CHUNK_BYTES = 4 << 20  # of a file, at a time; what becomes of them is some ten times as much
_SAMPLE = 256  # rows that tell what a column holds, at most those of a chunk
_NOTHING = "nothing"  # the kind of a column of text without any


def read_table(path: str | Path, text: Collection[str] = (), reading: Reading = AS_FOUND) -> pd.DataFrame:
    """A whole file as a table.

    Parameters
    ----------
    path : str or Path
        CSV with any delimiter, TSV, JSON lines (these also packed: `.gz`, `.bz2`, `.xz`, one file in a `.zip`),
        Parquet, Arrow, NPZ with arrays of equal length, ARFF; xlsx, xls and ods with the extra `tables`, of which
        `FILE::SHEET` is one sheet; a table of SQLite or DuckDB (with the package duckdb), as `FILE::TABLE` or
        `FILE::SELECT ...` or, of one table, `FILE`.
    text : collection of str
        Columns to leave as text even where all their values are plain numbers: dates such as 20200131, `1.234` for a
        thousand, a file of which another part had text there.
    reading : Reading
        What is known about the file.

    Raises
    ------
    ValueError
        One line that says what is wrong with the file.
    """
    if isinstance(path, Held):
        return typed(path.frame, text, reading)
    path = located(path)
    kind = kind_of(path)
    notes = noticed(path)
    told: dict[str, Any] = _told(reading.notation, reading.codes)
    with plain_errors(path):
        require_memory(path, kind)
        if kind in _FOUND_OUT:
            file = _FOUND_OUT[kind](path, reading)
            frame = file.read()
            notes += file.notes
            told = _told_by(file)
        else:
            frame = _READERS[kind](path)
    frame = _named(frame, notes)
    if not len(frame.columns) or not len(frame):
        raise ValueError(f"{path}: no rows; expected a table with a header and at least one row")
    told |= _codes_found(frame, reading, kind, notes)
    return _all_typed(_with_notes(frame, notes, told), text, reading)


def typed(frame: pd.DataFrame, text: Collection[str] = (), reading: Reading = AS_FOUND) -> pd.DataFrame:
    """A table in memory as `read_table` would read it from a file of typed columns; a new one."""
    notes = list[str]()
    told = _told(reading.notation, reading.codes) | _codes_found(frame, reading, "held", notes)
    return _all_typed(_with_notes(frame, notes, told), text, reading)


@dataclass(frozen=True)
class Schema:
    """What the chunks of a file have in common: for each column ``text`` or the name of a dtype."""

    kinds: dict[str, str]


def scan(
    path: str | Path, rows: int | None = None, text: Collection[str] = (), reading: Reading = AS_FOUND
) -> Schema:  # fmt: skip
    """What each column of a file holds: one pass through it, in chunks.

    A column is text if it holds text in one chunk, or something else in one than in another. Arguments as for
    `read_chunks`.
    """
    path = located(path)
    seen: dict[str, set[str]] = {}
    for frame in _chunks(path, rows or chunk_rows(path), reading):
        for name in frame.columns:
            kinds = seen.setdefault(name, {_NOTHING} if frame.index[0] else set())  # some names come late
            if "text" not in kinds:
                kinds.add(_kind_of_values(_typed(frame[name], name in text, reading)))
        for name in seen.keys() - set(frame.columns):
            seen[name].add(_NOTHING)
    if not seen:
        raise ValueError(f"{path}: no rows; expected a table with a header and at least one row")
    return Schema({name: _common_kind(kinds) for name, kinds in seen.items()})


def read_chunks(
    path: str | Path, rows: int | None = None, schema: Schema | None = None, text: Collection[str] = (),
    reading: Reading = AS_FOUND,
) -> Iterator[pd.DataFrame]:  # fmt: skip
    """A file in tables of at most `rows` rows, all with the same columns and dtypes, without ever holding all of it.

    Together they are what `read_table` gives, and their rows are numbered as there. Arguments as for `read_cells`.
    """
    return (frame for _, frame in read_cells(path, rows, schema, text, reading))


def read_cells(
    path: str | Path, rows: int | None = None, schema: Schema | None = None, text: Collection[str] = (),
    reading: Reading = AS_FOUND,
) -> Iterator[tuple[pd.DataFrame, pd.DataFrame]]:  # fmt: skip
    """The tables of `read_chunks`, each behind one of the same cells as they stand in the file.

    In the first, a cell of delimited text is its characters, and a whole number of another format stays one where
    others are missing.

    Parameters
    ----------
    path : str or Path
        As for `read_table`.
    rows : int, optional
        By default as many as take about 4 MB.
    schema : Schema, optional
        The result of `scan`. Without it, a file of more than one chunk takes a pass for that first.
    text : collection of str
        As for `read_table`, where no schema is given.
    reading : Reading
        As for `read_table`.
    """
    path = located(path)
    rows = rows or chunk_rows(path)
    if schema is None:
        begin = list(islice(_chunks(path, rows, reading), 2))
        if len(begin) == 1:
            yield begin[0], _all_typed(begin[0], text, reading)
            return
        del begin
        schema = scan(path, rows, text, reading)
    for frame in _chunks(path, rows, reading):
        told = frame.attrs
        frame = frame.reindex(columns=list(schema.kinds))
        frame.attrs = told
        typed = pd.DataFrame({name: _of_kind(frame[name], kind, reading) for name, kind in schema.kinds.items()})
        typed.attrs = told
        yield frame, typed


def chunk_rows(path: Path) -> int:
    """How many rows take about `_CHUNK_BYTES`, of the file if it is text, of memory if not."""
    kind = kind_of(path)
    with plain_errors(path):
        if kind in ("delimited", "json"):
            with opened(path) as file:
                head = file.read(1 << 20)
            size, rows = len(head), head.count(b"\n")
        else:
            piece = next(_pieces(path, kind, 4096), pd.DataFrame())
            size, rows = int(piece.memory_usage(index=False).sum()), len(piece)
    return max(256, min(1 << 16, _CHUNK_BYTES * max(1, rows) // max(1, size)))


def _all_typed(frame: pd.DataFrame, text: Collection[str], reading: Reading) -> pd.DataFrame:
    typed = pd.DataFrame({name: _typed(frame[name], name in text, reading) for name in frame.columns})
    typed.attrs = frame.attrs
    return typed


def _kind_of_values(column: pd.Series) -> str:
    if values.is_text(column):
        return "text" if column.notna().any() else _NOTHING
    return str(column.dtype)


def _common_kind(kinds: set[str]) -> str:
    """The kind of a whole column from those of its chunks, as `read_table` would find it."""
    if len(kinds) == 1:
        return next(iter(kinds - {_NOTHING}), "text")
    types = [pd.api.types.pandas_dtype(kind) for kind in kinds - {_NOTHING, "text"}]
    if "text" in kinds or not all(isinstance(t, np.dtype) and t.kind in "iuf" for t in types):
        return "text"
    return str(np.result_type(*types, *[np.float64] * (_NOTHING in kinds)))


def _of_kind(column: pd.Series, kind: str, reading: Reading) -> pd.Series:
    if kind == "text":
        column = _typed(column, True, reading)
        return pd.Series(values.labels(column), index=column.index, name=column.name, dtype="str")
    column = _typed(column, False, reading)
    return (pd.to_numeric(column) if values.is_text(column) else column).astype(kind)


def _with_notes(frame: pd.DataFrame, notes: list[str], told: dict[str, Any]) -> pd.DataFrame:
    frame = frame.copy(deep=False)
    frame.attrs = {"notes": notes} | told
    return frame


def _told(notation: str | None, codes: Collection[str] | None, levels: Collection[str] = ()) -> dict[str, Any]:
    """What others ask about a column's table: the notation of numbers, where NA is a code, what is declared nominal."""
    found = {"notation": notation, "codes": list(codes or ()), "levels": list(levels)}
    return {name: value for name, value in found.items() if value}


def _told_by(file: Delimited | Sheet | Arff | Database) -> dict[str, Any]:
    """The same of a file, and how it is written where that is not the usual way."""
    found = {name: getattr(file, name, None) for name in ("encoding", "width", "about")}
    found["encoding"] = found["encoding"] if found["encoding"] in OTHERS else None
    return _told(file.notation, file.codes, file.levels) | {k: v for k, v in found.items() if v}


def _codes_found(frame: pd.DataFrame, reading: Reading, kind: str, notes: list[str]) -> dict[str, Any]:
    """The columns where NA is a code, by their values, as `_told` has them; delimited text finds them out itself."""
    if reading.codes is not None or kind == "delimited":
        return {}
    frame = frame.head(_SAMPLE)  # as all of a file's chunks, or none
    found, said = values.codes_among((name, _words(frame[name].dropna())) for name in frame.columns)
    notes += [note for note in said if note not in notes]
    return {"codes": list(found)} if found else {}


def _words(column: pd.Series) -> list[str]:
    """The different values of a column of text; none of another one."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        column = pd.Series(column.dtype.categories)
    return column.unique().tolist() if pd.api.types.infer_dtype(column) == "string" else []


def arrow_batches(path: str | Path) -> Iterator[pyarrow.RecordBatch]:
    """The rows of a Parquet or Arrow file as they are there, in the pieces in which `read_cells` has them."""
    path = located(path)
    with plain_errors(path):
        yield from (batch for batch in batches(path, kind_of(path), chunk_rows(path)) if batch.num_rows)


_READERS: dict[str, Callable[[Path], pd.DataFrame]] = {
    "npz": read_npz,
    "json": lambda path: pd.DataFrame(list(json_rows(path)), dtype=object),
    "parquet": read_parquet,
    "arrow": read_arrow,
}


_FOUND_OUT: dict[str, Callable[[Path, Reading], Delimited | Sheet | Arff | Database]] = {
    "delimited": Delimited,
    "sheet": Sheet,
    "arff": Arff,
    "database": Database,
}


def _chunks(path: Path, rows: int, reading: Reading) -> Iterator[pd.DataFrame]:
    """Untyped pieces of a file; formats that only come whole are cut up."""
    kind = kind_of(path)
    notes = noticed(path)
    first, told = 0, _told(reading.notation, reading.codes)
    file = None
    with plain_errors(path):
        if kind in _FOUND_OUT:
            file = _FOUND_OUT[kind](path, reading)
            notes, told = file.notes, _told_by(file)
        for frame in _pieces(path, kind, rows) if file is None else file.chunks(rows):
            if len(frame):
                frame = _named(frame, notes)
                told |= {} if first else _codes_found(frame, reading, kind, notes)
                frame.index = pd.RangeIndex(first, first := first + len(frame))
                yield _with_notes(frame, notes, told)


def _pieces(path: Path, kind: str, rows: int) -> Iterator[pd.DataFrame]:
    if kind in _FOUND_OUT:
        yield from _FOUND_OUT[kind](path, AS_FOUND).chunks(rows)
    elif kind == "json":
        lines = json_rows(path)
        while some := list(islice(lines, rows)):
            yield pd.DataFrame(some, dtype=object)
    elif kind in ("parquet", "arrow"):
        for batch in batches(path, kind, rows):
            yield batch.to_pandas(ignore_metadata=True, integer_object_nulls=True)
    else:
        require_memory(path, kind)
        frame = _READERS[kind](path)
        for start in range(0, len(frame), rows):
            yield frame.iloc[start : start + rows]


def _named(frame: pd.DataFrame, notes: list[str]) -> pd.DataFrame:
    """The table with names that are text and all different (`x`, `x.2`, `x.3`), its rows numbered from 0."""
    given = [_of_one_line(str(name)) or f"column {i + 1}" for i, name in enumerate(frame.columns)]
    taken, names = set(given), list[str]()
    used: set[str] = set()
    following: dict[str, int] = {}  # the number to try next, so that many of one name take no longer than others
    for name in given:
        unique, k = name, following.get(name, 2)
        while unique in used or (unique != name and unique in taken):
            unique, k = f"{name}.{k}", k + 1
        following[name] = k
        used.add(unique)
        names.append(unique)
    renamed = [new for old, new in zip(given, names, strict=True) if old != new]
    note = f"names that occur more than once, made different: {', '.join(renamed[:5])}{' ...' * (len(renamed) > 5)}"
    if renamed and note not in notes:
        notes.append(note)
    return frame.set_axis(names, axis=1).reset_index(drop=True)


def _of_one_line(name: str) -> str:
    """A name without line breaks and tabs in it or blanks around it, accents in one form."""
    return unicodedata.normalize("NFC", re.sub(r"\s*[\n\r\t]\s*", " ", name.strip()))


def _typed(column: pd.Series, text: bool, reading: Reading) -> pd.Series:
    text = text or column.name in column.attrs.get("levels", ())
    if isinstance(column.dtype, pd.CategoricalDtype | pd.PeriodDtype | pd.IntervalDtype):
        levels = isinstance(column.dtype, pd.CategoricalDtype)
        column = column.astype(object)
        column = column if levels else column.map(str, na_action="ignore")
    if column.dtype == object:
        column = values.exact(column).infer_objects()
    if pd.api.types.is_timedelta64_dtype(column.dtype):
        column = column.dt.total_seconds()
    if column.dtype == object:
        column = values.tidy(column)
    if reading.missing:
        column = values.without(column, reading.missing)
    if not values.is_text(column):
        return column
    return values.tidy(column) if text else values.read_text(column, column.attrs.get("notation"))
