"""Which record of a table's first ones holds the names of its columns, and whether any does."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from pydl.pipeline import values
from pydl.pipeline.reading import Reading
from pydl.pipeline.records import Record, Values

MOST_COLUMNS = 500  # to judge a table by
_MOSTLY = 0.9
_TITLE = 12  # records that a title may have
_FEW = 5  # records below the names, of which none is taken for their units
_MOST_ABOUT = 2  # records below the names that are about the columns
_LONGEST_UNIT = 12
_NO_UNIT = values.MISSING | values.MISSING_AMONG_NUMBERS - {"m"}  # metres, in a line of units
_LINES = set("-=_+:|")  # what lines below the names of a printed table are drawn with
_FEW_LEVELS = 0.25  # of the values of a column are different ones where they are levels and not names or texts
_PLAIN = re.compile(r"[-+]?[\d.,]*\d[\d.,]*(?:[eE][-+]?\d+)?")
_YEARS = range(1800, 2101)
_TYPES = {  # of Orange's columns, and whether they are nominal
    **dict.fromkeys(("c", "continuous", "n", "numeric", "s", "string", "t", "text", "time", "basket"), False),
    **dict.fromkeys(("d", "discrete", "categorical"), True),
}
_ROLE = re.compile(r"(?:class|meta|ignore|skip|weight|[imcw]|-?\w+=\S.*)?(?: -?\w+=\S.*)*")


class Header(NamedTuple):
    """Names, and the line that the first row of data begins in.

    Attributes
    ----------
    names : list of str
        What stands in the file; empty ones where it has none.
    line : int
        Of the first record below the names, or of the first record where there are none.
    is_there : bool
        Whether names were found; if not, the first record is data.
    above : int
        How many lines stand above.
    nominal : list of str, optional
        The names of columns that are declared to be nominal, where the file declares what columns are.
    about : str
        What is to be said of records below the names that are about the columns, such as their units; `line` is behind
        them.
    """

    names: list[str]
    line: int
    is_there: bool
    above: int
    nominal: Sequence[str] | None = None
    about: str = ""


def find_header(
    found: Sequence[Record], wanted: Collection[str] = (), is_there: bool | None = None, about: bool = True
) -> Header:
    """The names among the first records of a table.

    They are the first record of the commonest width; if that is data, the record above it that names its columns.

    Parameters
    ----------
    found : sequence of Record
        At least one.
    wanted : collection of str
        Columns that are known to be in the table: the record that holds them all is the header.
    is_there : bool, optional
        What the user knows.
    about : bool
        Whether there may be records below the names that are about the columns.
    """
    if is_there is not False and (declared := _declared(found)) is not None:
        return declared
    header = _found(found, wanted, is_there)
    if is_there is not False and not (wanted and set(wanted) <= set(header.names)):
        header = _of_groups(found, wanted) or header
    rows = [r for r in found if r.line >= header.line and len(r.values) == len(header.names)]
    for n in range(1, _MOST_ABOUT + 1) if header.is_there and about else ():
        below = [r.values for r in rows[n:]]
        if len(below) < _FEW or not all(_are_about_columns(r.values, below) for r in rows[:n]):
            continue
        are_units = n == 1 and max(map(len, map(str.strip, rows[0].values))) <= _LONGEST_UNIT
        what = "gives the units of" if are_units else "tells about" if n == 1 else "tell about"
        at = f" {rows[0].line}" if n == 1 else f"s {rows[0].line} to {rows[n - 1].line}"
        told = f"{at} {what} columns, and {'is' if n == 1 else 'are'} left out"
        return header._replace(line=rows[n - 1].line + rows[n - 1].lines, about=told)
    return header


def _of_groups(found: Sequence[Record], wanted: Collection[str]) -> Header | None:
    """Names of two records, as tables of groups have them: the groups, each in its first column, and below them the
    same names, words or years, in each of several groups."""
    if len(found) < 3:
        return None
    lower = _tidy(found[1])
    upper = [*_tidy(found[0]), *[""] * (len(lower) - len(found[0].values))]
    begins = [j for j, name in enumerate(upper) if name]
    if len(upper) != len(lower) or not begins or begins[0] > 1:
        return None
    groups = [tuple(lower[j:end]) for j, end in pairwise([*begins, len(upper)])]
    wide = [group for group in groups if len(group) > 1]
    if len(wide) < 2 or len(set(wide)) > 1 or not all(wide[0]) or len(set(wide[0])) < len(wide[0]):
        return None
    below = list(zip(*(r.values for r in found[2:] if len(r.values) == len(lower)), strict=True))
    are_levels = any(name and name in map(str.strip, column) for name, column in zip(lower, below, strict=False))
    numbers = [name for name in (*upper, *lower) if values.is_number(name) and not _is_year(name)]
    if are_levels or numbers or not below or len({upper[j] for j in begins}) < len(begins):
        return None
    whole = [upper[max(k for k in begins if k <= j)] if j >= begins[0] else "" for j in range(len(upper))]
    names = [f"{u} {l}".strip() for u, l in zip(whole, lower, strict=True)]
    return _at(found[1], names)._replace(above=0) if not wanted or set(wanted) <= set(names) else None


def numbered(path: Path, width: int, reading: Reading, notes: list[str]) -> list[str]:
    """The names of the columns of a table that has none, by their places in the one that was learnt from.

    Raises
    ------
    ValueError
        There are fewer columns than there, and it cannot be told that just those to be predicted lack, or the weights.
    """
    learnt = max(width, reading.found.width or 0)
    names = [f"column {i + 1}" for i in range(learnt)]
    if learnt == width:
        return names
    weights = {reading.weights} - {None}
    ways = {frozenset(reading.targets), frozenset(weights), frozenset({*reading.targets, *weights})}
    fitting = [[name for name in names if name in way] for way in ways if len(way & set(names)) == learnt - width]
    if len(fitting) != 1:
        spare = " or ".join(name for name in names if name in {*reading.targets, *weights})
        why = f"all but {spare}" if not fitting else f"names, for it cannot be told which of {spare} lacks"
        raise ValueError(
            f"{path}: {width} columns without names; expected the {learnt} of the training, in their order, or {why}"
        )
    lacks, verb = " and ".join(fitting[0]), "is" if len(fitting[0]) == 1 else "are"
    notes.append(f"there are {width} columns, in training there were {learnt}: {lacks} {verb} taken to lack")
    return [name for name in names if name not in fitting[0]]


def _are_about_columns(first: Values, below: Sequence[Values]) -> bool:
    """Whether a record has words, such as units, above two columns of numbers at least, and in others nothing that is
    of their make; words that are long, or the same for all numbers, tell of columns only if no two cells are equal."""
    named, cells = 0, [name.strip() for name in first[:MOST_COLUMNS]]
    above_numbers = []
    for name, column in zip(map(str.strip, first[:MOST_COLUMNS]), zip(*below, strict=True), strict=False):
        present = [v for v in map(str.strip, column) if not _is_missing(v)]
        if present and all(map(values.is_number, present)):
            if values.is_number(name) or not name:
                return False
            above_numbers.append(name)
            named += name.lower() not in _NO_UNIT and not set(name) <= _LINES
        elif name in present or (present and name and _is_of_make(name, present)):
            return False
    if max(map(len, above_numbers), default=0) > _LONGEST_UNIT or len(set(above_numbers)) < min(2, len(above_numbers)):
        return named > 1 and all(cells) and len(set(cells)) == len(cells)
    return named > 1


def _is_of_make(name: str, present: Values) -> bool:
    """Whether a value has the shape of nearly all of a column, such as that of a date or a code."""
    shape, share = Counter(map(_shape, present)).most_common(1)[0]
    return "9" in shape and share >= _MOSTLY * len(present) and _shape(name) == shape


def _is_year(text: str) -> bool:
    return _is_whole(text) and int(text) in _YEARS


def _found(found: Sequence[Record], wanted: Collection[str], is_there: bool | None) -> Header:
    rows = [r for r in found if any(r.values) and not _is_remark(r.values)] or list(found)
    width = _commonest(rows)
    if len(rows) > 1 and _are_sizes(rows[0].values, [r.values for r in rows[1:] if len(r.values) == width]):
        rows = rows[1:]
    first = next(i for i, r in enumerate(rows) if len(r.values) == width)
    if is_there is False:
        return Header([], rows[first].line, False, rows[first].line - 1)
    first = _below_title(rows, first, width, wanted)
    named = next((i for i, r in enumerate(rows[: first + 1]) if wanted and set(wanted) <= set(_tidy(r))), None)
    if named is not None:
        return _at(rows[named], _tidy(rows[named]))
    likeness = evidence(rows[first].values, [r.values for r in rows[first + 1 :] if len(r.values) == width])
    above = _above(found, rows, first, width, likeness)
    if above is not None and (likeness <= 0 or is_there):
        return above
    if likeness < 0 and not is_there:
        return Header([], rows[first].line, False, rows[first].line - 1)
    names = _tidy(rows[first])
    return _at(rows[first], [names[0].lstrip("# "), *names[1:]])


def _declared(found: Sequence[Record]) -> Header | None:
    """The three lines that Orange writes above a table: names, types and roles; levels in the place of a type."""
    if len(found) < 3:
        return None
    names, types, roles = map(_tidy, found[:3])
    kinds = [kind.lower() for kind in types]
    known, told = sum(kind in _TYPES for kind in kinds), sum(map(bool, kinds))
    if not len(names) == len(types) >= len(roles) or any(k and k not in _TYPES and " " not in k for k in kinds):
        return None
    if not all(map(_ROLE.fullmatch, roles)) or known < (1 if any(roles) else told / 2) or set(types) <= {*names, ""}:
        return None
    if any(roles) and max(map(len, roles)) < 2:
        return None  # rows of letters
    nominal = [name for name, kind in zip(names, kinds, strict=True) if kind and _TYPES.get(kind, True)]
    return _at(found[2], names)._replace(above=0, nominal=nominal)


def _commonest(rows: Sequence[Record]) -> int:
    """The width of most records; of equally frequent ones the largest."""
    widths = Counter(len(r.values) for r in (rows[1:] or rows))
    return max(widths, key=lambda w: (widths[w], w))


def _at(row: Record, names: list[str]) -> Header:
    return Header(names, row.line + row.lines, True, row.line - 1)


def _tidy(row: Record) -> list[str]:
    names = [value.strip() for value in row.values]
    if len(names) > 1 and all(len(name) > 2 and name[0] == name[-1] == "'" for name in names):
        return [name[1:-1].strip() for name in names]
    return names


def _is_remark(row: Values) -> bool:
    return row[0].lstrip().startswith("#") and len(row) == 1


def _below_title(rows: Sequence[Record], first: int, width: int, wanted: Collection[str]) -> int:
    """Where the names stand if those from `first` on are a title, padded with empty cells as spreadsheets write it, or
    groups of columns: in a record without empty or equal cells, which the ones above it have."""
    if set(wanted) <= set(_tidy(rows[first])) and wanted:
        return first
    for i in range(first + 1, min(first + _TITLE, len(rows) - 1)):
        names = _tidy(rows[i])
        if len(names) == width and all(names) and len(set(names)) == width:
            if not (wanted and set(wanted) <= set(names)) and not _is_title([_tidy(r) for r in rows[first:i]], width):
                return first
            below = [r.values for r in rows[i + 1 :] if len(r.values) == width]
            return i if evidence(names, below) > 0 else first
    return first


def _is_title(records: Sequence[Values], width: int) -> bool:
    """Whether each of some records has empty or equal cells, and one most of them empty or some of them equal."""
    cells = [set(record) - {""} for record in records]
    few = min(map(len, cells)) <= max(1, width // 2)
    return max(map(len, cells)) < width and (
        few or any(len(c) < sum(map(bool, r)) for c, r in zip(cells, records, strict=True))
    )


def _above(found: Sequence[Record], rows: Sequence[Record], first: int, width: int, likeness: int) -> Header | None:
    """Names in the record right above the first of the commonest width: in a remark, of another width, or of all
    columns but that of the rows' names."""
    place = found.index(rows[first]) - 1
    if place >= 0 and found[place].values[0].lstrip().startswith("#"):
        names = [name.strip() for name in found[place].values]
        names = names[1:] if names[0] == "#" else [names[0].lstrip("# "), *names[1:]]
        if len(names) == width and width > 1 and all(names):
            return _at(found[place], names)
    if first == 0:
        return None
    row = rows[first - 1]
    names = _tidy(row)
    while len(names) > width and not names[-1]:
        names.pop()
    fitting = len(names) == width - 1 or (len(names) >= width and likeness < 0)
    return _at(row, names) if all(names) and fitting and (likeness < 0 or first == 1) else None


def _are_sizes(first: Values, below: Sequence[Values]) -> bool:
    """Whether a first record tells how many rows and columns follow, and then the classes: 150,4,setosa,versicolor.

    It is of another width than they are, or has words above numbers behind the two.
    """
    if len(first) < 2 or not (below and all(_is_whole(value.strip()) for value in first[:2])):
        return False
    width = len(below[0])
    if int(first[0]) < len(below) - 1 or int(first[1]) not in (width - 1, width):
        return False
    return len(first) != width or (width > 2 and evidence(first[2:], [row[2:] for row in below]) > 0)


def evidence(first: Values, below: Sequence[Values]) -> int:
    """How many columns speak for names in the first row, less those that speak for data; 0 if it cannot be told.

    A word above numbers, above a few levels or above values of one make (dates, codes) is a name; a value of the same
    make, or a level that comes again, is data. Whole numbers are names if they count up or are years above other
    numbers; so is whatever stands behind an empty cell above row names.
    """
    if not first[0].strip() and len(first) > 1 and all(first[1:MOST_COLUMNS]) and _are_row_names(below):
        return len(first)
    votes, whole = 0, list[tuple[int, list[str]]]()
    names = Counter(value.strip() for value in first)
    below = [row for row in below if row != first] or below
    for j, name in enumerate(value.strip() for value in first[:MOST_COLUMNS]):
        present = [v for row in below if not _is_missing(v := row[j].strip())]
        if not present or _is_missing(name):
            continue
        numbers = sum(map(values.is_number, present)) >= _MOSTLY * len(present)
        if numbers and _is_whole(name):
            if sum(map(_is_whole, present)) <= (1 - _MOSTLY) * len(present):
                votes += 1  # a whole number above others
            else:
                whole.append((int(name), present))
        else:
            votes += _vote(name, present, numbers)
    are_names = _count_up([n for n, _ in whole]) or all(n in _YEARS and not _are_years(v) for n, v in whole)
    if whole and not (are_names and all(names[str(n)] == 1 for n, _ in whole)):
        votes -= len(whole)
    return votes


def _are_row_names(below: Sequence[Values]) -> bool:
    """Whether each of some rows, three at least, begins with a value of its own."""
    named = {row[0].strip() for row in below} - {""}
    return len(named) == len(below) >= 3


def _vote(name: str, present: Values, numbers: bool) -> int:
    if numbers:
        return -1 if _PLAIN.fullmatch(name) else int(not values.is_number(name))  # 5K may be the name of a run
    if name in present:
        return -1
    shape, share = Counter(map(_shape, present)).most_common(1)[0]
    if "9" in shape and share >= _MOSTLY * len(present):
        return -1 if _shape(name) == shape else 1
    return int(len(present) >= 8 and len(set(present)) <= _FEW_LEVELS * len(present))


def _shape(text: str) -> str:
    return re.sub(r"\d+", "9", re.sub(r"[^\W\d_]+", "a", text))


def _is_missing(text: str) -> bool:
    return text.lower() in values.MISSING or text.lower() in values.MISSING_AMONG_NUMBERS


def _is_whole(text: str) -> bool:
    """Whether a text is digits that make a number: \u2460 is a digit to Python, but none of those."""
    return text.isascii() and text.isdigit()


def _count_up(found: list[int]) -> bool:
    steps = {b - a for a, b in pairwise(found)}
    return steps == {1} or (len(found) == 1 and found[0] < 2) or (len(found) > 2 and len(steps) == 1 and steps != {0})


def _are_years(present: Values) -> bool:
    return sum(_is_whole(v) and int(v) in _YEARS for v in present) > len(present) / 2
