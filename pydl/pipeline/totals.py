"""Rows of totals below the rows of a table, or between them: they sum others up, and are none to learn from."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pydl.pipeline import values

_TOTAL = re.compile(
    r"(?:grand|sub|overall|column)?[\s-]*totals?(?: general| général| row)?|sums?|sub ?sum|summe|gesamt(?:summe)?|"
    r"insgesamt|zwischensumme|totale|totaal|suma|somme|soma|итого|всего|合計|小計|总计|合计|小计",
    re.IGNORECASE,
)
_MEAN = re.compile(r"averages?|means?|mittelwert|durchschnitt|moyenne|promedio", re.IGNORECASE)
_ROUNDED = 1e-3  # of a value that was rounded, after the rows were or before
_MOST = 1 / 3
_NAMED = 5


Levels = Mapping[str, Collection[Any]]  # of columns, which are no words for totals


def without_totals(frame: pd.DataFrame, known: Levels | None = None) -> tuple[pd.DataFrame, list[str]]:
    """The rows that are no totals, and what is to be said of the others; `known` as for `of_totals`."""
    gone = of_totals(frame, known)
    if not gone:
        return frame, []
    keep = np.ones(len(frame), bool)
    keep[gone] = False
    return frame[keep], [said(frame, gone, "left out")]


def said(frame: pd.DataFrame, rows: list[int], fate: str) -> str:
    """That these rows are of totals, and what becomes of them; rows are counted from 1, as they are in the file."""
    shown = ", ".join(str(frame.index[row] + 1) for row in rows[:_NAMED]) + ", ..." * (len(rows) > _NAMED)
    if len(rows) == 1:
        return f"1 row {fate} that sums up others (row {shown})"
    return f"{len(rows):,} rows {fate} that sum up others (rows {shown})"


def of_totals(frame: pd.DataFrame, known: Levels | None = None) -> list[int]:
    """The places of rows that sum up others; words that are `known` as levels of their columns do not say so.

    A row gives totals if a cell says so and most of its numbers are the sums of all rows above it, or of those below
    the totals above it; or means, below all other rows. Where many cells say so, or some that are none, it is a level
    as others are.
    """
    totals, means = _labelled(frame, known or {})
    labelled = totals | means
    if not labelled.any() or labelled.mean() > _MOST:
        return []
    columns = [_numbers(frame[name]) for name in frame.columns]
    x = np.column_stack([column for column in columns if np.isfinite(column[~labelled]).any()] or [columns[0]])
    gone, begin = list(map(int, np.flatnonzero(labelled))), 0
    for row in gone:
        above, take = np.flatnonzero(~labelled[:row]), np.nansum if totals[row] else np.nanmean
        last = bool(labelled[row:].all())
        parts = (above, above[above >= begin]) if totals[row] else (above,) if last else ()
        if not any(_gives(take, x[row], x[part]) for part in parts):
            return []
        begin = row + 1
    return gone


def _labelled(frame: pd.DataFrame, known: Levels) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which rows have a cell that is a word for totals, and which for means."""
    found = np.zeros((2, len(frame)), bool)
    for name in frame.columns:
        if values.is_text(frame[name]):
            codes, levels = pd.factorize(frame[name])
            own, texts = set(map(str, known.get(str(name), ()))), list(map(str, levels))
            for rows, words in zip(found, (_TOTAL, _MEAN), strict=True):
                said = [k for k, text in enumerate(texts) if text not in own and words.fullmatch(text.strip(" :*"))]
                rows |= np.isin(codes, said)
    return found[0], found[1]


def _numbers(column: pd.Series) -> values.Floats:
    return (
        np.full(len(column), np.nan)
        if pd.api.types.is_datetime64_any_dtype(column)
        else values.numbers(column, values.of_file(column), (), Counter())
    )


def _gives(take: Callable[..., values.Floats], row: values.Floats, others: values.Floats) -> bool:
    """Whether most numbers of a row are the sums, or means, of the others' columns."""
    there = np.isfinite(row) & (row != 0) & np.isfinite(others).any(axis=0)
    if len(others) < 2 or not there.any():
        return False
    return bool((np.abs(take(others[:, there], axis=0) - row[there]) <= _ROUNDED * np.abs(row[there])).mean() > 0.5)
