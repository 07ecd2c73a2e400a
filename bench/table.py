"""Results as a Markdown table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def markdown(rows: Sequence[dict[str, Any]]) -> str:
    """A table of dicts; the columns are the keys, in the order they first come up."""
    columns = list(dict.fromkeys(key for row in rows for key in row))
    lines = [columns, ["---"] * len(columns), *([cell(row.get(c)) for c in columns] for row in rows)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def cell(value: Any) -> str:
    """A number with as many digits as matter; a spread as its median and half the distance of the quartiles."""
    if value is None:
        return ""
    if isinstance(value, dict):
        noise = (value["high"] - value["low"]) / 2 / value["median"] if value["median"] else 0.0
        return f"{number(value['median'])} ±{noise:.0%}"
    return number(value) if isinstance(value, float) else str(value)


def number(value: float) -> str:
    """Three digits, thousands with commas."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
