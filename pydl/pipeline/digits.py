"""Figures as text in tables: as many digits as tell something."""

from __future__ import annotations

from collections.abc import Sequence


def number(value: float | None) -> str:
    """0.7734, 54,355, 0.000236; a dash for none."""
    if value is None:
        return "-"
    return f"{value:,}" if isinstance(value, int) else _digits(value, 4) if abs(value) < 1e4 else f"{value:,.0f}"


def between(ends: Sequence[float] | None) -> str:
    """An interval, as 0.756 to 0.788; nothing where there is none."""
    return "" if ends is None else " to ".join(_digits(end, 3) if abs(end) < 1e3 else f"{end:,.0f}" for end in ends)


def percent(share: float) -> str:
    """25%; what is neither none nor all is never called so: <1%, >99%."""
    if 0 < share < 0.005:
        return "<1%"
    return ">99%" if 0.995 <= share < 1 else f"{share:.0%}"


def _digits(value: float, places: int) -> str:
    """So many behind the point; three that say something where those would be zeros but for one."""
    return f"{value:.3g}" if 0 < abs(value) < 10 ** (1 - places) else f"{value:,.{places}f}"
