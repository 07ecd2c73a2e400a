"""How good predictions are: the figures of `metrics.json`."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn import metrics

from pydl.pipeline.exact_sum import ExactSum
from pydl.pipeline.fitted import Predictions
from pydl.pipeline.intervals import Intervals, Sample
from pydl.pipeline.target import Target

Array = NDArray[Any]
Figures = dict[str, Any]

_MANY, _FEW = 1 << 19, 1 << 15  # probabilities to keep exactly: of all classes, and at least of each


def judge(target: Target, y: Array, predictions: Predictions) -> Figures:
    """`Judge` for rows that are all there."""
    found = Judge(target)
    found.add(y, predictions)
    return found.figures()


class Judge:
    """All figures for rows that come in batches, in memory that does not grow with their number.

    Parameters
    ----------
    target : Target
    seed : int, optional
        Of the draws for `intervals`; without it there are none, and no rows are kept for them.
    """

    def __init__(self, target: Target, seed: int | None = None) -> None:
        self.rows = 0
        self.sample = None if seed is None else Sample(target, seed)
        self._kind: _Numbers | _Classes = _Numbers(target) if target.task == "regression" else _Classes(target)

    def add(self, y: Array, predictions: Predictions) -> None:
        """Take some rows in: the truth, as `Target.encode` gives it, and what was predicted."""
        if len(y):
            self.rows += len(y)
            self._kind.add(y, predictions)
            if self.sample is not None:
                self.sample.add(y, predictions)

    def figures(self) -> Figures:
        """The figures of all rows so far.

        Returns
        -------
        dict
            Plain numbers; None where a figure is undefined, as ROC AUC is with one class. For classification: rows,
            accuracy, balanced_accuracy, macro precision, recall and f1 (over the classes that occur in the truth or
            in the predictions, as scikit-learn has it), roc_auc and average_precision (of the second class, or the
            mean over one class against the others), log_loss, brier, per_class (None where no row is of the class),
            confusion_matrix (rows: truth). For regression: rows, r2, rmse, mae, mape.
        """
        if self.rows == 0:
            return {"rows": 0}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what is undefined; it becomes None
            found = self._kind.figures(self.rows)
            return {"rows": self.rows, **{name: _plain(value) for name, value in found.items()}}

    def intervals(self) -> Intervals:
        """`Sample.intervals` of the headlines among the figures; none where no seed was given."""
        return {} if self.sample is None else self.sample.intervals(self.figures())


class _Numbers:
    """Sums over the rows of a regression."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self.nonzero = 0
        self.encoded, self.encoded_squares, self.squares, self.absolute, self.shares = (ExactSum() for _ in range(5))

    def add(self, y: Array, predictions: Predictions) -> None:
        truth = np.asarray(self.target.decode(y), np.float64)
        error = np.abs(predictions.values - truth)
        known = truth != 0
        y = self.target.linear(y)
        self.nonzero += int(known.sum())
        self.encoded.add(y)
        self.encoded_squares.add(y**2)
        self.squares.add(error**2)
        self.absolute.add(error)
        self.shares.add(error[known] / np.abs(truth[known]))

    def figures(self, rows: int) -> Figures:
        squares = float(self.squares)
        about_mean = self.encoded_squares.exactly() - self.encoded.exactly() ** 2 / rows
        spread = float(about_mean) * self.target.unit**2
        return {
            "r2": None if rows < 2 else 1 - squares / spread if spread > 0 else float(squares == 0),
            "rmse": math.sqrt(squares / rows),
            "mae": float(self.absolute) / rows,
            "mape": float(self.shares) / self.nonzero if self.nonzero else None,
        }


class _Classes:
    """Counts and sums over the rows of a classification."""

    def __init__(self, target: Target) -> None:
        self.target, self.names = target, [str(c) for c in target.classes]
        names = self.names
        self.confusion = np.zeros((len(names), len(names)), np.int64)
        self.log_loss, self.brier = ExactSum(), ExactSum()
        ranked = [1] if len(names) == 2 else range(len(names))  # against the others: the second of two, else all
        self.rankings = {k: _Ranking(max(_FEW, _MANY // len(ranked))) for k in ranked}

    def add(self, y: Array, predictions: Predictions) -> None:
        assert predictions.probabilities is not None
        p, y = predictions.probabilities, y.astype(np.int64)
        np.add.at(self.confusion, (y, self.target.chosen(p)), 1)
        of_truth = p[np.arange(len(y)), y]
        self.log_loss.add(-np.log(np.clip(of_truth, 1e-15, 1)))
        self.brier.add((p**2).sum(axis=1) + 1 - 2 * of_truth)
        for k, ranking in self.rankings.items():
            ranking.add(p[:, k], y == k)

    def figures(self, rows: int) -> Figures:
        labels = np.arange(len(self.names))
        truth, chosen = (each.ravel() for each in np.indices(self.confusion.shape))
        precision, recall, f1, support = metrics.precision_recall_fscore_support(
            truth, chosen, labels=labels, sample_weight=self.confusion.ravel(), zero_division=0
        )
        seen = support > 0
        occurs = seen | (self.confusion.sum(axis=0) > 0)  # scikit-learn's classes: of the truth or the predictions
        ranked = [self.rankings[k] for k in self.rankings if seen[k]] if seen.sum() > 1 else []
        return {
            "accuracy": np.trace(self.confusion) / rows,
            "balanced_accuracy": recall[seen].mean(),
            "precision": precision[occurs].mean(),
            "recall": recall[occurs].mean(),
            "f1": f1[occurs].mean(),
            "roc_auc": np.mean([r.score(metrics.roc_auc_score) for r in ranked]) if ranked else None,
            "average_precision": np.mean([r.score(metrics.average_precision_score) for r in ranked])
            if ranked
            else None,
            "log_loss": float(self.log_loss) / rows,
            "brier": float(self.brier) / rows / (2 if len(labels) == 2 else 1),
            "per_class": {
                name: {
                    "precision": a if here else None,
                    "recall": b if n else None,
                    "f1": c if here else None,
                    "rows": int(n),
                }
                for name, a, b, c, n, here in zip(self.names, precision, recall, f1, support, occurs, strict=True)
            },
            "confusion_matrix": self.confusion.tolist(),
        }


class _Ranking:
    """How well probabilities tell one class from the others.

    The first `most` are kept as they are; from then on to 12 bits, so that their number is bounded. Rows that come so
    close to each other count as equal, which moves an area in its sixth digit or so.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.pieces: list[tuple[Array, Array, Array]] = []  # probability, whether it is of the class, how many rows
        self.points = 0

    def add(self, p: Array, truth: NDArray[np.bool_]) -> None:
        self.pieces.append((p.copy(), truth, np.ones(len(p), np.int32)))
        self.points += len(p)
        if self.points <= self.most:
            return
        p, truth, count = self._all()
        p = _to_12_bits(p)
        self.pieces = []
        for side in (truth, ~truth):
            points, place = np.unique(p[side], return_inverse=True)
            self.pieces.append((points, truth[side][: len(points)], np.bincount(place, count[side]).astype(np.int32)))
        self.points = sum(len(points) for points, _, _ in self.pieces)

    def _all(self) -> tuple[Array, ...]:
        return tuple(np.concatenate(column) for column in zip(*self.pieces, strict=True))

    def score(self, metric: Any) -> float:
        p, truth, count = self._all()
        return float(metric(truth, p, sample_weight=count))


def _to_12_bits(p: Array) -> Array:
    """Probabilities whose distance to 0 or 1, the nearer one, is cut to 12 bits: in the order they had."""
    fraction, exponent = np.frexp(np.where(p < 0.5, p, p - 1))
    near = np.ldexp(np.trunc(fraction * 4096) / 4096, exponent)
    return np.asarray(np.where(p < 0.5, near, 1 + near))


def _plain(value: Any) -> Any:
    """Numbers as Python has them; None for what is not finite."""
    if isinstance(value, dict):
        return {name: _plain(v) for name, v in value.items()}
    if isinstance(value, float | np.floating):
        return float(value) if math.isfinite(value) else None
    return value
