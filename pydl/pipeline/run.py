"""The folder of a run: what is in it, and how it gets there."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

import pydl
from pydl._base.interrupts import unbroken
from pydl._base.replacing import replaced
from pydl.pipeline.fitted import Fitted
from pydl.pipeline.images import ImagePreparation
from pydl.pipeline.options import TrainOptions
from pydl.pipeline.preparation import Preparation
from pydl.pipeline.targets import from_state

MODEL = "model.safetensors"
PREPARATION = "preparation.skops"
PREPARATION_OF_IMAGES = "preparation.json"
TARGET = "target.json"
METRICS = "metrics.json"
HISTORY = "history.csv"
PREDICTIONS = "predictions.csv"
CONFIG = "config.json"
REPORT = "report.html"
STUDY = "study.log"
INFO = "info.json"  # when, how long, on what; the last to be written
STREAM = "stream"  # a folder of prepared rows, while a run in pieces goes on
DRAFT = "draft.json"  # what a run is of, while it goes on
FILES = frozenset(
    {
        MODEL,
        PREPARATION,
        PREPARATION_OF_IMAGES,
        TARGET,
        METRICS,
        HISTORY,
        PREDICTIONS,
        CONFIG,
        REPORT,
        STUDY,
        INFO,
        STREAM,
        DRAFT,
    }
)


_MOST_JSON = 256 << 20  # bytes: far beyond any
_MOST_WEIGHT = 1e12  # what is learnt from is scaled


@dataclass(frozen=True)
class Run:
    """The folder of a training run."""

    path: Path

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

    @property
    def finished(self) -> bool:
        """Whether all of it is there, its figures and report as well."""
        return (self.path / INFO).is_file()

    def keep(self, fitted: Fitted, options: TrainOptions) -> None:
        """Write what was learnt, which is all that predictions need; Ctrl-C waits for it.

        Raises
        ------
        ValueError
            Nothing was learnt: see `must_be_finite`.
        """
        must_be_finite(fitted.model, options)
        with unbroken():
            fitted.model.save(self.path / MODEL)
            fitted.preparation.save(self.path / PREPARATION)
            self.write_json(TARGET, fitted.target.state())
            self.write_json(CONFIG, options.to_json())

    def fitted(self, encoding: str | None = None) -> Fitted:
        """What the run has learnt; `encoding` that of the files to come, if it is not the training's."""
        images = self.options().task == "image"
        reading = self.options().reading
        return Fitted(
            ImagePreparation.load(self.file(PREPARATION_OF_IMAGES))
            if images
            else Preparation.load(self.file(PREPARATION)),
            from_state(self.json(TARGET)),
            pydl.models.load_model(self.file(MODEL)),
            reading if encoding is None else replace(reading, encoding=encoding),
            self.options().weights,
        )

    def options(self) -> TrainOptions:
        """What the run was asked to do."""
        return TrainOptions.from_json(self.json(CONFIG))

    def json(self, name: str) -> dict[str, Any]:
        """A JSON file of the run."""
        path = self.file(name)
        if path.stat().st_size > _MOST_JSON:
            raise ValueError(f"{path}: expected a JSON file of a run, of at most 256 MB; train again")
        try:
            found = json.loads(path.read_text("utf-8"))
        except (OSError, ValueError, RecursionError) as error:
            raise ValueError(f"{path}: expected a JSON file of a run ({error}); train again") from None
        if not isinstance(found, dict):
            raise ValueError(f"{path}: expected a JSON file of a run (an object); train again")
        return found

    def file(self, name: str) -> Path:
        """The path of a file of the run that can be opened: not a pipe, which would wait for a writer, nor a device.

        Raises
        ------
        ValueError
            When there is none, or something else.
        """
        path = self.path / name
        if not path.exists():
            raise ValueError(f"{self.path}: there is no {name}: the run did not finish; run its pydl train again")
        if not path.is_file():
            raise ValueError(f"{path}: expected a regular file, found a folder, pipe or device; train again")
        return path

    def write_json(self, name: str, value: Any) -> None:
        """Write a JSON file; `NaN` has no place in one."""
        self.write(name, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")

    def write_csv(self, name: str, header: list[str], rows: Iterable[Iterable[Any]]) -> None:
        """Write a table, row by row."""
        with replaced(self.path / name, "w") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(header)
            writer.writerows(rows)

    def write(self, name: str, text: str) -> None:
        """Write a text."""
        with replaced(self.path / name, "w") as file:
            file.write(text)


def must_be_finite(model: pydl.Model, options: TrainOptions) -> None:
    """Refuse a network whose predictions are not finite, or might as well not be.

    Raises
    ------
    ValueError
    """
    if not all((np.abs(weights) < _MOST_WEIGHT).all() for weights in model.get_weights()):
        raise ValueError(
            f"the training diverged: weights of the network grew beyond all measure; try a lower --lr than "
            f"{options.lr:g}, --clip 0.01 for numbers far from the others, or --log-target for a target of such"
        )
