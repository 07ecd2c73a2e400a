"""Where predictions are worst, and slowest: groups of rows, and single ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pydl.pipeline.columns import Column
from pydl.pipeline.contract import Part
from pydl.pipeline.fitted import Fitted, Predictions
from pydl.pipeline.report import latency
from pydl.pipeline.report.wording import figure
from pydl.pipeline.target import Target

Array = NDArray[Any]

_SHOWN = 12
_SLOWEST = 5
_SLOWER = 1.1  # times the time of all rows, which chance alone does not make a group
_TIMED = 60
_COLUMNS = 200  # that are looked into
_FEWEST = 20  # rows of a slice: fewer say little
_VALUES = 30  # of a column of words, the commonest
_FIELDS = 12  # columns of a single row


def losses(target: Target, y: Array, predictions: Predictions) -> Array:
    """What each row adds to the error: -log of its class's probability, or its squared error."""
    if target.task == "regression":
        return np.asarray((predictions.values - np.asarray(target.truth(y), np.float64)) ** 2)
    assert predictions.probabilities is not None
    return np.asarray(-np.log(np.clip(predictions.probabilities[np.arange(len(y)), y.astype(int)], 1e-15, 1)))


@dataclass(frozen=True)
class Slice:
    """Some test rows that have something in common.

    Attributes
    ----------
    column, values : str
    rows : int
    error : float
        The share of wrong rows, or the RMSE.
    distance : float
        How many standard errors its loss is above that of all rows.
    some : ndarray of int
        The places of its first rows, `latency.ROWS` at most.
    time : float or None
        Microseconds of CPU to prepare and predict each row; None where it was not measured.
    """

    column: str
    values: str
    rows: int
    error: float
    distance: float
    some: Array
    time: float | None = None


@dataclass(frozen=True)
class Slices:
    """The slices that stand out, the worst first, and all rows beside them."""

    worst: list[Slice]
    slowest: list[Slice]
    everything: Slice


def look(fitted: Fitted, test: Part, predictions: Predictions, columns: Sequence[Column]) -> Slices | None:
    """The slices that are predicted the worst, and those that take the longest; None where there are none.

    A slice is one value of a column of words or a quarter of a column of numbers, of at least 20 rows. The worst are
    those whose loss is the most standard errors above the rest, and whose error is larger; the first 60 are timed.
    """
    frame, target = test.frame, fitted.target
    if not hasattr(frame, "columns"):
        return None
    loss = losses(target, test.y, predictions)
    error = loss if target.task == "regression" else (predictions.values != np.asarray(target.truth(test.y))) * 1.0
    spread = loss.std() or 1.0
    root = 0.5 if target.task == "regression" else 1.0
    found = []
    for column in [c for c in columns if c.used and c.name in frame.columns][:_COLUMNS]:
        for label, chosen in _groups(frame[column.name]):
            n = int(chosen.sum())
            if _FEWEST <= n < len(loss):
                distance = float((loss[chosen].mean() - loss.mean()) / (spread / n**0.5))
                some = np.flatnonzero(chosen)[: latency.ROWS]
                found.append(Slice(str(column.name), label, n, float(error[chosen].mean()) ** root, distance, some))
    if not found:
        return None
    found.sort(key=lambda each: -each.distance)
    everything = Slice("all rows", "", len(loss), float(error.mean()) ** root, 0.0, np.arange(len(loss)))
    listed = [everything, *found[:_TIMED]]
    times = latency.of_rows(fitted, frame, [each.some for each in listed])
    everything, *timed = [replace(each, time=time) for each, time in zip(listed, times, strict=True)]
    worst = [each for each in timed[:_SHOWN] if each.distance > 2 and each.error > everything.error]
    usual = (everything.time or 0.0) * _SLOWER
    slowest = sorted((s for s in timed if (s.time or 0.0) > usual), key=lambda s: -(s.time or 0.0))[:_SLOWEST]
    return Slices(worst, slowest, everything)


def _groups(values: Any) -> Iterator[tuple[str, Array]]:
    missing = values.isna().to_numpy()
    if missing.any():
        yield "missing", missing
    if pd.api.types.is_numeric_dtype(values) and values.nunique() > 4:
        numbers = values.to_numpy(np.float64)
        quarters = np.unique(np.quantile(numbers[np.isfinite(numbers)], [0, 0.25, 0.5, 0.75, 1]))
        for low, high in pairwise(quarters):
            inside = (values >= low) & ((values < high) | (high == quarters[-1]))
            yield f"{low:,.6g} to {high:,.6g}", inside.to_numpy(bool, na_value=False)
        return
    for value in values.value_counts().index[:_VALUES]:
        yield str(value), (values == value).to_numpy(bool, na_value=False)


def worst_rows(target: Target, test: Part, predictions: Predictions) -> list[dict[str, str]]:
    """The ten rows with the largest losses: row number, truth, prediction, and the first fields."""
    if not hasattr(test.frame, "columns"):
        return []
    order = np.argsort(-losses(target, test.y, predictions), kind="stable")[:10]
    truth = np.asarray(target.truth(test.y))
    chosen = None if predictions.probabilities is None else target.chosen(predictions.probabilities)
    shown = [name for name in test.frame.columns if name != target.name][:_FIELDS]
    found = []
    for i in order:
        fields = {name: "missing" if pd.isna(v) else _cell(v) for name, v in test.frame[shown].iloc[i].items()}
        said = figure(predictions.values[i]) if target.task == "regression" else str(predictions.values[i])
        if predictions.probabilities is not None and chosen is not None:
            said += f" ({predictions.probabilities[i, chosen[i]]:.0%})"
        found.append(
            {
                "row": str(test.frame.index[i]),
                "truth": figure(truth[i]) if target.task == "regression" else str(truth[i]),
                "predicted": said,
                **fields,
            }
        )
    return found


def _cell(value: Any) -> str:
    """As a person would have written it: 25 for 25.0, no more than seven digits."""
    return f"{value:.7g}" if isinstance(value, float) else str(value)
