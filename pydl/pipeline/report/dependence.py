"""How predictions follow single columns: partial dependence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pydl.pipeline import values
from pydl.pipeline.columns import Column
from pydl.pipeline.contract import Part
from pydl.pipeline.fitted import Fitted, predict
from pydl.pipeline.preparation import Preparation
from pydl.pipeline.report import cells
from pydl.pipeline.report.drawing import Picture, drawn, short
from pydl.pipeline.report.importance import with_column
from pydl.pipeline.report.wording import figure
from pydl.pipeline.seen import Seen

Array = NDArray[Any]

_COLUMNS = 6
_ROWS = 500
_POINTS = 11  # quantiles of a column of numbers
_LEVELS = 8
_CLASSES = 4
_EDGE = 0.02  # share of the rows at either end that no point lies beyond: there is little to go by


@dataclass(frozen=True)
class Dependence:
    """Mean predictions with one column set to a value, each of some rows being as it is otherwise.

    Attributes
    ----------
    column : Column
    places : list
        Numbers or dates in order, or words.
    means : ndarray (places, classes or 1)
        Mean probabilities of `names`, or the mean prediction in the target's unit.
    names : list of str
        The classes that are shown; the target for a regression.
    rows : int
        How many rows the mean is over.
    """

    column: Column
    places: list[Any]
    means: Array
    names: list[str]
    rows: int


def look(fitted: Fitted, test: Part, names: Sequence[str], seed: int) -> list[Dependence]:
    """Partial dependence of some columns, on up to 500 test rows.

    The mean over the rows of f(v, rest of the row), with f the prediction and v each of 11 quantiles of the column from
    2 % to 98 % of the test rows (a few numbers: each of them), or each of its 8 commonest levels. Columns without two
    such values are left out, and texts.

    References
    ----------
    J. H. Friedman: Greedy Function Approximation, Annals of Statistics 29, 2001.
    """
    if not isinstance(fitted.preparation, Preparation) or not len(test.y):
        return []
    rows = np.sort(np.random.default_rng(seed).permutation(len(test.y))[:_ROWS])
    inputs = {name: a[rows] for name, a in test.inputs.items()}
    shown = _shown(fitted, test.y)
    used = {c.name: c for c in fitted.preparation.columns}
    found = []
    for column in (used[name] for name in names if used[name].kind != "text"):
        at, places = _points(test.frame, column)
        if len(places) > 1:
            means = _means(fitted, inputs, test.frame.iloc[at], column.name, shown)
            found.append(Dependence(column, places, means, _names(fitted, shown), len(rows)))
    return found


def _shown(fitted: Fitted, y: Array) -> list[int]:
    """The classes to show: the positive one of two, else the commonest."""
    if fitted.target.task == "regression":
        return []
    counts = np.bincount(y.astype(int), minlength=len(fitted.target.classes))
    return [1] if len(counts) == 2 else np.argsort(-counts, kind="stable")[:_CLASSES].tolist()


def _names(fitted: Fitted, shown: Sequence[int]) -> list[str]:
    return [f"{fitted.target.name} = {fitted.target.classes[k]}" for k in shown] or [fitted.target.name]


def _points(frame: pd.DataFrame, column: Column) -> tuple[list[int], list[Any]]:
    """Rows in which a column has the values to try, and these values: a cell so is written as the data have it."""
    found = cells.of(frame, column.name)
    if column.kind not in cells.ORDERED:
        labels = pd.Series(values.labels(found), dtype=object)
        levels = list(labels.value_counts().index[:_LEVELS])
        return [int((labels == level).to_numpy().argmax()) for level in levels], [str(level) for level in levels]
    known = cells.in_order(found, column).dropna().sort_values(kind="stable")
    if known.nunique() > _POINTS:
        at = np.linspace(_EDGE * (len(known) - 1), (1 - _EDGE) * (len(known) - 1), _POINTS)
        known = known.iloc[at.round().astype(int)]
    known = known.drop_duplicates()
    return list(known.index), list(known)


def _means(fitted: Fitted, inputs: dict[str, Array], tried: pd.DataFrame, name: str, shown: Sequence[int]) -> Array:
    """What a column becomes depends on no other: the cells are prepared once, not with each of the rows."""
    assert isinstance(fitted.preparation, Preparation)
    prepared = fitted.preparation.transform(tried, Seen())
    rows, points = len(next(iter(inputs.values()))), len(tried)
    each = {key: np.repeat(a, rows, axis=0) for key, a in prepared.items()}
    all_rows = {key: np.concatenate([a] * points) for key, a in inputs.items()}
    found = predict(fitted.model, fitted.target, with_column(fitted.preparation, all_rows, name, each))
    y = found.values[:, None] if found.probabilities is None else found.probabilities[:, shown]
    return np.asarray(y.reshape(points, rows, -1).mean(axis=1))


def pictures(found: Sequence[Dependence]) -> list[Picture]:
    """A picture of each, all on one scale, so that flat ones look flat."""
    if not found:
        return []
    low, high = min(each.means.min() for each in found), max(each.means.max() for each in found)
    margin = 0.05 * (high - low) or abs(high) or 1.0
    return [_picture(each, low - margin, high + margin) for each in found]


def _picture(found: Dependence, low: float, high: float) -> Picture:
    ordered = found.column.kind in cells.ORDERED
    what = "mean prediction" if found.means.shape[1] == 1 and "=" not in found.names[0] else "mean probability"

    def draw(axes: Any, figure: Any) -> None:
        names = [short(place) for place in found.places]
        for name, means in zip(found.names, found.means.T, strict=True):
            if ordered:
                axes.plot(found.places, means, marker="o", markersize=4, label=short(name))
            else:
                axes.plot(means, range(len(names)), "o", label=short(name))
        if ordered:
            axes.set(xlabel=short(found.column.name), ylabel=what, ylim=(low, high))
        else:
            axes.set(xlabel=what, xlim=(low, high), ylim=(len(names) - 0.5, -0.5))
            axes.set_yticks(range(len(names)), names)
        if len(found.names) > 1:
            axes.legend(fontsize=9)

    means = found.means[:, 0]
    of = f" of {short(found.names[0])}" if what == "mean probability" else ""
    alt = f"The {what}{of} goes from {figure(float(means.min()))} to {figure(float(means.max()))}."
    points = "commonest values" if not ordered else "values from low to high, between which lie equal shares of rows"
    hint = f"{found.rows:,} test rows, in each of which this column was set to one value after the other ({points}) and"
    return drawn(f"Dependence on {short(found.column.name)}", alt, f"{hint} all else held as it is.", draw)
