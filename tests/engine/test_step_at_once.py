"""Large weights take the optimizer's step with their gradient: the same bits as one after the other, or not at all."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import pydl
from pydl import _core
from pydl import layers as L
from pydl import optimizers as O
from pydl._engine import tuning

ROWS, BATCH, INPUTS = 150, 64, 40  # the last batch is a short one
OPTIMIZERS: dict[str, Callable[[], Any]] = {
    "sgd": lambda: O.SGD(0.05),
    "nesterov": lambda: O.SGD(0.05, momentum=0.9, nesterov=True),
    "rmsprop": lambda: O.RMSprop(0.003, momentum=0.5, centered=True),
    "adam": lambda: O.Adam(0.003),
    "amsgrad": lambda: O.Adam(0.003, amsgrad=True),
    "adamw": lambda: O.AdamW(0.003, weight_decay=0.01),
}


@pytest.fixture(autouse=True)
def _everything_is_large(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(tuning, "BEYOND_L2", 0)
    before = pydl.config.get_num_threads()
    yield
    pydl.config.set_num_threads(before)


def net(optimizer: Any, **keywords: Any) -> Any:
    pydl.utils.set_random_seed(1)
    layers = [pydl.Input((INPUTS,)), L.Dense(70, "tanh", **keywords), L.Dense(33, "relu"), L.Dense(2)]
    model = pydl.Sequential(layers)
    model.compile(optimizer, "mse")
    return model


def ops(model: Any, batch: int = BATCH) -> list[str]:
    return [r["op"] for r in model.plan(batch).records]


def trained(model: Any) -> list[bytes]:
    rng = np.random.default_rng(2)
    x, y = rng.normal(size=(ROWS, INPUTS)).astype(np.float32), rng.normal(size=(ROWS, 2)).astype(np.float32)
    model.fit(x, y, batch_size=BATCH, epochs=4, verbose=0)
    return [v.numpy().tobytes() for v in (*model.weights, *model.optimizer.state_variables)]


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_the_bits_of_one_after_the_other(name: str, threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    pydl.config.set_num_threads(threads)
    regularizer = pydl.regularizers.L1L2(0.01, 0.02)
    model = net(OPTIMIZERS[name](), kernel_regularizer=regularizer)
    at_once = trained(model)
    assert ops(model).count("gemm_step") == 3
    assert all(layer.kernel.grad is None for layer in model.layers), "a gradient was kept that nobody wants"
    monkeypatch.setattr(tuning, "BEYOND_L2", 1 << 20)
    apart = net(OPTIMIZERS[name](), kernel_regularizer=regularizer)
    assert trained(apart) == at_once
    assert "gemm_step" not in ops(apart)


@pytest.mark.parametrize(("l2", "expected"), [(1 << 16, 1), (1 << 17, 0)])
def test_large_is_what_the_second_cache_is_too_small_for(
    l2: int, expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    found = _core.caches()
    _core.set_caches(found | {"l2": found["l2"] | {"bytes": l2}})
    try:
        model = pydl.Sequential([pydl.Input((256,)), L.Dense(256), L.Dense(2)])  # of 256 KB and 16 KB
        model.compile("adam", "mse")
        assert ops(model).count("gemm_step") == expected
    finally:
        _core.set_caches(found)


class Halved(O.Optimizer):
    """Steps of half the gradient, in NumPy."""

    def update(self, weight: Any, gradient: Any, slots: Any, learning_rate: float, step: int) -> None:
        weight -= learning_rate * gradient / 2


@pytest.mark.parametrize(
    "optimizer",
    [O.Adam(clipnorm=1.0), O.Adam(clipvalue=1.0), O.Adam(global_clipnorm=1.0), Halved(0.1)],
    ids=["clipnorm", "clipvalue", "global_clipnorm", "own"],
)
def test_not_where_the_gradient_is_wanted(optimizer: Any) -> None:
    assert "gemm_step" not in ops(net(optimizer))


def test_not_where_it_is_not_the_whole_gradient() -> None:
    """A kernel used twice has two gradients to add up; a batch beyond what the kernel packs comes in parts."""
    x, shared = pydl.Input((8,)), L.Dense(8)
    model = pydl.Model(x, L.Dense(3)(shared(shared(x))))
    model.compile("adam", "mse")
    assert ops(model).count("gemm_dw") == 2
    assert ops(model).count("gemm_step") == 1
    assert "gemm_step" not in ops(net("adam"), 257)
    assert ops(net("adam"), 256).count("gemm_step") == 3


def test_with_a_constraint_behind_it() -> None:
    model = net("adam", kernel_constraint=pydl.constraints.MaxNorm(0.5))
    trained(model)
    assert ops(model).count("gemm_step") == 3
    assert np.linalg.norm(model.layers[0].kernel.numpy(), axis=0).max() <= 0.5 + 1e-6


def test_gradients_are_still_to_be_had() -> None:
    model = net("sgd")
    trained(model)
    x, y = np.ones((5, INPUTS), np.float32), np.zeros((5, 2), np.float32)
    gradients = model.gradients(x, y)
    before = [v.numpy() for v in model.trainable_weights]
    rate = float(model.optimizer.learning_rate)
    model.fit(x, y, batch_size=5, verbose=0)
    for v, old in zip(model.trainable_weights, before, strict=True):
        np.testing.assert_allclose(v.numpy(), old - rate * gradients[v.path], rtol=1e-5, atol=1e-7)
