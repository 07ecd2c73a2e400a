"""Records of delimited text, made regular: what a parser of CSV gets to read has one meaning, and no record vanishes.

A quotation mark may be text (`"Giliap` in one row, `Open City"` in another); a parser that takes the two for a quoted
value swallows all rows between them. So records are told apart here: a quoted value of several lines is one only if its
lines are no records of their own. Records with too many values are left out and counted, those with too few are
counted, and both are named by their lines.
"""

from __future__ import annotations

import io
import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import Any

_END = "\x1a"  # what DOS wrote at the end of a text
BLANKS = r"\s+"  # the delimiter of columns that any number of blanks part
GAPS = r"\s\s+"  # of columns that two blanks or more part, so that values may hold single ones
_BLOCK = 1 << 16
_LINES_OF_A_VALUE = 2000  # a quotation mark that nothing closes within so many lines is text
_ENOUGH = 4  # values that look like those of their column, for lines in a quotation to be records of their own
_MOST_LEFT_OUT = 0.05
_NAMED = 5  # lines that a note names
_BETWEEN = {BLANKS: re.compile(r'"[^"]*"(?!\S)|\S+'), GAPS: re.compile(r"\S+(?:\s\S+)*")}  # the values

_ESCAPED = re.compile(r'\\(.)|"(?=")', re.DOTALL)

_DRAWN = re.compile(r"[-=+:| \t]*[-=]{3}[-=+:| \t]*")  # what parts the names of a printed table from its rows
_COUNTED = re.compile(r"\(?\d[\d,]* rows?(?: in set.*)?\)?")  # and says below how many these are

Values = list[str]
Fits = Callable[[Sequence[Values]], int]


class Splitter:
    """One way to cut lines into values.

    Parameters
    ----------
    delimiter : str
    escaped : bool
        Whether a quotation mark inside quotation marks is written with a backslash, as MySQL does; else it is doubled.
    """

    def __init__(self, delimiter: str, escaped: bool = False) -> None:
        self.escaped = escaped
        self.blanks = _BETWEEN.get(delimiter)
        self.delimiter = "\t" if self.blanks else delimiter
        d = re.escape(self.delimiter)
        inside = r'[^"\\]*(?:(?:""|\\.)[^"\\]*)*' if escaped else r'[^"]*(?:""[^"]*)*'
        self._quoted = re.compile(rf' *"({inside})" *({d}|\Z)', re.DOTALL)
        self._plain = re.compile(rf"([^{d}]*)({d}|\Z)")
        self._open = re.compile(rf' *"{inside}\Z', re.DOTALL)
        self.begins_quoted = re.compile(rf'(?:\A|{d}) *"').search  # a record, or what looks like it

    def line(self, line: str) -> str:
        """A line without its end, its values parted by `delimiter`."""
        line = line.rstrip("\n" + _END)
        return "\t".join(re.sub(r"\s", " ", v) for v in self.blanks.findall(line)) if self.blanks else line

    def split(self, record: str) -> tuple[Values, bool]:
        """The values, and whether one of them opens a quotation that the record does not close.

        A quotation mark that no delimiter follows where it closes is text, and so is one that is not closed.
        """
        if '"' not in record:
            return record.split(self.delimiter), False
        found, at, is_open = Values(), 0, False
        while True:
            match = self._quoted.match(record, at)
            if match is not None:
                found.append(_ESCAPED.sub(r"\1", match[1]) if self.escaped else match[1].replace('""', '"'))
            else:
                is_open = is_open or self._open.match(record, at) is not None
                match = self._plain.match(record, at)
                assert match is not None
                found.append(match[1])
            at = match.end()
            if not match[2]:
                return found, is_open

    def join(self, values: Values) -> str:
        """Values as a record that has one meaning."""
        return self.delimiter.join('"' + value.replace('"', '""') + '"' for value in values)


class Record:
    """A record: the number of its first line, its text, its values; whether a quotation mark that opens is text."""

    __slots__ = ("is_plain", "line", "lines", "text", "values")

    def __init__(self, line: int, text: str, values: Values, lines: int = 1, is_plain: bool = False) -> None:
        self.line, self.text, self.values, self.lines, self.is_plain = line, text, values, lines, is_plain


def records(
    lines: Iterable[str], splitter: Splitter, first: int = 1, width: int | None = None, fits: Fits | None = None,
    *, beyond: Iterable[str] = (), is_whole: bool = True,
) -> Iterator[Record]:  # fmt: skip
    """The records of some lines, blank ones as records of one empty value.

    Parameters
    ----------
    lines : iterable of str
    splitter : Splitter
    first : int
        The number of the first line.
    width : int, optional
        How many values a record should have.
    fits : callable, optional
        In how many columns, one at least, rows look like the table's; 0 if they do not in one of them.
    beyond : iterable of str
        The lines that follow; as many are taken as a quotation that is open at the end needs to be understood.
    is_whole : bool
        Whether nothing follows the last line; if something does, a quotation open at the end ends the records.
    """
    source, waiting, number = iter(lines), deque[str](), first
    ahead = chain(source, beyond)
    while True:
        line = waiting.popleft() if waiting else next(source, None)
        if line is None:
            return
        text = splitter.line(line)
        values, is_open = splitter.split(text)
        record = Record(number, text, values)
        if is_open and not splitter.blanks:
            more = _until_closed(text, waiting, ahead, splitter)
            if more is None and not is_whole and len(waiting) < _LINES_OF_A_VALUE:
                return
            whole = None if more is None else splitter.split("\n".join([text, *more]))[0]
            if more is not None and whole is not None and not _are_records([text, *more], whole, splitter, width, fits):
                for _ in more:
                    waiting.popleft()
                record = Record(number, "\n".join([text, *more]), whole, 1 + len(more))
            else:
                record.is_plain = True
        elif '"' in text and (width is None or len(values) != width):
            plain = text.split(splitter.delimiter)
            if len(plain) == width:
                record = Record(number, splitter.join(plain), plain, is_plain=True)
        if '"' in record.text and splitter.begins_quoted(record.text):
            record.text = splitter.join(record.values)
        number += record.lines
        yield record


def _until_closed(text: str, waiting: deque[str], source: Iterator[str], splitter: Splitter) -> list[str] | None:
    """The lines that a quotation goes on for, which then are the first of those waiting; None if nothing closes it."""
    more: list[str] = []
    while len(more) < _LINES_OF_A_VALUE:
        if len(waiting) == len(more):
            waiting.extend(islice(source, 1))
            if len(waiting) == len(more):
                return None
        more.append(waiting[len(more)].rstrip("\n"))
        if '"' in more[-1] and not splitter.split("\n".join([text, *more]))[1]:
            return more
    return None


def _are_records(
    lines: list[str], whole: Values, splitter: Splitter, width: int | None, fits: Fits | None
) -> bool:  # fmt: skip
    """Whether lines that a quotation seems to hold together are records of their own."""
    each = [splitter.split(line)[0] for line in lines]
    widths = {len(values) for values in each}
    if len(widths) > 1 or 1 in widths or (width is not None and widths != {width}):
        return width is not None and len(whole) != width and len(each[0]) == width
    if width is not None and len(whole) != width:
        return True
    return len(lines) * (1 if fits is None else fits(each)) >= _ENOUGH


class Regular(io.TextIOBase):
    """A text file of records of equal width: what is read from it, a parser of CSV cannot misread.

    Parameters
    ----------
    path : Path
        What errors call the file.
    text : text file
        Opened at its start; closed with this one.
    splitter : Splitter
    begin : int
        How many lines stand above the first record.
    width : int
        How many columns there are.
    least : int
        How many values a record should have at least.
    fits
        As for `records`.
    strict : bool
        Refuse a record of too many values rather than leave it out.
    header : sequence of str
        The names of the columns, if the file has them: a record of them is none of data.
    """

    def __init__(
        self, path: Path, text: Any, splitter: Splitter, begin: int, width: int, least: int, fits: Fits | None,
        strict: bool, header: Sequence[str] = (),
    ) -> None:  # fmt: skip
        self.path, self.text, self.splitter, self.width, self.least = path, text, splitter, width, least
        self.fits, self.strict, self.header = fits, strict, list(header)
        self.count, self.blank = 0, 0
        self.odd, self.short, self.remarks, self.plain = list[int](), list[int](), list[int](), list[int]()
        self.repeated, self.drawn = list[int](), list[int]()
        self._header_line = splitter.delimiter.join(header) + "\n"
        self._first = self._number = begin + 1
        for _ in islice(text, begin):
            pass
        self._blocks = self._regular()

    def readable(self) -> bool:
        return True

    def read(self, size: int | None = -1) -> str:
        """The next piece, whatever its size."""
        return next(self._blocks, "")

    def close(self) -> None:
        self.text.close()
        super().close()

    def notes(self) -> list[str]:
        """What was noticed, and ValueError if too many records were left out."""
        total = self.count + len(self.odd)
        other = "another number of" if self.splitter.blanks else "more"
        if len(self.odd) > _MOST_LEFT_OUT * total:
            raise ValueError(
                f"{self.path}: {len(self.odd)} of {total} rows have {other} values than the {self.width} columns, the "
                f"first in line {self.odd[0]}; expected the same number in each; is the delimiter right?"
            )
        told = [
            (self.odd, f"with {other} values than columns left out"),
            (self.short, "with fewer values than columns: what is not there is missing"),
            (self.plain, "with a quotation mark that is never closed, which is read as text"),
            (self.remarks, "left out as remarks, for they begin with #"),
            (self.repeated, "left out for holding the names of the columns again"),
            (self.drawn, "left out for drawing lines, or counting the rows"),
        ]
        found = [f"{len(at)} row{'s' * (len(at) > 1)} {what} ({_lines(at)})" for at, what in told if at]
        if self.blank:
            found.append(f"{self.blank} blank line{'s' * (self.blank > 1)} at the end left out")
        return found

    def _regular(self) -> Iterator[str]:
        d = self.splitter.delimiter
        while block := self.text.readlines(_BLOCK):
            whole = "".join(block)
            plain = '"' not in whole and _END not in whole and whole.endswith("\n") and self._header_line not in block
            plain = plain and not (self._number == self._first and _DRAWN.fullmatch(block[0].strip()))
            if self.width > 1 and not self.splitter.blanks and plain:
                widths = [line.count(d) for line in block]
                if widths.count(self.width - 1) == len(block):
                    self.count += len(block)
                    self._number += len(block)
                    yield whole
                    continue
            yield from self._mended(block)

    def _mended(self, block: list[str]) -> Iterator[str]:
        """Records one by one, the last one as long as it is."""
        kept: list[str] = []
        for record in records(block, self.splitter, self._number, self.width, self.fits, beyond=self.text):
            self._number = record.line + record.lines
            kept += self._kept(record)
        if kept:
            yield "".join(kept)

    def _kept(self, record: Record) -> list[str]:
        """The record as text, after what it shows to be records before it; nothing if it is to be left out."""
        values = record.values
        if len(values) == 1 and not values[0].strip():
            self.blank += self.width == 1
            return []
        if self.header and [value.strip() for value in values] == self.header:
            self.repeated.append(record.line)
            return []
        if self._is_drawn(record):
            self.drawn.append(record.line)
            return []
        is_remark = len(values) == 1 or not self.strict  # else each row has to be there
        if len(values) != self.width and values[0].lstrip().startswith("#") and is_remark:
            self.remarks.append(record.line)
            return []
        text = record.text
        if record.is_plain:
            self.plain.append(record.line)
        unclear = self.splitter.blanks and len(values) < self.least  # where a cell is empty, nobody can tell which
        if unclear or any(value.strip() for value in values[self.width :]):
            self._refuse(record)
            self.odd.append(record.line)
            return []
        if len(values) > self.width:
            text = self.splitter.join(values[: self.width])
        elif len(values) < self.least:
            self.short.append(record.line)
        found = ['""\n'] * self.blank + [text + "\n"]
        self.blank = 0
        self.count += len(found)
        return found

    def _is_drawn(self, record: Record) -> bool:
        """Whether a record belongs to how a table is printed: |---|---| below the names, (12 rows) at the end."""
        cells = [value.strip() for value in record.values if value.strip()]
        if record.line == self._first and self.header and (self.splitter.delimiter == "|" or self.splitter.blanks):
            return bool(cells) and all(map(_DRAWN.fullmatch, cells))
        alone = len(cells) == 1 and len(record.values) != self.width
        return alone and any(kind.fullmatch(cells[0]) for kind in (_DRAWN, _COUNTED))

    def _refuse(self, record: Record) -> None:
        if self.strict:
            raise ValueError(
                f"{self.path}: line {record.line} has {len(record.values)} values, but there are {self.width} columns; "
                "mend it (a value that holds the delimiter needs quotation marks), for every row is to be predicted; "
                "--leave-out predicts the others"
            )


def _lines(numbers: list[int]) -> str:
    shown = ", ".join(map(str, numbers[:_NAMED])) + ", ..." * (len(numbers) > _NAMED)
    return f"line{'s' * (len(numbers) > 1)} {shown}"
