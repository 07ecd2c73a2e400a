"""ARFF, the tables of Weka and OpenML: what is declared to be nominal is a category, whatever it looks like."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pandas as pd

from pydl.pipeline.encodings import encoding_of
from pydl.pipeline.packed import opened
from pydl.pipeline.reading import AS_FOUND, Reading

Cell = str | float | None

_NUMBERS = ("numeric", "real", "integer")
_MISSING = "?"
_QUOTED = r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\""
_ATTRIBUTE = re.compile(rf"@attribute\s+({_QUOTED}|[^\s{{]+)\s*(\{{.*\}}|\S.*)", re.IGNORECASE | re.DOTALL)
_VALUE = re.compile(rf"\s*({_QUOTED}|[^,]*?)\s*(?:(,)|$)", re.DOTALL)
_IN_SPARSE = re.compile(rf"\s*(\d+)\s+({_QUOTED}|[^,\s]+)\s*(?:(,)|$)", re.DOTALL)
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|.)", re.DOTALL)
_ESCAPED = {"n": "\n", "t": "\t", "r": "\r"}


class Arff:
    """One ARFF file, its header read.

    Numbers, nominal values, strings and dates are read, in dense and sparse rows. In a sparse row the values that are
    not written are 0 or the first level.

    Parameters
    ----------
    path : Path
        What is packed is unpacked on the way.
    reading : Reading
        Its encoding counts; all else is declared in the file.

    Attributes
    ----------
    notes, notation, codes
        As of `delimited.Delimited`.
    levels : tuple of str
        The nominal columns.

    Raises
    ------
    ValueError
        A line that is no ARFF, with its number.
    """

    notation = None
    codes: tuple[str, ...] = ()

    def __init__(self, path: Path, reading: Reading = AS_FOUND) -> None:
        self.path, self.notes = path, list[str]()
        self.encoding = encoding_of(path, reading.encoding, self.notes)
        self.names, self.kinds = list[str](), list[tuple[str, ...] | str]()
        with self._text() as text:
            for number, line in enumerate(text, 1):
                if self._is_data(line, number):
                    self.first = number
                    break
            else:
                raise ValueError(f"{path}: expected @attribute lines and then @data, but there is no @data")
        if not self.names:
            raise self._error(self.first, "expected at least one @attribute line above @data")
        self.levels = tuple(n for n, kind in zip(self.names, self.kinds, strict=True) if isinstance(kind, tuple))

    def read(self) -> pd.DataFrame:
        """All rows."""
        return self._frame(list(self._rows()))

    def chunks(self, rows: int) -> Iterator[pd.DataFrame]:
        """All rows in tables of at most `rows`."""
        found = self._rows()
        while some := list(islice(found, rows)):
            yield self._frame(some)

    def _text(self) -> io.TextIOWrapper:
        return io.TextIOWrapper(opened(self.path), self.encoding)

    def _error(self, number: int, what: str) -> ValueError:
        return ValueError(f"{self.path}: line {number}: {what}")

    def _is_data(self, line: str, number: int) -> bool:
        """Whether a line of the header is its end; what it declares is noted."""
        line = line.strip()
        word = line.split(None, 1)[0].lower() if line else ""
        if not word or word.startswith("%") or word == "@relation":
            return False
        if word == "@data":
            return True
        found = _ATTRIBUTE.fullmatch(line)
        if not found:
            raise self._error(number, f"expected @attribute NAME KIND, got {line[:60]!r}")
        self.names.append(_plain(found[1]))
        self.kinds.append(self._kind(found[2], number))
        return False

    def _kind(self, declared: str, number: int) -> tuple[str, ...] | str:
        """The levels of a nominal column, "number" or "text"."""
        if declared.startswith("{"):
            inside, end, rest = declared[1:].rpartition("}")
            if not end or (rest.strip() not in ("",) and not rest.strip().startswith("%")):
                raise self._error(number, f"expected levels in braces, got {declared[:60]!r}")
            return tuple(_plain(level) for level in self._split(inside, number))
        kind = declared.split(None, 1)[0].lower()
        if kind in _NUMBERS:
            return "number"
        if kind not in ("string", "date"):
            raise self._error(number, f"expected numeric, string, date or levels in braces, got {declared[:60]!r}")
        return "text"

    def _split(self, line: str, number: int) -> list[str]:
        """The values of a row as they are written, in their quotation marks."""
        found, place = list[str](), 0
        while match := _VALUE.match(line, place):
            found.append(match[1])
            place = match.end()
            if not match[2]:
                return found
        raise self._error(number, f"expected values between commas, got {line[place : place + 60]!r}")

    def _rows(self) -> Iterator[list[Cell]]:
        with self._text() as text:
            for number, line in enumerate(text, 1):
                line = line.strip()
                if number <= self.first or not line or line.startswith("%"):
                    continue
                yield self._sparse(line, number) if line.startswith("{") else self._dense(line, number)

    def _dense(self, line: str, number: int) -> list[Cell]:
        values = self._split(line, number)
        if len(values) == len(self.names) + 1 and re.fullmatch(r"\{\s*[\d.]+\s*\}", values[-1]):
            values.pop()  # the weight of the row
        if len(values) != len(self.names):
            raise self._error(number, f"expected {len(self.names)} values, as many as attributes, got {len(values)}")
        return [self._cell(value, j, number) for j, value in enumerate(values)]

    def _sparse(self, line: str, number: int) -> list[Cell]:
        inside, end, _ = line[1:].rpartition("}") if line.endswith("}") else (line, "", "")
        row: list[Cell] = [0.0 if kind == "number" else "" if kind == "text" else kind[0] for kind in self.kinds]
        place = 0
        while end and inside.strip():
            found = _IN_SPARSE.match(inside, place)
            if not found or int(found[1]) >= len(row):
                end = ""
                break
            row[int(found[1])] = self._cell(found[2], int(found[1]), number)
            place = found.end()
            if not found[3]:
                break
        if not end:
            what = f"expected {{PLACE VALUE, ...}}, places from 0 to {len(row) - 1}, got {line[:60]!r}"
            raise self._error(number, what)
        return row

    def _cell(self, written: str, place: int, number: int) -> Cell:
        if written in (_MISSING, ""):
            return None
        kind, value = self.kinds[place], _plain(written)
        if isinstance(kind, tuple):
            if value not in kind:
                raise self._error(number, f'"{value[:40]}" is no declared level of {self.names[place]}')
        elif kind == "number":
            try:
                return float(value)
            except ValueError:
                raise self._error(number, f'"{value[:40]}" is no number, but {self.names[place]} is numeric') from None
        return value

    def _frame(self, rows: list[list[Cell]]) -> pd.DataFrame:
        frame = pd.DataFrame(rows, columns=range(len(self.names)), dtype=object)
        typed = {j: _numbers(frame[j]) if kind == "number" else frame[j] for j, kind in enumerate(self.kinds)}
        return pd.DataFrame(typed).set_axis(self.names, axis=1)


def _numbers(column: pd.Series) -> pd.Series:
    """Floats, or integers where all are whole."""
    numbers = column.astype("float64")
    whole = bool(((numbers % 1 == 0) & (numbers.abs() < 2**53)).all())
    return numbers.astype("int64") if whole else numbers


def _plain(written: str) -> str:
    """A value without its quotation marks and escapes."""
    if len(written) < 2 or written[0] not in "'\"" or written[-1] != written[0]:
        return written
    return _ESCAPE.sub(lambda e: chr(int(e[1][1:], 16)) if len(e[1]) == 5 else _ESCAPED.get(e[1], e[1]), written[1:-1])
