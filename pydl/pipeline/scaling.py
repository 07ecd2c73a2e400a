"""What is done to the numbers of a table, column by column of an array: bounds, logarithms, scales, marks of gaps."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.compose import ColumnTransformer
from sklearn.impute import MissingIndicator, SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

SKEWED = 2.0  # the skewness from which on a number is taken by its logarithm
Floats = NDArray[np.float64]


def number_steps(scaled: NDArray[Any], flags: NDArray[Any], missing: NDArray[Any]) -> ColumnTransformer:
    """Scaled numbers, flags and marks of what is missing, in this order."""
    number = make_pipeline(SimpleImputer(strategy="median", keep_empty_features=True), StandardScaler())
    flag = SimpleImputer(strategy="most_frequent", keep_empty_features=True)
    marks = MissingIndicator(features="all")
    steps = [("scaled", number, scaled), ("flags", flag, flags), ("missing", marks, missing)]
    return ColumnTransformer([(name, step, at.tolist()) for name, step, at in steps], sparse_threshold=0.0)


def scaled_by(steps: ColumnTransformer, x: Floats, weights: Floats | None) -> Floats:
    """Fit `number_steps`, scales by weighted means and deviations, and apply them."""
    if weights is None:
        return np.asarray(steps.fit_transform(x))
    steps.fit(x)
    for name, step, at in steps.transformers_:
        if name == "scaled" and len(at):
            step[-1].fit(step[:-1].transform(x[:, at]), sample_weight=weights)
    return np.asarray(steps.transform(x))


class Scaling:
    """What fitted `number_steps` do, in operations on the whole array: the same bits, and no time for one row.

    Parameters
    ----------
    steps : ColumnTransformer or None
        Fitted; None where there are no columns.
    columns : int
        How many it takes.
    """

    def __init__(self, steps: ColumnTransformer | None, columns: int) -> None:
        self.fill, self.mean, self.scale = np.zeros(columns), np.zeros(columns), np.ones(columns)
        self.marked: list[int] = []
        for name, step, at in () if steps is None else steps.transformers_:
            if name == "scaled" and len(at):
                imputer, scaler = (each for _, each in step.steps)
                self.fill[at], self.mean[at], self.scale[at] = imputer.statistics_, scaler.mean_, scaler.scale_
            elif name == "flags" and len(at):
                self.fill[at] = step.statistics_
            elif name == "missing":
                self.marked = list(at)

    def __call__(self, x: Floats) -> Floats:
        """Scaled numbers, flags and marks of some rows."""
        gaps = np.isnan(x)
        numbers = (np.where(gaps, self.fill, x) - self.mean) / self.scale
        return np.hstack([numbers, gaps[:, self.marked]]) if self.marked else numbers


def bounds(raw: Floats, scaled: NDArray[Any], clip: float | None) -> tuple[Floats, Floats]:
    low, high = np.full(raw.shape[1], -np.inf), np.full(raw.shape[1], np.inf)
    if clip is not None and len(scaled):
        low[scaled], high[scaled] = np.nanquantile(raw[:, scaled], [clip, 1 - clip], axis=0)
    return np.nan_to_num(low, nan=-np.inf, neginf=-np.inf), np.nan_to_num(high, nan=np.inf, posinf=np.inf)


def units_of_logarithms(raw: Floats, scaled: NDArray[Any]) -> Floats:
    """For each skewed number the size of its small values, from which on the logarithm bends; 0 for the others."""
    units = np.zeros(raw.shape[1])
    for i in scaled:
        x = raw[~np.isnan(raw[:, i]), i]
        spread = x.std() if len(x) else 0.0
        if spread > 0 and abs(np.mean(((x - x.mean()) / spread) ** 3)) > SKEWED:
            units[i] = np.quantile(np.abs(x[x != 0]), 0.1)
    return units


def powers(x: Floats, units: Floats) -> Floats:
    """What `logarithms` was made from, of the skewed columns only."""
    skewed = np.flatnonzero(units)
    return np.asarray(np.sign(x[:, skewed]) * np.expm1(np.abs(x[:, skewed])) * units[skewed])


def logarithms(x: Floats, units: Floats) -> Floats:
    skewed = np.flatnonzero(units)
    if not len(skewed):
        return x
    x = x.copy()
    x[:, skewed] = np.sign(x[:, skewed]) * np.log1p(np.abs(x[:, skewed]) / units[skewed])
    return x
