"""The estimators of Keras 2 and 3 for scikit-learn."""

from __future__ import annotations

from typing import Any

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


# ---- of Keras 3 -----------------------------------------------------------------------------------------------------
def compiled(X: Any, y: Any, units: int = 8) -> pydl.Model:
    classes = y.shape[1] if y.ndim > 1 else 1
    model = pydl.Sequential(
        [
            pydl.Input(X.shape[1:]),
            pydl.layers.Dense(units, "relu"),
            pydl.layers.Dense(classes, "softmax" if classes > 1 else None),
        ]
    )
    model.compile(pydl.optimizers.Adam(0.02), "categorical_crossentropy" if classes > 1 else "mse")
    return model


def test_a_compiled_model_as_an_estimator() -> None:
    from sklearn.datasets import load_iris

    pydl.utils.set_random_seed(0)
    X, y = load_iris(return_X_y=True)
    names = np.array(["a", "b", "c"])[y]
    estimator = pydl.wrappers.SKLearnClassifier(compiled, fit_kwargs={"epochs": 40, "verbose": 0})
    assert cross_val_score(estimator, X, names, cv=3).min() > 0.85
    estimator.fit(X, names, epochs=2)
    assert len(estimator.history_.epoch) == 2
    assert estimator.decision_function(X).shape == (150, 3)
    assert set(estimator.predict(X)) <= {"a", "b", "c"}
    search = GridSearchCV(estimator, {"model_kwargs": [{"units": 2}, {"units": 16}]}, cv=2).fit(X, names)
    assert search.best_params_["model_kwargs"]["units"] in (2, 16)
    with pytest.raises(ValueError, match="expecting 4 features"):
        estimator.predict(X[:, :2])
    with pytest.raises(ValueError, match="two classes or more"):
        estimator.fit(X[:5], names[:5])


def test_each_fit_trains_a_copy_unless_told_to_go_on() -> None:
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(40, 3)), rng.normal(size=40)
    model = compiled(X, y)
    before = model.get_weights()
    estimator = pydl.wrappers.SKLearnRegressor(model, fit_kwargs={"verbose": 0}).fit(X, y)
    assert estimator.predict(X).shape == (40,)
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))
    going_on = pydl.wrappers.SKLearnRegressor(model, warm_start=True, fit_kwargs={"verbose": 0}).fit(X, y)
    assert going_on.model_ is model
    assert pydl.wrappers.SKLearnTransformer(model, fit_kwargs={"verbose": 0}).fit(X, y).transform(X).shape == (40, 1)
    plain = pydl.Sequential([pydl.Input((3,)), pydl.layers.Dense(1)])
    with pytest.raises(ValueError, match="not compiled"):
        pydl.wrappers.SKLearnRegressor(plain).fit(X, y)
    with pytest.raises(TypeError, match="expected a Model"):
        pydl.wrappers.SKLearnRegressor(lambda X, y: 3).fit(X, y)
