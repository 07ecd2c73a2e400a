"""The same bits for any number of threads and any batch a row is predicted in, on real digits."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pydl
from pydl import layers as L
from pydl._engine import program

THREADS = (1, 2, 3, 4, 7, 16)
ROWS, BATCH, EPOCHS = 3000, 100, 3


@pytest.fixture(scope="module")
def mnist(data_dir: Path) -> tuple[Any, Any]:
    """Some rows of MNIST, as bytes, and their class numbers."""
    with np.load(data_dir / "mnist.npz") as f:
        return f["x_train"][:ROWS].reshape(ROWS, -1), f["y_train"][:ROWS]


def build(dtype: str) -> Any:
    pydl.utils.set_random_seed(5)
    pydl.config.set_floatx(dtype)
    try:
        model = pydl.Sequential(
            [
                pydl.Input((784,)),
                L.Rescaling(1 / 255),
                L.Dense(33, "gelu"),
                L.BatchNormalization(),
                L.Dropout(0.2),
                L.Dense(17, "tanh", kernel_regularizer="l2"),
                L.LayerNormalization(),
                L.Dense(10, "softmax"),
            ]
        )
    finally:
        pydl.config.set_floatx("float32")
    schedule = pydl.optimizers.schedules.ExponentialDecay(0.003, 10, 0.9)
    optimizer = pydl.optimizers.Adam(schedule, amsgrad=True, global_clipnorm=1.0)
    model.compile(optimizer, "sparse_categorical_crossentropy", ["accuracy"])
    return model


def fingerprint(model: Any) -> str:
    """A hash of weights, the optimizer's state and the step."""
    h = hashlib.sha256(str(model.optimizer.iterations).encode())
    for v in (*model.weights, *model.optimizer.state_variables):
        h.update(v.name.encode() + v.numpy().tobytes())
    return h.hexdigest()


@pytest.fixture(autouse=True)
def as_many_threads_as_said(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Plans take all threads allowed, however little there is to do."""
    monkeypatch.setattr(program, "choose_threads", lambda work, limit: limit)
    yield
    pydl.config.set_num_threads(None)


def trained(threads: int, dtype: str, data: tuple[Any, Any]) -> tuple[str, dict[str, list[float]], Any]:
    """After a fit on exactly so many threads: fingerprint, history, predictions."""
    pydl.config.set_num_threads(threads)
    model = build(dtype)
    x, y = data
    history = model.fit(x, y, batch_size=BATCH, epochs=EPOCHS, validation_split=0.03, verbose=0).history
    plan = model.plan(BATCH)
    assert plan.threads == threads
    assert any(r.get("pieces") for r in plan.records), "nothing is shared out in pieces"
    return fingerprint(model), history, model.predict(x[:200])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_any_number_of_threads(mnist: tuple[Any, Any], isa: str, dtype: str) -> None:
    """2,910 rows to train on: the last batch is a short one."""
    expected = trained(1, dtype, mnist)
    assert expected[1]["accuracy"][-1] > 0.8, "it learns"
    for threads in THREADS[1:]:
        got = trained(threads, dtype, mnist)
        assert got[0] == expected[0], f"{threads} threads: other weights or optimizer state"
        assert got[1] == expected[1], f"{threads} threads: other losses or metrics"
        np.testing.assert_array_equal(got[2], expected[2])


def test_panels_of_a_wide_first_layer_shared_out(mnist: tuple[Any, Any], isa: str) -> None:
    """On one thread the forward pass goes by rows, on others by panels of the weights."""
    x, y = mnist
    hashes = set()
    for threads in (1, 2, 4):
        pydl.config.set_num_threads(threads)
        pydl.utils.set_random_seed(1)
        wide = L.Dense(200, "gelu", kernel_regularizer=pydl.regularizers.L1L2(1e-5, 1e-4))
        model = pydl.Sequential([pydl.Input((784,)), L.Rescaling(1 / 255), wide, L.Dense(10)])
        model.compile("adam", pydl.losses.SparseCategoricalCrossentropy(from_logits=True))
        losses = model.fit(x, y, batch_size=70, epochs=2, verbose=0).history["loss"]
        assert ("gemm_fwd_panels" in str(model.plan(70))) == (threads > 1)
        hashes.add((fingerprint(model), *losses))
    assert len(hashes) == 1


def test_a_hundred_steps_twice(mnist: tuple[Any, Any]) -> None:
    """One run step by step, the other in one go on other threads."""
    x, y = mnist
    hashes = []
    watcher = pydl.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: None)
    for threads, callbacks in ((2, None), (3, [watcher])):
        pydl.config.set_num_threads(threads)
        model = build("float32")
        model.fit(x, y, batch_size=30, epochs=1, verbose=0, callbacks=callbacks)
        assert model.optimizer.iterations == 100
        hashes.append(fingerprint(model))
    assert hashes[0] == hashes[1]


def test_another_seed_gives_other_weights(mnist: tuple[Any, Any]) -> None:
    x, y = mnist
    hashes = set()
    for seed in (5, 6):
        model = build("float32")
        pydl.utils.set_random_seed(seed)  # of the shuffling and the dropout, as the weights are drawn
        model.fit(x[:200], y[:200], verbose=0)
        hashes.add(fingerprint(model))
    assert len(hashes) == 2


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_predictions_depend_on_no_other_row(mnist: tuple[Any, Any], isa: str, dtype: str) -> None:
    x, y = mnist
    model = build(dtype)
    model.fit(x[:300], y[:300], verbose=0)
    expected = model.predict(x[:150], batch_size=150)
    for batch_size in (1, 2, 7, 32, 149, 1000):
        np.testing.assert_array_equal(model.predict(x[:150], batch_size=batch_size), expected)
    np.testing.assert_array_equal(model.predict_on_batch(x[149:150]), expected[149:])
    np.testing.assert_array_equal(model(x[3:50:4]), expected[3:50:4])


def test_evaluation_depends_little_on_the_batch_and_not_on_threads(mnist: tuple[Any, Any]) -> None:
    x, y = mnist
    model = build("float64")
    model.fit(x[:300], y[:300], verbose=0)
    results = []
    for threads in (1, 2, 5):
        pydl.config.set_num_threads(threads)
        results.append(model.evaluate(x, y, verbose=0))
    assert results[0] == results[1] == results[2]
    for batch_size in (1, 33, 5000):
        assert model.evaluate(x, y, batch_size=batch_size, verbose=0) == pytest.approx(results[0], rel=1e-12)
