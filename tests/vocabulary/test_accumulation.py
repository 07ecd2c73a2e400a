"""Accumulated gradients and moving averages of weights: step by step the numbers of Keras (tests/golden/keras.json)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pydl
from pydl import layers as L
from pydl import optimizers as O
from tests.golden import GOLDEN

CASES = GOLDEN["optimizers"]
X, Y = (np.array(CASES[name], np.float32) for name in ("x", "y"))
RTOL, ATOL = 2e-5, 2e-6  # float32, other orders of summing up, eight steps

EMA = {"use_ema": True, "ema_momentum": 0.9}
THREE = {"gradient_accumulation_steps": 3}


def decay() -> Any:
    return O.schedules.ExponentialDecay(0.1, 2, 0.5)


def piecewise() -> Any:
    return O.schedules.PiecewiseConstantDecay([2, 5], [0.1, 0.05, 0.01])


ACCUMULATED: dict[str, tuple[Callable[[], Any], dict[str, Any]]] = {
    "sgd_momentum": (lambda: O.SGD(0.1, 0.9, **THREE), {}),
    "sgd_nesterov": (lambda: O.SGD(0.1, 0.9, nesterov=True, **THREE), {}),
    "adam": (lambda: O.Adam(0.1, **THREE), {}),
    "sgd_clipnorm_0.05": (lambda: O.SGD(0.1, 0.9, clipnorm=0.05, **THREE), {}),
    "sgd_clipvalue_0.02": (lambda: O.SGD(0.1, 0.9, clipvalue=0.02, **THREE), {}),
    "sgd_global_clipnorm_0.05": (lambda: O.SGD(0.1, 0.9, global_clipnorm=0.05, **THREE), {}),
    "adamw_weight_decay_0.1": (lambda: O.AdamW(0.1, weight_decay=0.1, **THREE), {}),
    "sgd_weight_decay_0.1": (lambda: O.SGD(0.1, 0.9, weight_decay=0.1, **THREE), {}),
    "sgd_exponential_decay_0.1_steps2_rate0.5": (lambda: O.SGD(decay(), 0.9, **THREE), {}),
    "adam_exponential_decay_0.1_steps2_rate0.5": (lambda: O.Adam(decay(), **THREE), {}),
    "sgd_l2_0.1_on_first_kernel": (
        lambda: O.SGD(0.1, 0.9, **THREE),
        {"kernel_regularizer": pydl.regularizers.L2(0.1)},
    ),
    "sgd_unitnorm_on_first_kernel": (
        lambda: O.SGD(0.1, 0.9, **THREE),
        {"kernel_constraint": pydl.constraints.UnitNorm(axis=0)},
    ),
    "sgd_momentum_ema0.9_overwrite_none": (lambda: O.SGD(0.1, 0.9, **THREE, **EMA), {}),
    "sgd_momentum_ema0.9_overwrite_2": (lambda: O.SGD(0.1, 0.9, ema_overwrite_frequency=2, **THREE, **EMA), {}),
    "sgd_momentum_no_accumulation": (lambda: O.SGD(0.1, 0.9), {}),
}
AVERAGED: dict[str, tuple[Callable[[], Any], dict[str, Any]]] = {
    f"{name}_overwrite_{frequency}": (
        lambda make=make, frequency=frequency: make(ema_overwrite_frequency=frequency, **EMA),
        {},
    )
    for name, make in (
        ("sgd_momentum", lambda **k: O.SGD(0.1, 0.9, **k)),
        ("adam", lambda **k: O.Adam(0.1, **k)),
    )
    for frequency in (None, 1, 3)
}
AVERAGED["sgd_nonneg_on_first_kernel_overwrite_3"] = (
    lambda: O.SGD(0.1, 0.9, ema_overwrite_frequency=3, **EMA),
    {"kernel_constraint": "non_neg"},
)


def net(optimizer: Any, first: dict[str, Any]) -> Any:
    model = pydl.Sequential([pydl.Input((2,)), L.Dense(3, **first), L.Dense(1)])
    model.set_weights(CASES["init"])
    model.compile(optimizer, "mse")
    return model


def close(model: Any, expected: Any) -> None:
    for got, wanted in zip(model.get_weights(), expected, strict=True):
        np.testing.assert_allclose(got, np.array(wanted), RTOL, ATOL)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize(
    ("group", "name"),
    [("grad_accum_train_on_batch", n) for n in ACCUMULATED] + [("ema_train_on_batch", n) for n in AVERAGED],
)
def test_batch_by_batch(group: str, name: str, threads: int) -> None:
    make, first = (ACCUMULATED | AVERAGED)[name]
    pydl.config.set_num_threads(threads)
    try:
        model, case = net(make(), first), CASES[group][name]
        for x, y, loss, iterations, weights in zip(
            X, Y, case["loss"], case["iterations"], case["weights"], strict=True
        ):
            assert model.train_on_batch(x, y) == pytest.approx(loss, rel=1e-4, abs=1e-6)
            assert model.optimizer.iterations == iterations
            close(model, weights)
    finally:
        pydl.config.set_num_threads(None)


def test_fit_goes_on_where_a_mean_was_begun() -> None:
    """Two fits of four batches are one of two epochs: two batches of the second mean wait for a third."""
    x, y = X[:4].reshape(-1, 2), Y[:4].reshape(-1, 1)
    two = net(O.SGD(0.1, 0.9, **THREE), {})
    for _ in range(2):
        two.fit(x, y, batch_size=4, shuffle=False, verbose=0)
    once = net(O.SGD(0.1, 0.9, **THREE), {})
    once.fit(x, y, batch_size=4, epochs=2, shuffle=False, verbose=0)
    for a, b in zip(two.get_weights(), once.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    close(once, CASES["grad_accum_fit"]["sgd_momentum_2_epochs_of_4_batches"]["weights_after_each_fit"][-1])


def test_fit_ends_with_the_averages() -> None:
    case = CASES["ema_fit_2_epochs_of_8_batches"]["sgd_momentum_overwrite_None"]
    model, seen = net(O.SGD(0.1, 0.9, **EMA), {}), []
    watch = pydl.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(model.get_weights()))
    model.fit(X.reshape(-1, 2), Y.reshape(-1, 1), 4, 2, shuffle=False, verbose=0, callbacks=[watch])
    for got, wanted in zip(seen, case["weights_at_on_epoch_end"], strict=True):
        for a, b in zip(got, wanted, strict=True):
            np.testing.assert_allclose(a, np.array(b), RTOL, ATOL)
    close(model, case["weights_after_each_fit"][-1])


@pytest.mark.parametrize("name", ["sgd_momentum_ema0.9_overwrite_2", "adam"])
def test_a_saved_model_goes_on(name: str, tmp_path: Path) -> None:
    """Accumulators, averages and the place within a mean are in the file."""
    make, first = ACCUMULATED[name]
    model = net(make(), first)
    for x, y in zip(X[:4], Y[:4], strict=True):
        model.train_on_batch(x, y)
    model.save(tmp_path / "model.safetensors")
    again = pydl.models.load_model(tmp_path / "model.safetensors")
    assert again.optimizer.get_config() == model.optimizer.get_config()
    for x, y in zip(X[4:], Y[4:], strict=True):
        assert model.train_on_batch(x, y) == again.train_on_batch(x, y)
    for a, b in zip(model.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


class Own(O.Optimizer):
    """Gradient descent in NumPy."""

    def update(self, w: Any, g: Any, slots: Any, rate: float, t: int) -> None:
        w -= rate * g


def test_an_optimizer_in_numpy_accumulates() -> None:
    own, sgd = net(Own(0.1, clipnorm=0.05, **THREE), {}), net(O.SGD(0.1, clipnorm=0.05, **THREE), {})
    for x, y in zip(X, Y, strict=True):
        own.train_on_batch(x, y)
        sgd.train_on_batch(x, y)
        close(own, sgd.get_weights())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"gradient_accumulation_steps": 1}, "gradient_accumulation_steps"),
        ({"gradient_accumulation_steps": 2.5}, "gradient_accumulation_steps"),
        ({"gradient_accumulation_steps": -1}, "gradient_accumulation_steps"),
        ({"use_ema": True, "ema_momentum": 1.5}, "ema_momentum"),
        ({"use_ema": True, "ema_overwrite_frequency": 0}, "ema_overwrite_frequency"),
    ],
)
def test_bad_arguments(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises((ValueError, TypeError), match=message):
        O.SGD(**arguments)


def test_a_mean_of_halves_is_the_gradient_of_the_whole() -> None:
    """Two batches of 16, accumulated, take nearly the step of one of 32; and nothing is clipped before the mean."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(32, 2)).astype(np.float32), rng.normal(size=(32, 1)).astype(np.float32)
    halves, whole = net(O.SGD(0.1, gradient_accumulation_steps=2), {}), net(O.SGD(0.1), {})
    halves.fit(x, y, batch_size=16, shuffle=False, verbose=0)
    whole.fit(x, y, batch_size=32, shuffle=False, verbose=0)
    close(halves, whole.get_weights())
