"""What the parts of a training run hand each other: who is told, some rows, and what a training gave."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

import pydl
from pydl.pipeline.columns import Column
from pydl.pipeline.fitted import Batch, Fitted
from pydl.pipeline.images import Undecoded
from pydl.pipeline.several import apart
from pydl.pipeline.targets import AnyTarget

Array = NDArray[Any]
Frame = Any
EPOCHS, PATIENCE, TIME, CTRL_C = "epochs", "patience", "time budget", "Ctrl-C"  # what ends a training


class Watch:
    """Whoever follows a run: told in words, and given a say in each training. This one is silent."""

    def say(self, text: str) -> None:
        """A line about what happens."""

    def told(self, notes: list[str]) -> list[str]:
        """Say each of some notes; returns them."""
        for note in notes:
            self.say(note)
        return notes

    def share(self, of: int) -> Watch:
        """What follows the next of so many trainings, where time is limited: it gets its part of what is left."""
        return self

    def over(self) -> bool:
        """Whether no time is left."""
        return False

    def ended(self, what: str, trained: Trained) -> None:
        """How the training that is called `what` went."""

    def notes(self) -> list[str]:
        """What is to be said of all trainings in the end."""
        return []

    def silent(self) -> Watch:
        """What follows trainings that are too many, and too brief, to be told of one by one."""
        return Watch()

    def callbacks(self, what: str, epochs: int) -> list[pydl.callbacks.Callback]:
        """Callbacks for a training that is called `what`."""
        return []


@dataclass(frozen=True)
class Part:
    """Some rows: as read, prepared for the network, their encoded targets, and how much each counts.

    Images that are `Undecoded` are so in `frame` and in `inputs`.

    Of several targets, `y` has a column for each, see `Targets`.
    """

    frame: Frame
    inputs: dict[str, Any]
    y: Array
    weights: Array | None = None

    def some(self, places: Array) -> Part:
        """The rows at some places."""
        return Part(
            self.frame.iloc[places], {name: a[places] for name, a in self.inputs.items()}, self.y[places],
            None if self.weights is None else self.weights[places],
        )  # fmt: skip

    def of_each(self, target: AnyTarget) -> list[Part]:
        """For each target the rows that have a value of it, with this alone."""
        return [
            self if places is None else replace(self.some(places), y=y) for y, places in target.apart(self.y)
        ]  # fmt: skip

    def with_inputs(self, inputs: dict[str, Any]) -> Part:
        """The same rows, prepared in another way."""
        return replace(self, inputs=inputs)

    def batches(self) -> Iterator[Batch]:
        """All of it at once, its rows as the file numbers them; in pieces where it is not in memory."""
        rows, x = np.asarray(getattr(self.frame, "index", range(len(self.y)))), self.inputs.get("image")
        if not isinstance(x, Undecoded):
            yield rows, self.inputs, self.y, self.weights
            return
        first = 0
        for piece in x.pieces():
            places = slice(first, first := first + len(piece))
            yield rows[places], {"image": piece}, self.y[places], None


@dataclass(frozen=True)
class Trained:
    """How the training of a network went.

    Attributes
    ----------
    history : dict of str to list of float
        Loss and metrics by epoch.
    epochs, steps : int
        How many were run, of epochs the whole ones. Where a time budget ends in the first, there is none.
    best_epoch : int
        The epoch whose weights are kept, counted from 1.
    ended_by : {"epochs", "patience", "time budget", "Ctrl-C"}
        All epochs were run; they brought no gain any more; the time, or somebody, ended it.
    """

    history: dict[str, list[float]]
    epochs: int
    best_epoch: int
    steps: int
    ended_by: str

    def told(self) -> dict[str, Any]:
        """All but the history, for `info.json`."""
        return {"epochs": self.epochs, "best_epoch": self.best_epoch, "steps": self.steps, "ended_by": self.ended_by}


@dataclass(frozen=True)
class Outcome:
    """What a training gave, before it is judged.

    Attributes
    ----------
    fitted : Fitted
    parts : dict of str to Part
        "train", "validation" (may be missing) and "test"; of what is not in memory, some rows.
    streams : dict of str to callable
        All rows of the parts that are not in memory, in batches, anew with each call.
    history : dict of str to list of float
    columns : list of Column
    notes : list of str
        What was noticed and decided on the way.
    interrupted : bool
        Whether Ctrl-C ended the training.
    folds, trials
        What cross-validation and the search found; None without. Of several targets `folds` are as
        `several.together` has them.
    rows : int
        Rows, or images, of the data as they were read, the test data not counted.
    split : dict of str to JSON
        How the rows were parted, and how many rows each part has.
    settings : dict of str to JSON
        What was chosen where the options left it open or a search decided: sizes, rate, dropout, rows of a step.
    networks : list of Trained
        Each of those whose mean is the model.
    refit : dict or None
        What a later training on all rows was, if there was one: `rows`, `epochs` of each network and a `note`.
    rivals : dict of str to Model
        Models of the same inputs to be judged beside this one, by what they are called.
    files : list of str
        Of images, the file of each test row.
    """

    fitted: Fitted
    parts: dict[str, Part]
    history: dict[str, list[float]]
    streams: Mapping[str, Callable[[], Iterator[Batch]]] = field(default_factory=dict)
    columns: list[Column] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    interrupted: bool = False
    folds: dict[str, Any] | None = None
    trials: list[dict[str, Any]] | None = None
    rows: int = 0
    settings: dict[str, Any] = field(default_factory=dict)
    split: dict[str, Any] = field(default_factory=dict)
    networks: list[Trained] = field(default_factory=list)
    refit: dict[str, Any] | None = None
    rivals: dict[str, pydl.Model] = field(default_factory=dict)
    files: list[str] = field(default_factory=list)

    def each(self) -> list[Outcome]:
        """What it would be for each target, were this the only one: its output, rows and history."""
        target = self.fitted.target
        if len(target.each) == 1:
            return [self]
        parts = {name: part.of_each(target) for name, part in self.parts.items()}
        folds = {} if self.folds is None else apart(self.folds)
        return [
            replace(
                self, fitted=fitted, parts={name: of_each[k] for name, of_each in parts.items()},
                history=target.told(self.history, fitted.target), folds=folds.get(fitted.target.name),
            )
            for k, fitted in enumerate(self.fitted.each())
        ]  # fmt: skip
