"""evaluate, predict and the methods on single batches: what they return, and that metrics are those of all rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import pydl
from pydl import layers as L

ROWS = 50

pytestmark = pytest.mark.usefixtures("float64")

Array = np.ndarray[Any, Any]

RNG = np.random.default_rng(1)
X = RNG.normal(size=(ROWS, 4))
LABELS = RNG.integers(0, 6, ROWS)
REAL = RNG.normal(size=(ROWS, 2))
W = RNG.uniform(0.1, 2, ROWS)
COUNTS = RNG.poisson(1.5, (ROWS, 2))


def net(output: Any, loss: str = "mse", metrics: Any = None, weighted: Any = None) -> Any:
    pydl.utils.set_random_seed(4)
    model = pydl.Sequential([pydl.Input((4,)), L.Dense(5, "tanh"), output])
    model.compile("sgd", loss, metrics=metrics, weighted_metrics=weighted)
    return model


def two_heads() -> Any:
    pydl.utils.set_random_seed(4)
    x, extra = pydl.Input((4,), name="x"), pydl.Input((1,), name="extra")
    h = L.Dense(5, "tanh")(L.Concatenate()([x, extra]))
    heads = [L.Dense(6, "softmax", name="kind")(h), L.Dense(2, name="size")(h)]
    model = pydl.Model([x, extra], heads)
    model.compile(
        pydl.optimizers.SGD(0.1),
        {"kind": "sparse_categorical_crossentropy", "size": "mse"},
        metrics={"kind": ["accuracy"], "size": ["mae", "mse"]},
        loss_weights={"kind": 0.5, "size": 2.0},
    )
    return model


HEADS_X = {"x": X, "extra": REAL[:, 0]}
HEADS_Y = {"kind": LABELS, "size": REAL}


# -- what is returned -------------------------------------------------------------------------------------------------


def test_without_metrics_a_number() -> None:
    model = net(L.Dense(2))
    expected = ((model.predict(X) - REAL) ** 2).mean()
    for got in (model.evaluate(X, REAL, verbose=0), model.test_on_batch(X, REAL)):
        assert isinstance(got, float)
        assert got == pytest.approx(expected, rel=1e-12)
    assert model.train_on_batch(X, REAL) == pytest.approx(expected, rel=1e-12)
    assert model.evaluate(X, REAL, verbose=0) < expected


def test_with_metrics_a_list_or_a_dict() -> None:
    model = net(L.Dense(2), metrics=["mae", pydl.metrics.RootMeanSquaredError(name="root")])
    assert model.metrics_names == ["loss", "mae", "root"]
    assert [m.name for m in model.metrics] == ["mae", "root"]
    listed, named = model.evaluate(X, REAL, verbose=0), model.evaluate(X, REAL, verbose=0, return_dict=True)
    assert list(named) == ["loss", "mae", "root"]
    assert listed == list(named.values())
    assert model.get_metrics_result() == {name: named[name] for name in ("mae", "root")}
    model.reset_metrics()
    assert set(model.get_metrics_result().values()) == {0.0}
    assert named["root"] == pytest.approx(named["loss"] ** 0.5)
    assert model.test_on_batch(X, REAL, return_dict=True) == pytest.approx(named)
    before = model.get_weights()
    assert model.train_on_batch(X, REAL) == pytest.approx(listed)
    assert not np.array_equal(before[0], model.get_weights()[0])


def test_evaluating_changes_nothing() -> None:
    pydl.utils.set_random_seed(1)
    model = pydl.Sequential([pydl.Input((4,)), L.Dense(5), L.BatchNormalization(), L.Dropout(0.5), L.Dense(2)])
    model.compile("adam", "mse")
    before = model.get_weights()
    results = [model.evaluate(X, REAL, verbose=0), model.test_on_batch(X, REAL), model.evaluate(X, REAL, verbose=0)]
    assert results[0] == results[2] == pytest.approx(results[1], rel=1e-12)
    np.testing.assert_array_equal(model.predict(X), model(X))
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert model.optimizer.iterations == 0


def test_predictions_of_all_kinds() -> None:
    model = net(L.Dense(2))
    expected = model.predict(X)
    assert (expected.shape, expected.dtype) == ((ROWS, 2), np.float64)
    np.testing.assert_array_equal(model.predict_on_batch(X), expected)
    np.testing.assert_array_equal(model(X), expected)
    np.testing.assert_array_equal(model.predict(X, batch_size=7, steps=3), expected[:21])
    np.testing.assert_array_equal(model.predict(iter([X[:9], (X[9:], REAL[9:])])), expected)
    pydl.config.set_floatx("float32")
    assert net(L.Dense(2)).predict(X).dtype == np.float32


def test_models_need_no_compile_to_predict() -> None:
    model = pydl.Sequential([pydl.Input((4,)), L.Dense(3, "softmax")])
    np.testing.assert_allclose(model.predict(X).sum(axis=1), 1)


# -- several inputs and outputs ---------------------------------------------------------------------------------------


def test_inputs_and_targets_by_name_or_in_order() -> None:
    by_name, in_order = two_heads(), two_heads()
    options = {"epochs": 3, "batch_size": 8, "verbose": 0}
    a = by_name.fit(HEADS_X, HEADS_Y, **options).history
    b = in_order.fit(list(HEADS_X.values()), list(HEADS_Y.values()), **options).history
    assert a.keys() == {"loss", "kind_loss", "size_loss", "kind_accuracy", "size_mae", "size_mse"}
    for x, y in zip(by_name.get_weights(), in_order.get_weights(), strict=True):
        assert x.shape == y.shape
    assert by_name.evaluate(HEADS_X, HEADS_Y, verbose=0) == by_name.evaluate(
        [X, REAL[:, :1]], [LABELS[:, None], REAL], verbose=0
    )
    assert a["loss"][-1] < a["loss"][0]
    assert set(b) == set(a)


def test_figures_of_several_outputs() -> None:
    model = two_heads()
    kind, size = model.predict(HEADS_X)
    assert (kind.shape, size.shape) == ((ROWS, 6), (ROWS, 2))
    crossentropy = -np.log(kind[np.arange(ROWS), LABELS])
    square = ((size - REAL) ** 2).mean(axis=1)
    got = model.evaluate(HEADS_X, HEADS_Y, batch_size=7, verbose=0, return_dict=True)
    assert got == pytest.approx(
        {
            "loss": 0.5 * crossentropy.mean() + 2 * square.mean(),
            "kind_loss": crossentropy.mean(),
            "size_loss": square.mean(),
            "kind_accuracy": (kind.argmax(axis=1) == LABELS).mean(),
            "size_mae": np.abs(size - REAL).mean(),
            "size_mse": square.mean(),
        }
    )
    weighted = model.evaluate(HEADS_X, HEADS_Y, sample_weight={"kind": W, "size": None}, verbose=0, return_dict=True)
    assert weighted["kind_loss"] == pytest.approx((W * crossentropy).mean())
    assert weighted["size_loss"] == pytest.approx(square.mean())
    batch = model.predict_on_batch([X[:3], REAL[:3, :1]])
    np.testing.assert_array_equal(batch[1], size[:3])


def test_batches_of_several_inputs_and_outputs() -> None:
    model = two_heads()

    def batches() -> Iterator[Any]:
        for i in range(0, ROWS, 10):
            rows = slice(i, i + 10)
            yield (X[rows], REAL[rows, :1]), (LABELS[rows], REAL[rows]), (W[rows], None)

    whole = model.evaluate(HEADS_X, HEADS_Y, sample_weight=[W, None], verbose=0)
    assert model.evaluate(batches(), verbose=0) == pytest.approx(whole)
    model.fit(batches(), verbose=0)
    np.testing.assert_array_equal(model.predict(batches())[1], model.predict(HEADS_X)[1])


def test_one_loss_for_all_outputs() -> None:
    x = pydl.Input((4,))
    model = pydl.Model(x, [L.Dense(1)(x), L.Dense(2)(x)])
    model.compile("sgd", "mse", loss_weights=[1.0, 0.0], metrics=[["mae"], []])
    before = model.get_weights()
    got = model.train_on_batch(X, [REAL[:, 0], REAL], return_dict=True)
    assert len([name for name in got if name.endswith("_mae")]) == 1
    after = model.get_weights()
    assert not np.array_equal(before[0], after[0])
    np.testing.assert_array_equal(before[2], after[2])


# -- metrics stream ---------------------------------------------------------------------------------------------------


def probability(p: Array) -> Array:
    """Of the true class."""
    return p[np.arange(ROWS), LABELS]


def top_probability(y_true: Array, y_pred: Array) -> Array:
    return y_pred.max(axis=1)


# as given to compile -> the figure of each row, from the predicted probabilities
CLASS_METRICS: dict[str, tuple[Any, Callable[[Array], Array]]] = {
    "accuracy": ("accuracy", lambda p: p.argmax(axis=1) == LABELS),
    "sparse accuracy": (pydl.metrics.SparseCategoricalAccuracy, lambda p: p.argmax(axis=1) == LABELS),
    "top 3": (
        {"class_name": "SparseTopKCategoricalAccuracy", "config": {"k": 3}},
        lambda p: np.sum(p > probability(p)[:, None], axis=1) < 3,
    ),
    "crossentropy": ("sparse_categorical_crossentropy", lambda p: -np.log(probability(p))),
    "a function": (top_probability, lambda p: p.max(axis=1)),
}


@pytest.mark.parametrize("name", CLASS_METRICS)
@pytest.mark.parametrize("batch_size", [1, 7, 32, 50])
def test_metrics_are_those_of_all_rows(name: str, batch_size: int) -> None:
    metric, figure = CLASS_METRICS[name]
    model = net(L.Dense(6, "softmax"), "sparse_categorical_crossentropy", [metric], [metric])
    p = model.predict(X)
    per_row = figure(p)
    assert 0 < per_row.mean() != per_row[0]
    loss, plain, weighted = model.evaluate(X, LABELS, batch_size=batch_size, sample_weight=W, verbose=0)
    assert loss == pytest.approx((W * -np.log(probability(p))).mean(), rel=1e-9)
    assert plain == pytest.approx(per_row.mean(), rel=1e-9)
    assert weighted == pytest.approx((W * per_row).sum() / W.sum(), rel=1e-9)


# name -> the figure of each number, from targets and predictions
REGRESSION: dict[str, Callable[[Array, Array], Array]] = {
    "mse": lambda t, y: (y - t) ** 2,
    "mae": lambda t, y: np.abs(y - t),
    "root_mean_squared_error": lambda t, y: (y - t) ** 2,
    "msle": lambda t, y: (np.log1p(y) - np.log1p(np.maximum(t, 1e-7))) ** 2,
    "logcosh": lambda t, y: np.log(np.cosh(y - t)),
    "poisson": lambda t, y: y - t * np.log(y + 1e-7),
    "hinge": lambda t, y: np.maximum(1 - np.where(t == 0, -1, t) * y, 0),
}


@pytest.mark.parametrize("name", REGRESSION)
@pytest.mark.parametrize("loss", ["mse", "poisson"])  # the latter works on the logarithms of what a metric sees
def test_metrics_of_errors_are_those_of_all_rows(name: str, loss: str) -> None:
    model = net(L.Dense(2, "exponential"), loss, [name], [name])
    per_row = REGRESSION[name](COUNTS, model.predict(X)).mean(axis=1)
    root = np.sqrt if name.startswith("root") else np.positive
    expected = [root(per_row.mean()), root(np.average(per_row, weights=W))]
    for batch_size in (1, 7, 50):
        figures = model.evaluate(X, COUNTS, batch_size=batch_size, sample_weight=W, verbose=0)
        assert figures[1:] == pytest.approx(expected, rel=1e-12)


def test_metrics_start_anew_each_time() -> None:
    model = net(L.Dense(2), metrics=["mae", lambda t, y: np.abs(t - y).mean(axis=-1)])
    first = model.evaluate(X[:10], REAL[:10], verbose=0)
    model.evaluate(X[10:], REAL[10:], verbose=0)
    assert model.evaluate(X[:10], REAL[:10], verbose=0) == first
    assert first[1] == pytest.approx(first[2])


def test_a_batch_on_its_own() -> None:
    """The means of `train_on_batch` are those of that batch, whatever came before."""
    model = net(L.Dense(2), metrics=["mae"])
    model.fit(X, REAL, verbose=0)
    expected = model.evaluate(X[:5], REAL[:5], verbose=0)
    assert model.train_on_batch(X[:5], REAL[:5]) == pytest.approx(expected)


def test_sequences_have_a_figure_per_step() -> None:
    x, y = RNG.normal(size=(9, 3, 4)), RNG.integers(0, 6, (9, 3))
    pydl.utils.set_random_seed(4)
    model = pydl.Sequential([pydl.Input((3, 4)), L.Dense(6, "softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy", weighted_metrics=["accuracy"])
    p = model.predict(x)
    assert p.shape == (9, 3, 6)
    per_step = -np.log(np.take_along_axis(p, y[..., None], axis=-1)[..., 0])
    hits = p.argmax(axis=-1) == y
    w = W[:9]
    loss, accuracy = model.evaluate(x, y, sample_weight=w, batch_size=4, verbose=0)
    assert loss == pytest.approx((w[:, None] * per_step).mean(), rel=1e-9)
    assert accuracy == pytest.approx((w[:, None] * hits).sum() / (3 * w.sum()), rel=1e-12)


def test_a_layer_on_arrays() -> None:
    layer = L.Dense(3, "relu")
    got = layer(X)
    np.testing.assert_allclose(got, np.maximum(X @ layer.kernel.numpy() + layer.bias.numpy(), 0), rtol=1e-12)
    np.testing.assert_array_equal(L.Add()([X, X]), 2 * X)


@pytest.mark.usefixtures("fresh_names")
def test_a_metric_that_is_in_both_lists_is_named_as_keras_does() -> None:
    inputs = pydl.Input((2,))
    model = pydl.Model(inputs, [pydl.layers.Dense(1, name=name)(inputs) for name in "pq"])
    model.compile(
        "sgd",
        "mse",
        metrics={"p": ["mae", pydl.metrics.MeanAbsoluteError()]},
        weighted_metrics={"p": ["mae"] * 2, "q": ["mae"]},
    )
    x = np.ones((3, 2))
    figures = model.evaluate(x, [x[:, :1], x[:, :1]], verbose=0, return_dict=True)
    assert list(figures)[3:] == [
        "p_mae", "p_mean_absolute_error", "p_weighted_mae", "p_weighted_mae_1", "q_mae",
    ]  # fmt: skip


def test_callbacks_see_the_outputs_of_each_batch() -> None:
    class Seen(pydl.callbacks.Callback):
        def on_train_begin(self, logs: Any = None) -> None:
            raise AssertionError

        def on_predict_begin(self, logs: Any = None) -> None:
            self.batches: list[int] = []
            self.outputs: list[Any] = []

        def on_predict_batch_end(self, batch: int, logs: Any = None) -> None:
            self.batches.append(batch)
            self.outputs.append(logs["outputs"])

    x, seen = np.arange(30.0).reshape(10, 3), Seen()
    a = pydl.Input((3,))
    one = pydl.Model(a, pydl.layers.Dense(2)(a))
    y = one.predict(x, 4, verbose=0, callbacks=[seen])
    assert seen.batches == [0, 1, 2]
    np.testing.assert_array_equal(np.concatenate(seen.outputs), y)
    y = one.predict((x[i : i + 5] for i in (0, 5)), verbose=0, callbacks=[seen])
    assert seen.batches == [0, 1]
    np.testing.assert_array_equal(np.concatenate(seen.outputs), y)
    both = pydl.Model(a, [one(a), one(a)])
    both.predict(x, 4, verbose=0, callbacks=[seen])
    assert [len(parts) for parts in seen.outputs] == [2, 2, 2]


@pytest.mark.parametrize("positions", [(4, 3), (4, 3, 1), (4,)])
def test_weights_of_pixels(positions: tuple[int, ...]) -> None:
    """One for each position of an image, along the first axes or all of them; they were refused."""
    rng = np.random.default_rng(2)
    x, y, w = rng.random((5, 4, 3, 2)), rng.integers(0, 3, (5, 4, 3)), rng.random((5, *positions))
    model = pydl.Sequential([pydl.Input((4, 3, 2)), pydl.layers.Conv2D(3, 1, activation="softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy", weighted_metrics=["accuracy"])
    each = np.broadcast_to(w.reshape(5, *positions[:2], *[1] * (2 - len(positions[:2]))), (5, 4, 3))
    p = model.predict(x)
    values = -np.log(np.take_along_axis(p, y[..., None], -1))[..., 0]
    loss, accuracy = model.evaluate(x, y, sample_weight=w, batch_size=2)
    assert loss == pytest.approx((values * each).mean(), rel=1e-5)
    assert accuracy == pytest.approx(((p.argmax(-1) == y) * each).sum() / each.sum(), rel=1e-5)
    model.fit(x, y, sample_weight=w, batch_size=2, verbose=0)
    with pytest.raises(ValueError, match=r"or \(5, 4\), one per step, or \(5, 4, 3\), one per position, got \(5, 3\)"):
        model.fit(x, y, sample_weight=w.reshape(5, -1)[:, :3], verbose=0)
