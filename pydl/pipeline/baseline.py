"""What a model has to beat: a constant answer, a linear model, and boosted trees for orientation."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, hstack
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.preprocessing import OneHotEncoder, StandardScaler, TargetEncoder
from threadpoolctl import threadpool_limits

from pydl.pipeline.contract import Part
from pydl.pipeline.evaluation import Judge
from pydl.pipeline.fitted import Batch, Predictions
from pydl.pipeline.images import ImagePreparation
from pydl.pipeline.ngrams import UNIT
from pydl.pipeline.preparation import FEATURES, Preparation
from pydl.pipeline.target import Target
from pydl.pipeline.weights import even

Array = NDArray[Any]
Inputs = dict[str, Array]
Guess = Callable[[Inputs, int], Predictions]  # prepared rows, and how many they are

_MOST_CLASSES = 30  # each has trees of its own
_MOST_VALUES = 20_000_000  # rows x columns x classes beyond which trees would take minutes
_WORTH_THREADS = 1_000_000  # values below which threads of trees mostly wait for each other
_MOST_LINEAR = 2e9  # products of a linear model, a few seconds
_OF_TEXTS = 0.25  # of these, where columns of texts have more
_MOST_LEVELS, _SUPPORT = 254, 15  # levels that trees take as categories, and rows that each has on average
_LEAF = 20  # rows of a leaf, as scikit-learn has it; a tenth of the rows where these are few


def baselines(
    preparation: Preparation | ImagePreparation, target: Target, train: Part, test: Iterable[Batch], seed: int
) -> dict[str, Judge]:
    """Judges that have seen the test rows with the answers of `constant`, `linear` and `boosting`.

    `constant` is the commonest class, or the mean; `linear` a ridge regression whose penalty is found by leaving one
    row out, or a logistic regression, on the prepared numbers and, if that tells more, those behind logarithms;
    `boosting` scikit-learn's histogram gradient boosting, its categories taken as such. Where a quantile is asked for,
    they tell that: `constant` the quantile of the training rows, `linear` the ridge regression moved by the quantile of
    what it leaves, `boosting` by the pinball loss.

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
    to sort, classes multiplied in: both take seconds at most. Of the n-grams of texts, boosting and the ridge
    regression get the commonest, so many as stay below a quarter of that; the logistic regression gets all.
    """
    if train.weights is not None:
        train = train.some(np.flatnonzero(train.weights > 0))
    guesses = {"constant": _constant(target, train)}
    learners = {"linear": _linear, "boosting": _boosting}
    if len(train.y) > 1 and (target.task == "regression" or len(np.unique(train.y)) > 1):
        for name, learner in learners.items():
            guess = learner(preparation, target, train, seed)
            if guess is not None:
                guesses[name] = guess
    judges = {name: Judge(target, seed) for name in guesses}
    for _, inputs, y, weights in test:
        for name, guess in guesses.items():
            judges[name].add(y, guess(inputs, len(y)), weights)
    return {name: judge for name, judge in judges.items() if judge.rows or name == "constant"}


def _constant(target: Target, train: Part) -> Guess:
    """The mean, or the quantile that is asked for, or the shares of the classes."""
    y, weights = train.y, train.weights
    if target.task == "regression":
        values = target.decode(y)  # also where logarithms are learnt
        answer = np.average(values, weights=weights) if target.quantile is None else _quantile(target, values, weights)
        return lambda inputs, rows: Predictions(np.full(rows, answer))
    shares = np.bincount(y.astype(int), weights, len(target.classes))
    shares = shares / shares.sum()
    commonest = target.decode(target.chosen(shares[None]))
    return lambda inputs, rows: Predictions(np.repeat(commonest, rows), np.tile(shares, (rows, 1)))


def _quantile(target: Target, values: Array, weights: Array | None) -> float:
    """The least of some values that the target's quantile of the rows, or of their weight, does not exceed."""
    order = np.argsort(values)
    below = np.cumsum(np.ones(len(values)) if weights is None else weights[order])
    return float(values[order[np.searchsorted(below, target.quantile * below[-1])]])


def _linear(preparation: Preparation | ImagePreparation, target: Target, train: Part, seed: int) -> Guess | None:
    """A ridge or logistic regression on features, the numbers behind logarithms and, one-hot, embedded categories."""
    texts = _texts(preparation)
    plain = _plain(preparation, train)
    codes = [name for name in train.inputs if isinstance(preparation, Preparation) and name not in (FEATURES, *texts)]
    one_hot = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    width = sum(
        _width(a) if name not in codes else int(a.max()) + 1
        for name, a in train.inputs.items() if name not in texts
    ) + plain(train.inputs).shape[1]  # fmt: skip
    rows, classes = len(train.y), len(target.classes)
    if target.task == "regression":
        most = int((_OF_TEXTS * _MOST_LINEAR / rows) ** 0.5) // max(1, len(texts))
        width += sum(min(most, train.inputs[name].shape[1]) for name in texts)
        products = rows * width * min(rows, width)
    else:
        most = None
        products = (rows * width + sum(np.count_nonzero(train.inputs[name]) for name in texts)) * 100 * classes
    if products > _MOST_LINEAR:
        return None
    if codes:
        one_hot.fit(np.column_stack([train.inputs[name] for name in codes]))

    def matrix(inputs: Inputs, with_plain: bool = True) -> Any:
        parts = [_flat(a) for name, a in inputs.items() if name not in codes and name not in texts]
        if codes:
            parts.append(one_hot.transform(np.column_stack([inputs[name] for name in codes])))
        parts = [*(part.astype(np.float64) for part in parts), *[plain(inputs)] * with_plain]
        if not texts:
            return np.hstack(parts)
        found = [csr_array(inputs[name][:, :most]).astype(np.float64) * UNIT for name in texts]
        both = hstack([csr_array(part) for part in parts] + found, "csr")
        return both if most is None else both.toarray()

    def fitted(with_plain: bool) -> tuple[Any, Callable[[Inputs], Any]]:
        model = RidgeCV(np.logspace(-3, 4, 15)) if target.task == "regression" else LogisticRegression()
        taken = partial(matrix, with_plain=with_plain)
        model.fit(taken(train.inputs), train.y, sample_weight=even(train.weights))
        return model, taken

    with threadpool_limits(1, "blas"), warnings.catch_warnings():  # the same sums whatever the machine
        warnings.simplefilter("ignore", ConvergenceWarning)  # a hundred steps are near enough
        model, taken = fitted(True)
        if target.task == "regression" and plain(train.inputs).shape[1]:  # by what is left out, as the penalty is
            model, taken = max((fitted(False), (model, taken)), key=lambda each: each[0].best_score_)
        moved = 0.0
        if target.quantile is not None:
            moved = _quantile(target, train.y - model.predict(taken(train.inputs)), train.weights)
    return _guess(target, model, taken, moved)


def _plain(preparation: Preparation | ImagePreparation, train: Part) -> Callable[[Inputs], Array]:
    """What gives the numbers that logarithms were taken of, in deviations from their mean."""
    if not isinstance(preparation, Preparation) or FEATURES not in train.inputs:
        return lambda inputs: np.empty((len(next(iter(inputs.values()))), 0))
    scaler = StandardScaler()
    found = preparation.plain(train.inputs[FEATURES])
    if not found.shape[1]:
        return lambda inputs: preparation.plain(inputs[FEATURES])
    scaler.fit(found)
    return lambda inputs: np.asarray(scaler.transform(preparation.plain(inputs[FEATURES])))


def _boosting(preparation: Preparation | ImagePreparation, target: Target, train: Part, seed: int) -> Guess | None:
    """Boosted trees, where they take seconds."""
    columns = _Columns(preparation, target, seed)
    classes = len(target.classes) if target.task == "classification" else 1
    texts = _texts(preparation)
    most = int(_OF_TEXTS * _MOST_VALUES / max(1, classes - 1) / len(train.y)) // max(1, len(texts))
    train = train.with_inputs(_cut(train.inputs, texts, most))
    values = sum(_width(a) for a in train.inputs.values()) * len(train.y)
    if classes > _MOST_CLASSES or values * max(1, classes - 1) > _MOST_VALUES:
        return None
    x = columns.fit(train.inputs, train.y)
    kind = HistGradientBoostingRegressor if target.task == "regression" else HistGradientBoostingClassifier
    loss = {} if target.quantile is None else {"loss": "quantile", "quantile": target.quantile}
    trees = kind(
        random_state=seed, early_stopping=False, categorical_features=columns.categorical,
        min_samples_leaf=min(_LEAF, max(1, len(train.y) // 10)), **loss,
    )  # fmt: skip
    with threadpool_limits(1 if values < _WORTH_THREADS else None, "openmp"):
        trees.fit(x, train.y, sample_weight=even(train.weights))
    return _guess(target, trees, lambda inputs: columns.transform(_cut(inputs, texts, most)))


def _texts(preparation: Preparation | ImagePreparation) -> list[str]:
    return preparation.texts if isinstance(preparation, Preparation) else []


def _cut(inputs: Inputs, texts: list[str], most: int) -> Inputs:
    """Prepared rows with the commonest n-grams of texts only."""
    return inputs | {name: inputs[name][:, :most] for name in texts}


class _Columns:
    """A table as trees want it: numbers, codes of categories, and mean targets in the place of rare levels' codes.

    scikit-learn's trees look at no level of fewer than ten rows, and at 254 levels at most. Unknown levels are NaN.
    """

    def __init__(self, preparation: Preparation | ImagePreparation, target: Target, seed: int) -> None:
        self.table = preparation if isinstance(preparation, Preparation) else None
        self.target, self.seed = target, seed
        self.native: set[str] = set()
        self.means: TargetEncoder | None = None
        self.categorical: NDArray[np.bool_] = np.zeros(0, bool)

    def fit(self, inputs: Inputs, y: Array) -> Array:
        """Learn the mean targets; returns the training rows."""
        classes = self.target.task == "classification"
        counts = np.unique(y, return_counts=True)[1] if classes else np.array([len(y)])
        folds = min(5, int(counts.max()))
        self.native = {name for name, codes in self._codes(inputs).items() if folds < 2 or _is_supported(codes)}
        numbers, codes, rare = self._parts(inputs)
        means = numbers[:, :0]
        if rare.shape[1]:
            kind = "continuous" if not classes else "binary" if len(counts) == 2 else "multiclass"
            self.means = TargetEncoder(target_type=kind, cv=folds, random_state=self.seed)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of classes with fewer rows than folds
                means = self.means.fit_transform(rare, y)
        self.categorical = np.repeat([False, True, False], [numbers.shape[1], codes.shape[1], means.shape[1]])
        return np.hstack([numbers, codes, means])

    def transform(self, inputs: Inputs) -> Array:
        numbers, codes, rare = self._parts(inputs)
        return np.hstack([numbers, codes, rare if self.means is None else self.means.transform(rare)])

    def _parts(self, inputs: Inputs) -> tuple[Array, Array, Array]:
        """Numbers, codes of categories, and codes of those whose levels are rare."""
        found, rows = self._codes(inputs), len(next(iter(inputs.values())))
        native = [codes for name, codes in found.items() if name in self.native]
        rare = [codes for name, codes in found.items() if name not in self.native]
        return self._numbers(inputs), _side_by_side(native, rows), _side_by_side(rare, rows)

    def _numbers(self, inputs: Inputs) -> Array:
        if self.table is None:
            return np.hstack([_flat(a) for a in inputs.values()])
        rows = len(next(iter(inputs.values())))
        features = inputs.get(FEATURES, np.empty((rows, 0), np.float32))
        one_hot = [i for c in self.table.columns if c.kind == "category" for i in self.table.features_of(c.name)]
        return np.hstack([np.delete(features, one_hot, axis=1), *(inputs[name] for name in self.table.texts)])

    def _codes(self, inputs: Inputs) -> dict[str, Array]:
        if self.table is None:
            return {}
        numbers = (FEATURES, *self.table.texts)
        found = {name: np.where(codes > 0, codes, np.nan) for name, codes in inputs.items() if name not in numbers}
        for c in self.table.columns:
            if c.kind == "category":
                levels = inputs[FEATURES][:, self.table.features_of(c.name)]
                found[self.table.input_of(c.name)] = np.where(levels.any(axis=1), levels.argmax(axis=1), np.nan)
        return found


def _is_supported(codes: Array) -> bool:
    """Whether trees can take these codes as categories and look at most of them."""
    levels = np.unique(codes[~np.isnan(codes)])
    return len(levels) > 0 and levels[-1] < _MOST_LEVELS and len(codes) >= _SUPPORT * len(levels)


def _guess(target: Target, model: Any, matrix: Callable[[Inputs], Array], moved: float = 0.0) -> Guess:
    """What a model of scikit-learn says, moved by so much; classes that its rows did not have get no probability."""

    def regress(inputs: Inputs, rows: int) -> Predictions:
        return Predictions(np.asarray(target.decode(model.predict(matrix(inputs)) + moved)))

    def classify(inputs: Inputs, rows: int) -> Predictions:
        p = np.zeros((rows, len(target.classes)))
        p[:, model.classes_.astype(int)] = model.predict_proba(matrix(inputs))
        return Predictions(np.asarray(target.decode(target.chosen(p))), p)

    return regress if target.task == "regression" else classify


def _width(array: Array) -> int:
    """Values of a row."""
    return int(np.prod(array.shape[1:]))


def _flat(array: Array) -> Array:
    """A row of values each; images that are not in memory are decoded."""
    return array[:].reshape(len(array), -1)


def _side_by_side(columns: list[Array], rows: int) -> Array:
    return np.column_stack(columns) if columns else np.empty((rows, 0))
