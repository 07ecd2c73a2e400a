"""What a run has learnt, from a raw table to predictions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

import pydl
from pydl.pipeline import values
from pydl.pipeline.cells import FEW
from pydl.pipeline.columns import must_have
from pydl.pipeline.images import ImagePreparation
from pydl.pipeline.network import output_of
from pydl.pipeline.preparation import Preparation
from pydl.pipeline.reading import AS_FOUND, Reading
from pydl.pipeline.seen import Seen
from pydl.pipeline.table import read_cells
from pydl.pipeline.target import Target
from pydl.pipeline.targets import AnyTarget
from pydl.pipeline.totals import without_totals
from pydl.pipeline.weights import LEFT_OUT, weights_of

Array = NDArray[Any]
Batch = tuple[Array, dict[str, Array], Array, Array | None]  # row numbers, prepared rows, encoded targets, weights

_BATCH = 1024  # rows of a prediction step: the buffers of a step are all the memory it needs
_VALUES = 1 << 20  # of them, where a row is an image, from which a net makes maps many times as large


@dataclass(frozen=True)
class Predictions:
    """Predictions for some rows.

    Attributes
    ----------
    values : ndarray (rows,)
        Classes, as the data spell them, or numbers in the target's unit.
    probabilities : ndarray (rows, classes) or None
        In the order of `Target.classes`; None for regression.
    """

    values: Array
    probabilities: Array | None = None

    def columns(self) -> list[Array]:
        """The values, and the probabilities of each class."""
        return [self.values, *([] if self.probabilities is None else self.probabilities.T)]

    @classmethod
    def joined(cls, pieces: Sequence[Predictions]) -> Predictions:
        """Predictions for some pieces of data as those for the whole."""
        of_classes = [each.probabilities for each in pieces if each.probabilities is not None]
        values = np.concatenate([each.values for each in pieces])
        return cls(values, np.concatenate(of_classes) if of_classes else None)

    def some(self, places: Array) -> Predictions:
        """Those of the rows at some places."""
        return Predictions(self.values[places], None if self.probabilities is None else self.probabilities[places])


@dataclass(frozen=True)
class Scored:
    """Truth and predictions of some rows.

    Attributes
    ----------
    rows : ndarray of int
        Which rows of the file they are, counted from 0.
    y : ndarray (rows,)
        As `Target.encode` gives it.
    predictions : Predictions
    weights : ndarray (rows,) or None
        How much each row counts; None: all the same.
    """

    rows: Array
    y: Array
    predictions: Predictions
    weights: Array | None = None


@dataclass(frozen=True)
class Fitted:
    """A preparation, a target (a `Target`, or `Targets`) and the model between them."""

    preparation: Preparation | ImagePreparation
    target: Any
    model: pydl.Model
    reading: Reading = AS_FOUND
    weights: str | None = None

    def each(self) -> list[Fitted]:
        """What was learnt of each target, as if it were the only one."""
        return [
            replace(self, target=one, model=output_of(self.model, k)) for k, one in enumerate(self.target.each)
        ]  # fmt: skip

    def predict(self, frame: Any, seen: Seen | None = None) -> Any:
        """Predictions for the rows of a table, or for an array of images.

        A table is a DataFrame or a list of rows, each a dict by column; one such dict is one row. A few rows take well
        under a millisecond, and have the same bits as among many:

        >>> fitted = Run.open("runs/first").fitted()
        >>> fitted.predict({"age": 31, "sex": "female", "fare": 8.05}).values
        array([1])

        They are `Predictions`; of several targets a dict of them by name.

        `seen` is an account of the rows of a table, to be added to; see `Preparation.transform`.

        Raises
        ------
        ValueError
            When a column is missing or, without `seen`, has other values than a number where numbers are needed.
        """
        found = self.predictions(frame, seen)
        return found[0] if len(found) == 1 else dict(zip(self.target.names, found, strict=True))

    def predictions(self, frame: Any, seen: Seen | None = None) -> list[Predictions]:
        """`predict` as a list with an entry for each target."""
        if isinstance(self.preparation, Preparation):
            frame = [frame] if isinstance(frame, Mapping) else frame
            return predict_each(self.model, self.target.each, self.preparation.transform(frame, seen))
        return predict_each(self.model, self.target.each, self.preparation.transform(frame))

    def read(
        self, path: str | Path, seen: Seen | None = None, strict: bool = False, judged: bool = False
    ) -> Iterator[tuple[pd.DataFrame, pd.DataFrame]]:
        """A file of rows in chunks: its cells as they stand there, and its columns read as in training.

        What is noticed in the file goes to `seen`. `strict` if each row has to be in the chunks, `judged` if the
        targets have to.
        """
        text, reading = self.as_read()
        reading = replace(reading, strict=strict, targets=() if judged else reading.targets)
        for cells, frame in read_cells(path, text=text, reading=reading):
            if seen is not None:
                seen.in_file = frame.attrs["notes"]
            yield cells, frame

    def as_read(self) -> tuple[list[str], Reading]:
        """How tables are read as in training: the columns to leave as text, and the rest."""
        assert isinstance(self.preparation, Preparation)
        wanted = tuple(c.name for c in self.preparation.columns if c.used)
        of_codes = [one.name for one in self.target.each if values.CODE in one.classes]
        codes = (*self.preparation.codes, *of_codes)
        return self.preparation.text_columns, replace(
            self.reading,
            wanted=wanted,
            codes=codes,
            found=self.preparation.found,
            targets=tuple(self.target.names),
            weights=self.weights,
        )

    def levels(self) -> dict[str, Sequence[Any]]:
        """Those of the columns that were learnt, and the classes of targets."""
        assert isinstance(self.preparation, Preparation)
        return {**self.preparation.levels, **{one.name: one.classes for one in self.target.each}}

    def labelled(self, path: str | Path, seen: Seen) -> Iterator[Batch]:
        """`with_target` of a file."""
        return self.with_target((frame for _, frame in self.read(path, seen)), seen, str(path))

    def with_target(self, frames: Iterable[pd.DataFrame], seen: Seen, what: str) -> Iterator[Batch]:
        """The rows of some tables that have a target, prepared, table by table; `what` they are called in an error.

        Raises
        ------
        ValueError
            No column of the target, or no row with a value in it that occurred in training.
        """
        found = False
        assert isinstance(self.preparation, Preparation)
        for frame in frames:
            must_have(frame, self.target.names, "target")
            frame, said = without_totals(frame, self.levels())
            seen.totals += said
            before = seen.of_new_classes()
            y, keep = self.target.encode(self.target.of(frame), seen.new_classes)
            new = seen.of_new_classes() - before if len(self.target.each) == 1 else 0
            seen.without_target += int((~keep).sum()) - new
            if len(y):
                found = True
                weights = weights_of(frame[keep], self.weights, LEFT_OUT)
                yield frame.index.to_numpy()[keep], self.preparation.transform(frame[keep], seen), y, weights
        if not found:
            for one in self.target.each:
                for label in seen.new_classes.get(one.name, ()):
                    raise one.unknown_class(label)
            raise ValueError(f"{what}: no row has a usable value of {' or '.join(self.target.names)}")


def apart(target: AnyTarget, batch: Batch) -> list[Batch]:
    """For each target the rows of a batch that have a value of it, with this alone."""
    rows, inputs, y, weights = batch
    return [
        batch if here is None else (
            rows[here], {name: a[here] for name, a in inputs.items()}, own, None if weights is None else weights[here]
        )
        for own, here in target.apart(y)
    ]  # fmt: skip


def columns_of(target: Target, named: bool) -> list[str]:
    """What the columns of predictions are called: `<target> predicted`, and `probability <class>` for classes.

    Where there are several targets (`named`), it is `probability <target> = <class>`.
    """
    of = f"{target.name} = " * named
    return [f"{target.name} predicted", *(f"probability {of}{name}" for name in target.classes)]


def predict(model: pydl.Model, target: Target, inputs: dict[str, Array]) -> Predictions:
    """Predictions for prepared rows."""
    return predict_each(model, (target,), inputs)[0]


def predict_each(model: pydl.Model, targets: Sequence[Target], inputs: dict[str, Array]) -> list[Predictions]:
    """Predictions for prepared rows, of a model with an output for each target."""
    arrays = list(inputs.values())
    if not len(arrays[0]):
        return [_none(target) for target in targets]
    if len(arrays[0]) <= FEW:  # as one batch, which is what a step of a server is
        found = model.predict_on_batch(arrays if len(arrays) > 1 else arrays[0])
    else:
        size = _BATCH if arrays[0].ndim < 3 else int(np.clip(_VALUES // arrays[0][0].size, 1, _BATCH))
        found = model.predict(inputs, batch_size=size, verbose=0)
    outputs = [found] if len(targets) == 1 else found
    return [_decoded(target, y.astype(np.float64)) for target, y in zip(targets, outputs, strict=True)]


def _none(target: Target) -> Predictions:
    none = None if target.task == "regression" else np.empty((0, len(target.classes)))
    return Predictions(np.asarray(target.decode(np.empty(0))), none)


def _decoded(target: Target, y: Array) -> Predictions:
    """What an output says of a target."""
    if target.task == "regression":
        return Predictions(np.asarray(target.decode(y[:, 0])))
    probabilities = np.hstack([1 - y, y]) if y.shape[1] == 1 else y / y.sum(axis=1, keepdims=True)
    return Predictions(np.asarray(target.decode(target.chosen(probabilities))), probabilities)


def score(model: pydl.Model, target: Target, batches: Iterable[Batch]) -> Iterator[Scored]:
    """Truth and predictions, batch by batch."""
    for rows, inputs, y, weights in batches:
        yield Scored(rows, y, predict(model, target, inputs), weights)
