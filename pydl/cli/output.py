"""What commands print: tables for people on standard output, one JSON document for machines.

Names and cells come from files: they go through `plain`, so that nothing in them steers the terminal.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import Any

from pydl.cli.errors import plain
from pydl.pipeline.digits import between, number, percent

_SHOWN = (
    "rows", "accuracy", "balanced_accuracy", "f1", "roc_auc", "log_loss", "r2", "rmse", "mae", "pinball", "share_below",
)  # fmt: skip
_WORTH_SHOWING = 0.1  # of shares, or deviations
_MOST_SHOWN = 20
_WIDE = 10_000  # columns where output goes to a file or program: nothing is broken or cut there


def tell(text: str) -> None:
    """Print lines for people."""
    print("\n".join(plain(part, None) if not part.isprintable() else part for part in text.split("\n")))


def print_json(value: Any) -> None:
    """The one document of `--json`, in ASCII: whatever the encoding of standard output is."""
    print(json.dumps(value, indent=2))


def noticed(note: str) -> None:
    """A line on standard error about the data."""
    print(plain(f"note: {note}", None), file=sys.stderr)


def of_target(name: str | None, title: str) -> str:
    """A title of what is about one of several targets."""
    return title if name is None else f"{name}, {title}"


def print_figures(figures: dict[str, dict[str, Any]], title: str) -> None:
    """Figures side by side, a column each."""
    rows = [row for row in _SHOWN if any(row in f for f in figures.values())]
    cells = [[row.replace("_", " "), *(_cell(f.get(row)) for f in figures.values())] for row in rows]
    print_table(["", *figures], cells, title, numbers=True)


def print_table(
    header: Sequence[str], rows: Sequence[Sequence[Any]], title: str | None = None, numbers: bool = False
) -> None:
    """A table of words, or of numbers behind a first column of words."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text  # what stands in brackets is no markup to it

    table = Table(title=None if title is None else Text(plain(title)), title_justify="left")
    for i, name in enumerate(header):
        table.add_column(Text(plain(name)), justify="right" if numbers and i else "left")
    for row in rows:
        table.add_row(*(Text(plain(str(cell))) for cell in row))
    Console(width=None if sys.stdout.isatty() else _WIDE).print(table)


def print_drift(columns: Sequence[dict[str, Any]]) -> None:
    """How the columns of some rows differ from those of the training, those that differ most first."""

    def shares(a: float, b: float) -> str:
        return f"{percent(a)} ({percent(b)})" if a or b else ""

    different = [c for c in columns if c["outside"] or c["unreadable"] or _difference(c) >= _WORTH_SHOWING]
    rows = [
        [
            c["column"], c["kind"], shares(c["missing"], c["missing_in_training"]),
            shares(c["unknown"], c["unknown_in_training"]), percent(c["outside"]) if c["outside"] else "",
            "" if c["shift"] is None else f"{c['shift']:+.2f}",
        ]
        for c in sorted(different, key=_difference, reverse=True)[:_MOST_SHOWN]
    ]  # fmt: skip
    if rows:
        header = ("", "", "missing (training)", "unknown (training)", "far outside", "shift, deviations")
        print_table(header, rows, "columns that differ from the training's")


def _difference(column: dict[str, Any]) -> float:
    shares = abs(column["missing"] - column["missing_in_training"]) + column["outside"] + column["unreadable"]
    return float(shares + abs(column["unknown"] - column["unknown_in_training"]) + abs(column["shift"] or 0.0))


def _cell(value: Any) -> str:
    return between(value) if isinstance(value, list) else number(value)
