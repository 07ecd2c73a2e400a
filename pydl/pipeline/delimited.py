"""Delimited text of any make: encoding, delimiter and header are found out, odd rows mended or left out, and said."""

from __future__ import annotations

import io
import re
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from pydl.pipeline import values
from pydl.pipeline.encodings import encoding_of
from pydl.pipeline.header import MOST_COLUMNS, find_header, numbered
from pydl.pipeline.packed import noticed, opened
from pydl.pipeline.reading import AS_FOUND, Reading
from pydl.pipeline.records import BLANKS, GAPS, Record, Regular, Splitter, Values, records

_SAMPLE_LINES = 200
_SAMPLE_CHARACTERS = 1 << 24  # a single row of tens of thousands of columns fits
_BLOCK = 1 << 20
_DELIMITERS = (",", ";", "\t", "|")
_BLANKS = {BLANKS: "blanks", GAPS: "two blanks or more"}
NONE = "\x1f"  # a character that no text holds
_SEP_LINE = re.compile(r'"?sep=(.)"?', re.IGNORECASE)  # what Excel takes the delimiter from
_MOSTLY = 0.95
_FEW_LEVELS = 20
_OTHER_QUOTES = "'\u2018\u201c\u201e\u00ab`"  # which a parser of CSV takes for text


class Delimited:
    """One file of delimited text, looked into but not yet read.

    Parameters
    ----------
    path : Path
        The file; what is packed is unpacked on the way.
    reading : Reading
        What is known of it.

    Attributes
    ----------
    notes : list of str
        What was noticed, a short sentence each; reading may add to it.
    notation : str or None
        How numbers with a comma are written in this file, None where nothing tells.
    codes : tuple of str
        The columns of codes of two letters, among which NA is one.
    levels : tuple of str
        The columns that the file declares to be nominal.
    width : int or None
        How many columns there are, if they have no names.
    about : bool
        Whether lines below the names are about the columns.
    """

    width: int | None = None

    def __init__(self, path: Path, reading: Reading = AS_FOUND) -> None:
        self.path, self.strict, self.notes = path, reading.strict, noticed(path)
        self.encoding = encoding_of(path, reading.encoding, self.notes, reading.found.encoding)
        sample, is_whole = self._sample()
        said = _SEP_LINE.fullmatch(sample[0].rstrip("\n")) if sample else None
        sep_lines = int(said is not None)
        delimiter = reading.column_delimiter or (said[1] if said else _find_delimiter(sample, is_whole, reading.wanted))
        self.splitter = Splitter(delimiter)
        found = list(records(sample[sep_lines:], self.splitter, 1 + sep_lines, is_whole=is_whole))
        if any('\\"' in line for line in sample) and delimiter not in _BLANKS:
            escaped = Splitter(delimiter, escaped=True)
            others = list(records(sample[sep_lines:], escaped, 1 + sep_lines, is_whole=is_whole))
            if _share_of_equal(others) > _share_of_equal(found):
                self.splitter, found = escaped, others
                self.notes.append('quotation marks inside others are written as \\"')
        if not any(any(record.values) for record in found):
            raise ValueError(f"{path}: no rows; expected a table with a header and at least one row")
        self._find_header(found, reading)
        rows = [r.values for r in found if r.line >= self.first and len(r.values) == len(self.names)]
        some = [row[:MOST_COLUMNS] for row in rows]
        self.fits = _Make(some)
        self.notation = _said_notation(path, reading, some) or _notation(some, delimiter) or reading.found.notation
        columns = zip(self.names, zip(*some, strict=True), strict=False)  # the names of very wide tables go on
        self.codes, of_codes = values.codes_among(columns) if reading.codes is None else (reading.codes, [])
        self.notes += of_codes
        if reading.delimiter is None and delimiter not in (",", "\t", NONE):
            name = _BLANKS.get(delimiter, f'"{delimiter}"')
            self.notes.append(f"columns are separated by {name}")
        if self.notation == values.COMMA:
            self.notes.append("numbers are read as 1.234,5")

    def read(self) -> pd.DataFrame:
        """All rows, every value as text, empty where nothing stands."""
        tables = list(self._parsed(None))
        return tables[0] if tables else pd.DataFrame(columns=self.names, dtype="str")

    def chunks(self, rows: int) -> Iterator[pd.DataFrame]:
        """All rows in tables of at most `rows`."""
        return self._parsed(rows)

    def _text(self) -> io.TextIOWrapper:
        return io.TextIOWrapper(opened(self.path), self.encoding, newline=None)

    def _sample(self) -> tuple[list[str], bool]:
        """The first lines, and whether they are all."""
        lines, size, is_whole = list[str](), 0, False
        with self._text() as text:
            while size < _SAMPLE_CHARACTERS and (len(lines) < 20 or (len(lines) < _SAMPLE_LINES and size < _BLOCK)):
                line = text.readline(_SAMPLE_CHARACTERS)
                if not line:
                    is_whole = True
                    break
                lines.append(line)
                size += len(line)
        start = "".join(lines)[:65536]
        odd = sum(not (c.isprintable() or c.isspace()) for c in start)
        if odd > 0.05 * len(start):
            raise ValueError(
                f"{self.path} is no text: {odd:,} of its first {len(start):,} characters are control characters or the "
                "like; expected a table such as CSV or Parquet"
            )
        return lines, is_whole

    def _find_header(self, found: Sequence[Record], reading: Reading) -> None:
        """`names`, the line of the `first` row, and how many values a row has at `least`."""
        header = find_header(found, reading.wanted, reading.header, reading.found.about)
        self.about = bool(header.about)
        self.first, self.names, self.levels = header.line, list(header.names), tuple(header.nominal or ())
        rows = [r.values for r in found if r.line >= header.line and any(r.values)]
        self.header = tuple(name.strip() for name in header.names) if header.is_there else ()
        width = Counter(map(len, rows)).most_common(1)[0][0] if rows else len(self.names)
        self.least = len(self.names)
        if header.nominal is not None:
            self.notes.append("two lines below the names say what the columns are")
        if header.about:
            self.notes.append(f"line{header.about}")
        if header.above:
            self.notes.append(f"{header.above} line{'s' * (header.above > 1)} above the header left out")
        if not header.is_there:
            if reading.header is None:
                self.notes.append("the first row is read as data; columns are named column 1, 2, ...")
            self.names = numbered(self.path, width, reading, self.notes)
            self.least = self.width = width
        elif width == len(self.names) + 1 and all(r[-1] == "" for r in rows if len(r) == width):
            self.names.append("")
        elif width == len(self.names) + 1:
            self._must_be_names_of_rows([r[0] for r in rows if len(r) == width])
            self.names.insert(0, "row")
            self.least += 1
            self.notes.append('the first column has no name in the header; it is called "row"')

    def _must_be_names_of_rows(self, first: Sequence[str]) -> None:
        """Refuse a first column without a name that tells no row from another, or half a quoted value, as R's does."""
        counts = Counter(first)
        quoted = sum(v[:1] in _OTHER_QUOTES for v in first) > len(first) / 2
        wrong = next((v for v in first if counts[v] > 1 or quoted), None)
        if wrong is not None:
            raise ValueError(
                f"{self.path}: rows have a value more than the {len(self.names)} names of the header, and the first "
                f'("{wrong[:40]}") is no name of a row; expected as many of both: is the delimiter right '
                "(--delimiter), and does a value that holds it stand in double quotation marks?"
            )

    def _parsed(self, rows: int | None) -> Iterator[pd.DataFrame]:
        options: dict[str, Any] = {
            "sep": self.splitter.delimiter, "header": None, "names": range(len(self.names)), "index_col": False,
            "dtype": "str", "keep_default_na": False, "na_filter": False, "low_memory": False,
            "skip_blank_lines": False, "on_bad_lines": "error",
        }  # fmt: skip
        count = 0
        with Regular(
            self.path, self._text(), self.splitter, self.first - 1, len(self.names), self.least, self.fits, self.strict,
            self.header,
        ) as text:  # fmt: skip
            try:
                with pd.read_csv(text, iterator=True, engine="c", **options) as reader:
                    while len(table := reader.read(rows)):
                        count += len(table)
                        yield self._without_nameless(table.set_axis(self.names, axis=1))
                        if rows is None:
                            break
            except (StopIteration, pd.errors.EmptyDataError):
                pass
            if count != text.count:
                raise ValueError(f"{self.path}: {text.count} records gave {count} rows; expected as many")
            self.notes += text.notes()

    def _without_nameless(self, table: pd.DataFrame) -> pd.DataFrame:
        """Without a last column that exists only because each row ends in a delimiter."""
        return table.iloc[:, :-1] if self.names[-1] == "" and (table.iloc[:, -1] == "").all() else table


class _Make:
    """What the columns of a table look like: numbers, a few levels, or anything."""

    def __init__(self, rows: Sequence[Values]) -> None:
        self.columns = [_make(column) for column in zip(*rows, strict=True)] if rows else []

    def __call__(self, rows: Sequence[Values]) -> int:
        """In how many columns, one at least, rows look like the table's; 0 if they do not in one of them."""
        told = [(j, make) for j, make in enumerate(self.columns) if make is not None]
        return max(1, len(told)) if all(_is_of(row[j].strip(), make) for row in rows for j, make in told) else 0


def _make(column: Sequence[str]) -> set[str] | str | None:
    present = [v for v in map(str.strip, column) if v]
    if len(present) < _FEW_LEVELS:
        return None
    if sum(map(values.is_number, present)) >= _MOSTLY * len(present):
        return "numbers"
    levels = set(present)
    return levels if len(levels) <= min(_FEW_LEVELS, len(present) / 4) else None


def _is_of(value: str, make: set[str] | str | None) -> bool:
    if not value or value.lower() in values.MISSING or value.lower() in values.MISSING_AMONG_NUMBERS:
        return True
    return values.is_number(value) if make == "numbers" else make is None or value in make


def _said_notation(path: Path, reading: Reading, rows: Sequence[Values]) -> str | None:
    """The notation that follows from what the user said of decimals and thousands, None where nothing does.

    Where neither point nor comma groups digits, each can only part decimals.
    """
    if reading.thousands in (None, ".", ","):
        return reading.notation
    numbers = [v for row in rows for v in map(str.strip, row) if values.is_number(v)]
    comma, point = (next((v for v in numbers if mark in v), None) for mark in ",.")
    mark = {".": ",", ",": "."}.get(reading.decimal or "", "")
    wrong = next((v for v in numbers if mark and re.fullmatch(rf"[+-]?\d{{1,3}}(?:\{mark}\d{{3}})+", v)), None)
    if wrong is not None or (reading.decimal is None and comma and point):
        found = f'"{wrong}" is no such number' if wrong else f'there are numbers such as "{comma}" and "{point}"'
        raise ValueError(
            f"{path}: neither point nor comma groups digits, as --thousands says, but {found}; expected another "
            "--decimal, or another --thousands"
        )
    return values.COMMA if comma else values.POINT if point else reading.notation


def _notation(rows: Sequence[Values], delimiter: str) -> str | None:
    """Which of point and comma parts decimals: what some column can only mean, else a comma beside semicolons."""
    votes = {values.POINT: 0, values.COMMA: 0}
    for column in zip(*rows, strict=True):
        notation = values.only_notation([v.strip() for v in column])
        if notation is not None:
            votes[notation] += 1
    if bool(votes[values.POINT]) != bool(votes[values.COMMA]):
        return max(votes, key=lambda n: votes[n])
    has_commas = any("," in v and values.is_number(v) for row in rows for v in map(str.strip, row))
    return values.COMMA if delimiter == ";" and has_commas and not any(votes.values()) else None


def _share_of_equal(found: Sequence[Record]) -> float:
    """How large a part of some records has the commonest width."""
    widths = Counter(len(r.values) for r in found if any(r.values))
    return max(widths.values(), default=0) / max(sum(widths.values()), 1)


def _find_delimiter(lines: list[str], is_whole: bool, wanted: Collection[str]) -> str:
    """The one that cuts most rows, and the header, into the same number of values, two at least; else a comma.

    Where commas stand in texts of a single column, or a line is the name of one that is wanted, there is none.
    """
    if next((line.strip().strip('"') for line in lines if line.strip()), "") in wanted:
        return NONE
    best, score = ",", 0.5
    is_one_column = False
    for delimiter in (*_DELIMITERS, *_BLANKS):
        found = [r.values for r in records(lines, Splitter(delimiter), is_whole=is_whole) if any(r.values)]
        widths = [len(v) for v in found if not v[0].startswith("#")] or [len(v) for v in found]
        width, count = Counter(widths).most_common(1)[0] if widths else (0, 0)
        if delimiter == ",":
            is_one_column = widths[:1] == [1] and max(widths) > 1
        if width < 2 or (delimiter == GAPS and set(widths) != {width}):
            continue
        named = widths[0] == width or widths[0] == width - 1 > 1  # R leaves out the name of the rows' names
        too_wide = widths[0] > width  # a header that few rows fill was likely cut by something else
        fit = count / len(widths) + 0.25 * (named - too_wide) + 1e-4 * min(width, 100) - 0.5 * (delimiter in _BLANKS)
        if fit > score:
            best, score = delimiter, fit
    return NONE if is_one_column and score == 0.5 else best
