"""How much each row counts (`--weights`): a column that no network sees."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pydl.pipeline import values

Array = NDArray[Any]


LEFT_OUT = "; without the column each row counts the same"  # what is said to whom the weights are no option


def weights_of(frame: pd.DataFrame, name: str | None, more: str = "") -> Array | None:
    """The weights of some rows in float64; None where nobody asked for any, or the table has no such column.

    `more` ends an error.

    Raises
    ------
    ValueError
        A cell that is no number from 0 on.
    """
    if name is None or name not in frame.columns:
        return None
    column = frame[name]
    found = _numbers(column)
    wrong = np.flatnonzero(~(np.isfinite(found) & (found >= 0)))
    if len(wrong):
        cell = column.iloc[wrong[0]]
        got = "nothing" if pd.isna(cell) else f'"{str(cell)[:40]}"'
        row = int(frame.index[wrong[0]]) + 1  # of the file
        raise ValueError(f'--weights: column "{name}", row {row}: expected a weight of 0 or more, got {got}{more}')
    return found


def must_judge(weights: Array | None, more: str = "") -> None:
    """Refuse rows to judge on that all count for nothing; `more` ends the error.

    Raises
    ------
    ValueError
        All weights are 0.
    """
    if weights is not None and len(weights) and not weights.any():
        raise ValueError(f"--weights: expected some above 0 among the rows to judge on, all are 0{more}")


def even(weights: Array | None) -> Array | None:
    """The same weights with the mean 1, so that a loss is their mean and steps are as long as without them.

    Raises
    ------
    ValueError
        All are 0.
    """
    if weights is not None and not weights.any():
        raise ValueError(f"--weights: expected some above 0 among {len(weights)} rows to learn from, all are 0")
    return None if weights is None else weights / weights.mean()


def said(figures: dict[str, Any], name: str | None) -> list[str]:
    """A sentence about what figures of some rows are weighted by."""
    if name is None or not figures["rows"]:
        return []
    if "weight" in figures:
        return [f"figures are weighted by {name}"]
    return [f"there is no column {name}: figures are not weighted, each row counts the same"]


def _numbers(column: pd.Series) -> Array:
    if not values.is_text(column):
        return np.asarray(values.numbers(column, values.POINT), np.float64)
    notation, _ = values.number_format(list(column.dropna().unique()), column.attrs.get("notation"))
    return np.asarray(values.numbers(column, notation, (), Counter()), np.float64)
