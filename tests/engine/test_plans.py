"""Plans of whole models: where threads wait for each other, and how buffers share memory."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import pydl
from pydl import _core
from pydl import layers as L
from tests.process import says


@pytest.fixture(autouse=True)
def _two_threads() -> Iterator[None]:
    before = pydl.config.get_num_threads()
    pydl.config.set_num_threads(2)
    yield
    pydl.config.set_num_threads(before)


# ---- barriers --------------------------------------------------------------------------------------------------------


def sequences() -> Any:
    return pydl.Sequential([
        pydl.Input((5, 12)), L.Dense(16, "relu"), L.LayerNormalization(), L.Dense(8), L.Activation("softmax"),
        L.Dense(9, "softmax"), L.Flatten(), L.Dense(3),
    ])  # fmt: skip


def barriers(batch: int) -> list[str]:
    return [r["op"] for r in sequences().plan(batch, "predict").records if r["barrier"]]


def test_rows_of_samples_stay_with_their_thread() -> None:
    assert barriers(32) == ["gather"]


def test_fewer_samples_than_threads_are_divided() -> None:
    """By time steps up to Flatten and by nothing behind it: there are barriers between the two."""
    assert len(barriers(1)) > 1


# ---- memory ----------------------------------------------------------------------------------------------------------
WIDTH, BATCH, DEPTH = 1024, 4096, 20
ACTIVATION = WIDTH * BATCH * 4  # bytes


def deep() -> Any:
    layers = [L.Dense(WIDTH, "relu", kernel_initializer="zeros") for _ in range(DEPTH)]
    model = pydl.Sequential([pydl.Input((WIDTH,)), *layers])
    model.compile("sgd", "mse")
    return model


def test_prediction_needs_two_activations() -> None:
    assert deep()._runner.make("predict", BATCH).nbytes <= 2.1 * ACTIVATION


def test_training_keeps_activations_but_no_gradients() -> None:
    """All activations are read again, but of their gradients two are needed at a time."""
    needed = deep()._runner.make("train", BATCH).nbytes
    assert DEPTH * ACTIVATION <= needed <= (DEPTH + 5) * ACTIVATION


# ---- the same bits in memory that is used again ---------------------------------------------------------------------
MANY, FEW = 16384, 64


def forked() -> Any:
    """Buffers that are needed at once and of several sizes: what is written too early shows."""
    pydl.utils.set_random_seed(1)
    x = pydl.Input((40,))
    y = L.Dense(128, "tanh")(x)
    for _ in range(4):
        a, b = L.Dense(128, "gelu")(y), L.Dense(64, "silu")(L.LayerNormalization()(y))
        y = L.Dense(128, "softmax")(L.Concatenate()([L.Add()([a, y]), b]))
    return pydl.Model(x, L.Dense(2)(y))


def rows(n: int, columns: int) -> Any:
    return np.random.default_rng(2).normal(size=(n, columns)).astype(np.float32)


def test_a_large_batch_gives_the_bits_of_small_ones() -> None:
    model, x = forked(), rows(MANY, 40)
    written = {id(b): b.nbytes for r in model.plan(MANY, "predict").records for b in r["writes"]}
    assert sum(written.values()) > _core.REUSE_FROM
    assert model.plan(MANY, "predict").nbytes < sum(written.values()) / 2
    assert model.plan(FEW, "predict").nbytes < _core.REUSE_FROM
    many, few = (model.predict(x, batch_size=n, verbose=0) for n in (MANY, FEW))
    assert many.std(axis=0).min() > 1e-6  # the rows differ
    assert many.tobytes() == few.tobytes()


def trained() -> str:
    model = forked()
    model.compile("adam", "mse")
    model.fit(rows(MANY, 40), rows(MANY, 2), batch_size=MANY, epochs=2, shuffle=False, verbose=0)
    return hashlib.sha256(b"".join(w.tobytes() for w in model.get_weights())).hexdigest()


def test_training_gives_the_bits_of_a_plan_without_shared_memory() -> None:
    """Which is what plans are in debug mode."""
    apart = says("from tests.engine.test_plans import trained; print(trained())", PYDL_DEBUG="1")
    assert trained() == apart.strip()


def test_one_thread_uses_memory_again_that_several_keep_apart() -> None:
    """On one thread no barrier can be added; what a chain of layers has written and read gives its place up."""
    layers = [pydl.layers.Dense(4096, activation="relu") for _ in range(6)]
    model = pydl.Sequential([pydl.Input((4096,)), *layers])
    x = np.random.default_rng(0).normal(size=(32, 4096)).astype(np.float32)
    found = {}
    for threads in (1, 2):
        with pydl.config.limit_threads(threads):
            found[threads] = model.plan(32, "predict").nbytes, model.predict(x, verbose=0)
    assert found[1][0] < found[2][0] / 2
    np.testing.assert_array_equal(found[1][1], found[2][1])
