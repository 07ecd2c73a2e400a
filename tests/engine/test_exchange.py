"""A transform of one's own between gradients and update: two ranks that exchange their gradients train as one."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

import pydl
from pydl import layers as L
from pydl.optimizers import SGD, Adam

RNG = np.random.default_rng(0)
X = RNG.normal(size=(64, 5)).astype(np.float32)
Y = RNG.normal(size=(64, 2)).astype(np.float32)


class Exchange:
    """Means of the gradients of two ranks, which are threads here."""

    def __init__(self, rank: int, barrier: threading.Barrier, board: dict[tuple[int, int], Any]) -> None:
        self.rank, self.barrier, self.board = rank, barrier, board

    def emit(self, b: Any, variables: Sequence[Any]) -> None:
        gradients = [b.weight_gradient(v) for v in variables]

        def run() -> None:
            arrays = [np.asarray(g.buffer) for g in gradients]
            for i, a in enumerate(arrays):
                self.board[self.rank, i] = a.copy()
            self.barrier.wait(20)
            for i, a in enumerate(arrays):
                a[...] = (self.board[0, i] + self.board[1, i]) / 2
            self.barrier.wait(20)

        b.emit_python("Exchange", run, gradients, gradients)


def net(optimizer: Any) -> Any:
    pydl.utils.set_random_seed(3)
    model = pydl.Sequential([pydl.Input((5,)), L.Dense(9, "tanh", kernel_regularizer="l2"), L.Dense(2)])
    model.compile(optimizer, "mse")
    return model


@pytest.mark.parametrize(
    "make",
    [
        lambda: SGD(0.1, 0.9),
        lambda: Adam(0.01, global_clipnorm=0.3),
        lambda: SGD(0.1, gradient_accumulation_steps=2),
    ],
)
def test_two_ranks_train_as_one(make: Any) -> None:
    barrier, board = threading.Barrier(2), {}
    models = [net(make()) for _ in range(2)]
    for rank, model in enumerate(models):
        model._runner.transforms = (Exchange(rank, barrier, board),)
    failures: list[BaseException] = []

    def train(rank: int) -> None:
        """Each batch of 16: the one rank has its first 8 rows, the other one the rest."""
        rows = np.concatenate([np.arange(start + 8 * rank, start + 8 * rank + 8) for start in range(0, 64, 16)])
        try:
            models[rank].fit(X[rows], Y[rows], batch_size=8, epochs=3, shuffle=False, verbose=0)
        except BaseException as error:
            failures.append(error)
            barrier.abort()

    ranks = [threading.Thread(target=train, args=(rank,)) for rank in range(2)]
    for thread in ranks:
        thread.start()
    for thread in ranks:
        thread.join()
    assert not failures
    for a, b in zip(models[0].get_weights(), models[1].get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    alone = net(make())
    alone.fit(X, Y, batch_size=16, epochs=3, shuffle=False, verbose=0)
    for a, b in zip(models[0].get_weights(), alone.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-4, atol=2e-6)  # sums of 16 rows instead of twice 8


def test_the_place_of_an_exchange() -> None:
    """Behind accumulation, so that whole means are exchanged, and before clipping; only in steps that update."""
    model = net(Adam(0.01, global_clipnorm=0.3, gradient_accumulation_steps=3))
    model._runner.transforms = (Exchange(0, threading.Barrier(1), {}),)
    ops = [r["op"] for r in model.plan(16).records]
    order = ["grad_accumulate", "Exchange", "norm_parts", "grad_clip", "opt_adam_step"]
    places = [max(i for i, op in enumerate(ops) if op == name) for name in order]
    assert places == sorted(places)
    assert "penalty_grad" in ops[: ops.index("grad_accumulate")]
