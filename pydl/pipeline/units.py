"""Units behind numbers, as in `1248 CC`, `1.37kg` and `10,000+`: a notation may name one, `1,234.5 kg`."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection

_MOSTLY = 0.95  # of the values have to have it
_ENOUGH = 10  # values; of fewer, such as `36 months` and `60 months`, each is a level
_LONGEST = 12
_UNIT = re.compile(rf"[-+\u2212]?\s?[\d.,'\s]*\d[.,]?(\s*)((?:[^\W\d_]|[°%‰+'\"\u2032\u2033])\D{{0,{_LONGEST - 1}}})")
_CODE = re.compile(r"0\d")  # how codes begin


def common(values: Collection[str]) -> str:
    """The unit that nearly all of some numbers have; nothing if there is none.

    A capital right behind digits, `12B`, makes a code and no unit.
    """
    if len(values) <= _ENOUGH or any(map(_CODE.match, values)):
        return ""
    found = Counter(
        match[2]
        for match in map(_UNIT.fullmatch, values)
        if match and (match[1] or not re.fullmatch("[A-Z]", match[2]))
    )
    unit, count = found.most_common(1)[0] if found else ("", 0)
    return unit if count >= _MOSTLY * len(values) else ""


def named(notation: str, unit: str) -> str:
    """A notation of numbers with a unit."""
    return f"{notation} {unit}" if unit else notation


def apart(notation: str) -> tuple[str, str]:
    """A notation without its unit, and this."""
    bare, _, unit = notation.partition(" ")
    return bare, unit


def without(text: str, unit: str) -> str:
    """A value without the unit, if it has it."""
    return text.removesuffix(unit).rstrip() if unit else text
