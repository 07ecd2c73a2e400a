"""Gradients of whole models in float64 against 4-point differences of their loss, on every instruction set."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import pydl
from pydl import layers as L
from tests.model_cases import CASES, Array, Case, case, chain, dense, inner_model

RTOL = 1e-6
ATOL = 1e-9  # the loss, about 1, is known to 1e-15 and divided by STEP
STEP = 1e-4
ELEMENTS = 5  # looked at one by one, per weight

pytestmark = pytest.mark.usefixtures("isa", "float64")


def loss_of(c: Case) -> float:
    """The loss in training mode, as step 0 would see it."""
    c.model.optimizer.iterations = 0
    return float(c.model.train_on_batch(c.x, c.y, c.w, return_dict=True)["loss"])


def slope(c: Case, variable: Any, direction: Array) -> float:
    """The derivative of the loss along a direction of one weight, from four points around it."""
    start = variable.numpy()

    def at(steps: int) -> float:
        variable.assign(start + steps * STEP * direction)
        return loss_of(c)

    value = (8 * (at(1) - at(-1)) - (at(2) - at(-2))) / (12 * STEP)
    variable.assign(start)
    return value


def directions(v: Any, rng: np.random.Generator) -> list[Array]:
    """Some elements, and all of them at once."""
    chosen = rng.permutation(v.size)[:ELEMENTS]
    units = [np.eye(1, v.size, i).reshape(v.shape) for i in chosen]
    return [*units, rng.normal(size=v.shape) / np.sqrt(v.size)]


def check(c: Case) -> None:
    rng = np.random.default_rng(0)
    c.model.optimizer.iterations = 0
    gradients = c.model.gradients(c.x, c.y, c.w)
    trained = c.model.trainable_weights
    assert sorted(gradients) == sorted(v.path for v in trained)
    for v in trained:
        got = gradients[v.path]
        assert got.shape == v.shape
        assert np.any(got != 0), f"the gradient of {v.path} is zero everywhere"
        for direction in directions(v, rng):
            expected = slope(c, v, direction)
            assert float((got * direction).sum()) == pytest.approx(expected, rel=RTOL, abs=ATOL), v.path


@pytest.mark.parametrize("name", CASES)
def test_gradients(name: str) -> None:
    pydl.utils.set_random_seed(1)
    check(CASES[name]())


@pytest.mark.parametrize("shape", [(4,), (2, 4)], ids=["rows", "sequences"])
@pytest.mark.parametrize(
    "last", [[dense(3, "exponential")], [dense(3), lambda: L.Activation("exponential")]], ids=["in dense", "as a layer"]
)
def test_a_poisson_loss_behind_exponential_sees_no_epsilon(last: list[Any], shape: tuple[int, ...]) -> None:
    """Of means of e^-40, where 1e-7 beside them would leave nothing to learn."""
    c = chain(*last, shape=shape, loss="poisson", weighted=True)()
    kernel, bias = c.model.get_weights()
    c.model.set_weights([kernel, bias - 40])
    log_mean = c.x @ kernel + bias - 40
    per_sample = (np.exp(log_mean) - c.y * log_mean).reshape(len(c.x), -1).mean(axis=1)
    assert loss_of(c) == pytest.approx((c.w * per_sample).mean(), rel=1e-12)
    check(c)


# -- frozen weights ---------------------------------------------------------------------------------------------------


def frozen_chain(*frozen: int, layers: list[Any]) -> Case:
    model = pydl.Sequential([pydl.Input((4,)), *layers])
    for i in frozen:
        model.layers[i].trainable = False
    return case(model)


@pytest.mark.parametrize("frozen", [(0,), (1,), (2,), (0, 2)])
def test_frozen_layers_have_no_gradient_but_pass_it_on(frozen: tuple[int, ...]) -> None:
    c = frozen_chain(*frozen, layers=[L.Dense(5, "tanh"), L.Dense(5, "gelu"), L.Dense(2)])
    check(c)
    assert len(c.model.gradients(c.x, c.y)) == 2 * (3 - len(frozen))


def test_a_frozen_layer_normalization() -> None:
    check(frozen_chain(1, layers=[L.Dense(5), L.LayerNormalization(), L.Dense(2)]))


def test_a_frozen_batch_normalization_uses_its_moving_statistics() -> None:
    c = frozen_chain(1, layers=[L.Dense(5), L.BatchNormalization(), L.Dense(2)])
    moving = [w.copy() for w in c.model.layers[1].get_weights()]
    check(c)
    assert loss_of(c) == pytest.approx(c.model.test_on_batch(c.x, c.y), rel=1e-12)
    for before, after in zip(moving, c.model.layers[1].get_weights(), strict=True):
        np.testing.assert_array_equal(before, after)


def test_a_frozen_model_within_a_model() -> None:
    x = pydl.Input((4,))
    inner = inner_model(L.Dense(5, "tanh"), L.BatchNormalization(), L.Dense(3))
    model = pydl.Model(x, L.Dense(2)(inner(L.Dense(4)(x))))
    inner.trainable = False
    assert [v.name for v in model.trainable_weights] == ["kernel", "bias", "kernel", "bias"]
    check(case(model))


def test_all_frozen() -> None:
    model = pydl.Sequential([pydl.Input((4,)), L.Dense(2)])
    model.trainable = False
    c = case(model)
    model.optimizer.learning_rate = 0.1
    before = model.get_weights()
    with pytest.warns(UserWarning, match="all its layers are frozen"):
        assert c.model.gradients(c.x, c.y) == {}
    c.model.train_on_batch(c.x, c.y)
    np.testing.assert_array_equal(before[0], model.get_weights()[0])
