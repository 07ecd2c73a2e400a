"""What a model has to beat: a constant answer, and boosted trees for orientation."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

from pydl.pipeline.contract import Part
from pydl.pipeline.evaluation import Figures, Judge
from pydl.pipeline.fitted import Batch, Predictions
from pydl.pipeline.target import Target

Array = NDArray[Any]
Inputs = dict[str, Array]
Guess = Callable[[Inputs, int], Predictions]  # prepared rows, and how many they are

_MOST_CLASSES = 30  # each has trees of its own
_MOST_VALUES = 20_000_000  # rows x columns x classes beyond which trees would take minutes


def baselines(target: Target, train: Part, test: Iterable[Batch], seed: int) -> dict[str, Figures]:
    """Figures on the test rows of `constant` (the commonest class, or the mean) and of `boosting`.

    Parameters
    ----------
    train : Part
        What they learn from.
    test
        Rows to judge on, in batches.

    Notes
    -----
    Boosting is left out with more than 30 classes, or more than 20 million values to sort, classes multiplied in.
    """
    guesses = {"constant": _constant(target, train.y)}
    boosting = _boosting(target, train, seed)
    if boosting is not None:
        guesses["boosting"] = boosting
    judges = {name: Judge(target) for name in guesses}
    for _, inputs, y in test:
        for name, guess in guesses.items():
            judges[name].add(y, guess(inputs, len(y)))
    return {name: judge.figures() for name, judge in judges.items() if judge.rows or name == "constant"}


def _boosting(target: Target, train: Part, seed: int) -> Guess | None:
    """Boosted trees, where they take seconds."""
    x, y = _matrix(train.inputs), train.y
    classes = len(target.classes) if target.task == "classification" else 1
    if classes > _MOST_CLASSES or x.size * max(1, classes - 1) > _MOST_VALUES or len(y) < 2:
        return None
    if target.task == "regression":
        trees = HistGradientBoostingRegressor(random_state=seed, early_stopping=False).fit(x, y)
        return lambda inputs, rows: Predictions(np.asarray(target.decode(trees.predict(_matrix(inputs)))))
    if len(np.unique(y)) < 2:
        return None
    forest = HistGradientBoostingClassifier(random_state=seed, early_stopping=False).fit(x, y)

    def classify(inputs: Inputs, rows: int) -> Predictions:
        p = np.zeros((rows, classes))
        p[:, forest.classes_.astype(int)] = forest.predict_proba(_matrix(inputs))
        return Predictions(np.asarray(target.decode(p.argmax(axis=1))), p)

    return classify


def _constant(target: Target, y: Array) -> Guess:
    """The mean, or the shares of the classes."""
    if target.task == "regression":
        return lambda inputs, rows: Predictions(np.asarray(target.decode(np.full(rows, y.mean()))))
    shares = np.bincount(y.astype(int), minlength=len(target.classes)) / len(y)
    commonest = target.decode(np.array([shares.argmax()]))
    return lambda inputs, rows: Predictions(np.repeat(commonest, rows), np.tile(shares, (rows, 1)))


def _matrix(inputs: Inputs) -> Array:
    return np.hstack([a.reshape(len(a), -1).astype(np.float32) for a in inputs.values()])
