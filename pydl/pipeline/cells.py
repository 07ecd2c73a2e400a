"""The cells of a table as a preparation reads them: by column, or those of a few rows one by one.

Both read a cell alike. What takes a column to be understood (objects, categories, cells that cannot be read) is `Odd`
to `FewCells`, and read by column then.
"""

from __future__ import annotations

import math
import unicodedata
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pydl.pipeline import dates, values
from pydl.pipeline.columns import Column

FEW = 8  # rows up to which reading them one by one is faster
_WHOLE = 2**63  # from which on pandas has no integers
_FLOAT = np.dtype(np.float64)
Unread = Counter[str] | None


PARTS: dict[str, Callable[[pd.Series], pd.Series]] = {
    "year": lambda d: d.dt.year,
    "month": lambda d: d.dt.month,
    "day": lambda d: d.dt.day,
    "weekday": lambda d: d.dt.day_of_week,
    "hour": lambda d: d.dt.hour + d.dt.minute / 60 + d.dt.second / 3600,
    "days": lambda d: d.dt.as_unit("s").astype("int64").where(d.notna()) / 86400,
}
_OF_ONE: dict[str, Callable[[pd.Timestamp], float]] = {
    "year": lambda d: d.year,
    "month": lambda d: d.month,
    "day": lambda d: d.day,
    "weekday": lambda d: d.day_of_week,
    "hour": lambda d: d.hour + d.minute / 60 + d.second / 3600,
    "days": lambda d: d.timestamp() / 86400,
}


class Odd(Exception):
    """A cell that has to be read as part of a column."""


class Cells(dict[str, Any]):
    """The columns of a frame, by name."""

    @property
    def rows(self) -> int:
        """How many cells each column has."""
        return len(next(iter(self.values())))

    def numbers(self, c: Column, unread: Unread = None) -> values.Floats:
        """A column of numbers, see `values.numbers`."""
        return values.numbers(self[c.name], c.format or values.of_file(self[c.name]), c.words, unread)

    def flags(self, c: Column, unread: Unread = None) -> values.Floats:
        """A column of yes and no, see `values.flags`."""
        return values.flags(self[c.name], c.format == values.POINT, unread)

    def dates(self, c: Column, unread: Unread = None) -> pd.Series:
        """A column of times, see `dates.read`."""
        return dates.read(self[c.name], c.format, c.words, unread)

    def parts(self, c: Column, parts: Sequence[str], unread: Unread = None) -> dict[str, values.Floats]:
        """Some of the `PARTS` of a column of times."""
        times = self.dates(c, unread)
        return {part: PARTS[part](times).to_numpy(np.float64) for part in parts}

    def labels(self, name: str) -> NDArray[np.object_]:
        """A column as text, see `values.labels`."""
        return values.labels(self[name])


class FewCells(Cells):
    """The cells of a few rows: numbers, truth values, tidy text, None where missing; a list for each column."""

    def numbers(self, c: Column, unread: Unread = None) -> values.Floats:
        """A column of numbers."""
        notation, known = c.format or values.POINT, values.MISSING_AMONG_NUMBERS.union(w.lower() for w in c.words)
        return np.array([_number(v, notation, known) for v in self[c.name]], np.float64)

    def flags(self, c: Column, unread: Unread = None) -> values.Floats:
        """A column of yes and no."""
        counts = c.format == values.POINT
        return np.array([_flag(word, counts) for word in self.labels(c.name)], np.float64)

    def parts(self, c: Column, parts: Sequence[str], unread: Unread = None) -> dict[str, values.Floats]:
        """Some of the `PARTS` of a column of times."""
        times, takes = [_date(v, c.format) for v in self[c.name]], {part: _OF_ONE[part] for part in parts}
        return {
            part: np.array([np.nan if d is None else take(d) for d in times], np.float64)
            for part, take in takes.items()
        }

    def labels(self, name: str) -> NDArray[np.object_]:
        """A column as text."""
        found = np.empty(len(self[name]), object)
        found[:] = [v if v is None or type(v) is str else values.label(v) for v in self[name]]
        return found


def of_rows(rows: Sequence[Mapping[Any, Any]], wanted: Collection[str], codes: Collection[str] = ()) -> FewCells:
    """The cells of rows that are dicts by column; NA is a level of the columns of `codes`.

    Raises
    ------
    Odd
        Rows that have to be read as a frame, for it knows more kinds of cells, and what to say of those that lack.
    """
    try:
        return FewCells({name: [_cell(row[name], name in codes) for row in rows] for name in wanted})
    except (KeyError, TypeError, IndexError):
        raise Odd from None


def as_frame(rows: Any, wanted: Collection[str]) -> pd.DataFrame:
    """Rows that are dicts as a frame of the columns that all of them have."""
    if not isinstance(rows, Sequence) or not all(isinstance(row, Mapping) for row in rows):
        raise TypeError(
            f"Preparation: expected a pandas DataFrame, got {type(rows).__name__}; rows may be a list of dicts"
        )
    names = [name for name in wanted if all(name in row for row in rows)]
    return pd.DataFrame({name: [row[name] for row in rows] for name in names}, index=range(len(rows)))


def of_frame(frame: pd.DataFrame, wanted: Collection[str], codes: Collection[str] = ()) -> FewCells:
    """The cells of a frame of a few rows; `codes` and `Odd` as for `of_rows`."""
    names = frame.columns.tolist()
    places = {name: i for i, name in enumerate(names)}
    if (
        frame.attrs.get("notation") == values.COMMA
        or "codes" in frame.attrs
        or len(set(map(str, names))) < len(names)
        or not places.keys() >= set(wanted)
    ):
        raise Odd
    dtypes, cells = frame.dtypes.tolist(), frame.to_numpy(object).T.tolist()
    return FewCells(
        {
            name: [_cell(v, name in codes) for v in _checked(cells[i], dtypes[i])]
            for name in wanted
            for i in [places[name]]
        }
    )


def _checked(cells: list[Any], dtype: Any) -> list[Any]:
    """The cells of a column, if its dtype changes nothing of what each of them means by itself."""
    if isinstance(dtype, pd.StringDtype):
        return [v if type(v) is str else None for v in cells]
    if isinstance(dtype, np.dtype):
        if dtype.kind in "iub" or dtype == _FLOAT:
            return cells
        if dtype.kind == "O" and all(type(v) is str or v is None or (type(v) is float and v != v) for v in cells):
            return cells
    raise Odd


def _cell(value: Any, of_code: bool) -> Any:
    """A cell as its column would have it: None where missing, text without blanks around, else a number or truth."""
    if type(value) is str:
        if not value.isprintable():  # other white space than blanks
            raise Odd
        text = value.strip(" ") if value.isascii() else unicodedata.normalize("NFC", value.strip(" "))
        if text[:1] in values.MARKED:
            raise Odd
        return None if text.lower() in values.MISSING and not (of_code and text == values.CODE) else text
    if value is None or type(value) is bool:
        return value
    if isinstance(value, float):  # NumPy's float64 is one
        return None if value != value else float(value)
    if isinstance(value, int | np.int64) and -_WHOLE <= value < _WHOLE:
        return int(value)
    if isinstance(value, np.bool_):
        return bool(value)
    raise Odd


def _number(value: Any, notation: str, known: Collection[str]) -> float:
    if value is None:
        return np.nan
    found = values.number(value, notation) if type(value) is str else float(value)
    if found != found and value.lower() not in known:
        raise Odd
    if math.isinf(found):
        raise Odd
    return min(max(found, -values.LARGEST), values.LARGEST)


def _date(value: Any, form: str) -> pd.Timestamp | None:
    if form == dates.QUARTERS:  # no format of pandas
        raise Odd
    if value is None:
        return None
    if "%y" in form:  # whose century is not pandas's
        raise Odd
    found = pd.to_datetime(value, format=form, errors="coerce", utc=True) if type(value) is str else pd.NaT
    if found is pd.NaT or found.microsecond or found.nanosecond:  # other spellings; fractions, for they are cut off
        raise Odd
    return found


def _flag(word: str | None, counts: bool) -> float:
    found = np.nan if word is None else values.flag(word, counts)
    if np.isnan(found) and word is not None:
        raise Odd
    return found
