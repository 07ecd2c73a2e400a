"""Objects that two models could share, and whose state is that of one."""

import gc
from typing import Any

import numpy as np
import pytest

import pydl

X = np.ones((4, 1), np.float32)
Y = np.full((4, 1), 5.0, np.float32)


def net() -> Any:
    return pydl.Sequential([pydl.Input((1,)), pydl.layers.Dense(1, kernel_initializer="zeros")])


def trained(optimizer: Any) -> Any:
    model = net()
    model.compile(optimizer, "mse")
    model.fit(X, Y, epochs=10, verbose=0)
    return model


@pytest.mark.parametrize("make", [pydl.optimizers.Adam, pydl.optimizers.SGD, pydl.optimizers.RMSprop])
def test_an_optimizer_that_took_steps_is_refused_by_another_model(make: Any) -> None:
    optimizer = make(0.01)
    first, second = trained(optimizer), net()
    with pytest.raises(ValueError, match=rf'10 steps on model "{first.name}".*from_config'):
        second.compile(optimizer, "mse")
    del first
    gc.collect()
    with pytest.raises(ValueError, match="10 steps on model"):
        second.compile(optimizer, "mse")


def test_an_optimizer_of_two_compiled_models_serves_the_one_that_is_trained_first() -> None:
    optimizer = pydl.optimizers.Adam(0.01)
    first, second = net(), net()
    for model in (first, second):
        model.compile(optimizer, "mse")
    first.train_on_batch(X, Y)
    for train in (second.train_on_batch, second.fit, second.trace):
        with pytest.raises(ValueError, match=f'1 steps on model "{first.name}"'):
            train(X, Y)
    first.train_on_batch(X, Y)
    assert optimizer.iterations == 2


def test_a_model_compiled_again_keeps_its_optimizer() -> None:
    optimizer = pydl.optimizers.Adam(0.01)
    model = trained(optimizer)
    model.compile(optimizer, "mae")
    model.train_on_batch(X, Y)
    assert optimizer.iterations == 11


def test_an_optimizer_made_of_its_config_starts_anew() -> None:
    optimizer = pydl.optimizers.Adam(0.01)
    trained(optimizer)
    second = net()
    second.compile(type(optimizer).from_config(optimizer.get_config()), "mse")
    second.train_on_batch(X, Y)
    # the first step from fresh moments: lr * g / |g|
    np.testing.assert_allclose(second.get_weights()[0], 0.01, rtol=1e-5)
