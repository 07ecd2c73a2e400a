"""Losses in training whose values do not simply belong to rows: ignored classes, means by weight, whole batches."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import pydl
from pydl import layers as L
from pydl import losses

Array = np.ndarray[Any, Any]
RNG = np.random.default_rng(8)
X = RNG.normal(size=(6, 4))
W = np.array([0.5, 2.0, 1.0, 0.25, 3.0, 1.5])

pytestmark = pytest.mark.usefixtures("float64")


def made(units: int, activation: str, loss: Any, shape: tuple[int, ...] = (4,), *before: Any) -> Any:
    pydl.utils.set_random_seed(4)
    model = pydl.Sequential([pydl.Input(shape), *before, L.Dense(units, activation)])
    model.compile(pydl.optimizers.SGD(0.1), loss)
    return model


def same(a: tuple[float, dict[str, Array]], b: tuple[float, dict[str, Array]], rtol: float = 1e-12) -> None:
    assert a[0] == pytest.approx(b[0], rel=rtol)
    for (_, x), (_, y) in zip(sorted(a[1].items()), sorted(b[1].items()), strict=True):
        assert np.abs(y).max() > 1e-6
        np.testing.assert_allclose(x, y, rtol=rtol, atol=rtol)


@pytest.mark.parametrize("last", ["softmax", "linear"])
@pytest.mark.parametrize("w", [None, W])
@pytest.mark.parametrize("reduction", ["sum_over_batch_size", "sum", "mean_with_sample_weight"])
def test_rows_of_an_ignored_class_count_as_if_they_were_not_there(last: str, w: Array | None, reduction: str) -> None:
    def loss(**more: Any) -> Any:
        return losses.SparseCategoricalCrossentropy(last == "linear", reduction=reduction, **more)

    labels = np.array([0, 9, 2, 1, 9, 0])
    kept = labels != 9
    given = made(3, last, loss(ignore_class=9)).loss_and_gradients(X, labels, w)
    wanted = made(3, last, loss()).loss_and_gradients(X[kept], labels[kept], None if w is None else w[kept])
    same(given, wanted)


def test_ignored_classes_and_masked_steps() -> None:
    x = RNG.normal(size=(3, 4, 2))
    x[0, 2:] = x[2, 1] = 0
    labels = np.array([[1, -1, 0, 2], [0, 1, 2, -1], [-1, 1, 0, 0]])
    counts = (x != 0).any(-1) & (labels >= 0)
    loss = losses.SparseCategoricalCrossentropy(ignore_class=-1)
    model = made(3, "softmax", loss, (4, 2), L.Masking())
    values = losses.sparse_categorical_crossentropy(labels, model.predict(x, verbose=0), ignore_class=-1)
    assert model.evaluate(x, labels, verbose=0) == pytest.approx(values[counts].mean(), rel=1e-12)
    weights = np.array([1.0, 0.5, 2.0])
    expected = (values * weights[:, None])[counts].mean()
    assert model.evaluate(x, labels, sample_weight=weights, verbose=0) == pytest.approx(expected, rel=1e-12)


def test_other_classes_are_still_checked() -> None:
    model = made(3, "softmax", losses.SparseCategoricalCrossentropy(ignore_class=-1))
    model.fit(X, np.array([0, 1, 2, -1, -1, 0]), verbose=0)
    with pytest.raises(ValueError, match=r"in \[0, 3\).*got -2"):
        model.fit(X, np.array([0, 1, 2, -1, -2, 0]), verbose=0)


@pytest.mark.parametrize("loss", ["mse", "own"])
def test_a_mean_by_weight(loss: str) -> None:
    class Own(losses.Loss):
        def call(self, y_true: Array, y_pred: Array) -> Array:
            return ((y_true - y_pred) ** 2).mean(-1)

        def gradient(self, y_true: Array, y_pred: Array) -> Array:
            return 2 * (y_pred - y_true) / y_pred.shape[-1]

    cls = losses.MeanSquaredError if loss == "mse" else Own
    t = RNG.normal(size=(6, 2))
    by_weight = made(2, "tanh", cls(reduction="mean_with_sample_weight"))
    same(
        by_weight.loss_and_gradients(X, t, W),
        made(2, "tanh", cls(reduction="sum")).loss_and_gradients(X, t, W / W.sum()),
    )
    same(by_weight.loss_and_gradients(X, t), made(2, "tanh", cls()).loss_and_gradients(X, t))
    assert by_weight.evaluate(X, t, sample_weight=0 * W, verbose=0) == 0


def test_a_mean_by_weight_of_masked_steps() -> None:
    x = RNG.normal(size=(3, 4, 2))
    x[0, 2:] = x[2, 1] = 0
    t, w = RNG.normal(size=(3, 4, 2)), np.array([[1.0, 2, 3, 4], [0.5, 1, 1, 2], [3, 2, 1, 1]])
    model = made(2, "tanh", losses.MeanSquaredError(reduction="mean_with_sample_weight"), (4, 2), L.Masking())
    weights = w * (x != 0).any(-1)
    expected = ((t - model.predict(x, verbose=0)) ** 2).mean(-1)
    assert model.evaluate(x, t, sample_weight=w, verbose=0) == pytest.approx(
        (weights * expected).sum() / weights.sum(), rel=1e-12
    )


def test_a_mean_by_weight_of_batches() -> None:
    """Each batch is a mean of its own; these are weighted by their rows."""
    t = RNG.normal(size=(6, 1))
    model = made(1, "linear", losses.MeanSquaredError(reduction="mean_with_sample_weight"))
    e = ((t - model.predict(X, verbose=0)) ** 2)[:, 0]
    parts = [np.average(e[:4], weights=W[:4]), np.average(e[4:], weights=W[4:])]
    found = model.evaluate(X, t, sample_weight=W, batch_size=4, verbose=0)
    assert found == pytest.approx((4 * parts[0] + 2 * parts[1]) / 6, rel=1e-12)


WHOLE = {
    "dice": (losses.Dice, "sigmoid", (RNG.random((6, 3)) < 0.5).astype(float)),
    "tversky": (lambda **more: losses.Tversky(0.2, 0.9, **more), "sigmoid", RNG.random((6, 3))),
    "dice by row": (lambda **more: losses.Dice(axis=-1, **more), "sigmoid", RNG.random((6, 3))),
    "circle": (lambda **more: losses.Circle(gamma=2.0, **more), "tanh", np.array([7, 7, 1, 1, 40, 7])),
}


@pytest.mark.parametrize("name", WHOLE)
@pytest.mark.parametrize("w", [None, W])
@pytest.mark.parametrize("reduction", ["sum_over_batch_size", "sum"])
def test_losses_of_a_whole_batch(name: str, w: Array | None, reduction: str) -> None:
    make, activation, t = WHOLE[name]
    loss = make(reduction=reduction)
    model = made(3, activation, loss)
    value, gradients = model.loss_and_gradients(X, t, w)
    assert value == pytest.approx(float(loss(t, model.predict(X, verbose=0), w)), rel=1e-12)
    for v in model.trainable_variables:
        direction, start = RNG.normal(size=v.shape), v.numpy().copy()

        def at(k: float, v: Any = v, start: Array = start, direction: Array = direction) -> float:
            v.assign(start + k * 1e-3 * direction)
            return float(model.loss_and_gradients(X, t, w)[0])

        slope = (8 * (at(1) - at(-1)) - (at(2) - at(-2))) / 12e-3
        v.assign(start)
        assert abs(slope) > 1e-4
        assert (gradients[v.path] * direction).sum() == pytest.approx(slope, rel=1e-7)


def test_weights_of_steps_have_no_place_in_values_without_steps() -> None:
    model = made(3, "linear", losses.CosineSimilarity(axis=1), (4, 2))
    x, t = RNG.normal(size=(6, 4, 2)), RNG.normal(size=(6, 4, 3))
    with pytest.raises(ValueError, match="24 weights do not fit its values"):
        model.fit(x, t, sample_weight=np.ones((6, 4)), verbose=0)


def test_a_gaussian_learns_how_sure_it_may_be() -> None:
    pydl.utils.set_random_seed(1)
    x = RNG.choice([0.0, 1.0], (400, 1))
    t = x[:, 0] + RNG.normal(size=400) * np.where(x[:, 0] > 0, 1.0, 0.2)
    model = made(2, "linear", losses.GaussianNLL(), (1,))
    model.compile(pydl.optimizers.Adam(0.05), "gaussian_nll")
    model.fit(x, t, epochs=60, batch_size=100, verbose=0)
    mean, log_variance = model.predict(np.array([[0.0], [1.0]]), verbose=0).T
    np.testing.assert_allclose(mean, [0, 1], atol=0.1)
    np.testing.assert_allclose(np.exp(log_variance / 2), [0.2, 1.0], rtol=0.15)
    with pytest.raises(ValueError, match=r"gaussian_nll.*\(\.\.\., 2\), got \(None, 3\)"):
        made(3, "linear", losses.GaussianNLL())


def test_a_loss_of_one_number_per_row_beside_a_metric_of_one_for_each_unit() -> None:
    model = made(3, "softmax", "sparse_categorical_crossentropy")
    with pytest.raises(ValueError, match="sparse_categorical_crossentropy and mse take targets of different shapes"):
        model.compile("sgd", "sparse_categorical_crossentropy", metrics=["mse"])


@pytest.mark.parametrize("loss", ["mse", "binary_crossentropy", losses.LogCosh(reduction="sum")])
def test_an_output_of_one_number_for_each_sample_is_a_unit(loss: Any) -> None:
    y = (X.sum(axis=1) > 0).astype(float)
    unit = made(1, "sigmoid", loss)
    flat = pydl.Model(unit.inputs, pydl.ops.squeeze(unit.outputs[0], -1))
    flat.compile("sgd", loss, metrics=["accuracy", "mae"])
    unit.compile("sgd", loss, metrics=["accuracy", "mae"])
    same(flat.loss_and_gradients(X, y, W), unit.loss_and_gradients(X, y, W))
    judged = [m.evaluate(X, t, sample_weight=W, verbose=0) for m, t in ((flat, y), (unit, y[:, None]))]
    assert judged[0] == pytest.approx(judged[1], rel=1e-12)
    assert flat.predict(X, verbose=0).shape == (6,)
    with pytest.raises(ValueError, match=r"expected shape \(batch, 1\), got \(6, 2\)"):
        flat.evaluate(X, np.ones((6, 2)))
    begun, histories = unit.get_weights(), []
    for model in (flat, unit):
        model.set_weights(begun)
        history = model.fit(X, y, class_weight={0: 1.0, 1: 3.0}, shuffle=False, verbose=0).history
        histories.append([history[name][0] for name in ("loss", "accuracy", "mae")])
    assert histories[0] == pytest.approx(histories[1], rel=1e-12)


def test_arguments_of_compile_by_position() -> None:
    """Those of Keras 3, and, where numbers do not stand third, of Keras 2."""
    x = pydl.Input((2,))
    model = pydl.Model(x, [pydl.layers.Dense(1, name="a")(x), pydl.layers.Dense(1, name="b")(x)])
    model.compile("sgd", ["mse", "mae"], [0.7, 0.3], [["mae"], []])
    assert model.loss_weights == [0.7, 0.3]
    assert len(model.metrics) == 1
    model.compile("sgd", ["mse", "mae"], [["mae"], []], [0.7, 0.3])
    assert model.loss_weights == [0.7, 0.3]
    assert len(model.metrics) == 1
    model.compile("sgd", "mse", None, metrics=[["mae"], []])
    assert len(model.metrics) == 1
    model.compile("sgd", "mse", [["mae"], []])
    assert len(model.metrics) == 1
    with pytest.raises(TypeError, match=r"compile: loss_weights: expected numbers, got \['mae'\]"):
        model.compile("sgd", "mse", ["mae"], metrics=["mse"])
