"""Where predictions are worst: groups of rows, and single ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pydl.pipeline.columns import Column
from pydl.pipeline.fitted import Predictions
from pydl.pipeline.target import Target

if TYPE_CHECKING:
    from pydl.pipeline.training import Part

Array = NDArray[Any]

_SHOWN = 12
_COLUMNS = 200  # that are looked into
_FEWEST = 20  # rows of a slice: fewer say little
_VALUES = 30  # of a column of words, the commonest
_FIELDS = 12  # columns of a single row


def losses(target: Target, y: Array, predictions: Predictions) -> Array:
    """What each row adds to the error: -log of its class's probability, or its squared error."""
    if target.task == "regression":
        return np.asarray((predictions.values - np.asarray(target.decode(y), np.float64)) ** 2)
    assert predictions.probabilities is not None
    return np.asarray(-np.log(np.clip(predictions.probabilities[np.arange(len(y)), y.astype(int)], 1e-15, 1)))


def worst(
    target: Target, test: Part, predictions: Predictions, columns: Sequence[Column]
) -> list[tuple[str, str, int, float, float]]:
    """(column, values, rows, error, error of all rows) of the slices that stand out the most, the worst first.

    The error is the share of wrong rows, or the RMSE. A slice is one value of a column of words or a quarter of a
    column of numbers, of at least 20 rows; slices are ranked by how many standard errors their loss is above the rest.
    """
    frame = test.frame
    if not hasattr(frame, "columns"):
        return []
    loss = losses(target, test.y, predictions)
    error = loss if target.task == "regression" else (predictions.values != np.asarray(target.decode(test.y))) * 1.0
    spread = loss.std() or 1.0
    found = []
    for column in [c for c in columns if c.used and c.name in frame.columns][:_COLUMNS]:
        for label, chosen in _groups(frame[column.name]):
            n = int(chosen.sum())
            if _FEWEST <= n < len(loss):
                distance = (loss[chosen].mean() - loss.mean()) / (spread / n**0.5)
                found.append((distance, str(column.name), label, n, float(error[chosen].mean())))
    found.sort(key=lambda entry: -entry[0])
    root = 0.5 if target.task == "regression" else 1.0
    overall = float(error.mean()) ** root
    return [(name, label, n, e**root, overall) for z, name, label, n, e in found[:_SHOWN] if z > 2]


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
    truth = np.asarray(target.decode(test.y))
    shown = [name for name in test.frame.columns if name != target.name][:_FIELDS]
    found = []
    for i in order:
        fields = {name: "missing" if pd.isna(v) else str(v) for name, v in test.frame[shown].iloc[i].items()}
        said = str(predictions.values[i])
        if predictions.probabilities is not None:
            said += f" ({predictions.probabilities[i].max():.0%})"
        found.append({"row": str(test.frame.index[i]), "truth": str(truth[i]), "predicted": said, **fields})
    return found
