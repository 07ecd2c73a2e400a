"""A linear model, what `fit` makes of it written in NumPy, and things to fit it with."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

import pydl
from pydl import layers as L

ROWS, BATCH, RATE = 40, 7, 0.1  # five whole batches and one of five rows
RTOL = 1e-12

Array = np.ndarray[Any, np.dtype[np.float64]]

RNG = np.random.default_rng(0)
X = RNG.normal(size=(ROWS, 3))
Y = X @ RNG.normal(size=(3, 2)) + 0.1 * RNG.normal(size=(ROWS, 2))
W = RNG.uniform(0.2, 3, ROWS)


def linear(metrics: Any = None, weighted_metrics: Any = None, rate: float = RATE) -> Any:
    pydl.utils.set_random_seed(3)
    model = pydl.Sequential([pydl.Input((3,)), L.Dense(2)])
    model.compile(pydl.optimizers.SGD(rate), "mse", metrics=metrics, weighted_metrics=weighted_metrics)
    return model


def numpy_fit(
    model: Any, x: Array, y: Array, w: Array | None = None, *, epochs: int = 1, batch: int = BATCH, rates: Any = None
) -> dict[str, list[float]]:
    """The history of a linear model without shuffling; leaves the weights in the model."""
    k, b = model.get_weights()
    history: dict[str, list[float]] = {"loss": [], "mae": [], "weighted": []}
    w = np.ones(len(x)) if w is None else w
    for epoch in range(epochs):
        loss = mae = weighted = 0.0
        for first in range(0, len(x), batch):
            rows = slice(first, first + batch)
            error = x[rows] @ k + b - y[rows]
            n = len(error)
            loss += (w[rows] * (error**2).mean(axis=1)).sum()
            mae += np.abs(error).mean(axis=1).sum()
            weighted += (w[rows] * np.abs(error).mean(axis=1)).sum()
            slope = 2 * error * w[rows, None] / error.shape[1] / n
            rate = RATE if rates is None else rates(epoch)
            k, b = k - rate * x[rows].T @ slope, b - rate * slope.sum(axis=0)
        history["loss"].append(loss / len(x))
        history["mae"].append(mae / len(x))
        history["weighted"].append(weighted / w.sum())
    model.set_weights([k, b])
    return history


def mse(model: Any, x: Array, y: Array, w: Array | None = None) -> float:
    k, b = model.get_weights()
    per_row = ((x @ k + b - y) ** 2).mean(axis=1)
    return float((per_row if w is None else w * per_row).mean())


def assert_same_weights(a: Any, b: Any) -> None:
    for x, y in zip(a.get_weights(), b.get_weights(), strict=True):
        np.testing.assert_allclose(x, y, rtol=RTOL, atol=RTOL)


class Seen(L.Layer):
    """Passes its input on and keeps what it saw in training."""

    def build(self, input_shape: Any) -> None:
        self.batches: list[Array] = []

    def call(self, x: Array, training: bool = False) -> Array:
        if training:
            self.batches.append(x[:, 0].copy())
        return x

    def backward(self, x: Array, y: Array, dy: Array) -> Array:
        return dy


def watched() -> tuple[Any, Seen]:
    """A model of which row i of `arange(n)` can be recognised."""
    pydl.utils.set_random_seed(8)
    seen = Seen()
    model = pydl.Sequential([pydl.Input((1,)), seen, L.Dense(1)])
    model.compile("sgd", "mse")
    return model, seen


def epochs_seen(batches: list[Array], per_epoch: int) -> list[list[float]]:
    return [np.concatenate(batches[i : i + per_epoch]).tolist() for i in range(0, len(batches), per_epoch)]


class Batches(pydl.utils.PyDataset):
    def __init__(self, x: Array, y: Array, size: int, w: Array | None = None) -> None:
        super().__init__()
        self.arrays, self.size, self.events, self.order = (x, y, w), size, [], []

    def __len__(self) -> int:
        return int(np.ceil(len(self.arrays[0]) / self.size))

    def __getitem__(self, index: int) -> Any:
        self.order.append(index)
        rows = slice(index * self.size, (index + 1) * self.size)
        return tuple(a[rows] for a in self.arrays if a is not None)

    def on_epoch_begin(self) -> None:
        self.events.append("begin")

    def on_epoch_end(self) -> None:
        self.events.append("end")


def endless(size: int) -> Iterator[Any]:
    while True:
        for first in range(0, ROWS - size + 1, size):
            yield X[first : first + size], Y[first : first + size]
