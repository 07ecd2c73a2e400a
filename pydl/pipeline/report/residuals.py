"""The errors of a regression: over what was predicted, and over time."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pydl.pipeline.columns import Column
from pydl.pipeline.report import cells
from pydl.pipeline.report.drawing import Picture, drawn, legend_above, short
from pydl.pipeline.report.wording import figure

Array = NDArray[Any]

_POINTS = 2000
_GROUPS = 12  # of equally many rows
_SPREAD = 0.002  # share of the errors at either end that would stretch the axis


def over_prediction(off: Array, predicted: Array) -> Picture:
    """Prediction - truth over the prediction, with quartiles in groups of equally many rows."""
    hint = "A line that bends away from zero, or a band that widens, says where predictions are off."
    return _picture("Residuals over prediction", predicted, off, "predicted", hint)


def over_time(off: Array, frame: pd.DataFrame, column: Column) -> Picture | None:
    """Prediction - truth over a column of dates or numbers; None where there are no two moments."""
    when = cells.in_order(cells.of(frame, column.name), column)
    known = when.notna().to_numpy()
    if when.nunique() < 2:
        return None
    hint = "A drift says that what was learnt grows old."
    return _picture("Residuals over time", when[known].to_numpy(), off[known], short(column.name), hint)


def _picture(title: str, x: Array, off: Array, label: str, hint: str) -> Picture:
    order = np.argsort(x, kind="stable")
    groups = np.array_split(order, min(_GROUPS, max(1, len(order) // 5)))
    middles = x[[group[len(group) // 2] for group in groups]]
    low, median, high = np.array([np.quantile(off[group], [0.25, 0.5, 0.75]) for group in groups]).T
    some = np.random.default_rng(0).permutation(len(x))[:_POINTS]

    ends = np.quantile(off, [_SPREAD, 1 - _SPREAD])

    def draw(axes: Any, figure: Any) -> None:
        axes.scatter(x[some], off[some], s=6, alpha=0.25, linewidths=0, rasterized=True)
        axes.axhline(0, color="gray", linestyle=":")
        axes.fill_between(middles, low, high, color="C1", alpha=0.3, linewidth=0, label="middle half")
        axes.plot(middles, median, color="C1", marker="o", markersize=3, label="median")
        axes.set(xlabel=label, ylabel="predicted - true", ylim=ends if ends[0] < ends[1] else None)
        legend_above(axes)

    found = figure(float(median.min())), figure(float(median.max()))
    alt = f"In {len(groups)} groups of {len(x):,} test rows the median error lies between {found[0]} and {found[1]}."
    return drawn(title, alt, hint, draw)
