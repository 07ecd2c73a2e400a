"""How good predictions are: the figures of `metrics.json`."""

from __future__ import annotations

import math
import warnings
from fractions import Fraction
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


def judge(target: Target, y: Array, predictions: Predictions, weights: Array | None = None) -> Figures:
    """`Judge` for rows that are all there."""
    found = Judge(target)
    found.add(y, predictions, weights)
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
        self.weight: ExactSum | None = None
        self.sample = None if seed is None else Sample(target, seed)
        self._kind: _Numbers | _Classes = _Numbers(target) if target.task == "regression" else _Classes(target)

    def add(self, y: Array, predictions: Predictions, weights: Array | None = None) -> None:
        """Take some rows in: the truth, as `Target.encode` gives it, what was predicted, how much each row counts.

        A row of weight 0 is as good as none.
        """
        if weights is not None:
            here = np.flatnonzero(weights > 0)
            y, predictions, weights = y[here], predictions.some(here), weights[here]
            self.weight = self.weight or ExactSum()
            self.weight.add(weights)
        if len(y):
            self.rows += len(y)
            self._kind.add(y, predictions, weights)
            if self.sample is not None:
                self.sample.add(y, predictions, weights)

    def figures(self) -> Figures:
        """The figures of all rows so far.

        Returns
        -------
        dict
            Plain numbers; None where a figure is undefined, as ROC AUC is with one class. For classification: rows,
            accuracy, balanced_accuracy, macro precision, recall and f1 (over the classes that occur in the truth or
            in the predictions, as scikit-learn has it), roc_auc and average_precision (of the second class, or the
            mean over one class against the others), log_loss, brier, per_class (None where no row is of the class),
            confusion_matrix (rows: truth). For regression: rows, r2, rmse, mae, mape and, of quantiles, pinball and
            share_below. Where rows have weights, all is what it would be if each row were there as often as its weight
            says, but for `rows`, and `weight` is their sum.
        """
        if self.rows == 0:
            return {"rows": 0}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what is undefined; it becomes None
            total = self.rows if self.weight is None else self.weight.exactly()
            found = self._kind.figures(self.rows, total)
            weight = {} if self.weight is None else {"weight": float(total)}
            return {"rows": self.rows, **weight, **{name: _plain(value) for name, value in found.items()}}

    def intervals(self) -> Intervals:
        """`Sample.intervals` of the headlines among the figures; none where no seed was given."""
        return {} if self.sample is None else self.sample.intervals(self.figures())

    def lead(self, other: Judge, name: str) -> list[float] | None:
        """`Sample.lead` of another model; None where no seed was given."""
        return None if self.sample is None or other.sample is None else self.sample.lead(other.sample, name)


class _Numbers:
    """Sums over the rows of a regression."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self.nonzero, self.encoded, self.encoded_squares = (ExactSum() for _ in range(3))
        self.squares, self.absolute, self.shares, self.pinball, self.below = (ExactSum() for _ in range(5))

    def add(self, y: Array, predictions: Predictions, weights: Array | None) -> None:
        w = np.ones(len(y)) if weights is None else weights
        truth = np.asarray(self.target.truth(y), np.float64)
        error = np.abs(predictions.values - truth)
        known = truth != 0
        y = self.target.linear(y)
        self.nonzero.add(w[known])
        self.encoded.add(w * y)
        self.encoded_squares.add(w * y**2)
        self.squares.add(w * error**2)
        self.absolute.add(w * error)
        self.shares.add(w[known] * error[known] / np.abs(truth[known]))
        if (q := self.target.quantile) is not None:
            self.pinball.add(w * error * np.where(truth > predictions.values, q, 1 - q))
            self.below.add(w * (truth <= predictions.values))

    def figures(self, rows: int, total: int | Fraction) -> Figures:
        squares, nonzero = float(self.squares), float(self.nonzero)
        about_mean = self.encoded_squares.exactly() - self.encoded.exactly() ** 2 / total
        spread = float(about_mean) * self.target.unit**2
        return {
            "r2": None if rows < 2 else 1 - squares / spread if spread > 0 else float(squares == 0),
            "rmse": math.sqrt(squares / float(total)),
            "mae": float(self.absolute) / float(total),
            "mape": float(self.shares) / nonzero if nonzero else None,
            **self._of_quantile(float(total)),
        }

    def _of_quantile(self, total: float) -> Figures:
        """The mean pinball loss, and the share of rows whose truth is at most what was predicted."""
        if self.target.quantile is None:
            return {}
        return {"pinball": float(self.pinball) / total, "share_below": float(self.below) / total}


class _Classes:
    """Counts and sums over the rows of a classification."""

    def __init__(self, target: Target) -> None:
        self.target, self.names = target, [str(c) for c in target.classes]
        names = self.names
        self.confusion = np.zeros((len(names), len(names)))
        self.rows = np.zeros(len(names), np.int64)  # of each class
        self.log_loss, self.brier = ExactSum(), ExactSum()
        ranked = [1] if len(names) == 2 else range(len(names))  # against the others: the second of two, else all
        self.rankings = {k: _Ranking(max(_FEW, _MANY // len(ranked))) for k in ranked}

    def add(self, y: Array, predictions: Predictions, weights: Array | None) -> None:
        w = np.ones(len(y)) if weights is None else weights
        assert predictions.probabilities is not None
        p, y = predictions.probabilities, y.astype(np.int64)
        np.add.at(self.confusion, (y, self.target.chosen(p)), w)
        self.rows += np.bincount(y, minlength=len(self.rows))
        of_truth = p[np.arange(len(y)), y]
        self.log_loss.add(-w * np.log(np.clip(of_truth, 1e-15, 1)))
        self.brier.add(w * ((p**2).sum(axis=1) + 1 - 2 * of_truth))
        for k, ranking in self.rankings.items():
            ranking.add(p[:, k], y == k, weights)

    def figures(self, rows: int, total: int | Fraction) -> Figures:
        labels, all_rows = np.arange(len(self.names)), float(total)
        confusion = self.confusion.astype(np.int64) if isinstance(total, int) else self.confusion
        truth, chosen = (each.ravel() for each in np.indices(confusion.shape))
        precision, recall, f1, support = metrics.precision_recall_fscore_support(
            truth, chosen, labels=labels, sample_weight=confusion.ravel(), zero_division=0
        )
        seen = support > 0
        occurs = seen | (confusion.sum(axis=0) > 0)  # scikit-learn's classes: of the truth or the predictions
        ranked = [self.rankings[k] for k in self.rankings if seen[k]] if seen.sum() > 1 else []
        return {
            "accuracy": np.trace(confusion) / all_rows,
            "balanced_accuracy": recall[seen].mean(),
            "precision": precision[occurs].mean(),
            "recall": recall[occurs].mean(),
            "f1": f1[occurs].mean(),
            "roc_auc": np.mean([r.score(metrics.roc_auc_score) for r in ranked]) if ranked else None,
            "average_precision": np.mean([r.score(metrics.average_precision_score) for r in ranked])
            if ranked
            else None,
            "log_loss": float(self.log_loss) / all_rows,
            "brier": float(self.brier) / all_rows / (2 if len(labels) == 2 else 1),
            "per_class": {
                name: {
                    "precision": a if here else None,
                    "recall": b if n else None,
                    "f1": c if here else None,
                    "rows": int(rows_of),
                }
                for name, a, b, c, n, here, rows_of in zip(
                    self.names, precision, recall, f1, support, occurs, self.rows, strict=True
                )
            },
            "confusion_matrix": confusion.tolist(),
        }


class _Ranking:
    """How well probabilities tell one class from the others.

    The first `most` are kept as they are; from then on to 12 bits, so that their number is bounded. Rows that come so
    close to each other count as equal, which moves an area in its sixth digit or so.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.pieces: list[tuple[Array, Array, Array]] = []  # probability, whether it is of the class, weight
        self.points = 0

    def add(self, p: Array, truth: NDArray[np.bool_], weights: Array | None) -> None:
        self.pieces.append((p.copy(), truth, np.ones(len(p), np.int32) if weights is None else weights))
        self.points += len(p)
        if self.points <= self.most:
            return
        p, truth, count = self._all()
        p = _to_12_bits(p)
        self.pieces = []
        for side in (truth, ~truth):
            points, place = np.unique(p[side], return_inverse=True)
            self.pieces.append(
                (points, truth[side][: len(points)], np.bincount(place, count[side]).astype(count.dtype))
            )
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
