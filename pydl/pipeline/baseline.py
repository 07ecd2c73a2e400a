"""What a model has to beat: a constant answer, a linear model, and boosted trees for orientation."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.preprocessing import OneHotEncoder, TargetEncoder
from threadpoolctl import threadpool_limits

from pydl.pipeline.contract import Part
from pydl.pipeline.evaluation import Judge
from pydl.pipeline.fitted import Batch, Predictions
from pydl.pipeline.images import ImagePreparation
from pydl.pipeline.preparation import FEATURES, Preparation
from pydl.pipeline.target import Target

Array = NDArray[Any]
Inputs = dict[str, Array]
Guess = Callable[[Inputs, int], Predictions]  # prepared rows, and how many they are

_MOST_CLASSES = 30  # each has trees of its own
_MOST_VALUES = 20_000_000  # rows x columns x classes beyond which trees would take minutes
_MOST_LINEAR = 2e9  # products of a linear model, a few seconds
_MOST_LEVELS = 254  # that scikit-learn's trees take as categories; of more, each level stands for its mean target
_LEAF = 20  # rows of a leaf, as scikit-learn has it; a tenth of the rows where these are few


def baselines(
    preparation: Preparation | ImagePreparation, target: Target, train: Part, test: Iterable[Batch], seed: int
) -> dict[str, Judge]:
    """Judges that have seen the test rows with the answers of `constant`, `linear` and `boosting`.

    `constant` is the commonest class, or the mean; `linear` a ridge regression whose penalty is found by leaving one
    row out, or a logistic regression; `boosting` scikit-learn's histogram gradient boosting, its categories taken as
    such.

    Parameters
    ----------
    preparation
        What made the inputs of `train` and `test`.
    train : Part
        What they learn from.
    test
        Rows to judge on, in batches.

    Notes
    -----
    A linear model is left out beyond 2e9 products, boosting with more than 30 classes or more than 20 million values
    to sort, classes multiplied in: both take seconds at most.
    """
    guesses = {"constant": _constant(target, train.y)}
    learners = {"linear": _linear, "boosting": _boosting}
    if len(train.y) > 1 and (target.task == "regression" or len(np.unique(train.y)) > 1):
        for name, learner in learners.items():
            guess = learner(preparation, target, train, seed)
            if guess is not None:
                guesses[name] = guess
    judges = {name: Judge(target, seed) for name in guesses}
    for _, inputs, y in test:
        for name, guess in guesses.items():
            judges[name].add(y, guess(inputs, len(y)))
    return {name: judge for name, judge in judges.items() if judge.rows or name == "constant"}


def _constant(target: Target, y: Array) -> Guess:
    """The mean, or the shares of the classes."""
    if target.task == "regression":
        return lambda inputs, rows: Predictions(np.asarray(target.decode(np.full(rows, y.mean()))))
    shares = np.bincount(y.astype(int), minlength=len(target.classes)) / len(y)
    commonest = target.decode(np.array([shares.argmax()]))
    return lambda inputs, rows: Predictions(np.repeat(commonest, rows), np.tile(shares, (rows, 1)))


def _linear(preparation: Preparation | ImagePreparation, target: Target, train: Part, seed: int) -> Guess | None:
    """A ridge or logistic regression on features and, one-hot, embedded categories."""
    codes = [name for name in train.inputs if isinstance(preparation, Preparation) and name != FEATURES]
    one_hot = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    width = sum(_flat(a).shape[1] if name not in codes else int(a.max()) + 1 for name, a in train.inputs.items())
    rows, classes = len(train.y), len(target.classes)
    products = rows * width * (min(rows, width) if target.task == "regression" else 100 * classes)
    if products > _MOST_LINEAR:
        return None
    if codes:
        one_hot.fit(np.column_stack([train.inputs[name] for name in codes]))

    def matrix(inputs: Inputs) -> Array:
        parts = [_flat(a) for name, a in inputs.items() if name not in codes]
        if codes:
            parts.append(one_hot.transform(np.column_stack([inputs[name] for name in codes])))
        return np.hstack(parts).astype(np.float64)

    model = RidgeCV(np.logspace(-3, 4, 15)) if target.task == "regression" else LogisticRegression()
    with threadpool_limits(1, "blas"), warnings.catch_warnings():  # the same sums whatever the machine
        warnings.simplefilter("ignore", ConvergenceWarning)  # a hundred steps are near enough
        model.fit(matrix(train.inputs), train.y)
    return _guess(target, model, matrix)


def _boosting(preparation: Preparation | ImagePreparation, target: Target, train: Part, seed: int) -> Guess | None:
    """Boosted trees, where they take seconds."""
    columns = _Columns(preparation, target, seed)
    classes = len(target.classes) if target.task == "classification" else 1
    values = sum(_flat(a).shape[1] for a in train.inputs.values()) * len(train.y)
    if classes > _MOST_CLASSES or values * max(1, classes - 1) > _MOST_VALUES:
        return None
    x = columns.fit(train.inputs, train.y)
    kind = HistGradientBoostingRegressor if target.task == "regression" else HistGradientBoostingClassifier
    trees = kind(
        random_state=seed, early_stopping=False, categorical_features=columns.categorical,
        min_samples_leaf=min(_LEAF, max(1, len(train.y) // 10)),
    )  # fmt: skip
    return _guess(target, trees.fit(x, train.y), columns.transform)


class _Columns:
    """A table as trees want it: numbers, and codes of categories, NaN where the level is not known."""

    def __init__(self, preparation: Preparation | ImagePreparation, target: Target, seed: int) -> None:
        self.table = preparation if isinstance(preparation, Preparation) else None
        kind = "continuous" if target.task == "regression" else "binary" if len(target.classes) == 2 else "multiclass"
        self.means = TargetEncoder(target_type=kind, random_state=seed)
        self.categorical: NDArray[np.bool_] = np.zeros(0, bool)

    def fit(self, inputs: Inputs, y: Array) -> Array:
        """Learn the mean targets of levels that are too many to be categories; returns the training rows."""
        numbers, codes, many = self._parts(inputs)
        self.categorical = np.repeat([False, True], [numbers.shape[1], codes.shape[1]])
        if many.shape[1]:
            means = self.means.fit_transform(many, y)
            self.categorical = np.append(self.categorical, np.zeros(means.shape[1], bool))
            return np.hstack([numbers, codes, means])
        return np.hstack([numbers, codes])

    def transform(self, inputs: Inputs) -> Array:
        numbers, codes, many = self._parts(inputs)
        return np.hstack([numbers, codes, *([self.means.transform(many)] if many.shape[1] else [])])

    def _parts(self, inputs: Inputs) -> tuple[Array, Array, Array]:
        """Numbers, codes of categories, and codes of those of very many levels."""
        if self.table is None:
            pixels = np.hstack([_flat(a) for a in inputs.values()])
            return pixels, pixels[:, :0], pixels[:, :0]
        rows = len(next(iter(inputs.values())))
        features = inputs.get(FEATURES, np.empty((rows, 0), np.float32))
        codes: list[Array] = []
        used = np.zeros(features.shape[1], bool)
        for column in self.table.columns:
            if column.kind == "category":
                own = self.table.features_of(column.name)
                used[own] = True
                levels = features[:, own]
                codes.append(np.where(levels.any(axis=1), levels.argmax(axis=1), np.nan))
        many: list[Array] = []
        for spec in self.table.inputs:
            if spec.levels is not None:
                small = spec.levels <= _MOST_LEVELS
                (codes if small else many).append(np.where(inputs[spec.name] > 0, inputs[spec.name], np.nan))
        return features[:, ~used], _side_by_side(codes, rows), _side_by_side(many, rows)


def _guess(target: Target, model: Any, matrix: Callable[[Inputs], Array]) -> Guess:
    """What a model of scikit-learn says; classes that its rows did not have get no probability."""

    def regress(inputs: Inputs, rows: int) -> Predictions:
        return Predictions(np.asarray(target.decode(model.predict(matrix(inputs)))))

    def classify(inputs: Inputs, rows: int) -> Predictions:
        p = np.zeros((rows, len(target.classes)))
        p[:, model.classes_.astype(int)] = model.predict_proba(matrix(inputs))
        return Predictions(np.asarray(target.decode(p.argmax(axis=1))), p)

    return regress if target.task == "regression" else classify


def _flat(array: Array) -> Array:
    return array.reshape(len(array), -1)


def _side_by_side(columns: list[Array], rows: int) -> Array:
    return np.column_stack(columns) if columns else np.empty((rows, 0))
