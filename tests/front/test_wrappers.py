"""The estimators of Keras 2 for scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest

import pydl
from pydl.wrappers.scikit_learn import KerasClassifier, KerasRegressor

sklearn = pytest.importorskip("sklearn")
from sklearn.base import clone  # noqa: E402
from sklearn.model_selection import GridSearchCV, cross_val_score  # noqa: E402
from sklearn.pipeline import make_pipeline  # noqa: E402
from sklearn.preprocessing import StandardScaler  # noqa: E402

X = np.random.default_rng(0).normal(size=(120, 3))
NUMBERS = (X @ [1.0, -2.0, 0.5]).round(6)
KINDS = np.array(["low", "middle", "high"])[np.digitize(NUMBERS, [-1, 1])]


def network(units: int, activation: str, loss: str, rate: float = 0.05) -> pydl.Model:
    model = pydl.Sequential([pydl.layers.Dense(8, "tanh", input_dim=3), pydl.layers.Dense(units, activation)])
    model.compile(pydl.optimizers.Adam(rate), loss, metrics=["accuracy"] if loss != "mse" else None)
    return model


def three() -> pydl.Model:
    return network(3, "softmax", "categorical_crossentropy")


def three_numbered() -> pydl.Model:
    return network(3, "softmax", "sparse_categorical_crossentropy")


def two() -> pydl.Model:
    return network(1, "sigmoid", "binary_crossentropy")


def line(rate: float = 0.05) -> pydl.Model:
    return network(1, "linear", "mse", rate)


@pytest.mark.parametrize("build", [three, three_numbered])
def test_a_classifier(build: object) -> None:
    pydl.utils.set_random_seed(1)
    classifier = KerasClassifier(build, epochs=30, batch_size=10, verbose=0).fit(X, KINDS)
    assert classifier.classes_.tolist() == ["high", "low", "middle"]
    assert classifier.predict_proba(X).shape == (120, 3)
    assert classifier.score(X, KINDS) == (classifier.predict(X) == KINDS).mean() > 0.9
    assert len(classifier.history.history["loss"]) == 30


def test_a_classifier_of_two_or_of_one_hot_rows() -> None:
    pydl.utils.set_random_seed(1)
    classifier = KerasClassifier(build_fn=two, epochs=30, batch_size=10, verbose=0).fit(X, NUMBERS > 0)
    assert classifier.predict_proba(X).sum(axis=1) == pytest.approx(1)
    assert classifier.score(X, NUMBERS > 0) > 0.9
    rows = pydl.utils.to_categorical(np.digitize(NUMBERS, [-1, 1]))
    classifier = KerasClassifier(three, epochs=30, verbose=0).fit(X, rows, batch_size=10)
    assert classifier.predict(X).max() == 2
    assert classifier.score(X, rows) > 0.9


def test_a_regressor_scores_minus_its_loss() -> None:
    pydl.utils.set_random_seed(1)
    regressor = KerasRegressor(line, epochs=20, verbose=0).fit(X, NUMBERS)
    found = regressor.predict(X)
    assert found.shape == (120,)
    assert regressor.score(X, NUMBERS) == pytest.approx(-((found - NUMBERS) ** 2).mean(), rel=1e-5)


def test_it_takes_part_in_searches_and_pipelines() -> None:
    pydl.utils.set_random_seed(1)
    regressor = KerasRegressor(line, epochs=5, batch_size=20, verbose=0)
    assert clone(regressor).get_params() == regressor.get_params()
    assert regressor.set_params(rate=0.1).get_params()["rate"] == 0.1
    search = GridSearchCV(regressor, {"rate": [1e-6, 0.05], "epochs": [10]}, cv=2).fit(X, NUMBERS)
    assert search.best_params_ == {"rate": 0.05, "epochs": 10}
    pipeline = make_pipeline(StandardScaler(), KerasClassifier(three, epochs=20, batch_size=10, verbose=0))
    assert cross_val_score(pipeline, X, KINDS, cv=2).mean() > 0.6


def test_what_nobody_takes_is_refused() -> None:
    with pytest.raises(ValueError, match="'epoch'"):
        KerasClassifier(three, epoch=3)
    with pytest.raises(ValueError, match="build_fn is None"):
        KerasClassifier().fit(X, KINDS)
    with pytest.raises(ValueError, match="call fit first"):
        KerasRegressor(line).predict(X)
