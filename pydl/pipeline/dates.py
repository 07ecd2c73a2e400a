"""Dates and times of day: the formats they are written in, and columns of them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection

import numpy as np
import pandas as pd

from pydl.pipeline.values import Floats, is_text, labels, note_wrong, tidy

ISO, DIGITS = "ISO8601", "%Y%m%d"
_DATES = (
    ISO, "%Y/%m/%d", "%d.%m.%Y", "%m/%d/%Y", "%d/%m/%Y", "%d-%m-%Y", "%m-%d-%Y", "%d.%m.%y", "%m/%d/%y", "%d/%m/%y",
    "%d %b %Y", "%d-%b-%Y", "%d-%b-%y", "%d %B %Y", "%b %d, %Y", "%B %d, %Y", "%Y.%m.%d", "%a, %d %b %Y",
    "%b %d %Y", "%B %d %Y", "%d/%b/%Y", "%d-%B-%Y", "%Y-%b-%d", "%a %b %d %Y",
    "%b-%d-%Y",
)  # fmt: skip
_MONTHS = (
    "%b-%y", "%b %y", "%b-%Y", "%b %Y", "%B %Y", "%B-%Y", "%Y-%b", "%Y %b", "%Y %B", "%m/%Y", "%Y/%m", "%YM%m",
)  # fmt: skip
_LAST_YEAR = 2049  # that two digits mean: 50 is 1950
NO_DAY = pd.Timestamp(1900, 1, 1)  # of a time of day
QUARTERS = "%YQ%q"  # 1974Q1, 1974-Q1, Q1 1974: the first day of each
_MONTHS_OR_FRACTIONS = ("%m/%y",)  # 1/12 is a month only where the name of the column says so
_TIMES = ("%H:%M:%S", "%H:%M", "%H:%M:%S.%f", "%I:%M %p", "%I:%M:%S %p")
_BOTH = (f"{date}{gap}{time}" for date in _DATES[1:] for gap in " T" for time in _TIMES)
_OF_LOGS = (
    "%Y-%m-%d %I:%M:%S %p", "%Y-%m-%d %I:%M %p", "%a %b %d %H:%M:%S %Y", "%a %b %d %H:%M:%S %z %Y",
    "%d/%b/%Y:%H:%M:%S %z", "%d/%b/%Y:%H:%M:%S",
)  # fmt: skip
_FORMATS = (*_DATES, QUARTERS, *_MONTHS, *_BOTH, *_OF_LOGS, *_TIMES)
_IN_UTC = r"(?<=\d) ?(?:UTC|GMT)$"  # as databases name the zone
_YEAR_FIRST = r"[12]\d{3}-\d\d"
_DIGITS_AS_FLOAT = r"^([12]\d{7})(?:\.0*)?$"
_DATE_LIKE = re.compile(r"(?=.*\d)(?=.*[-/.:, ]|\d{4}[QqM]\d)[\w\s/.:,+-]{4,40}")
_QUARTER = (r"^([12]\d{3})[- ]?[Qq]([1-4])$", r"^[Qq]([1-4])[- ]?([12]\d{3})$")


def format_of(levels: pd.Series, said: bool = False) -> str | None:
    """The format that at least 95 % of the values follow, None if there is none; 1/2/2020 is January the second.

    `said` tells that they are dates: then 1/86 is a month.
    """
    sample = levels.iloc[:: max(1, len(levels) // 200)]
    if sum(bool(_DATE_LIKE.fullmatch(v)) for v in sample) < 0.9 * len(sample):
        return None
    formats = _FORMATS + _MONTHS_OR_FRACTIONS if said else _FORMATS
    candidates = [f for f in formats if _parsed(sample, f).notna().mean() >= 0.9]
    share = {f: _parsed(levels, f).notna().mean() for f in candidates}
    best = max(share, key=lambda f: share[f], default="")
    return best if share.get(best, 0.0) >= 0.95 else None


def _parsed(text: pd.Series, form: str) -> pd.Series:
    if form == QUARTERS:
        found = text.str.replace(_QUARTER[1], r"\2Q\1", regex=True).str.extract(_QUARTER[0])
        months = 3 * pd.to_numeric(found[1]) - 2
        text, form = found[0] + "-" + months.astype("Int64").astype("str").str.zfill(2), "%Y-%m"
    if form == ISO:
        text = text.str.replace(_IN_UTC, "Z", regex=True)
    found = pd.to_datetime(text, format=form, errors="coerce", utc=True).dt.tz_localize(None).dt.as_unit("us")
    if "%y" not in form:
        return found
    return found.where(found.dt.year <= _LAST_YEAR, found - pd.DateOffset(years=100))  # NaT stays


def are_digits(x: Floats) -> bool:
    """Whether whole numbers are dates such as 20240131."""
    if x.min() < 19000101 or x.max() > 21001231:
        return False
    return bool(_parsed(pd.Series(x.astype(np.int64).astype(str), dtype="str"), DIGITS).notna().all())


def not_read(levels: pd.Series, form: str) -> list[str]:
    """The values that do not follow a format."""
    return list(levels[_parsed(levels, form).isna()])


def read(
    column: pd.Series, form: str, words: Collection[str] = (), unread: Counter[str] | None = None
) -> pd.Series:  # fmt: skip
    """A column as times without a zone (UTC where the values name one), NaT where missing or one of `words`.

    Other writers' spellings are known: eight digits as a float, `20240131.0`, and ISO dates that begin with the year.

    Raises
    ------
    ValueError
        A value that does not follow the format; with `unread`, it is NaT and counted there.
    """
    if pd.api.types.is_datetime64_any_dtype(column):
        return column if column.dt.tz is None else column.dt.tz_convert("UTC").dt.tz_localize(None)
    if not pd.api.types.is_numeric_dtype(column):
        column = tidy(column)
    if column.isna().all():
        return pd.Series(pd.NaT, index=column.index, name=column.name, dtype="datetime64[us]")
    if not is_text(column):
        column = pd.Series(labels(column), index=column.index, name=column.name, dtype="str")
    codes, levels = pd.factorize(column)
    text = pd.Series(levels, dtype="str")
    parsed = _parsed(text, form)
    if parsed.isna().any():
        parsed = parsed.fillna(_parsed(text.where(text.str.match(_YEAR_FIRST)), ISO))
        parsed = parsed.fillna(_parsed(text.str.replace(_DIGITS_AS_FLOAT, r"\1", regex=True), DIGITS))
    note_wrong(column, text[parsed.isna() & ~text.isin(list(words))], f"a date ({form})", unread)
    parsed = pd.concat([parsed, pd.Series([pd.NaT], dtype=parsed.dtype)], ignore_index=True)
    return pd.Series(parsed.to_numpy()[codes], index=column.index, name=column.name)
