"""What a model has to beat: a constant answer, and boosted trees for orientation."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

from pydl.pipeline.evaluation import Figures, judge
from pydl.pipeline.fitted import Batch, Predictions
from pydl.pipeline.target import Target

if TYPE_CHECKING:
    from pydl.pipeline.training import Part

Array = NDArray[Any]

_MOST_CLASSES = 30  # each has trees of its own
_MOST_VALUES = 20_000_000  # rows x columns x classes beyond which trees would take minutes


def baselines(target: Target, train: Part, y: Array, test: Iterable[Batch], seed: int) -> dict[str, Figures]:
    """Figures on the test rows of `constant` (the commonest class, or the mean) and of `boosting`.

    Parameters
    ----------
    train : Part
        What they learn from.
    y, test
        Encoded targets of the rows to judge on, and these rows in batches.

    Notes
    -----
    Boosting is left out with more than 30 classes, or more than 20 million values to sort, classes multiplied in.
    """
    classes = len(target.classes) if target.task == "classification" else 1
    found = {"constant": judge(target, y, _constant(target, train.y, len(y)))}
    x = _matrix(train.inputs)
    many = classes > _MOST_CLASSES or x.size * max(1, classes - 1) > _MOST_VALUES
    if many or len(y) == 0 or len(train.y) < 2:
        return found
    if target.task == "regression":
        trees = HistGradientBoostingRegressor(random_state=seed, early_stopping=False).fit(x, train.y)
        values = np.concatenate([trees.predict(_matrix(inputs)) for _, inputs, _ in test])
        guess = Predictions(np.asarray(target.decode(values)))
    else:
        trees = HistGradientBoostingClassifier(random_state=seed, early_stopping=False)
        if len(np.unique(train.y)) < 2:
            return found
        trees.fit(x, train.y)
        p = np.zeros((len(y), classes))
        p[:, trees.classes_.astype(int)] = np.vstack([trees.predict_proba(_matrix(inputs)) for _, inputs, _ in test])
        guess = Predictions(np.asarray(target.decode(p.argmax(axis=1))), p)
    return found | {"boosting": judge(target, y, guess)}


def _constant(target: Target, y: Array, rows: int) -> Predictions:
    if target.task == "regression":
        return Predictions(np.asarray(target.decode(np.full(rows, y.mean()))))
    shares = np.bincount(y.astype(int), minlength=len(target.classes)) / len(y)
    p = np.tile(shares, (rows, 1))
    return Predictions(np.asarray(target.decode(p.argmax(axis=1))), p)


def _matrix(inputs: dict[str, Array]) -> Array:
    return np.hstack([a.reshape(len(a), -1).astype(np.float32) for a in inputs.values()])
