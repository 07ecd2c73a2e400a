"""Real tables as arrays: standardised numbers, one-hot categories, what is missing filled in; csv and NumPy only."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
Table = dict[str, list[str]]


def read(path: Path) -> Table:
    """The columns of a csv file; empty where a value is missing."""
    with path.open(newline="") as f:
        rows = list(csv.reader(f, skipinitialspace=True))
    header, rows = rows[0], [r for r in rows[1:] if len(r) == len(rows[0])]
    return {name: ["" if r[i] == "?" else r[i] for r in rows] for i, name in enumerate(header)}


def numbers(columns: Sequence[Table], name: str) -> list[Array]:
    """A numeric column of each table: the first one's median for what is missing, its mean and spread taken out."""
    values = [np.array([float(v) if v else np.nan for v in t[name]]) for t in columns]
    median = np.nanmedian(values[0])
    filled = [np.where(np.isnan(v), median, v) for v in values]
    mean, spread = filled[0].mean(), filled[0].std()
    return [((v - mean) / spread)[:, None] for v in filled]


def categories(columns: Sequence[Table], name: str) -> list[Array]:
    """A categorical column of each table, one column for each value that the first one has."""
    known = sorted(set(columns[0][name]))
    return [np.array([[v == k for k in known] for v in t[name]], float) for t in columns]


def features(columns: Sequence[Table], numeric: Sequence[str], categorical: Sequence[str]) -> list[Array]:
    """All of them side by side, in float32."""
    parts = [numbers(columns, n) for n in numeric] + [categories(columns, n) for n in categorical]
    return [np.concatenate(p, axis=1).astype(np.float32) for p in zip(*parts, strict=True)]
