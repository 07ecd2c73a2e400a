"""Results as a Markdown table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def markdown(rows: Sequence[dict[str, Any]]) -> str:
    """A table of dicts; the columns are the keys, in the order they first come up."""
    columns = list(dict.fromkeys(key for row in rows for key in row))
    lines = [columns, ["---"] * len(columns), *([_cell(row.get(c)) for c in columns] for row in rows)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, dict):  # a ratio and its spread
        return f"{value['median']:.2f} ({value['least']:.2f} to {value['most']:.2f})"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
