"""What single values mean: missing, a number in somebody's notation, yes or no, a label; `dates` has the dates."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable
from contextlib import suppress
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pyarrow
from numpy.typing import NDArray
from pyarrow import compute

from pydl.pipeline import units

Floats = NDArray[np.float64]

# With blanks around, in small letters, capitals or a mixture. Words that can be classes ("none", "-") are missing
# only among numbers.
MISSING = frozenset({
    "", "?", "na", "n/a", "#n/a", "#na", "nan", "#nan", "null", "<na>", "nat", r"\n", "(null)", "<null>", "#null!",
})  # fmt: skip
MISSING_AMONG_NUMBERS = frozenset({
    "-", "--", "---", "\u2013", "\u2014", ".", "..", "...", "…", ":", "*", "none", "nil", "missing", "unknown",
    "unk", "n.a.", "n.a", "n.d.", "n/d", "nd", "k.a.", "s/d", "no data", "not available", "#ref!", "#value!", "#div/0!",
    "#num!", "k. a.", "[null]", "1.#qnan", "-1.#ind", "#wert!", "tbd", "m", "''",
})  # fmt: skip
YES = frozenset({"true", "t", "yes", "y", "1", "1.0", "on"})
NO = frozenset({"false", "f", "no", "n", "0", "0.0", "off"})

MARKED = {"=": r'^="([^"]*)"$', "'": r"^'([-+]?[\d.,]*\d)$"}  # as text, by a spreadsheet

CODE = "NA"  # Namibia, North America, sodium: a level among codes of two letters, see `are_codes`
POINT, COMMA = "1,234.5", "1.234,5"  # the notations of numbers
SPAN = "h:m:s"  # and of seconds: 1:02:33, 62:33.5
WHOLE = 2**53  # up to which a float holds every whole number
LARGEST = 1e100  # whose square and sum still are numbers
_CURRENCY = (
    r"(?:[A-Z]{0,3}[$€£¥₹₩₽₺₫₦₱₪฿]|USD|EUR|GBP|CHF|INR|AUD|CAD|NZD|JPY|CNY|SEK|NOK|DKK|PLN|CZK|BRL|MXN|ZAR|TRY|RUB|"
    r"Rs\.?|kr\.?|zł|Kč|Ft)"
)
_SYMBOL = re.compile(_CURRENCY)
_SAME = {"USD": "$", "US$": "$", "EUR": "€", "GBP": "£", "JPY": "¥", "JP¥": "¥", "INR": "₹", "TRY": "₺", "RUB": "₽"}
_MONEY = rf"{_CURRENCY}?"
_GAP = r" '\u2019\u00a0\u202f"  # blanks and quotation marks that part thousands
# A "K" has to follow a digit: 280.5 K are kelvins.
_TIMES = {"k": 1e3, "K": 1e3, "M": 1e6, "Mio": 1e6, "Mio.": 1e6, "million": 1e6, "B": 1e9, "bn": 1e9, "billion": 1e9}
_MANY = rf"(?P<times>{'|'.join(map(re.escape, sorted(_TIMES.keys() - {'K'}, reverse=True)))}|(?<=[\d.,])K)?"
_SIGN_LAST = r"(?P<last>(?<=[.,]\d\d)[-\u2212])?"  # 3.58-, as accounts have it; 2- is a mark between 2 and 3
_ENDS = (
    rf"(?!.*[-\u2212].*\d[-\u2212])(?!\D*[-+\u2212]\D*[-+\u2212])\(?\s*[-+\u2212]?\s*{_MONEY}\s*[-+\u2212]?",
    rf"{_SIGN_LAST}\s*{_MANY}\s*{_MONEY}\s*%?\s*\)?",
)
_POWER = r"(?:[eE][-+]?\d+)?"  # not behind thousands, so that 3,577e+00 has one meaning
_INDIAN = r"[1-9]\d?(?:,\d\d)+,\d{3}"  # 12,34,567
_NUMBER = {
    POINT: re.compile(
        rf"{_ENDS[0]}(?:(?:[1-9]\d{{0,2}}(?:[,{_GAP}]\d{{3}})+|{_INDIAN})(?:\.\d*)?|\d*(?:\.\d*)?{_POWER}){_ENDS[1]}"
    ),
    COMMA: re.compile(rf"{_ENDS[0]}(?:[1-9]\d{{0,2}}(?:[.{_GAP}]\d{{3}})+(?:,\d*)?|\d*(?:,\d*)?{_POWER}){_ENDS[1]}"),
}
_SPAN = re.compile(
    r"(?:(?P<days>[-\u2212]?\d+) days?,? \+?(?=\d+:[0-5]\d:)|(?P<sign>[-\u2212]))?(?:(?P<hours>\d+):(?=[0-5]\d:))?"
    r"(?P<minutes>\d+):(?P<seconds>[0-5]\d(?:[.,]\d+)?)"
)
_NOTHING = pyarrow.scalar(None, pyarrow.large_string())
_MISSING_WORDS = pyarrow.array(sorted(MISSING), pyarrow.large_string())
_PLAIN_COMMA = r"^[+-]?([1-9]\d{0,2}(\.\d{3})+|\d+)?(,\d*)?([eE][+-]?\d+)?$"
_CODE = re.compile(r"[A-Z]{2}")
_YES_OR_NO = {"NO", "OK", "SI", "JA", "DA", "NE", "KO"}  # beside one other word these are answers
_INFINITE = re.compile(r"[-+]?inf(?:inity)?", re.IGNORECASE)
_NOT_OF_A_NUMBER = re.compile(r"[^\d.eE+-]")


def is_text(column: pd.Series) -> bool:
    return not (pd.api.types.is_numeric_dtype(column) or pd.api.types.is_datetime64_any_dtype(column))


def tidy(column: pd.Series) -> pd.Series:
    """A column of text without blanks around its values and with None for the words that mean "missing".

    What holds objects (numbers, truth values, bytes, lists) becomes numbers or truth values where all are, else text;
    whole numbers beyond 2^53 become text, for they are codes whose last digits a float would lose.
    """
    if column.dtype == object or isinstance(column.dtype, pd.CategoricalDtype):
        column = _of_objects(column)
        if not is_text(column):
            return column
    return _as_series(_tidy_text(column), column)


def exact(column: pd.Series) -> pd.Series:
    """A column of objects in which whole numbers that a float cannot hold are text, if values are missing beside them.

    They are codes; without gaps the column becomes one of whole numbers.
    """
    whole = column.hasnans and pd.api.types.infer_dtype(column, skipna=True) == "integer"
    return column.map(str, na_action="ignore") if whole and max(map(abs, column.dropna())) > WHOLE else column


def _of_objects(column: pd.Series) -> pd.Series:
    column = exact(column)
    if column.hasnans:
        column = column.where(column.notna(), None)  # pd.NA is no number
    try:
        codes, levels = pd.factorize(column)
    except TypeError:  # lists and dicts, as JSON lines may hold
        codes, levels = pd.factorize(column.map(str, na_action="ignore"))
    kinds = {type(v) for v in levels}
    if kinds and kinds <= {bool, np.bool_} and (codes >= 0).all():
        return column.astype(bool)
    if kinds and all(issubclass(k, int | float | np.number | Decimal) and k is not bool for k in kinds):
        return column.astype(np.float64)
    words = np.array([*map(label, levels), None], object)
    found = pd.Series(words[codes], index=column.index, name=column.name, dtype="str")
    found.attrs = column.attrs
    return found


def _tidy_text(column: pd.Series) -> Any:
    text = pyarrow.array(column, pyarrow.large_string(), from_pandas=True)
    text = _unmarked(compute.utf8_trim_whitespace(text))
    if not compute.all(compute.string_is_ascii(text)).as_py():
        text = compute.utf8_normalize(text, "NFC")  # so that an accent makes no other level, however it was typed
    is_missing = compute.is_in(compute.utf8_lower(text), value_set=_MISSING_WORDS)
    if column.name in column.attrs.get("codes", ()):
        is_missing = compute.and_not(is_missing, compute.equal(text, CODE))
    return compute.if_else(is_missing, _NOTHING, text)


def _unmarked(text: Any) -> Any:
    """Values without what a spreadsheet marks text with: ="0123" is 0123, '51.3 is 51.3."""
    for mark, pattern in MARKED.items():
        if compute.any(compute.starts_with(text, mark)).as_py():
            text = compute.replace_substring_regex(text, pattern, r"\1")
    return text


def _as_series(array: Any, column: pd.Series) -> pd.Series:
    found = array.to_pandas()
    found.index, found.name, found.attrs = column.index, column.name, column.attrs
    return found


def without(column: pd.Series, words: Collection[str]) -> pd.Series:
    """A column in which some words, and the numbers that they are, stand for a missing value."""
    if pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column):
        numbers = [float(w) for w in words if _is_number(w, POINT) and not _NOT_OF_A_NUMBER.search(w)]
        gone = column.isin(numbers)
        return column.astype(np.float64).mask(gone) if gone.any() else column
    if not is_text(column):
        return column
    known = {w.strip().lower() for w in words}
    numbers = [float(w) for w in words if _is_number(w, POINT) and not _NOT_OF_A_NUMBER.search(w)]
    gone = column.str.strip().str.lower().isin(known)
    if numbers:  # -999 is -999.0 too, but 999 is no 0999, which is a code
        text = column.mask(column.str.match(r"^\s*[-+]?0\d"))
        gone |= pd.to_numeric(text, errors="coerce").isin(numbers)
    return column.mask(gone)


def read_text(column: pd.Series, notation: str | None = None) -> pd.Series:
    """A column of text as numbers, where every value is a plain one in the notation of the file, else tidy text.

    Codes such as `01234` and long identifiers, whose last digits a float would lose, stay text.
    """
    text = _tidy_text(column)
    numbers = _plain_numbers(_with_points(text) if notation == COMMA else text)
    return _as_series(text if numbers is None else numbers, column)


def _with_points(text: Any) -> Any:
    """Plain numbers such as 1.234,5 as 1234.5, if all are such."""
    if not compute.all(compute.match_substring_regex(text, _PLAIN_COMMA), min_count=0).as_py():
        return text
    return compute.replace_substring(compute.replace_substring(text, ".", ""), ",", ".")


def _plain_numbers(text: Any) -> Any:
    if text.null_count == len(text):
        return None
    try:
        numbers = compute.cast(text, pyarrow.float64())
    except pyarrow.ArrowInvalid:
        return None
    if compute.any(compute.match_substring_regex(text, r"^[+-]?0\d+$")).as_py():
        return None
    loses = False
    if compute.max(compute.utf8_length(text)).as_py() > 15:
        inexact = compute.greater_equal(compute.abs(numbers), 2.0**53)
        if compute.mean(inexact).as_py() > 0.5:
            return None
        whole = compute.and_(compute.match_substring_regex(text, r"^[+-]?\d+$"), compute.less(numbers, 2.0**63))
        loses = compute.any(compute.and_(inexact, whole)).as_py()
    if not text.null_count:
        with suppress(pyarrow.ArrowInvalid):
            return compute.cast(text, pyarrow.int64())
    return None if loses else numbers


def number_format(levels: Collection[str], prefer: str | None = None) -> tuple[str, list[str]]:
    """The notation that most of the values follow, and the values that do not follow it.

    Of equals it is the preferred one, which the rest of a file suggests; else 1,234 is a thousand. Where few are
    numbers as they stand, it may be one with a unit, or that of spans of time.
    """
    bare = _best(levels, "", prefer)
    unit = units.common([v for v in levels if v.lower() not in MISSING_AMONG_NUMBERS]) if bare[1] else ""
    spans = (SPAN, [v for v in levels if not _is_number(v, SPAN)]) if bare[1] else bare
    return min(bare, spans, *[_best(levels, unit, prefer)] * bool(unit), key=lambda found: len(found[1]))


def _best(levels: Collection[str], unit: str, prefer: str | None) -> tuple[str, list[str]]:
    words = {
        notation: [v for v in levels if not (_is_number(v, units.named(notation, unit)) or _INFINITE.fullmatch(v))]
        for notation in _NUMBER
    }
    notation = min(words, key=lambda n: (len(words[n]), n != (prefer or POINT)))
    return units.named(notation, unit), words[notation]


def of_file(column: pd.Series) -> str:
    """The notation of the file that a column is from, or of those that were learnt from; else that with a point."""
    found: str = column.attrs.get("notation") or POINT
    return found


def is_notation(text: str) -> bool:
    """Whether a text tells how numbers are written, with a unit or without."""
    return text == SPAN or units.apart(text)[0] in _NUMBER


def are_codes(levels: Collection[str]) -> bool:
    """Whether words are codes of two capitals: then NA is one of them."""
    others = {v for v in levels if v.lower() not in MISSING}
    if len(others) == 2 and others & _YES_OR_NO:
        return False
    return len(others) > 1 and all(_CODE.fullmatch(v) for v in others)


def codes_among(columns: Iterable[tuple[str, Collection[str]]]) -> tuple[tuple[str, ...], list[str]]:
    """Which columns hold codes of two letters, by their values, and what is to be said of those that hold NA."""
    found = {name: levels for name, present in columns if are_codes(levels := set(map(str.strip, present)))}
    among = [name for name, levels in found.items() if CODE in levels]
    return tuple(found), [
        f"{CODE} is a code like the others of {name}; --missing {CODE} changes that" for name in among
    ]


def only_notation(levels: Collection[str]) -> str | None:
    """The one notation in which all values that are not missing are numbers; None if that is none, or both."""
    present = [v for v in levels if v.lower() not in MISSING and v.lower() not in MISSING_AMONG_NUMBERS]
    fitting = [notation for notation in _NUMBER if all(_is_number(v, notation) for v in present)]
    return fitting[0] if len(fitting) == 1 and present else None


def is_number(text: str) -> bool:
    """Whether a text is a number in one of the notations."""
    return any(_is_number(text, notation) for notation in _NUMBER)


def _is_number(text: str, notation: str) -> bool:
    if notation == SPAN:
        return _SPAN.fullmatch(text) is not None
    notation, unit = units.apart(notation)
    text = units.without(text, unit)
    return bool(_NUMBER[notation].fullmatch(text)) and any(map(str.isdigit, text))


def number(text: str, notation: str) -> float:
    """One number in a notation: `$1,234.50`, `12 %`, `(3,5)`, `$56.7M`, `105K`. What is none gives NaN."""
    if not _is_number(text, notation):
        return float(text) if _INFINITE.fullmatch(text) else np.nan
    if notation == SPAN:
        return _seconds(text)
    notation, unit = units.apart(notation)
    text = units.without(text, unit)
    match = _NUMBER[notation].fullmatch(text)
    negative = text.startswith("(")
    if match is not None and match["last"]:
        text, negative = text[: match.start("last")] + text[match.end("last") :], True
    text, times = text.replace("\u2212", "-"), 1.0
    if match is not None and match["times"]:
        text, times = text[: match.start("times")], _TIMES[match["times"]]
    text = _SYMBOL.sub("", text)
    text = text.replace(".", "").replace(",", ".") if notation == COMMA else text
    value = times * float(_NOT_OF_A_NUMBER.sub("", text))
    return -abs(value) if negative else value


def _seconds(span: str) -> float:
    """Of hours, minutes and seconds, or minutes and seconds; whole days before them count by themselves, as Python and
    pandas write them: -1 day, 23:59:00 is a minute less than nothing."""
    match = _SPAN.fullmatch(span)
    assert match is not None
    days, sign, hours, minutes, seconds = match.groups()
    found = (
        86400 * int((days or "0").replace("\u2212", "-"))
        + 3600 * int(hours or 0)
        + 60 * int(minutes)
        + float(seconds.replace(",", "."))
    )
    return -found if sign else found


def different_makes(levels: Collection[str]) -> list[str]:
    """A number with and one without a percent sign, or one of each currency, where there are several; else nothing."""
    if not any("%" in level or _SYMBOL.search(level) for level in levels):
        return []
    percents, currencies = dict[bool, str](), dict[str, str]()
    for level in levels:
        if is_number(level) and number(level, POINT) != 0:
            percents.setdefault("%" in level, level)
            if symbol := _SYMBOL.search(level):
                currencies.setdefault(_SAME.get(symbol[0], symbol[0].strip(".")), level)
    return next((list(found.values()) for found in (currencies, percents) if len(found) > 1), [])


def has_multiples(levels: Collection[str]) -> bool:
    """Whether some of the numbers are given in thousands, millions or billions: 105K, $56.7M."""
    found = (pattern.fullmatch(level) for level in levels for pattern in _NUMBER.values())
    return any(match is not None and match["times"] for match in found)


def numbers(
    column: pd.Series, notation: str, words: Collection[str] = (), unread: Counter[str] | None = None
) -> Floats:  # fmt: skip
    """A column as float64, NaN where missing, infinite or one of `words`.

    Raises
    ------
    ValueError
        A value that is no number in this notation; with `unread`, it is NaN and counted there.
    """
    if pd.api.types.is_datetime64_any_dtype(column):
        raise ValueError(f'column "{column.name}": expected numbers, got dates')
    if not pd.api.types.is_numeric_dtype(column):
        column = tidy(column)
    if pd.api.types.is_numeric_dtype(column):
        values = column.to_numpy(np.float64, na_value=np.nan)
    else:
        codes, levels = pd.factorize(column)
        of_level = np.array([*(number(v, notation) for v in levels.astype(object)), np.nan])
        known = MISSING_AMONG_NUMBERS | {w.lower() for w in words}
        wrong = [v for v, x in zip(levels, of_level, strict=False) if np.isnan(x) and v.lower() not in known]
        note_wrong(column, wrong, "a number", unread)
        values = of_level[codes]
    if unread is not None and (endless := np.isinf(values)).any():
        unread.update(map(str, column[endless]))
    return np.clip(np.where(np.isfinite(values), values, np.nan), -LARGEST, LARGEST)


def note_wrong(column: pd.Series, wrong: Collection[str], wanted: str, unread: Counter[str] | None) -> None:
    """Count the values that cannot be read, or refuse the first."""
    if not len(wrong):
        return
    places = column.isin(list(wrong)).to_numpy()
    if unread is not None:
        unread.update(column[places])
        return
    row = int(column.index[places][0]) + 1  # of the file
    raise ValueError(
        f'column "{column.name}", row {row}: expected {wanted}, got "{column[places].iloc[0][:40]}"; '
        "mend the value, or leave it empty if it is missing"
    )


def flags(column: pd.Series, counts: bool = False, unread: Counter[str] | None = None) -> Floats:
    """A column of yes and no as 1 and 0, NaN where missing; where they may be `counts`, 2 is 2.

    Raises
    ------
    ValueError
        Any other value; with `unread`, it is NaN and counted there.
    """
    words = pd.Series(labels(column), column.index, name=column.name, dtype=object)
    codes, levels = pd.factorize(words)
    of_level = np.array([*(flag(v, counts) for v in levels), np.nan])
    note_wrong(words, levels[np.isnan(of_level[:-1])], "yes or no, true or false, 1 or 0", unread)
    return of_level[codes]


def flag(word: str, counts: bool) -> float:
    """One yes or no as 1 or 0, NaN for any other word; where they may be `counts`, 2 is 2."""
    value = 1.0 if word.lower() in YES else 0.0 if word.lower() in NO else number(word, POINT) if counts else np.nan
    return value if np.isfinite(value) else np.nan


def are_flags(words: Collection[str]) -> bool:
    """Whether words are one for yes, one for no, or both."""
    lower = {w.lower() for w in words}
    return lower <= YES | NO and len(lower & YES) <= 1 and len(lower & NO) <= 1


def labels(column: pd.Series) -> NDArray[np.object_]:
    """A column as text, None where missing; 3, 3.0 and "3" are the same label."""
    if not pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_datetime64_any_dtype(column):
        column = tidy(column)
    codes, levels = pd.factorize(column)
    of_level = np.empty(len(levels) + 1, dtype=object)
    of_level[:-1] = [label(v) for v in levels]
    return of_level[codes]


def label(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, float | np.floating) and np.isfinite(value) and value == int(value):
        value = int(value)
    return str(value)
