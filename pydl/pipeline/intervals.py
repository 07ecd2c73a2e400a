"""How far figures might be off: what they are when the rows to judge on are drawn anew (the bootstrap)."""

from __future__ import annotations

import math
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pydl.pipeline.fitted import Predictions
from pydl.pipeline.target import Target

Array = NDArray[Any]
Intervals = dict[str, list[float]]

FEWEST = 10  # rows below which no interval is given
_DRAWS, _MOST_DRAWS = 200, 1000  # of many rows, and of few
_DRAWN = 1_000_000  # rows in all, which take a second or so
_ROWS, _PROBABILITIES = 20_000, 200_000  # to keep at most: together they hold a model's draws to a second
_ENDS = (2.5, 97.5)  # percent
_SHARES = ("balanced_accuracy", "f1", "roc_auc")  # that are 1 at most
_Z = 1.959964  # of the normal distribution, for 95 %


class Sample:
    """Rows drawn at random from those that were judged, all of them up to 20,000, and intervals from them.

    Parameters
    ----------
    target : Target
    seed : int

    References
    ----------
    B. Efron, R. Tibshirani: An Introduction to the Bootstrap, 1993. E. B. Wilson: Probable inference, the law of
    succession, and statistical inference, JASA 22, 1927.
    """

    def __init__(self, target: Target, seed: int) -> None:
        self.target, self.rows = target, 0
        self.most = min(_ROWS, max(500, _PROBABILITIES // max(1, len(target.classes))))
        self.seed, self.ranks = seed, np.random.default_rng([seed, 0])
        self.weighted = False
        self.pieces: list[tuple[Array, Array, Array, Array]] = []

    def add(self, y: Array, predictions: Predictions, weights: Array | None = None) -> None:
        """Take some rows in; the rows of lowest rank stay, whatever the batches they come in."""
        found = predictions.values if predictions.probabilities is None else predictions.probabilities
        for name in ("_measure", "_whole", "_drawn"):
            self.__dict__.pop(name, None)
        self.rows += len(y)
        self.weighted |= weights is not None
        weights = np.ones(len(y), np.int64) if weights is None else weights
        self.pieces.append((self.ranks.random(len(y)), y, found, weights))
        if sum(len(rank) for rank, *_ in self.pieces) > 2 * self.most:
            self.pieces = [self._lowest()]

    def _lowest(self) -> tuple[Array, Array, Array, Array]:
        rank, y, found, weights = (np.concatenate(column) for column in zip(*self.pieces, strict=True))
        best = np.argsort(rank, kind="stable")[: self.most]
        return rank[best], y[best], found[best], weights[best]

    def intervals(self, figures: dict[str, Any]) -> Intervals:
        """For each headline of `figures` the lowest and the highest value that are to be reckoned with, at 95 %.

        Percentiles of 200 to 1,000 draws with replacement, the more the fewer the rows; of a sample of the rows,
        brought to the width of all. The accuracy, a plain share, has Wilson's interval, which does not end at 1 where
        all of a few rows are right; other shares and areas that are 1, so that no draw differs, have its lower end for
        the rows of the smallest class. Below ten rows there are none.
        """
        if self.rows < FEWEST:
            return {}
        _, y, _, weights = self._lowest()
        n, whole, drawn = len(y), self._whole, self._drawn
        intervals = {}
        for name, value in whole.items():
            if figures.get(name) is not None and (ends := self._ends(drawn[name], value)) is not None:
                intervals[name] = [figures[name] + end for end in ends]
        if "accuracy" in intervals:
            # As many rows as would, each counted once, make a mean as sure (L. Kish: Survey Sampling, 1965).
            evenness = weights.sum() ** 2 / (weights**2).sum() / n if self.weighted else 1
            intervals["accuracy"] = _wilson(figures["accuracy"], self.rows * evenness)
            counts = np.bincount(y.astype(np.int64))
            smallest = counts[counts > 0].min() * self.rows / n * evenness
            for name in set(_SHARES) & set(intervals):
                if figures[name] == 1:
                    intervals[name] = _wilson(1.0, smallest)
        return intervals

    def lead(self, other: Sample, name: str) -> list[float] | None:
        """The ends of what another model of the same rows has more of a figure: both judged on the same draws.

        None where it cannot be told: other rows or seeds, or fewer than ten rows.
        """
        if (self.rows, self.seed) != (other.rows, other.seed) or self.rows < FEWEST or name not in self._whole:
            return None
        value = other._whole[name] - self._whole[name]
        ends = self._ends(other._drawn[name] - self._drawn[name], value)
        return None if ends is None else [value + end for end in ends]

    def _ends(self, drawn: Array, value: float) -> list[float] | None:
        """How far from a value the lowest and the highest draw to be reckoned with are, brought to all rows' width."""
        drawn = drawn[np.isfinite(drawn)]
        if len(drawn) <= self._draws // 2:
            return None
        narrower = math.sqrt(min(self.rows, self.most) / self.rows)
        return [float(end - value) * narrower for end in np.percentile(drawn, _ENDS)]

    @property
    def _draws(self) -> int:
        return min(_MOST_DRAWS, max(_DRAWS, _DRAWN // min(self.rows, self.most)))

    @cached_property
    def _measure(self) -> Any:
        _, y, found, _ = self._lowest()
        return _numbers(self.target, y, found) if self.target.task == "regression" else _classes(self.target, y, found)

    @cached_property
    def _whole(self) -> dict[str, float]:
        figures: dict[str, float] = self._measure(self._lowest()[3])
        return figures

    @cached_property
    def _drawn(self) -> dict[str, Array]:
        """Each figure, draw by draw."""
        weights = self._lowest()[3]
        n, draws = len(weights), np.random.default_rng([self.seed, 1])
        found = [
            self._measure(np.bincount(draws.integers(n, size=n), minlength=n) * weights) for _ in range(self._draws)
        ]
        return {name: np.array([each[name] for each in found]) for name in self._whole}


def _wilson(share: float, rows: float) -> list[float]:
    middle, half = share + _Z**2 / (2 * rows), _Z * math.sqrt(share * (1 - share) / rows + _Z**2 / (4 * rows**2))
    return [max(0.0, (middle - half) / (1 + _Z**2 / rows)), min(1.0, (middle + half) / (1 + _Z**2 / rows))]


def _numbers(target: Target, y: Array, values: Array) -> Any:
    truth = np.asarray(target.truth(y), np.float64)
    error = np.abs(values - truth)
    q = target.quantile
    pinball = None if q is None else error * np.where(truth > values, q, 1 - q)

    def measure(count: Array) -> dict[str, float]:
        n = count.sum()
        squares = (count * error**2).sum()
        spread = (count * (truth - (count * truth).sum() / n) ** 2).sum()
        return {
            "r2": 1 - squares / spread if spread > 0 else math.nan,
            "rmse": math.sqrt(squares / n),
            "mae": (count * error).sum() / n,
            **({} if pinball is None else {"pinball": (count * pinball).sum() / n}),
        }

    return measure


def _classes(target: Target, y: Array, p: Array) -> Any:
    k, y = p.shape[1], y.astype(np.int64)
    cells = y * k + target.chosen(p)
    loss = -np.log(np.clip(p[np.arange(len(y)), y], 1e-15, 1))
    ranked = [1] if k == 2 else [c for c in range(k) if (y == c).any()]
    areas = [_area(p[:, c], y == c) for c in ranked]

    def measure(count: Array) -> dict[str, float]:
        n = count.sum()
        confusion = np.bincount(cells, count, k * k).reshape(k, k)
        right, truth, said = np.diag(confusion), confusion.sum(axis=1), confusion.sum(axis=0)
        occurs = truth + said > 0
        found = np.array([area(count) for area in areas])
        found = found[np.isfinite(found)]
        return {
            "accuracy": right.sum() / n,
            "balanced_accuracy": float((right[truth > 0] / truth[truth > 0]).mean()),
            "f1": float((2 * right[occurs] / (truth + said)[occurs]).mean()),
            "roc_auc": float(found.mean()) if len(found) else math.nan,
            "log_loss": (count * loss).sum() / n,
        }

    return measure


def _area(p: Array, truth: Array) -> Any:
    """The area under the ROC curve as a function of how often each row counts; sorted once."""
    order = np.argsort(p, kind="stable")
    first = np.flatnonzero(np.append(True, np.diff(p[order]) > 0))  # of each group of equal probability

    def area(count: Array) -> float:
        mine = np.add.reduceat((count * truth)[order], first)
        others = np.add.reduceat((count * ~truth)[order], first)
        pairs = float(mine.sum()) * float(others.sum())
        below = np.cumsum(others) - others / 2
        return float((mine * below).sum()) / pairs if pairs else math.nan

    return area
