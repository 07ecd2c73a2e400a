"""From the columns of a table to a network's arrays: scikit-learn's imputers, scalers and encoders, fitted once."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.compose import ColumnTransformer
from sklearn.impute import MissingIndicator, SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from pydl._base.args import optional_real
from pydl.pipeline import trusted, values
from pydl.pipeline.columns import Column

FEATURES = "features"  # the name of the array of everything but embedded columns
MISSING_LEVEL = "(missing)"
SKEWED = 2.0  # the skewness from which on a number is taken by its logarithm
FARTHEST = 1e4  # deviations from the mean, beyond which a number is no farther
Floats = NDArray[np.float64]

_PARTS: dict[str, Callable[[pd.Series], pd.Series]] = {
    "year": lambda d: d.dt.year,
    "month": lambda d: d.dt.month,
    "day": lambda d: d.dt.day,
    "weekday": lambda d: d.dt.day_of_week,
    "hour": lambda d: d.dt.hour + d.dt.minute / 60 + d.dt.second / 3600,
    "days": lambda d: d.dt.as_unit("s").astype("int64").where(d.notna()) / 86400,
}


@dataclass(frozen=True)
class InputSpec:
    """One array that a network takes.

    Attributes
    ----------
    name : str
        Its key in what `Preparation.transform` returns.
    width : int
        How many values a row has.
    levels : int or None
        For an embedded column, how many codes there are, 0 included: ``input_dim`` of its Embedding.
    """

    name: str
    width: int
    levels: int | None = None


class Preparation:
    """What is done to a table before a network sees it.

    Numbers: the median for what is missing, logarithms where they are skewed, mean 0 and deviation 1, at most 10,000
    deviations out. Flags: 1 and 0. Dates: their parts, as numbers. Each number, flag or part of a date with missing
    values gets a feature that says so. Categories: one feature per level, one of them for "missing" where that
    occurred; a level never seen has 0 in all of them. Categories of many levels: a code from 1 on, to be embedded;
    0 stands for a level that is missing, was never seen, or once only.

    Parameters
    ----------
    columns : sequence of Column
        What `columns.guess` found.
    clip : float, optional
        Numbers beyond this quantile on either side are set to it: 0.01 clips the lowest and the highest hundredth.

    Attributes
    ----------
    columns : list of Column
        As given; after `fit` their treatment says the figures.
    feature_names : list of str
        What stands in each column of ``"features"``.
    """

    def __init__(self, columns: Sequence[Column], clip: float | None = None) -> None:
        self.columns = list(columns)
        self.clip = optional_real("Preparation", "clip", clip, at_least=0.0, below=0.5)
        if not any(c.used for c in self.columns):
            why = "; ".join(f'"{c.name}" {c.treatment}' for c in self.columns[:5]) or "the table has no other column"
            raise ValueError(f"no column is left to learn from: {why}")
        self.feature_names: list[str] = []
        self._fitted = False

    def fit(self, frame: pd.DataFrame) -> Preparation:
        """Learn medians, scales and levels from a table; nothing of the table itself is kept."""
        if not len(frame):
            raise ValueError("Preparation.fit: the table has no rows; expected at least one")
        cells = self._cells(frame)
        self._parts = {c.name: _varying_parts(values.dates(cells[c.name], c.format, c.words)) for c in self._of("date")}
        names, raw = self._raw_numbers(cells)
        flags = np.arange(len(names) - len(self._of("flag")), len(names))
        scaled = np.arange(flags[0] if len(flags) else len(names))
        self._low, self._high = _bounds(raw, scaled, self.clip)
        raw = np.clip(raw, self._low, self._high)
        self._units = _units_of_logarithms(raw, scaled)
        x = _logarithms(raw, self._units)
        missing = np.flatnonzero(np.isnan(x).any(axis=0))
        self._numbers = _number_steps(scaled, flags, missing)
        self._encoder = OneHotEncoder(handle_unknown="ignore", sparse_output=False, dtype=np.float32)
        self.feature_names = names + [f"{names[i]} missing" for i in missing]
        if names:
            self._numbers.fit(x)
        if self._of("category"):
            self._encoder.fit(self._categories(cells))
            for c, levels in zip(self._of("category"), self._encoder.categories_, strict=True):
                self.feature_names += [f"{c.name}={level}" for level in levels]
        self._levels = {c.name: _frequent_levels(cells[c.name]) for c in self._of("many")}
        self._index_levels()
        self.columns = self._described(dict(zip(names, raw.T, strict=True)))
        self._fitted = True
        return self

    def transform(self, frame: pd.DataFrame) -> dict[str, NDArray[Any]]:
        """The arrays of some rows: ``"features"`` in float32 and, in int32, the codes of each embedded column.

        The latter are called as `input_of` says.

        Columns that the preparation does not know are ignored.

        Raises
        ------
        ValueError
            A column that is missing, or holds something else than it did in `fit`.
        """
        self._require_fit()
        cells = self._cells(frame)
        arrays: dict[str, NDArray[Any]] = {}
        if self.feature_names:
            features = np.empty((len(frame), len(self.feature_names)), np.float32)
            if len(frame):  # scikit-learn takes no table without rows
                self._write_features(cells, features)
            arrays[FEATURES] = features
        for name, index in self._indices.items():
            arrays[self.input_of(name)] = (index.get_indexer(values.labels(cells[name])) + 1).astype(np.int32)
        return arrays

    def _write_features(self, cells: dict[str, pd.Series], features: NDArray[np.float32]) -> None:
        names, raw = self._raw_numbers(cells)
        width = 0
        if names:
            x = self._numbers.transform(_logarithms(np.clip(raw, self._low, self._high), self._units))
            width = x.shape[1]
            features[:, :width] = np.clip(x, -FARTHEST, FARTHEST)
        if self._of("category"):
            features[:, width:] = self._encoder.transform(self._categories(cells))

    @property
    def inputs(self) -> list[InputSpec]:
        """The arrays that `transform` gives."""
        self._require_fit()
        features = [InputSpec(FEATURES, len(self.feature_names))] if self.feature_names else []
        return features + [InputSpec(self.input_of(n), 1, len(levels) + 1) for n, levels in self._levels.items()]

    def input_of(self, name: str) -> str:
        """The array that an embedded column becomes: called by its place, for a layer has not every name."""
        return f"column {1 + [c.name for c in self.columns].index(name)}"

    def features_of(self, name: str) -> list[int]:
        """Which columns of ``"features"`` come from a column of the table; none where it is embedded."""
        self._require_fit()
        own = {name, *(f"{name} {part}" for part in self._parts.get(name, ()))}
        own |= {f"{each} missing" for each in own}
        levels = f"{name}=" if any(c.name == name for c in self._of("category")) else None
        return [
            i for i, feature in enumerate(self.feature_names)
            if feature in own or (levels is not None and feature.startswith(levels))
        ]  # fmt: skip

    @property
    def text_columns(self) -> list[str]:
        """Columns that `table.read_table` should leave as text, because they are written in a way of their own."""
        own = [c for c in self.columns if c.kind in ("category", "many") or c.format not in ("", values.POINT)]
        return [c.name for c in own if c.used]

    @property
    def codes(self) -> list[str]:
        """Columns of which NA is a level."""
        known = {c.name for c in self.columns if f"{c.name}={values.CODE}" in self.feature_names}
        return [*known, *(name for name, levels in self._levels.items() if values.CODE in levels)]

    def save(self, path: str | Path) -> None:
        """Write to a file that `load` reads: no pickle, nothing that can run."""
        self._require_fit()
        state = {
            "columns": [c.state() for c in self.columns],
            "clip": self.clip,
            "feature_names": self.feature_names,
            "parts": self._parts,
            "levels": self._levels,
        }
        arrays = {"low": self._low, "high": self._high, "units": self._units}
        trusted.dump({"state": json.dumps(state), "numbers": self._numbers, "encoder": self._encoder, **arrays}, path)

    @classmethod
    def load(cls, path: str | Path) -> Preparation:
        """What `save` wrote.

        Raises
        ------
        ValueError
            The file holds anything else than such a preparation.
        """
        content = trusted.load(path)
        try:
            state = json.loads(content["state"])
            loaded = cls([Column.from_state(c) for c in state["columns"]], state["clip"])
            loaded.feature_names, loaded._parts, loaded._levels = (
                state["feature_names"],
                state["parts"],
                state["levels"],
            )
            loaded._low, loaded._high, loaded._units = (content[k] for k in ("low", "high", "units"))
            loaded._numbers, loaded._encoder = content["numbers"], content["encoder"]
            loaded._index_levels()
            loaded._fitted = True
            loaded.transform(pd.DataFrame({c.name: [None] for c in loaded.columns}, dtype=object))
        except Exception as error:
            raise ValueError(f"{path}: not a preparation that pydl wrote, or damaged: {error}") from None
        return loaded

    def _require_fit(self) -> None:
        if not self._fitted:
            raise ValueError("this Preparation has not been fitted; call fit(frame) first")

    def _of(self, *kinds: str) -> list[Column]:
        return [c for c in self.columns if c.kind in kinds]

    def _cells(self, frame: pd.DataFrame) -> dict[str, pd.Series]:
        """The columns that are used, by name."""
        if not isinstance(frame, pd.DataFrame):
            raise TypeError(f"Preparation: expected a pandas DataFrame, got {type(frame).__name__}")
        wanted = {c.name for c in self.columns if c.used}
        found: dict[str, pd.Series] = {}
        for i, name in enumerate(map(str, frame.columns)):
            if name in found:
                raise ValueError(f'the table has two columns called "{name}"; rename one of them')
            if name in wanted:
                found[name] = frame.iloc[:, i].rename(name)
        absent = [f'"{c.name}"' for c in self.columns if c.used and c.name not in found]
        if absent:
            names = ", ".join(absent[:5]) + " ..." * (len(absent) > 5)
            raise ValueError(
                f"the table lacks column{'s' * (len(absent) > 1)} {names}; expected all that were used in training"
            )
        return found

    def _raw_numbers(self, cells: dict[str, pd.Series]) -> tuple[list[str], Floats]:
        """Numbers, then parts of dates, then flags, side by side, NaN where missing; and what each is called."""
        found = {c.name: values.numbers(cells[c.name], c.format or values.POINT, c.words) for c in self._of("number")}
        for c in self._of("date"):
            date = values.dates(cells[c.name], c.format, c.words)
            found |= {f"{c.name} {part}": _PARTS[part](date).to_numpy(np.float64) for part in self._parts[c.name]}
        found |= {c.name: values.flags(cells[c.name]) for c in self._of("flag")}
        rows = len(next(iter(cells.values())))
        return list(found), np.column_stack(list(found.values())) if found else np.empty((rows, 0))

    def _categories(self, cells: dict[str, pd.Series]) -> NDArray[np.object_]:
        found = np.column_stack([values.labels(cells[c.name]) for c in self._of("category")])
        found[found == None] = MISSING_LEVEL  # noqa: E711  (element by element)
        return found

    def _index_levels(self) -> None:
        self._indices = {name: pd.Index(levels, dtype=object) for name, levels in self._levels.items()}

    def _described(self, raw: dict[str, Floats]) -> list[Column]:
        """The columns, with the figures of what is done to them."""
        places = {name: i for i, name in enumerate(raw)}
        return [
            replace(c, treatment=self._of_number(raw[c.name], places[c.name]))
            if c.kind == "number"
            else replace(c, treatment=_of_flag(c.treatment, raw[c.name]))
            if c.kind == "flag"
            else replace(
                c, treatment=f"taken apart: {', '.join(self._parts[c.name]) or 'nothing, it is always the same'}"
            )
            if c.kind == "date"
            else c
            for c in self.columns
        ]

    def _of_number(self, x: Floats, i: int) -> str:
        gone = int(np.isnan(x).sum())
        said = []
        if gone:
            said.append(
                f"{gone} missing: set to the median {0.0 if gone == len(x) else np.nanmedian(x):.4g} and marked"
            )
        if np.isfinite(self._low[i]):
            said.append(f"clipped to {self._low[i]:.4g} ... {self._high[i]:.4g}")
        if self._units[i]:
            said.append("its logarithm, for it is skewed")
        return ", ".join([*said, "scaled to mean 0 and deviation 1"])


def _of_flag(treatment: str, x: Floats) -> str:
    gone = int(np.isnan(x).sum())
    return f"{treatment}; {gone} missing: set to the more frequent and marked" if gone else treatment


def _number_steps(scaled: NDArray[Any], flags: NDArray[Any], missing: NDArray[Any]) -> ColumnTransformer:
    """Scaled numbers, flags and marks of what is missing, in this order."""
    number = make_pipeline(SimpleImputer(strategy="median", keep_empty_features=True), StandardScaler())
    flag = SimpleImputer(strategy="most_frequent", keep_empty_features=True)
    marks = MissingIndicator(features="all")
    steps = [("scaled", number, scaled), ("flags", flag, flags), ("missing", marks, missing)]
    return ColumnTransformer([(name, step, at.tolist()) for name, step, at in steps], sparse_threshold=0.0)


def _varying_parts(dates: pd.Series) -> list[str]:
    """The parts of a date that are not the same in every row."""
    return [part for part, take in _PARTS.items() if take(dates).nunique() > 1]


def _bounds(raw: Floats, scaled: NDArray[Any], clip: float | None) -> tuple[Floats, Floats]:
    low, high = np.full(raw.shape[1], -np.inf), np.full(raw.shape[1], np.inf)
    if clip is not None and len(scaled):
        low[scaled], high[scaled] = np.nanquantile(raw[:, scaled], [clip, 1 - clip], axis=0)
    return np.nan_to_num(low, nan=-np.inf, neginf=-np.inf), np.nan_to_num(high, nan=np.inf, posinf=np.inf)


def _units_of_logarithms(raw: Floats, scaled: NDArray[Any]) -> Floats:
    """For each skewed number the size of its small values, from which on the logarithm bends; 0 for the others."""
    units = np.zeros(raw.shape[1])
    for i in scaled:
        x = raw[~np.isnan(raw[:, i]), i]
        spread = x.std() if len(x) else 0.0
        if spread > 0 and abs(np.mean(((x - x.mean()) / spread) ** 3)) > SKEWED:
            units[i] = np.quantile(np.abs(x[x != 0]), 0.1)
    return units


def _logarithms(x: Floats, units: Floats) -> Floats:
    skewed = np.flatnonzero(units)
    if not len(skewed):
        return x
    x = x.copy()
    x[:, skewed] = np.sign(x[:, skewed]) * np.log1p(np.abs(x[:, skewed]) / units[skewed])
    return x


def _frequent_levels(column: pd.Series) -> list[str]:
    """Levels that occur more than once, in the order of their names."""
    counts = pd.Series(values.labels(column), dtype=object).value_counts()
    return sorted(counts.index[counts > 1])
