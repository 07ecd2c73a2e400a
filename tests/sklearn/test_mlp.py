"""MLPClassifier and MLPRegressor: beside scikit-learn's, and where they do more."""

from __future__ import annotations

import pickle
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import sklearn.neural_network as theirs
from scipy.sparse import csr_matrix
from scipy.sparse import random as sparse_random
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

import pydl
import pydl.sklearn as ours

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

Array = np.ndarray[Any, Any]
BRIEF: dict[str, Any] = {"hidden_layer_sizes": (16,), "max_iter": 5, "random_state": 0}


@pytest.fixture(scope="module")
def digits() -> tuple[Array, Array]:
    x, y = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(y))
    return x[order] / 16, y[order]


def public(estimator: Any) -> set[str]:
    return {name for name in dir(estimator) if name.endswith("_") and not name.startswith("_")}


@pytest.mark.parametrize("arguments", [{}, {"early_stopping": True}, {"solver": "lbfgs"}, {"loss": "poisson"}], ids=str)
@pytest.mark.parametrize("kind", ["MLPClassifier", "MLPRegressor"])
def test_attributes_are_those_of_scikit_learn(kind: str, arguments: Any, digits: tuple[Array, Array]) -> None:
    if "loss" in arguments and kind == "MLPClassifier":
        arguments = {"solver": "sgd", "learning_rate": "adaptive"}
    x, y = digits[0][:300], digits[1][:300]
    one, two = (getattr(library, kind)(**BRIEF, **arguments).fit(x, y) for library in (theirs, ours))
    assert public(one) <= public(two)
    for name in public(one) - {"loss_", "best_validation_score_"}:
        expected, found = getattr(one, name), getattr(two, name)
        if isinstance(expected, int | str | None):
            assert found == expected, name
        elif isinstance(expected, list):
            assert [np.shape(v) for v in found] == [np.shape(v) for v in expected], name


def test_first_weights_are_scikit_learns(digits: tuple[Array, Array]) -> None:
    """Steps of no size leave them as they were drawn."""
    x, y = digits
    still = BRIEF | {"solver": "sgd", "learning_rate_init": 1e-300, "alpha": 0.0}
    one, two = (library.MLPClassifier(**still).fit(x, y) for library in (theirs, ours))
    for a, b in zip([*one.coefs_, *one.intercepts_], [*two.coefs_, *two.intercepts_], strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    "arguments",
    [
        {"solver": "lbfgs", "alpha": 1.0},
        {"solver": "sgd", "momentum": 0.5, "nesterovs_momentum": False, "alpha": 1.0},
        {"solver": "adam", "activation": "logistic"},
        {"solver": "adam", "loss": "poisson", "alpha": 1.0},
    ],
    ids=str,
)
def test_a_regressor_of_full_batches_is_scikit_learns(arguments: Any, data_dir: Path) -> None:
    frame = pd.read_csv(data_dir / "california-housing.csv").select_dtypes("number").dropna()[:500]
    y = frame.pop("median_house_value").to_numpy() / 1e5
    x = StandardScaler().fit_transform(frame)
    w = np.random.default_rng(0).uniform(0.5, 2, len(y))
    common = BRIEF | {"batch_size": len(y), "max_iter": 20, "learning_rate_init": 0.01} | arguments
    one, two = (library.MLPRegressor(**common).fit(x, y, sample_weight=w) for library in (theirs, ours))
    np.testing.assert_allclose(two.predict(x), one.predict(x), rtol=1e-6)
    assert two.loss_ == pytest.approx(one.loss_, rel=1e-6)


@pytest.mark.parametrize("kind", ["MLPClassifier", "MLPRegressor"])
def test_batches_in_order_are_scikit_learns(kind: str, digits: tuple[Array, Array]) -> None:
    """The last batch is a short one, calls of `partial_fit` bring different numbers of rows, y has two columns."""
    x, y = digits
    if kind == "MLPRegressor":
        y = np.stack([y, np.sqrt(y)], axis=1)
    common = BRIEF | {"shuffle": False, "alpha": 1.0, "batch_size": 128}
    one, two = (getattr(library, kind)(**common).fit(x, y) for library in (theirs, ours))
    np.testing.assert_allclose(two.loss_curve_, one.loss_curve_, rtol=1e-9)
    for m in (one, two):
        m.set_params(batch_size="auto")
        for rows in (slice(0, 50), slice(50, 90), slice(90, 500)):
            m.partial_fit(x[rows], y[rows])
    np.testing.assert_allclose(two.predict(x), one.predict(x), rtol=1e-9)
    assert (two.t_, two.n_iter_) == (one.t_, one.n_iter_)


def test_lbfgs_of_many_rows_takes_parts(digits: tuple[Array, Array], monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = digits
    new = ours.MLPClassifier(solver="lbfgs", alpha=1.0, **BRIEF)
    whole = clone(new).fit(x, y)
    monkeypatch.setattr(ours.lbfgs, "_ROWS", 500)
    parts = clone(new).fit(x, y)
    assert parts.loss_ == pytest.approx(whole.loss_, rel=1e-9)
    np.testing.assert_allclose(parts.predict_proba(x), whole.predict_proba(x), rtol=1e-6)


def test_scores_are_scikit_learns(digits: tuple[Array, Array]) -> None:
    x, y = digits
    scores = [
        library.MLPClassifier((64,), batch_size=64, max_iter=60, random_state=0).fit(x[:1200], y[:1200]).score(
            x[1200:], y[1200:]
        )
        for library in (theirs, ours)
    ]  # fmt: skip
    assert scores[1] >= scores[0] - 0.01 > 0.94


@pytest.mark.parametrize("kind", ["MLPClassifier", "MLPRegressor"])
def test_training_goes_on_under_other_rules(kind: str, digits: tuple[Array, Array]) -> None:
    x, y = digits[0][:400], digits[1][:400]
    new = getattr(ours, kind)(**BRIEF)
    stopped = clone(new).set_params(early_stopping=True).fit(x, y)
    assert stopped.best_loss_ is None
    stopped.set_params(early_stopping=False).partial_fit(x, y)
    assert stopped.best_loss_ == stopped.loss_
    assert stopped.validation_scores_ is None
    assert (stopped.n_iter_, len(stopped.loss_curve_)) == (1, 6)

    judged = clone(new).fit(x, y, X_val=x, y_val=y).partial_fit(x, y)
    assert judged.best_loss_ == judged.loss_

    second = clone(new).set_params(solver="lbfgs").fit(x, y).set_params(solver="adam")
    loss = second.loss_
    second.partial_fit(x, y)
    assert len(second.loss_curve_) == 1
    assert second.loss_ < loss * 1.5
    before = clone(new).set_params(warm_start=True).fit(x, y)
    loss = before.loss_
    assert before.set_params(solver="lbfgs").fit(x, y).loss_ < loss


@pytest.mark.parametrize(
    "arguments",
    [{"dropout": 0.1}, {"batch_norm": True}, {"optimizer": "sgd"}, {"callbacks": [pydl.callbacks.History()]}],
    ids=lambda a: next(iter(a)),
)
def test_lbfgs_says_what_it_cannot_do(arguments: dict[str, Any], digits: tuple[Array, Array]) -> None:
    with pytest.raises(ValueError, match=rf"{next(iter(arguments))}=.* needs solver='adam' or 'sgd'"):
        ours.MLPClassifier(solver="lbfgs", **arguments).fit(*digits)


class Cubed(pydl.losses.Loss):
    def call(self, y_true: Array, y_pred: Array) -> Array:
        return np.asarray((np.abs(y_true - y_pred) ** 3).mean(axis=-1))

    def gradient(self, y_true: Array, y_pred: Array) -> Array:
        e = y_pred - y_true
        return np.asarray(3 * e * np.abs(e) / e.shape[-1])


@pytest.mark.parametrize(
    "estimator",
    [
        ours.MLPClassifier(callbacks=[pydl.callbacks.EarlyStopping("loss"), pydl.callbacks.History()], **BRIEF),
        ours.MLPRegressor(loss="poisson", **BRIEF),
        ours.MLPRegressor(loss=Cubed(), optimizer=pydl.optimizers.AdamW(1e-3), **BRIEF),
        ours.MLPRegressor(loss=pydl.losses.Quantile(0.9), activation=pydl.activations.gelu, **BRIEF),
        ours.MLPClassifier(loss="mse", dropout=0.2, batch_norm=True, **BRIEF),
        ours.ModelRegressor(loss=Cubed(), callbacks=[pydl.callbacks.EarlyStopping("loss")], epochs=2, random_state=0),
    ],
    ids=["callbacks", "poisson", "own loss", "quantile", "batch norm", "model"],
)
def test_pickles_go_on_as_the_original(estimator: Any, digits: tuple[Array, Array]) -> None:
    x, y = digits[0][:400], digits[1][:400]
    fitted = clone(estimator).fit(x, y)
    copy = pickle.loads(pickle.dumps(fitted))  # noqa: S301  (of this test's own)
    assert np.array_equal(copy.predict(x), fitted.predict(x))
    assert np.array_equal(copy.partial_fit(x, y).predict(x), fitted.partial_fit(x, y).predict(x))
    assert np.array_equal(clone(fitted).fit(x, y).predict(x), clone(estimator).fit(x, y).predict(x))


@pytest.mark.parametrize("loss", ["categorical_crossentropy", "mse", pydl.losses.SparseCategoricalCrossentropy()])
def test_classes_for_any_loss(loss: Any, digits: tuple[Array, Array]) -> None:
    x, y = digits
    for estimator in (
        ours.MLPClassifier((32,), loss=loss, max_iter=40, batch_size=64, random_state=0),
        ours.ModelClassifier(loss=loss, epochs=40, batch_size=64, random_state=0),
    ):
        assert estimator.fit(x[:1200], y[:1200]).score(x[1200:], y[1200:]) > 0.9


def test_quantiles_hold_their_share(digits: tuple[Array, Array]) -> None:
    x, y = digits
    upper = ours.MLPRegressor(loss=pydl.losses.Quantile(0.9), max_iter=100, random_state=0).fit(x, y)
    assert 0.85 < (upper.predict(x) >= y).mean() < 0.95


def test_early_stopping_with_few_of_a_class(digits: tuple[Array, Array]) -> None:
    x, y = digits[0][:60], digits[1][:60].copy()
    y[0] = 77
    assert len(ours.MLPClassifier(early_stopping=True, **BRIEF).fit(x, y).validation_scores_) == 5


def test_callbacks_see_the_score(digits: tuple[Array, Array]) -> None:
    x, y = digits
    history = pydl.callbacks.History()
    fitted = ours.MLPClassifier(early_stopping=True, callbacks=[history], **BRIEF).fit(x, y)
    assert history.history["val_score"] == fitted.validation_scores_
    assert history.history["loss"] == fitted.loss_curve_


@pytest.mark.parametrize(
    "arguments", [{}, {"early_stopping": True, "dropout": 0.2}, {"solver": "lbfgs"}, {"batch_norm": True}], ids=str
)
def test_sparse_rows_give_the_same_bits(arguments: Any, digits: tuple[Array, Array]) -> None:
    x, y = digits
    one, two = (ours.MLPClassifier(shuffle=False, **BRIEF, **arguments).fit(rows, y) for rows in (x, csr_matrix(x)))
    assert np.array_equal(one.predict_proba(x), two.predict_proba(x))


@pytest.mark.long  # a wide matrix
@pytest.mark.parametrize("arguments", [{"batch_size": 20}, {"solver": "lbfgs", "max_fun": 1}], ids=str)
def test_wide_sparse_rows_are_made_dense_a_few_at_a_time(arguments: Any) -> None:
    rows, columns = 1500, 20_000
    x = sparse_random(rows, columns, 1e-3, format="csr", random_state=0)
    y = np.arange(rows) % 2
    model = ours.MLPClassifier((2,), max_iter=1, random_state=0, **arguments)
    tracemalloc.start()
    found = model.fit(x, y).predict_proba(x)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 0.4 * 8 * rows * columns
    np.testing.assert_array_equal(found, model.predict_proba(x.toarray()))


@pytest.mark.parametrize("arguments", [{"solver": "lbfgs"}, {"batch_size": 1000}], ids=str)
@pytest.mark.filterwarnings("ignore:Got `batch_size`:UserWarning")
def test_weights_stand_for_repeated_rows(arguments: Any, digits: tuple[Array, Array]) -> None:
    x, y = digits[0][:300], digits[1][:300]
    w = np.random.default_rng(0).integers(0, 4, len(y))
    rows = np.repeat(np.arange(len(y)), w)
    new = ours.MLPClassifier(**BRIEF, **arguments)
    weighted, repeated = clone(new).fit(x, y, sample_weight=w), clone(new).fit(x[rows], y[rows])
    np.testing.assert_allclose(weighted.predict_proba(x), repeated.predict_proba(x), atol=1e-9)


def test_threads_change_nothing(digits: tuple[Array, Array]) -> None:
    x, y = digits
    before = pydl.config.get_num_threads()
    found = [ours.MLPClassifier(n_jobs=n, **BRIEF).fit(x, y).coefs_[0] for n in (None, -1, -2, 1, 3)]
    assert all(np.array_equal(found[0], other) for other in found)
    assert pydl.config.get_num_threads() == before
    with pytest.raises(ValueError, match="n_jobs"):
        ours.MLPClassifier(n_jobs=0).fit(x, y)


def test_weights_without_end_are_named(digits: tuple[Array, Array]) -> None:
    x, y = digits
    with pytest.raises(ValueError, match="hidden_1/kernel"):
        ours.MLPRegressor(solver="sgd", learning_rate_init=1e6, max_iter=5, random_state=0).fit(x * 1e4, y)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"activation": "rellu"}, "did you mean 'relu'"),
        ({"activation": ["relu"] * 3}, "one for each of 1 hidden layers, got 3"),
        ({"loss": "nope"}, "unknown loss"),
        ({"optimizer": "nope"}, "unknown optimizer"),
        ({"dropout": 1.0}, "dropout"),
    ],
    ids=str,
)
def test_parameters_are_checked(arguments: Any, message: str, digits: tuple[Array, Array]) -> None:
    with pytest.raises(ValueError, match=message):
        ours.MLPClassifier(**BRIEF | arguments).fit(*digits)


@pytest.mark.parametrize(
    ("arguments", "loss", "sizes", "activation"),
    [
        (((64, 32),), "squared_error", (64, 32), "relu"),
        ((7,), "squared_error", 7, "relu"),
        (([8], "tanh"), "squared_error", [8], "tanh"),
        (((8, 8), ["tanh", "relu"]), "squared_error", (8, 8), ["tanh", "relu"]),
        (("poisson", (8,)), "poisson", (8,), "relu"),
        (("huber", (8,), "tanh"), "huber", (8,), "tanh"),
    ],
)
def test_sizes_or_the_loss_of_a_regressor_come_first(
    arguments: tuple[Any, ...], loss: str, sizes: Any, activation: Any
) -> None:
    made = ours.MLPRegressor(*arguments, max_iter=2)
    assert (made.loss, made.hidden_layer_sizes, made.activation) == (loss, sizes, activation)
    assert clone(made).get_params() == made.get_params()
    made.fit(np.ones((9, 3)) * np.arange(9)[:, None], np.arange(9.0))
    assert len(made.coefs_) == len(np.atleast_1d(sizes)) + 1


@pytest.mark.parametrize("n_jobs", [1, 2, -1, -2, None])
@pytest.mark.parametrize("setting", [None, 3])
def test_n_jobs_leaves_the_setting_of_threads(n_jobs: int | None, setting: int | None) -> None:
    seen = list[int]()

    class Seen(pydl.callbacks.Callback):
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            seen.append(pydl.config.get_num_threads())

    x = np.arange(40.0).reshape(20, 2)
    with pydl.config.limit_threads(setting):
        ours.MLPClassifier((4,), max_iter=1, n_jobs=n_jobs, callbacks=[Seen()]).fit(x, x[:, 0] > 20)
        assert pydl.config._num_threads == setting
        if n_jobs is not None and n_jobs > 0:
            assert seen == [n_jobs]
    with threadpool_limits(1):
        assert pydl.config.get_num_threads() == 1
