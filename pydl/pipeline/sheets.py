"""Spreadsheets (xlsx, xls, ods): a sheet that holds a table, its header found as in delimited text.

It is the one that is asked for; else the first that has the columns which are known to be in the table; else the first.
"""

from __future__ import annotations

import datetime
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from pydl.pipeline.header import find_header, numbered
from pydl.pipeline.places import part
from pydl.pipeline.reading import AS_FOUND, Reading
from pydl.pipeline.records import Record

Cells = list[Any]


class Sheet:
    """One sheet, read whole.

    Parameters
    ----------
    path : Path
        With `places.part`: the name of a sheet.
    reading : Reading
        What is known of it.

    Attributes
    ----------
    notes, notation, codes, levels, width, about
        As of `delimited.Delimited`.

    Raises
    ------
    ValueError
        Without python-calamine; a file without a table, or without the sheet that is asked for.
    """

    levels: tuple[str, ...] = ()
    _merged: Sequence[tuple[tuple[int, int], tuple[int, int]]] = ()  # first and last cell of each group

    def __init__(self, path: Path, reading: Reading = AS_FOUND) -> None:
        self.path, self.notes, self.notation, self.codes = path, list[str](), reading.notation, reading.codes
        rows = self._rows(reading.wanted)
        found = _records(rows)
        if not found:
            raise ValueError(f"{path}: no rows; expected a table with a header and at least one row")
        header = find_header(found, reading.wanted, reading.header, reading.found.about)
        self.about = bool(header.about)
        if header.about:
            self.notes.append(f"row{header.about}")
        if header.above:
            self.notes.append(f"{header.above} row{'s' * (header.above > 1)} above the header left out")
        self._fill_merged(rows, header.line)
        below = [_used(row) for row in rows[header.line - 1 : found[-1].line]]  # with those left blank between others
        width = max([len(header.names), *map(len, below)])
        self.width = None if header.is_there else width
        names = header.names if header.is_there else numbered(path, width, reading, self.notes)
        self.names = [*names, *[""] * (width - len(names))]
        self.rows = [[*row, *[None] * (width - len(row))] for row in below]

    def read(self) -> pd.DataFrame:
        """All rows."""
        frame = pd.DataFrame(self.rows, columns=range(len(self.names)), dtype=object)
        columns = {i: _typed(frame[i]) for i in frame.columns}
        return pd.DataFrame(columns).set_axis(self.names, axis=1)

    def chunks(self, rows: int) -> Iterator[pd.DataFrame]:
        """All rows in tables of at most `rows`."""
        frame = self.read()
        for start in range(0, len(frame), rows):
            yield frame.iloc[start : start + rows]

    def _fill_merged(self, rows: list[Cells], first: int) -> None:
        """Cells that are merged with one above them, below the names, have its value."""
        filled = 0
        for (top, left), (bottom, right) in self._merged:
            is_there = top < len(rows) and left < len(rows[top])
            if top + 1 < first or left != right or not is_there:  # a title or a footer goes across columns
                continue
            for row in rows[top : bottom + 1]:
                row[left] = rows[top][left]
            filled += 1
        if filled:
            groups = f"{filled:,} group{'s' * (filled > 1)} of merged cells"
            self.notes.append(f"{groups}: each of the cells is taken to hold what the first does")

    def _rows(self, wanted: Collection[str]) -> list[Cells]:
        try:
            import python_calamine
        except ImportError:
            raise ValueError(
                'a spreadsheet needs python-calamine: pip install "pydl[tables]"; or save it as CSV'
            ) from None
        try:
            # from a stream, by its contents: names of files may say something else
            with self.path.open("rb") as file, python_calamine.CalamineWorkbook.from_filelike(file) as book:
                found = [book.get_sheet_by_name(name) for name in book.sheet_names]
                sheets = {sheet.name: sheet.to_python(skip_empty_area=False) for sheet in found}
                merged = {sheet.name: sheet.merged_cell_ranges or () for sheet in found}
        except python_calamine.CalamineError as error:
            raise ValueError(str(error)) from None
        if asked := part(self.path):
            if asked not in sheets:
                raise ValueError(f"{self.path}: expected one of its sheets, {', '.join(sheets)}, after ::")
            self._merged = merged[asked]
            return sheets[asked]
        filled = [name for name, rows in sheets.items() if sum(bool(_used(row)) for row in rows) > 1]
        if not filled:
            return []
        chosen = next((name for name in filled if wanted and _names_all(sheets[name], wanted)), filled[0])
        if len(filled) > 1:
            which = "the first" if chosen == filled[0] else f"the one with {', '.join(wanted)}"
            others = ", ".join(name for name in filled if name != chosen)
            self.notes.append(
                f'of {len(filled)} sheets {which} is read, "{chosen}"; FILE::SHEET reads another ({others})'
            )
        self._merged = merged[chosen]
        return sheets[chosen]


def _records(rows: Sequence[Cells]) -> list[Record]:
    """What is not blank, as text; below a first row of text that is as wide as any, all of its width."""
    found = [Record(i + 1, "", [_text(cell) for cell in _used(row)]) for i, row in enumerate(rows) if _used(row)]
    width = max((len(r.values) for r in found), default=0)
    first = next((i for i, r in enumerate(found) if len(r.values) == width), 0)
    if found and all(isinstance(cell, str) and cell for cell in _used(rows[found[first].line - 1])):
        for record in found[first:]:
            record.values += [""] * (width - len(record.values))
    return found


def _names_all(rows: Sequence[Cells], wanted: Collection[str]) -> bool:
    """Whether a sheet has all columns that are known to be there."""
    return set(wanted) <= set(find_header(_records(rows), wanted).names)


def _used(row: Cells) -> Cells:
    """A row without the empty cells at its end, None for those inside."""
    cells = [None if cell == "" else cell for cell in row]
    while cells and cells[-1] is None:
        cells.pop()
    return cells


def _text(cell: Any) -> str:
    if isinstance(cell, datetime.timedelta):
        seconds = round(cell.total_seconds())
        return f"{'-' * (seconds < 0)}{abs(seconds) // 3600}:{abs(seconds) % 3600 // 60:02d}:{abs(seconds) % 60:02d}"
    return "" if cell is None else str(int(cell)) if isinstance(cell, float) and cell == int(cell) else str(cell)


def _typed(column: pd.Series) -> pd.Series:
    """Numbers as such, whole ones as integers; days and times of day as text."""
    present = column.dropna()
    kinds = {type(cell) for cell in present}
    if kinds <= {int, float} and kinds:
        numbers = present.astype("float64")
        if not bool(((numbers % 1 == 0) & (numbers.abs() < 2**53)).all()):
            return column.astype("float64")
        whole = [None if pd.isna(cell) else int(cell) for cell in column]
        return pd.Series(whole, column.index, object if None in whole else "int64")
    return column if kinds <= {bool} else column.map(_text, na_action="ignore")
