"""How targets and columns are distributed: small bars beside a column, a picture of the target."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pydl.pipeline import values
from pydl.pipeline.columns import Column
from pydl.pipeline.contract import Part
from pydl.pipeline.ngrams import count_words
from pydl.pipeline.report import cells
from pydl.pipeline.report.drawing import Picture, drawn, legend_above, short
from pydl.pipeline.report.wording import figure
from pydl.pipeline.target import Target

Array = NDArray[Any]

_BARS = 16
_CLASSES = 12
_ROWS = 20_000  # enough for the height of a bar


@dataclass(frozen=True)
class Distribution:
    """The values of a column: heights of bars from 0 to 1, and in words."""

    bars: list[float]
    words: str


def of_columns(frame: Any, columns: Sequence[Column]) -> dict[str, Distribution]:
    """Each column that is used, by name; of numbers and dates in steps of equal width, else the commonest values."""
    if not hasattr(frame, "columns") or not len(frame):
        return {}
    frame = frame.iloc[:: -(-len(frame) // _ROWS)]
    return {c.name: _of(cells.of(frame, c.name), c) for c in columns if c.used}


def _of(found: pd.Series, column: Column) -> Distribution:
    if column.kind in cells.ORDERED:
        known = cells.in_order(found, column).dropna()
        if column.kind == "number":
            return _of_numbers(known.to_numpy(), lambda v: figure(float(v)) if abs(v) >= 1 else f"{v:.3g}")
        seconds = known.dt.as_unit("s").astype("int64").to_numpy(np.float64)
        return _of_numbers(seconds, lambda v: str(pd.Timestamp(v, unit="s").date()))
    labels = pd.Series(values.labels(found), dtype=object).dropna()
    if column.kind == "text":
        lengths = _of_numbers(count_words(list(labels)), "{:,.0f}".format)
        return Distribution(lengths.bars, lengths.words and f"{lengths.words} words")
    counts = labels.value_counts()
    shown = counts[:_BARS] / max(counts.max(), 1) if len(counts) else counts
    words = ", ".join(f"{short(level)} {n / len(labels):.0%}" for level, n in counts[:3].items())
    return Distribution([float(v) for v in shown], words)


def _of_numbers(x: Array, said: Any) -> Distribution:
    if not len(x):
        return Distribution([], "")
    counts = np.histogram(x, bins=_BARS)[0]
    low, median, high = (said(v) for v in np.quantile(x, [0, 0.5, 1], method="nearest"))
    return Distribution((counts / counts.max()).tolist(), f"{low} to {high}, median {median}")


def of_target(target: Target, parts: Mapping[str, Part]) -> Picture:
    """Shares of classes, or of steps of a number, in the training rows and in the test rows."""
    wanted = {"training": parts["train"], "test": parts["test"]}
    told = {name: part.y for name, part in wanted.items() if len(part.y)}
    rows = " and ".join(f"{len(y):,} {name} rows" for name, y in told.items())
    if target.task == "regression":
        return _of_number(target, told, rows)
    order = np.argsort(-np.bincount(told["training"].astype(int), minlength=len(target.classes)), kind="stable")
    order = order[:_CLASSES] if len(target.classes) > 2 else np.arange(2)
    counts = {name: np.bincount(y.astype(int), minlength=len(target.classes)) for name, y in told.items()}
    shares = {name: found[order] / found.sum() for name, found in counts.items()}
    names = [short(target.classes[k]) for k in order]

    def draw(axes: Any, figure: Any) -> None:
        thick = 0.8 / len(shares)
        for i, (name, heights) in enumerate(shares.items()):
            axes.barh(np.arange(len(names)) + (i + 0.5) * thick - 0.4, heights, thick, label=name)
        axes.set_yticks(range(len(names)), names)
        axes.invert_yaxis()
        axes.set(xlabel="share of the rows")
        legend_above(axes)

    said = [f"{name} {share:.1%}" for name, share in zip(names[:3], shares["training"], strict=False)]
    alt = f"Of {rows}. Of the training rows: {', '.join(said)}{' and others' * (len(target.classes) > 3)}."
    few = len(names) == len(target.classes)
    hint = "" if few else f"Shown are {_CLASSES} of {len(target.classes)} classes, the most frequent."
    return drawn("Classes", alt, hint, draw, max(2.4, 0.9 + 0.3 * len(names)))


def _of_number(target: Target, told: dict[str, Array], rows: str) -> Picture:
    x = {name: np.asarray(target.truth(y), np.float64) for name, y in told.items()}
    low, high = np.quantile(x["training"], [0.005, 0.995])

    def draw(axes: Any, figure: Any) -> None:
        edges = np.linspace(low, high, 41)
        for name, found in x.items():
            share = np.histogram(found, edges)[0] / len(found)
            axes.stairs(share, edges, fill=name == "training", alpha=0.5 if name == "training" else 1.0, label=name)
        axes.set(xlabel=short(target.name), ylabel="share of the rows")
        legend_above(axes)

    low_, median, high_ = (figure(float(v)) for v in np.quantile(x["training"], [0, 0.5, 1]))
    alt = f"Of {rows}. In training rows it goes from {low_} to {high_}, with median {median}."
    return drawn("Distribution of the target", alt, "The middle 99 %.", draw)
