"""Numbers that seem to stand for a missing value, such as -999 among temperatures."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

_OFTEN = 3  # one far value is an outlier
_ENOUGH = 10  # different others that show where values lie
_FAR = 1.0  # times the range of the others
_FAR_NINES = 0.25
_SIGN = re.compile(r"(\d)\1+|10{3,}")
_BEYOND = 1e15
_MOST = 3  # in a column, as -999, -888 and -777


def stand_ins(x: Array) -> dict[float, int]:
    """Whole numbers, and how often each occurs, that repeat at the ends of a column, far from all others.

    Far is further than the others are from each other; a quarter of that if the digits are nines, and for these a
    negative number among others that are not is enough. 0 is none: it means that there is nothing, in most columns. One
    above all others has to look made up: 99, 888, 1000000, or beyond 10^15.
    """
    kept, counts = np.unique(x[np.isfinite(x)] + 0.0, return_counts=True)
    low = _first(kept, counts)
    kept, counts, found = kept[low:], counts[low:], dict(zip(kept[:low].tolist(), counts[:low].tolist(), strict=True))
    high = _first(-kept[::-1], counts[::-1])
    top = len(kept) - high
    above = zip(kept[top:].tolist(), counts[top:].tolist(), strict=True)
    return found | {value: count for value, count in above if _looks_made_up(value)}


def _looks_made_up(value: float) -> bool:
    return value < 0 or value > _BEYOND or _SIGN.fullmatch(f"{value:.0f}") is not None


def _first(kept: Array, counts: Array) -> int:
    """How many of some sorted numbers stand in for something, from the first on."""
    for m in range(1, min(_MOST, len(kept) - _ENOUGH) + 1):
        first, others = kept[:m], kept[m:]
        if counts[m - 1] < _OFTEN or first[-1] == 0 or first[-1] != np.rint(first[-1]):
            return 0
        with np.errstate(over="ignore"):
            gap, width = others[0] - first[-1], others[-1] - others[0]
        nines, beyond = set(f"{abs(first[0]):.0f}") == {"9"} and abs(first[0]) > 9, first[-1] < 0 <= others[0]
        if (gap > (_FAR_NINES if nines else _FAR) * width and (nines or beyond or m == 1)) or (nines and beyond):
            return m
    return 0
