"""The folder of a run: what is in it, and how it gets there."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pydl
from pydl.pipeline.fitted import Fitted
from pydl.pipeline.images import ImagePreparation
from pydl.pipeline.options import TrainOptions
from pydl.pipeline.preparation import Preparation
from pydl.pipeline.target import Target
from pydl.pipeline.writing import replaced

MODEL = "model.safetensors"
PREPARATION = "preparation.skops"
TARGET = "target.json"
METRICS = "metrics.json"
HISTORY = "history.csv"
PREDICTIONS = "predictions.csv"
CONFIG = "config.json"
REPORT = "report.html"
STUDY = "study.log"
INFO = "info.json"  # when, how long, on what


@dataclass(frozen=True)
class Run:
    """The folder of a training run."""

    path: Path

    @classmethod
    def create(cls, path: str) -> Run:
        """The folder for a new run; one of an earlier run is used again.

        Raises
        ------
        ValueError
            When the folder has files in it that are no run's, or is no folder.
        """
        folder = Path(path)
        if folder.exists() and not folder.is_dir():
            raise ValueError(f"--out {path}: expected a folder, this is a file; choose another name")
        if folder.is_dir() and any(folder.iterdir()) and not (folder / CONFIG).exists():
            raise ValueError(f"--out {path}: the folder has files in it that are no run's; choose a new name")
        folder.mkdir(parents=True, exist_ok=True)
        return cls(folder)

    @classmethod
    def open(cls, path: str) -> Run:
        """The folder of a finished run.

        Raises
        ------
        ValueError
            When there is no such run, or it did not finish.
        """
        folder = Path(path)
        if not (folder / CONFIG).is_file():
            raise ValueError(f"{path}: expected the folder of a run; make one with pydl train ... --out {path}")
        if not (folder / MODEL).is_file():
            raise ValueError(f"{path}: this run did not finish; run its pydl train command again")
        return cls(folder)

    def fitted(self) -> Fitted:
        """What the run has learnt."""
        kind = ImagePreparation if self.options().task == "image" else Preparation
        return Fitted(
            kind.load(self.path / PREPARATION),
            Target.from_state(self.json(TARGET)),
            pydl.models.load_model(self.path / MODEL),
            self.options().reading,
        )

    def options(self) -> TrainOptions:
        """What the run was asked to do."""
        return TrainOptions.from_json(self.json(CONFIG))

    def json(self, name: str) -> Any:
        """A JSON file of the run."""
        path = self.path / name
        try:
            return json.loads(path.read_text("utf-8"))
        except (OSError, ValueError) as error:
            raise ValueError(f"{path}: expected a JSON file of a run ({error}); train again") from None

    def write_json(self, name: str, value: Any) -> None:
        """Write a JSON file; `NaN` has no place in one."""
        self.write(name, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")

    def write_csv(self, name: str, header: list[str], rows: Iterable[Iterable[Any]]) -> None:
        """Write a table, row by row."""
        with replaced(self.path / name) as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(header)
            writer.writerows(rows)

    def write(self, name: str, text: str) -> None:
        """Write a text."""
        with replaced(self.path / name) as file:
            file.write(text)
