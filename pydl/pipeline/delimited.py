"""Delimited text of any make: encoding, delimiter and header are found out, odd rows mended or left out, and said."""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import re
import warnings
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pandas as pd

_SAMPLE_LINES = 200
_SAMPLE_CHARACTERS = 1 << 24  # a single row of tens of thousands of columns fits
_BLOCK = 1 << 20
_BOMS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
_DELIMITERS = (",", ";", "\t", "|")
_BLANKS = r"\s+"
_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")


class Delimited:
    """One file of delimited text, looked into but not yet read.

    Parameters
    ----------
    path : Path
        The file; what gzip packed is unpacked on the way.

    Attributes
    ----------
    notes : list of str
        What was noticed, a short sentence each; reading may add to it.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.notes = path, list[str]()
        self.encoding = self._find_encoding()
        sample = self._sample()
        self.delimiter = _find_delimiter(sample)
        self.skipped = _preamble(sample, self.delimiter)
        if self.skipped:
            self.notes.append(f"{self.skipped} line{'s' * (self.skipped > 1)} above the header left out")
        records = _records("".join(sample[self.skipped :]), self.delimiter)
        if not records:
            raise ValueError(f"{path}: no rows; expected a table with a header and at least one row")
        self._find_header(records)
        if self.delimiter not in (",", "\t"):
            name = "blanks" if self.delimiter == _BLANKS else f'"{self.delimiter}"'
            self.notes.append(f"columns are separated by {name}")

    def read(self) -> pd.DataFrame:
        """All rows, every value as text, empty where nothing stands."""
        tables = list(self._parsed(None))
        return tables[0] if tables else pd.DataFrame(columns=self.names, dtype="str")

    def chunks(self, rows: int) -> Iterator[pd.DataFrame]:
        """All rows in tables of at most `rows`."""
        return self._parsed(rows)

    def _open(self) -> Any:
        return gzip.open(self.path, "rb") if is_packed(self.path) else self.path.open("rb")

    def _find_encoding(self) -> str:
        """UTF-8 or what a byte-order mark says; Windows-1252 where the file is no UTF-8."""
        with self._open() as file:
            block = file.read(_BLOCK)
            encoding = next((name for mark, name in _BOMS.items() if block.startswith(mark)), "utf-8")
            if encoding == "utf-16":
                return encoding
            decoder = codecs.getincrementaldecoder("utf-8")()
            while block:
                if b"\0" in block:
                    raise ValueError(f"{self.path} is no text; expected a table such as CSV or Parquet")
                try:
                    decoder.decode(block)
                except UnicodeDecodeError:
                    self.notes.append("the text is not UTF-8; read as Windows-1252")
                    return "cp1252"
                block = file.read(_BLOCK)
        return encoding

    def _sample(self) -> list[str]:
        """The first lines, whole ones where the file goes on."""
        with self._open() as file, io.TextIOWrapper(file, self.encoding, errors="replace", newline=None) as text:
            lines, size = list[str](), 0
            while size < _SAMPLE_CHARACTERS and (len(lines) < 20 or (len(lines) < _SAMPLE_LINES and size < _BLOCK)):
                line = text.readline(_SAMPLE_CHARACTERS)
                if not line:
                    break
                lines.append(line)
                size += len(line)
        start = "".join(lines)[:65536]
        if sum(not (c.isprintable() or c.isspace()) for c in start) > 0.05 * len(start):
            raise ValueError(f"{self.path} is no text; expected a table such as CSV or Parquet")
        return lines

    def _find_header(self, records: list[list[str]]) -> None:
        """`names`, and whether they stand in the file (`header`)."""
        first, widths = records[0], Counter(map(len, records[1:]))
        width = max(widths, key=lambda w: (widths[w], w)) if widths else len(first)
        self.header = not _is_data(first)
        if not self.header:
            self.notes.append("the first row holds numbers and is read as data; columns are named column 1, 2, ...")
            self.names = [f"column {i + 1}" for i in range(max(width, len(first)))]
            return
        self.names = list(first)
        if width == len(first) + 1 and all(r[-1] == "" for r in records[1:] if len(r) == width):
            self.names.append("")
        elif width == len(first) + 1:
            self.names.insert(0, "row")
            self.notes.append('the first column has no name in the header; it is called "row"')

    def _parsed(self, rows: int | None) -> Iterator[pd.DataFrame]:
        options: dict[str, Any] = {
            "sep": self.delimiter, "header": None, "names": range(len(self.names)), "index_col": False, "dtype": "str",
            "keep_default_na": False, "na_filter": False, "skipinitialspace": True, "encoding": self.encoding,
            "encoding_errors": "replace", "on_bad_lines": "warn", "skiprows": self.skipped, "low_memory": False,
            "compression": "gzip" if is_packed(self.path) else None,
        }  # fmt: skip
        begun = False
        try:
            for table in self._tables(rows, options):
                begun = True
                yield table
        except pd.errors.ParserError as error:
            if "EOF inside string" not in str(error) or begun:
                raise
            self.notes.append("a quotation mark is opened and never closed; quotation marks are read as text")
            yield from self._tables(rows, options | {"quoting": csv.QUOTE_NONE})

    def _tables(self, rows: int | None, options: dict[str, Any]) -> Iterator[pd.DataFrame]:
        bad = 0
        with pd.read_csv(self.path, iterator=True, **options) as reader:
            if self.header:
                reader.read(1)
            while True:
                with warnings.catch_warnings(record=True) as caught:
                    warnings.simplefilter("always")
                    try:
                        table = reader.read(rows)
                    except StopIteration:
                        break
                bad += sum(str(w.message).count("Skipping line") for w in caught)
                yield self._without_nameless(table.set_axis(self.names, axis=1))
                if rows is None:
                    break
        if bad:
            self.notes.append(f"{bad} row{'s' * (bad > 1)} with more values than columns left out")

    def _without_nameless(self, table: pd.DataFrame) -> pd.DataFrame:
        """Without a last column that exists only because each row ends in a delimiter."""
        return table.iloc[:, :-1] if self.names[-1] == "" and (table.iloc[:, -1] == "").all() else table


def is_packed(path: Path) -> bool:
    """Whether a file is gzip's, whatever its name."""
    with path.open("rb") as file:
        return file.read(2) == b"\x1f\x8b"


def _records(sample: str, delimiter: str) -> list[list[str]]:
    """The rows of a piece of text that are not empty."""
    if delimiter == _BLANKS:
        return [line.split() for line in sample.splitlines() if line.strip()]
    try:
        found = list(csv.reader(io.StringIO(sample), delimiter=delimiter, skipinitialspace=True))
    except csv.Error:  # a field beyond the csv module's limit
        found = [line.split(delimiter) for line in sample.splitlines()]
    return [[value.strip() for value in record] for record in found if record]


def _find_delimiter(lines: list[str]) -> str:
    """The one that cuts most rows, and the header, into the same number of values, two at least; else a comma."""
    best, score = ",", 0.5
    for delimiter in (*_DELIMITERS, _BLANKS):
        widths = [len(record) for record in _records("".join(lines), delimiter)]
        width, count = Counter(widths).most_common(1)[0] if widths else (0, 0)
        if width < 2 or (delimiter == _BLANKS and best != ","):
            continue
        fit = count / len(widths) + 0.25 * (widths[0] == width) + 1e-4 * min(width, 100) - 0.5 * (delimiter == _BLANKS)
        if fit > score:
            best, score = delimiter, fit
    return best


def _preamble(lines: list[str], delimiter: str) -> int:
    """How many lines of one value (a title, remarks) stand above a table of three columns or more."""
    widths = [len(record) for record in _records("".join(lines), delimiter)]
    if not widths or Counter(widths).most_common(1)[0][0] < 3:
        return 0
    alone = [len([v for record in _records(line, delimiter) for v in record if v]) < 2 for line in lines[:20]]
    return alone.index(False) if False in alone else 0


def _is_data(first: list[str]) -> bool:
    """Whether the first row holds values: a number that is no year, no position and no name of one."""
    found = [value for value in first if _NUMBER.fullmatch(value)]
    if not found:
        return False
    if not all(value.isdigit() for value in found):
        return True
    numbers = [int(value) for value in found]
    consecutive = all(b == a + 1 for a, b in pairwise(numbers))
    return not (consecutive and (len(numbers) > 1 or numbers[0] < 2))
