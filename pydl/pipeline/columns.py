"""What each column of a table is taken for and what will be done to it: guessed from its values, said in a sentence."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from pydl.pipeline import dates, ngrams, values

KINDS = ("number", "category", "many", "flag", "date", "text", "identifier", "constant", "empty")
USED = ("number", "category", "many", "flag", "date")

ONE_HOT = 50  # a category of more levels is embedded
FEW_ROWS = 20  # with fewer rows, values that are all different prove nothing
MOSTLY = 0.95  # of the values have to be numbers, or dates, for the column to be one of numbers or dates
_SAMPLE = 1000  # texts that are looked at
_FEW_NUMBERS = 10  # different ones, which may be the names of levels
_CERTAIN = 10  # different whole numbers that are no dates by chance: one of 27 between 19000101 and 21001231 is one
MIXED = "numbers of different makes: "  # how one of those on it begins that says so
NEARLY = "numbers but for "  # how a note on a column begins that a few cells keep from being one of numbers
_SCALED = "scaled to mean 0 and deviation 1"
_ROW_NUMBERS = "left out: it numbers the rows"
_DATE_NAME = re.compile(r".*(?:date|day|datum|fecha|when).*", re.IGNORECASE)
_MONTH_NAME = re.compile(r"(?:.*[_\s.-])?(?:month|mon|monat|mois|mes|period|time|ym)s?", re.IGNORECASE)
_IDENTIFIER_NAME = re.compile(
    r"(?:.*[_\s.-])?(?:id|uuid|guid|key)|.*[a-z]I[Dd]|(?:row|record|line)?[_\s.-]?(?:index|number|num|no|nr)\.?|#|rows?|"
    r"row[_\s.-]?names?|(?:s|sl|sr|serial)[_\s.-]*(?:no|number|num)\.?|level_\d+|unnamed: 0(?:\.\d+)*",
    re.IGNORECASE,
)
_NAMELESS = re.compile(r"column 1|row|unnamed: 0(?:\.\d+)*", re.IGNORECASE)  # how a nameless first column is called
_INDEX_OF_PARQUET = re.compile(r"__index_level_\d+__")
_YEARS = (1500, 2100)  # whole numbers between them, one after the other, are years
_COUNTING_NAME = re.compile(  # of what may count up row by row and tell something: a time, or a rank
    r"(?:.*[_\s.-])?(?:t|tm|time|date|trend|step|period|epoch|second|minute|hour|day|week|month|quarter|wave|rank|ranking)s?|"
    r".*[a-z](?:Time|Rank)",
    re.IGNORECASE,
)
_LETTERED = r"[A-Za-z]{0,3}\d+[A-Za-z]?"  # a code of digits and a few letters
_CODE_NAME = re.compile(r"(?:.*[_\s.-])?(?:zip|zip_?code|postal(?:_?code)?|postcode|plz|id|code)", re.IGNORECASE)


@dataclass(frozen=True)
class Column:
    """What one column is taken for.

    Attributes
    ----------
    name : str
        Its name.
    kind : str
        ``number``, ``category`` (one-hot), ``many`` (levels, embedded), ``flag`` (yes or no) and ``date`` are used;
        So is ``text`` with a `format`; without one it is left out, as ``identifier``, ``constant`` and ``empty`` are.
    missing : int
        How many of its values are missing.
    levels : int
        How many different values it has.
    treatment : str
        What is done to it, in a sentence; `Preparation.fit` makes it more precise.
    note : str
        What is odd about it, or nothing.
    format : str
        How its numbers or dates are written, or what its texts are made of: words or characters.
    words : tuple of str
        Values that are no numbers, or dates, among such, and count as missing.
    """

    name: str
    kind: str
    missing: int
    levels: int
    treatment: str
    note: str = ""
    format: str = ""
    words: tuple[str, ...] = ()

    @property
    def used(self) -> bool:
        """Whether a network gets to see it."""
        return self.kind in USED or (self.kind == "text" and bool(self.format))

    def state(self) -> dict[str, Any]:
        """The column as JSON can hold it."""
        return asdict(self)

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Column:
        """The column that `state` describes."""
        return cls(**(state | {"words": tuple(state["words"])}))


def must_have(frame: pd.DataFrame, wanted: Collection[str], what: str) -> None:
    """Refuse names that the table does not have, with the nearest ones that it has."""
    names = [str(name) for name in frame.columns]
    for name in wanted:
        if name not in names:
            near = difflib.get_close_matches(name, names, 3, 0.6) or [n for n in names if n.lower() == name.lower()]
            hint = (
                f"did you mean {' or '.join(near)}?"
                if near
                else f"there are {', '.join(names[:8])}{' ...' * (len(names) > 8)}"
            )
            raise ValueError(f'{what} "{name}" is not in the table; {hint}')


def guess(
    frame: pd.DataFrame, target: str | Sequence[str] | None = None, drop: Sequence[str] = (),
    kinds: Mapping[str, str] | None = None,
) -> list[Column]:  # fmt: skip
    """What each column is taken for, but for what is to be predicted and those to drop.

    Parameters
    ----------
    frame : DataFrame
    target : str or sequence of str, optional
    drop : sequence of str
    kinds : mapping of str to str, optional
        For some columns what they are, whatever they look like: number, category, date, text, identifier or drop.

    Raises
    ------
    ValueError
        A name that is not in the table, or is there more than once; a column that cannot be what it is said to be.
    """
    kinds = kinds or {}
    names = pd.Index(map(str, frame.columns))
    if names.has_duplicates:
        raise ValueError(f'the table has two columns called "{names[names.duplicated()][0]}"; rename one of them')
    targets = [] if target is None else [target] if isinstance(target, str) else list(target)
    must_have(frame, targets, "target")
    must_have(frame, drop, "column to drop")
    must_have(frame, kinds, "column of --kind")
    for name in targets:
        if name in kinds:
            raise ValueError(f"--kind {name}={kinds[name]}: this is the target; --task says what it is")
    kinds = {**dict.fromkeys(frame.attrs.get("levels", ()), "category"), **kinds}  # as the file declares them
    left_out = {*targets, *drop, *(name for name, kind in kinds.items() if kind == "drop")}
    headless = len(names) > 1 and all(name == f"column {i + 1}" for i, name in enumerate(names))
    found = [
        _column(frame.iloc[:, i].rename(name), kinds.get(name), not headless and _is_index(frame.iloc[:, i], name, i))
        for i, name in enumerate(names)
        if name not in left_out
    ]
    found = _ranks(frame, found)
    return found if any(c.used for c in found) else [_better_than_nothing(c) for c in found]


def _is_index(column: pd.Series, name: str, place: int) -> bool:
    """Whether it is the index that pandas or R wrote beside the columns, without a name.

    It counts the rows: whole numbers from 0 on, few of them twice (as where tables were put one below the other).
    """
    nameless = _NAMELESS.fullmatch(name) if place == 0 else _INDEX_OF_PARQUET.fullmatch(name)
    if not nameless or not pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column):
        return False
    x = column.dropna()
    whole = len(x) > 0 and bool((x == np.floor(x)).all()) and x.min() >= 0
    return whole and x.nunique() > 0.5 * len(x)


def _ranks(frame: pd.DataFrame, found: list[Column]) -> list[Column]:
    """The same, but rows have one number: of several in different orders, those that go up and down are ranks."""
    places = {str(name): i for i, name in enumerate(frame.columns)}
    counting = {
        c.name: frame.iloc[:, places[c.name]].to_numpy(np.float64, na_value=np.nan)
        for c in found
        if c.treatment == _ROW_NUMBERS and not c.note
    }
    orders = {tuple(x.argsort()) for x in counting.values()}
    ranks = {name for name, x in counting.items() if not (steps := np.sign(np.diff(x))).all() or steps.std()}
    if len(orders) < 2 or not ranks:
        return found
    note = "a different number in each row, but not in order of the rows: taken for a rank"
    return [replace(c, kind="number", treatment=_SCALED, note=note) if c.name in ranks else c for c in found]


def _better_than_nothing(column: Column) -> Column:
    """Where nothing else is left, what numbers the rows may be a time or a place."""
    note = "it numbers the rows, but nothing else is left"
    return replace(column, kind="number", treatment=_SCALED, note=note) if column.treatment == _ROW_NUMBERS else column


def _column(column: pd.Series, kind: str | None, index: bool) -> Column:
    if values.is_text(column) and not pd.api.types.is_bool_dtype(column):
        column = values.tidy(column)
    missing = int(column.isna().sum())
    levels = column.value_counts(sort=False)
    about = _About(column, missing, levels)
    if levels.empty:
        return about.column("empty", "left out: no value in it")
    if len(levels) == 1 and not missing:
        return about.column("constant", f"left out: always {_short(levels.index[0])}")
    if kind is not None:
        return about.of_kind(kind)
    if index:
        return about.column("identifier", _ROW_NUMBERS, "a first column of whole numbers without a name is an index")
    if pd.api.types.is_datetime64_any_dtype(column):
        return about.date(dates.ISO)
    if values.is_text(column):
        return about.of_text()
    return about.of_numbers()


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 30 else text[:29] + "…"


@dataclass
class _About:
    """A column while it is looked at: its values, how many are missing, its levels with their counts."""

    values: pd.Series
    missing: int
    levels: pd.Series

    def column(self, kind: str, treatment: str, note: str = "", **more: Any) -> Column:
        return Column(str(self.values.name), kind, self.missing, len(self.levels), treatment, note, **more)

    @property
    def present(self) -> int:
        return len(self.values) - self.missing

    @property
    def all_different(self) -> bool:
        return self.present >= FEW_ROWS and len(self.levels) == self.present

    def of_numbers(self) -> Column:
        name = str(self.values.name)
        if pd.api.types.is_bool_dtype(self.values):
            return self.column("flag", "1 for yes, 0 for no")
        if set(self.levels.index) <= {0, 1}:  # as numbers they may be counts, and meet a 2
            return self.column("flag", "1 for yes, 0 for no", format=values.POINT)
        x = self.levels.index.to_numpy(np.float64)
        infinite = int(self.levels[~np.isfinite(x)].sum())
        whole = not infinite and bool((x == np.floor(x)).all())
        if whole and (_DATE_NAME.fullmatch(name) or len(x) >= _CERTAIN) and dates.are_digits(x):
            return self.date(dates.DIGITS, "read as year, month and day in eight digits")
        if whole and self.all_different:
            if _IDENTIFIER_NAME.fullmatch(name):
                return self.column(
                    "identifier", "left out: a different number in each row, and the name of an identifier"
                )
            years = x.min() >= _YEARS[0] and x.max() <= _YEARS[1]
            if x.max() - x.min() == len(x) - 1 and not years and not _COUNTING_NAME.fullmatch(name):
                return self.column("identifier", _ROW_NUMBERS)
        if whole and _CODE_NAME.fullmatch(name) and len(x) > 2:
            return self.of_levels("whole numbers, but by its name a code and not a quantity")
        note = f"{infinite} infinite value{'s count' if infinite > 1 else ' counts'} as missing" if infinite else ""
        return self.number(note)

    def number(self, note: str = "", **more: Any) -> Column:
        return self.column("number", _SCALED, note, **more)

    def date(self, form: str, note: str = "", words: Sequence[str] = ()) -> Column:
        treatment = "taken apart: year, month, day, weekday, hour, days since 1970 (those that differ)"
        return self.column("date", treatment, note, format=form, words=tuple(words))

    def of_kind(self, kind: str) -> Column:
        """What somebody says that it is."""
        are_dates, text = pd.api.types.is_datetime64_any_dtype(self.values), values.is_text(self.values)
        if kind == "text":
            return self.of_sentences()
        if kind == "identifier":
            return self.column(kind, "left out: it tells rows apart")
        if kind == "category":
            return self.levels_by_number("said to be a category")
        words = pd.Series([values.label(v) for v in self.levels.index], dtype="str")
        if kind == "number" and not are_dates:
            notation, others = (
                values.number_format(list(words), self.values.attrs.get("notation")) if text else (values.POINT, [])
            )
            if len(others) < len(words):
                stray = [w for w in others if w.lower() not in values.MISSING_AMONG_NUMBERS]
                note = self.about_notation(words, others, notation) if text else ""
                return self.number(note, format=notation, words=tuple(stray))
        elif kind == "date":
            form = dates.ISO if are_dates else dates.format_of(words, said=True) or dates.DIGITS
            others = [] if are_dates else dates.not_read(words, form)
            if len(others) < len(words):
                return self.date(form, "said to be a date", others)
        raise ValueError(
            f'--kind {self.values.name}={kind}: no value of the column is a {kind}, such as "{_short(words.iloc[0])}"'
        )

    def of_text(self) -> Column:
        words = pd.Series(self.levels.index, dtype="str")
        if len(words) <= 8 and values.are_flags(words):
            return self.column("flag", f"1 for {max(words, key=lambda w: w.lower() in values.YES)}, else 0")
        if self.values_are_digits(words):
            return self.of_levels("digits with leading zeros, or too many of them for a number: taken for a code")
        if self.digits_have_letters(words):
            return self.of_levels("digits, some of them with letters: taken for a code")
        notation, others = values.number_format(list(words), self.values.attrs.get("notation"))
        stray = [w for w in others if w.lower() not in values.MISSING_AMONG_NUMBERS]
        number = None
        if len(others) < len(words) and self.levels[stray].sum() <= (1 - MOSTLY) * self.present:
            number = self.number(self.about_notation(words, others, notation), format=notation, words=tuple(stray))
            if notation != values.SPAN:  # which may be a time of day
                return number
        name = str(self.values.name)
        form = dates.format_of(words, said=bool(_DATE_NAME.fullmatch(name) or _MONTH_NAME.fullmatch(name)))
        if form is not None:
            others = dates.not_read(words, form)
            if number is not None and len(number.words) < len(others):
                return number
            unread = int(self.levels[others].sum())
            plural = ("value is no such date and counts", "values are no such dates and count")[unread > 1]
            notes = [f"read as {form}"] * (form != dates.ISO) + [f"{unread} {plural} as missing"] * (unread > 0)
            return self.date(form, "; ".join(notes), others)
        if number is not None:
            return number
        odd = int(self.levels[stray].sum())
        nearly = 0 < odd <= self.present / 2 and len(words) - len(stray) > _FEW_NUMBERS
        return self.of_levels(
            f"{NEARLY}{odd:,} of {self.present:,} cells, such as {_short(stray[0])}" if nearly else ""
        )

    def values_are_digits(self, words: pd.Series) -> bool:
        digits = words.str.fullmatch(r"\d+")
        return bool(digits.all() and (words.str.match(r"0\d").any() or (words.str.len() > 15).mean() > 0.5))

    def digits_have_letters(self, words: pd.Series) -> bool:
        """Whether they are codes of digits, such as 007 or 168, that have a letter here and there: 136A, C168."""
        digits = words.str.fullmatch(r"\d+")
        if digits.mean() < 0.5 or not words.str.fullmatch(_LETTERED).all():
            return False
        return bool(words[digits].str.match(r"0\d").any() or words[~digits].str.match("[A-Za-z]").sum() > 1)

    def about_notation(self, words: pd.Series, others: list[str], notation: str) -> str:
        odd = sum(self.levels[others])
        notes = []
        if others:
            plural, verb = ("s", "count") if odd > 1 else ("", "counts")
            notes.append(f"{odd} value{plural} such as {_short(others[0])} {verb} as missing")
        if notation == values.SPAN:
            notes.append("spans of time, in seconds")
        elif notation != values.POINT or words.str.contains(",", regex=False).any():
            notes.append(f"numbers are written as {notation}")
        if values.has_multiples(list(words)):
            notes.append("K, M and B are read as thousands, millions and billions")
        if makes := values.different_makes(list(words)):
            notes.append(f"{MIXED}{' beside '.join(makes)}")
        return "; ".join(notes)

    def of_levels(self, note: str) -> Column:
        """Text, or codes: a category unless (nearly) every row has its own."""
        count, name = len(self.levels), str(self.values.name)
        if self.present >= FEW_ROWS and count > 0.5 * self.present:
            words = pd.Series(self.levels.index.map(str), dtype="str")
            if ngrams.are_sentences(list(words.iloc[:: -(-count // _SAMPLE)])):
                return self.of_sentences(note)
            if words.str.count(" ").mean() >= 2 or words.str.len().mean() > 40:
                return self.column("text", f"left out: short texts; --kind {name}=text learns from their words", note)
            if count > 0.9 * self.present or _IDENTIFIER_NAME.fullmatch(name):
                return self.column("identifier", f"left out: {count} different values in {self.present} rows", note)
        return self.levels_by_number(note)

    def of_sentences(self, note: str = "") -> Column:
        sample = self.levels.index[:: -(-len(self.levels) // _SAMPLE)]
        of = ngrams.made_of([values.label(v) for v in sample])
        return self.column("text", f"free text: {ngrams.described(of)}", note, format=of)

    def levels_by_number(self, note: str) -> Column:
        count = len(self.levels)
        if count <= ONE_HOT:
            return self.column("category", f"one-hot: one feature for each of {count} levels", note)
        return self.column("many", f"embedded: {count} levels; those seen once, new or missing share a vector", note)
