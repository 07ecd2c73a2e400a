"""The cells of one column of a table, as numbers or dates."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pandas as pd

from pydl.pipeline import dates, values
from pydl.pipeline.columns import Column

ORDERED = ("number", "date")  # kinds that `in_order` reads
_DRAWN = pd.Timestamp("0100-01-01"), pd.Timestamp("9000-01-01")  # between which matplotlib can draw, margins included


def of(frame: Any, name: str) -> pd.Series:
    """The cells as they were read."""
    column: pd.Series = frame.iloc[:, list(map(str, frame.columns)).index(name)]
    return column


def in_order(cells: pd.Series, column: Column) -> pd.Series:
    """Numbers or dates, counted from 0; what is missing, infinite or no such value is missing."""
    if column.kind == "date":
        found = dates.read(cells, column.format, column.words, Counter()).reset_index(drop=True)
        return found.clip(*_DRAWN)
    x = values.numbers(cells, column.format or values.of_file(cells), column.words, Counter())
    return pd.Series(np.where(np.isfinite(x), x, np.nan))
