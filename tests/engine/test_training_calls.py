"""`training=` in a call: of a model or layer on arrays, and of a layer or model within another model."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

import pydl
from pydl import layers as L
from tests.model_cases import Noisy

RNG = np.random.default_rng(3)
X = RNG.normal(size=(120, 4)).astype(np.float32)
Y = RNG.normal(size=(120, 1)).astype(np.float32)


def dropping(training: bool | None = None) -> Any:
    x = pydl.Input((4,))
    return pydl.Model(x, L.Dropout(0.25)(x, training=training))


def is_dropped(y: np.ndarray) -> bool:
    """Whether about a quarter of the elements is 0, and the others are X / 0.75."""
    zero = y == 0
    np.testing.assert_allclose(y[~zero], (X / 0.75)[~zero], rtol=1e-6)
    return bool(0.15 < zero.mean() < 0.35)  # 480 elements: 5 standard deviations


@pytest.mark.parametrize("call", [dropping(), L.Dropout(0.25)], ids=["model", "layer"])
def test_a_call_on_arrays_drops_when_it_is_told_to(call: Any) -> None:
    first, second = call(X, training=True), call(X, training=True)
    assert is_dropped(first)
    assert is_dropped(second)
    assert (first != second).any()
    for y in (call(X), call(X, training=False)):
        np.testing.assert_array_equal(y, X)


def test_draws_are_those_of_the_seed_on_any_number_of_threads() -> None:
    model, drawn = dropping(), []
    for threads in (1, 2, 3):
        pydl.config.set_num_threads(threads)
        pydl.utils.set_random_seed(5)
        drawn.append([model(X, training=True) for _ in range(2)])
    pydl.config.set_num_threads(None)
    np.testing.assert_array_equal(drawn[0], drawn[1])
    np.testing.assert_array_equal(drawn[0], drawn[2])


def test_draws_do_not_train_and_leave_training_as_it_is() -> None:
    def trained(draws: int) -> list[np.ndarray]:
        pydl.utils.set_random_seed(1)
        model = pydl.Sequential([pydl.Input((4,)), L.Dense(8), L.Dropout(0.5), L.Dense(1)])
        model.compile("adam", "mse")
        model.fit(X, Y, verbose=0)
        for _ in range(draws):
            before = model.get_weights()
            model(X, training=True)
            for a, b in zip(before, model.get_weights(), strict=True):
                np.testing.assert_array_equal(a, b)
        model.fit(X, Y, verbose=0)
        return list(model.get_weights())

    for a, b in zip(trained(0), trained(3), strict=True):
        np.testing.assert_array_equal(a, b)


def test_batch_normalization_takes_the_batch_and_moves_its_statistics() -> None:
    layer = L.BatchNormalization(momentum=0.9, epsilon=1e-3)
    model = pydl.Sequential([pydl.Input((4,)), layer])
    z = X.astype(np.float64)
    mean, variance = z.mean(0), z.var(0)
    np.testing.assert_allclose(model(X, training=True), (z - mean) / np.sqrt(variance + 1e-3), atol=1e-5)
    np.testing.assert_allclose(layer.moving_mean.numpy(), 0.1 * mean, atol=1e-6)
    np.testing.assert_allclose(layer.moving_variance.numpy(), 0.9 + 0.1 * variance, atol=1e-6)
    layer.trainable = False
    again = layer.get_weights()
    assert np.abs(model(X, training=True).mean(0) - model(X).mean(0)).max() == 0
    for a, b in zip(again, layer.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_layers_in_numpy_hear_of_it() -> None:
    model = pydl.Sequential([pydl.Input((4,)), Noisy()])
    np.testing.assert_array_equal(model(X), X)
    assert (np.asarray(model(X, training=True)) != X).any()


def test_several_inputs_and_outputs() -> None:
    a, b = pydl.Input((4,)), pydl.Input((4,))
    model = pydl.Model([a, b], [L.Dropout(0.25)(a), L.Add()([a, b])])
    dropped, total = model([X, X], training=True)
    assert is_dropped(dropped)
    np.testing.assert_array_equal(total, X + X)


def test_a_call_in_a_model_drops_in_whatever_the_model_does() -> None:
    model = dropping(True)
    assert is_dropped(model.predict(X))
    assert is_dropped(model(X))
    assert (model(X) != model(X)).any()
    model.compile("sgd", "mse")
    assert model.evaluate(X, X, verbose=0) > 0


def test_predictions_that_draw_are_those_of_the_seed() -> None:
    model = dropping(True)
    drawn = []
    for _ in range(2):
        pydl.utils.set_random_seed(8)
        drawn.append((model.predict(X, batch_size=7), model.predict(X, batch_size=7)))
    np.testing.assert_array_equal(drawn[0], drawn[1])
    assert (drawn[0][0] != drawn[0][1]).any()
    assert (drawn[0][0][:7] == 0).tolist() != (drawn[0][0][7:14] == 0).tolist()


def normalized(training: bool | None, *, inner: bool) -> tuple[Any, Any]:
    """A model with BatchNormalization, alone or in a model within; the layer."""
    layer = L.BatchNormalization(name="norm")
    x = pydl.Input((4,))
    if inner:
        base: Any = pydl.Sequential([pydl.Input((4,)), L.Dropout(0.5), layer], name="base")
        h = base(x, training=training)
    else:
        h = layer(x, training=training)
    model = pydl.Model(x, L.Dense(1)(h))
    layer.set_weights([[2.0, 1, 1, 3], [0.0, 1, 2, 3], [0.5, -0.5, 1, 0], [1.0, 4, 0.25, 2]])
    return model, layer


@pytest.mark.parametrize("inner", [False, True])
@pytest.mark.usefixtures("float64")
def test_a_part_that_is_called_with_training_false_keeps_its_statistics_and_learns(inner: bool) -> None:
    model, layer = normalized(False, inner=inner)
    model.compile(pydl.optimizers.SGD(0.0), "mse")
    gradients = {path.rpartition("/")[2] if "norm" in path else path: g for path, g in model.gradients(X, Y).items()}
    for v in (layer.gamma, layer.beta):
        value = v.numpy()
        for i in range(4):
            losses = []
            for step in (1e-5, -1e-5):
                v.assign(value + step * (np.arange(4) == i))
                losses.append(model.evaluate(X, Y, batch_size=120, verbose=0))
            v.assign(value)
            assert gradients[v.name][i] == pytest.approx((losses[0] - losses[1]) / 2e-5, rel=1e-6, abs=1e-8)
    statistics = layer.get_weights()[2:]
    losses = model.fit(X, Y, verbose=0, shuffle=False, batch_size=120).history["loss"]
    assert losses[0] == pytest.approx(model.evaluate(X, Y, batch_size=120, verbose=0), rel=1e-12)
    for a, b in zip(statistics, layer.get_weights()[2:], strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("training", [None, True, False])
def test_configs_keep_it(training: bool | None) -> None:
    model, _ = normalized(training, inner=True)
    config = json.loads(json.dumps(model.get_config()))
    again = pydl.models.model_from_config(config)
    assert again.get_config() == model.get_config()
    assert [c.training for c in again.calls] == [training, None]
    assert ("training" in config["layers"][0]) == (training is not None)
