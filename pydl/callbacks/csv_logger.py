"""The values of each epoch in a CSV file."""

import csv
import os
import warnings
from pathlib import Path
from typing import Any

from pydl.callbacks.base import Callback, Logs, number


class CSVLogger(Callback):
    """Write the loss and metrics of each epoch to a CSV file, a row per epoch.

    Where only every so many epochs are validated, the others have "NA" in the columns of validation. A value that
    comes later than the header, or that a file to append to has no column for, is left out with a warning.

    Parameters
    ----------
    filename : str or path-like
    separator : str, default ","
    append : bool, default False
        Whether to add to a file that is there rather than replace it.
    """

    def __init__(self, filename: str | os.PathLike[str], separator: str = ",", append: bool = False) -> None:
        self.filename = Path(filename)
        self.separator = separator
        self.append = append
        self._columns: list[str] = []
        self._missing: list[str] = []  # that the user was told of
        self._bytes: int | None = None  # of the file that are this run's or older; None: nothing is written yet

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self._columns, self._missing, self._bytes = [], [], None

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        values = {name: float(value) for name, value in (logs or {}).items()}
        if self._bytes is None:
            self._start(sorted(values.keys() | self._validated(values)))
        elif late := [name for name in values if name not in self._columns and name not in self._missing]:
            self._warn(late)
        with open(self.filename, "r+", newline="") as file:
            file.truncate(self._bytes)  # a killed run may have written rows after its last backup
            file.seek(0, os.SEEK_END)
            row = [epoch, *(values.get(name, "NA") for name in self._columns)]
            csv.writer(file, delimiter=self.separator).writerow(row)
        self._bytes = self.filename.stat().st_size

    def _validated(self, values: dict[str, float]) -> set[str]:
        """Columns of validation, if the run has any and this epoch is without."""
        if not getattr(self, "params", {}).get("validation_freq") or any(name.startswith("val_") for name in values):
            return set()
        return {f"val_{name}" for name in self.model.metrics_names if name in values}

    def _warn(self, names: list[str]) -> None:
        self._missing += names
        warnings.warn(
            f'CSVLogger: "{self.filename}" has no column for {", ".join(names)}; start another file',
            stacklevel=4,
        )

    def _start(self, columns: list[str]) -> None:
        if self.append and self.filename.exists() and self.filename.stat().st_size:
            with open(self.filename, newline="") as file:
                self._columns = next(csv.reader(file, delimiter=self.separator))[1:]
            if late := [name for name in columns if name not in self._columns]:
                self._warn(late)
        else:
            self._columns = columns
            with open(self.filename, "w", newline="") as file:
                csv.writer(file, delimiter=self.separator).writerow(["epoch", *columns])
        self._bytes = self.filename.stat().st_size

    def state(self) -> dict[str, Any]:
        return {"columns": self._columns, "bytes": self._bytes}

    def set_state(self, state: dict[str, Any]) -> None:
        self._columns, self._bytes = [str(name) for name in state["columns"]], number(state, "bytes")
        if self._bytes is not None and not self.filename.is_file():
            self._bytes = None  # the file was taken away meanwhile: start another
