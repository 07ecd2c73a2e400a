"""Numbers and names of the report, as people write and can read them."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any

_UNITS = ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "K"))
_SPELT_OUT = 1e4  # below it a tick needs no unit


def figure(value: Any) -> str:
    """A number with the digits that people read: 12,346, 12.35, 0.123; a dash for none."""
    if value is None:
        return "-"
    if isinstance(value, bool) or not isinstance(value, Real):
        return str(value)
    if isinstance(value, Integral):
        return f"{int(value):,}"
    size = abs(float(value))
    if not 1e-5 <= size < 1e15:  # 0, NaN and the infinite too
        return f"{value:.3g}"
    if size >= 1:
        return f"{value:,.0f}" if size >= 1e3 else f"{value:.4g}"
    if size < 0.01:
        return f"{value:.3g}"
    return f"{value:.3f}" if size < 0.99 else f"{value:.4g}"


def brief(value: float | None) -> str:
    """A measured time: three digits say all there is to know."""
    return "-" if value is None else f"{value:,.3g}"


def percent(share: float | None) -> str:
    """A share: 12.3%, 0.034%."""
    if share is None:
        return "-"
    return f"{share:.1%}" if share >= 0.01 else f"{100 * share:.2g}%"


def tick(value: float, most: float) -> str:
    """A number beside an axis whose largest is `most`: 600000 is 600K, so that neighbours do not touch."""
    unit, letter = next(((u, sign) for u, sign in _UNITS if _SPELT_OUT <= most < 1e15 and most >= u), (1.0, ""))
    return f"{value / unit:.10g}{letter if value else ''}"


def visible(value: Any) -> Any:
    """Text whose characters all show: those that control a terminal or turn the line round are spelt out."""
    if not isinstance(value, str) or hasattr(value, "__html__") or value.isprintable():
        return value  # what has __html__ is a part of the page, made of text that went through here
    return "".join(c if c.isprintable() or c in "\n\u00a0" else c.encode("unicode_escape").decode() for c in value)
