"""A run as a person follows it: words, and a bar for each training, on standard error."""

from __future__ import annotations

import sys

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

import pydl
from pydl.cli.errors import plain
from pydl.pipeline.contract import Watch


class Shown(Watch):
    """Tells all of it, or nothing."""

    def __init__(self, quiet: bool = False) -> None:
        self.quiet = quiet
        self.console = Console(stderr=True, highlight=False)

    def say(self, text: str) -> None:
        if not self.quiet:
            self.console.print(plain(text), markup=False, emoji=False, soft_wrap=True)

    def callbacks(self, what: str, epochs: int) -> list[pydl.callbacks.Callback]:
        return [] if self.quiet else [_Bar(what, epochs, self)]


class _Bar(pydl.callbacks.Callback):
    """A bar in a terminal; elsewhere a line at the end."""

    def __init__(self, what: str, epochs: int, shown: Shown) -> None:
        self.what, self.epochs, self.shown = what, epochs, shown

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
                   TextColumn("{task.fields[figures]}"))  # fmt: skip
        self.progress = Progress(
            *columns, console=self.shown.console, transient=True, disable=not sys.stderr.isatty()
        )  # fmt: skip
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
        self.shown.say(f"{self.what}: {self.done} epochs, the last: {self.last}")
