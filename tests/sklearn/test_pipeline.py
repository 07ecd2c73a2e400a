"""The estimators among scikit-learn's other parts, on real data."""

from __future__ import annotations

import copy
import io
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_matrix
from sklearn import config_context
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_digits, make_multilabel_classification
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

import pydl
from pydl.sklearn import MLPClassifier, MLPRegressor, ModelClassifier, ModelRegressor

# long: trainings on real data; test_mlp stays
pytestmark = [pytest.mark.long, pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")]

Array = np.ndarray[Any, Any]


def deep(inputs: int, outputs: int, activation: str, units: int = 32) -> pydl.Model:
    layers = pydl.layers
    return pydl.Sequential(
        [
            pydl.Input((inputs,)),
            layers.Dense(units, activation="gelu"),
            layers.Dropout(0.1),
            layers.Dense(outputs, activation=activation),
        ]
    )


CLASSIFIERS = [
    MLPClassifier((32,), max_iter=60, batch_size=32, random_state=0),
    ModelClassifier(deep, epochs=60, batch_size=32, random_state=0),
]
ALL = [
    *CLASSIFIERS,
    MLPRegressor(hidden_layer_sizes=(32,), max_iter=60, batch_size=32, random_state=0),
    ModelRegressor(deep, epochs=60, batch_size=32, random_state=0),
]


@pytest.fixture(scope="module")
def digits() -> tuple[Array, Array]:
    x, y = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(y))
    return x[order] / 16, y[order]


@pytest.mark.parametrize("estimator", CLASSIFIERS, ids=lambda e: type(e).__name__)
def test_cross_validation_and_calibration(estimator: Any, digits: tuple[Array, Array]) -> None:
    x, y = digits
    assert cross_val_score(estimator, x, y, cv=3).min() > 0.9
    calibrated = CalibratedClassifierCV(estimator, cv=2).fit(x[:1000], y[:1000])
    assert calibrated.score(x[1000:], y[1000:]) > 0.9


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_a_grid_in_worker_processes(digits: tuple[Array, Array], n_jobs: int | None) -> None:
    x, y = digits
    search = GridSearchCV(CLASSIFIERS[0], {"hidden_layer_sizes": [(4,), (64,)]}, cv=2, n_jobs=n_jobs).fit(x, y)
    assert search.best_params_ == {"hidden_layer_sizes": (64,)}
    search = GridSearchCV(CLASSIFIERS[1], {"build_params__units": [2, 64]}, cv=2, n_jobs=n_jobs).fit(x, y)
    assert search.best_params_ == {"build_params__units": 64}


@pytest.mark.parametrize("estimator", ALL, ids=lambda e: type(e).__name__)
def test_copies_say_the_same(estimator: Any, digits: tuple[Array, Array]) -> None:
    x, y = digits
    fitted = clone(estimator).fit(x[:500], y[:500])
    file = io.BytesIO()
    joblib.dump(fitted, file)
    file.seek(0)
    expected = fitted.predict(x)
    for other in (joblib.load(file), copy.deepcopy(fitted), clone(estimator).fit(x[:500], y[:500])):
        assert np.array_equal(other.predict(x), expected)
    assert np.array_equal(fitted.partial_fit(x[:500], y[:500]).predict(x).shape, expected.shape)


@pytest.mark.parametrize("estimator", ALL, ids=lambda e: type(e).__name__)
def test_sparse_rows_and_float32(estimator: Any, digits: tuple[Array, Array]) -> None:
    x, y = digits
    fitted = clone(estimator).fit(csr_matrix(x), y)
    assert fitted.score(csr_matrix(x), y) == pytest.approx(fitted.score(x, y), abs=1e-12)
    assert fitted.score(x, y) > 0.8
    single = clone(estimator).fit(x.astype(np.float32), y)
    assert single._model.dtype == "float32"


def test_columns_of_a_table(data_dir: Path) -> None:
    frame = pd.read_csv(data_dir / "adult-train.csv", skipinitialspace=True, na_values="?", nrows=8000)
    y, x = frame.pop("income"), frame
    words = x.select_dtypes(exclude="number").columns.tolist()
    columns = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore", sparse_output=False), words),
        remainder=StandardScaler(),
        sparse_threshold=0,
    )
    model = make_pipeline(columns, MLPClassifier((32,), early_stopping=True, max_iter=30, random_state=0))
    assert model.fit(x[:6000], y[:6000]).score(x[6000:], y[6000:]) > 0.83
    columns.set_output(transform="pandas")
    named = MLPClassifier((8,), max_iter=3).fit(columns.fit_transform(x[:500]), y[:500])
    assert len(named.feature_names_in_) == named.n_features_in_


def test_what_scikit_learn_lacks(digits: tuple[Array, Array]) -> None:
    x, y = digits
    stop = pydl.callbacks.EarlyStopping("loss", patience=3)
    estimator = MLPClassifier(
        (64, 32), activation=["gelu", "tanh"], dropout=0.1, batch_norm=True, class_weight="balanced", callbacks=[stop],
        optimizer=pydl.optimizers.AdamW(2e-3), n_jobs=1, max_iter=30, random_state=0,
    )  # fmt: skip
    estimator.fit(x[:1200], y[:1200], X_val=x[1200:], y_val=y[1200:])
    assert max(estimator.validation_scores_) == estimator.best_validation_score_ > 0.9
    assert estimator.score(x[1200:], y[1200:]) == estimator.best_validation_score_
    robust = MLPRegressor(hidden_layer_sizes=(32,), loss="huber", max_iter=60, batch_size=32, random_state=0).fit(
        x, y.astype(float)
    )
    assert robust.score(x, y) > 0.8


@pytest.mark.parametrize("estimator", ALL, ids=lambda e: type(e).__name__)
def test_a_pipeline_prepares_the_validation_data(estimator: Any, digits: tuple[Array, Array]) -> None:
    """As by hand: the steps before the estimator transform `X_val`, too."""
    x, y = 100 * digits[0] + 7, digits[1]
    given, held_out = (x[:1200], y[:1200]), {"X_val": x[1200:], "y_val": y[1200:]}
    with config_context(enable_metadata_routing=True):
        last = clone(estimator).set_fit_request(X_val=True, y_val=True)
        pipeline = make_pipeline(StandardScaler(), last, transform_input=["X_val"]).fit(*given, **held_out)
    scale = StandardScaler().fit(x[:1200])
    by_hand = clone(estimator).fit(scale.transform(x[:1200]), y[:1200], X_val=scale.transform(x[1200:]), y_val=y[1200:])
    assert measured(pipeline[-1]) == measured(by_hand)
    np.testing.assert_array_equal(pipeline.predict(x[1200:]), by_hand.predict(scale.transform(x[1200:])))


def measured(estimator: Any) -> list[float]:
    """What it found on the validation data, epoch by epoch."""
    found = estimator.history_["val_loss"] if hasattr(estimator, "history_") else estimator.validation_scores_
    assert len(found) > 1
    return list(found)


def test_many_labels() -> None:
    x, y = make_multilabel_classification(400, random_state=0)
    for estimator in CLASSIFIERS:
        fitted = clone(estimator).fit(x, y)
        assert fitted.predict(x).shape == y.shape
        assert fitted.predict_proba(x).shape == y.shape
        assert fitted.score(x, y) > 0.4


def test_the_same_weights_say_the_same_as_scikit_learns(digits: tuple[Array, Array]) -> None:
    from sklearn.neural_network import MLPClassifier as Theirs

    x, y = digits
    theirs = Theirs((20, 10), "tanh", max_iter=20, random_state=0).fit(x, y)
    ours = MLPClassifier((20, 10), "tanh", max_iter=1, random_state=0).fit(x, y)
    ours.coefs_, ours.intercepts_ = theirs.coefs_, theirs.intercepts_
    np.testing.assert_allclose(ours.predict_proba(x), theirs.predict_proba(x), rtol=1e-6, atol=1e-12)
    with pytest.raises(ValueError, match="read-only"):
        ours.coefs_[0][0, 0] = 1


def test_full_batches_train_as_scikit_learn_does(digits: tuple[Array, Array]) -> None:
    """Batches of all rows leave nothing to the order: each loss of the curve is the same."""
    from sklearn.neural_network import MLPClassifier as Theirs

    x, y = digits
    common = {"hidden_layer_sizes": (16,), "batch_size": len(x), "max_iter": 30, "alpha": 0.1, "random_state": 0}
    for arguments in ({"solver": "adam"}, {"solver": "sgd", "learning_rate": "invscaling", "learning_rate_init": 0.1}):
        both = [kind(**common, **arguments).fit(x, y).loss_curve_ for kind in (Theirs, MLPClassifier)]
        np.testing.assert_allclose(both[1], both[0], rtol=1e-5)
