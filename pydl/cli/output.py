"""What commands print: tables for people on standard output, one JSON document for machines, progress on the side."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

import pydl
from pydl.pipeline.contract import Watch

_SHOWN = ("rows", "accuracy", "balanced_accuracy", "f1", "roc_auc", "log_loss", "r2", "rmse", "mae")


def print_json(value: Any) -> None:
    """The one document of `--json`."""
    print(json.dumps(value, indent=2, ensure_ascii=False))


def print_figures(figures: dict[str, dict[str, Any]], title: str) -> None:
    """Figures side by side, a column each."""
    table = Table(title=title, title_justify="left")
    table.add_column("")
    for name in figures:
        table.add_column(name, justify="right")
    for row in _SHOWN:
        if any(row in f for f in figures.values()):
            table.add_row(row.replace("_", " "), *(_number(f.get(row)) for f in figures.values()))
    Console().print(table)


def print_table(header: Sequence[str], rows: Sequence[Sequence[Any]], title: str | None = None) -> None:
    """A table of words and numbers."""
    table = Table(*header, title=title, title_justify="left")
    for row in rows:
        table.add_row(*(str(cell) for cell in row))
    Console().print(table)


def _number(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, list):
        return " to ".join(f"{end:,.3f}" if abs(end) < 1e3 else f"{end:,.0f}" for end in value)
    return f"{value:,}" if isinstance(value, int) else f"{value:,.4f}" if abs(value) < 1e4 else f"{value:,.0f}"


class Shown(Watch):
    """A run as a person follows it: words and a bar per training, on standard error."""

    def __init__(self, quiet: bool = False) -> None:
        self.quiet = quiet
        self.console = Console(stderr=True, highlight=False)

    def say(self, text: str) -> None:
        if not self.quiet:
            self.console.print(text, markup=False)

    def callbacks(self, what: str, epochs: int) -> list[pydl.callbacks.Callback]:
        return [] if self.quiet else [_Bar(what, epochs, self.console)]


class _Bar(pydl.callbacks.Callback):
    """A bar in a terminal; elsewhere a line at the end."""

    def __init__(self, what: str, epochs: int, console: Console) -> None:
        self.what, self.epochs, self.console = what, epochs, console

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
                   TextColumn("{task.fields[figures]}"))  # fmt: skip
        self.progress = Progress(*columns, console=self.console, transient=True, disable=not sys.stderr.isatty())
        self.task = self.progress.add_task(self.what, total=self.epochs, figures="")
        self.last = ""
        self.progress.start()

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        self.last = "  ".join(f"{name} {value:.4f}" for name, value in (logs or {}).items())
        self.progress.update(self.task, completed=epoch + 1, figures=self.last)
        self.done = epoch + 1
        if self.model.stop_training:
            self.progress.stop()

    def on_train_end(self, logs: dict[str, float] | None = None) -> None:
        self.progress.stop()
        self.console.print(f"{self.what}: {self.done} epochs, the last: {self.last}", markup=False)
