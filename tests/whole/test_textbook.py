"""Two programs from the textbook, written out in NumPy: the same losses at every epoch, in float64 to 1e-9."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import pydl
from pydl.callbacks import LambdaCallback

TOLERANCE = 1e-9

pytestmark = pytest.mark.usefixtures("isa", "float64")


def per_epoch_and_batch(model: Any, x: Any, y: Any, **options: Any) -> tuple[list[float], list[float]]:
    """The losses of a fit: of epochs, and the running ones after each batch."""
    running: list[float] = []
    watcher = LambdaCallback(on_train_batch_end=lambda batch, logs: running.append(logs["loss"]))
    history = model.fit(x, y, shuffle=False, verbose=0, callbacks=[watcher], **options)
    return history.history["loss"], running


def test_xor() -> None:
    """2-3-1, relu then sigmoid, mean squared error, full batch, SGD 0.5, 1,000 epochs."""
    x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], float)
    t = np.array([[0], [1], [1], [0]], float)
    rng = np.random.default_rng(1)
    w1, b1, w2, b2 = rng.normal(size=(2, 3)), np.full(3, 0.1), rng.normal(size=(3, 1)), np.zeros(1)

    model = pydl.Sequential(
        [pydl.Input((2,)), pydl.layers.Dense(3, activation="relu"), pydl.layers.Dense(1, activation="sigmoid")]
    )
    model.compile(optimizer=pydl.optimizers.SGD(0.5), loss="mse")
    model.set_weights([w1, b1, w2, b2])
    losses = model.fit(x, t, batch_size=4, epochs=1000, shuffle=False, verbose=0).history["loss"]

    expected = []
    for _ in range(1000):
        z1 = x @ w1 + b1
        h = np.maximum(z1, 0)
        y = 1 / (1 + np.exp(-(h @ w2 + b2)))
        expected.append(np.mean((y - t) ** 2))
        dz2 = 2 * (y - t) / t.size * y * (1 - y)
        dz1 = dz2 @ w2.T * (z1 > 0)
        w2, b2 = w2 - 0.5 * h.T @ dz2, b2 - 0.5 * dz2.sum(axis=0)
        w1, b1 = w1 - 0.5 * x.T @ dz1, b1 - 0.5 * dz1.sum(axis=0)

    assert expected[-1] < 0.1 * expected[0], "the textbook program itself learns"
    np.testing.assert_allclose(losses, expected, rtol=0, atol=TOLERANCE)
    for got, wanted in zip(model.get_weights(), (w1, b1, w2, b2), strict=True):
        np.testing.assert_allclose(got, wanted, rtol=0, atol=TOLERANCE)
    np.testing.assert_array_equal(model.predict(x).round(), t)


def test_twice_x_by_single_samples() -> None:
    """y = 2 x, one weight and one bias, mean squared error, a sample at a time, SGD 0.01, 100 epochs."""
    x = np.array([[1.0], [2.0], [3.0], [4.0]])
    t = 2 * x
    model = pydl.Sequential([pydl.Input((1,)), pydl.layers.Dense(1, kernel_initializer="zeros")])
    model.compile(optimizer=pydl.optimizers.SGD(0.01), loss="mse")
    losses, running = per_epoch_and_batch(model, x, t, batch_size=1, epochs=100)

    w = b = 0.0
    expected, expected_running = [], []
    for _ in range(100):
        total = 0.0
        for i in range(4):
            error = w * x[i, 0] + b - t[i, 0]
            total += error**2
            expected_running.append(total / (i + 1))
            w, b = w - 0.01 * 2 * error * x[i, 0], b - 0.01 * 2 * error
        expected.append(total / 4)

    np.testing.assert_allclose(losses, expected, rtol=0, atol=TOLERANCE)
    np.testing.assert_allclose(running, expected_running, rtol=0, atol=TOLERANCE)
    np.testing.assert_allclose(model.predict([[10.0]]), [[10 * w + b]], rtol=0, atol=TOLERANCE)
    assert w == pytest.approx(2, abs=0.1), "the textbook program itself learns"
