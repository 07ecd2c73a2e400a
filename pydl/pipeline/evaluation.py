"""How good predictions are: the figures of `metrics.json`."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn import metrics

from pydl.pipeline.fitted import Predictions
from pydl.pipeline.target import Target

Array = NDArray[Any]
Figures = dict[str, Any]


def judge(target: Target, y: Array, predictions: Predictions) -> Figures:
    """All figures for some rows.

    Parameters
    ----------
    target : Target
    y : ndarray (rows,)
        The truth, as `Target.encode` gives it.
    predictions : Predictions

    Returns
    -------
    dict
        Plain numbers; None where a figure is undefined, as ROC AUC is with one class. For classification: rows,
        accuracy, balanced_accuracy, macro precision, recall and f1, roc_auc and average_precision (of the second
        class, or the mean over one class against the others), log_loss, brier, per_class, confusion_matrix (rows:
        truth). For regression: rows, r2, rmse, mae, mape.
    """
    if len(y) == 0:
        return {"rows": 0}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what is undefined; it becomes None
        found = _regression if target.task == "regression" else _classification
        return {"rows": len(y), **{name: _plain(value) for name, value in found(target, y, predictions).items()}}


def _regression(target: Target, y: Array, predictions: Predictions) -> Figures:
    truth, values = np.asarray(target.decode(y), np.float64), predictions.values
    nonzero = truth != 0
    share = np.abs((values - truth)[nonzero] / truth[nonzero])
    return {
        "r2": metrics.r2_score(truth, values) if len(y) > 1 else None,
        "rmse": metrics.root_mean_squared_error(truth, values),
        "mae": metrics.mean_absolute_error(truth, values),
        "mape": share.mean() if len(share) else None,
    }


def _classification(target: Target, y: Array, predictions: Predictions) -> Figures:
    assert predictions.probabilities is not None
    p, labels = predictions.probabilities, np.arange(len(target.classes))
    chosen = p.argmax(axis=1)
    precision, recall, f1, support = metrics.precision_recall_fscore_support(y, chosen, labels=labels, zero_division=0)
    one_hot = (y[:, None] == labels).astype(np.float64)
    seen = support > 0
    auc = _mean_over(metrics.roc_auc_score, one_hot, p, seen)
    average = _mean_over(metrics.average_precision_score, one_hot, p, seen)
    return {
        "accuracy": (chosen == y).mean(),
        "balanced_accuracy": recall[seen].mean(),
        "precision": precision.mean(),
        "recall": recall.mean(),
        "f1": f1.mean(),
        "roc_auc": auc,
        "average_precision": average,
        "log_loss": -np.log(np.clip(p[np.arange(len(y)), y.astype(int)], 1e-15, 1)).mean(),
        "brier": ((p - one_hot) ** 2).sum(axis=1).mean() / (2 if len(labels) == 2 else 1),
        "per_class": {
            str(name): {"precision": a, "recall": b, "f1": c, "rows": int(n)}
            for name, a, b, c, n in zip(target.classes, precision, recall, f1, support, strict=True)
        },
        "confusion_matrix": metrics.confusion_matrix(y, chosen, labels=labels).tolist(),
    }


def _mean_over(score: Any, one_hot: Array, p: Array, seen: Array) -> float | None:
    """A score of one class against the others: of the second of two, else the mean over the classes that occur."""
    if seen.sum() < 2:
        return None
    columns = [1] if len(seen) == 2 else np.flatnonzero(seen)
    return float(np.mean([score(one_hot[:, k], p[:, k]) for k in columns]))


def _plain(value: Any) -> Any:
    """Numbers as Python has them; None for what is not finite."""
    if isinstance(value, dict):
        return {name: _plain(v) for name, v in value.items()}
    if isinstance(value, float | np.floating):
        return float(value) if math.isfinite(value) else None
    return value
