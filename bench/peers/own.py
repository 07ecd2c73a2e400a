"""pydl through its public API."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import pydl
from bench.nets import Array, Net
from bench.pictures import PictureNet


def model(net: Net) -> Any:
    """The net with its first weights, and the same orders of rows in every run."""
    pydl.utils.set_random_seed(2)
    *hidden, last = net.sizes[1:]
    dense = [pydl.layers.Dense(n, activation="relu") for n in hidden]
    output = pydl.layers.Dense(last, activation="softmax" if net.classes else None)
    made = pydl.Sequential([pydl.Input((net.sizes[0],)), *dense, output])
    made.set_weights([array for pair in net.weights() for array in pair])
    return made


def compiled(net: Net) -> Any:
    """The net, to be trained with Adam."""
    made = model(net)
    loss = "sparse_categorical_crossentropy" if net.classes else "mse"
    made.compile("adam", loss, metrics=["accuracy"] if net.classes else None)
    return made


class Training:
    """`fit`, with the accuracy as a metric where there are classes."""

    def __init__(self, net: Net) -> None:
        self.net: Any = net
        self.model = compiled(net)

    def prepare(self, x: Array, y: Array) -> tuple[Array, Array]:
        return x, y

    def fit(self, x: Array, y: Array) -> None:
        """One epoch in random order."""
        self.model.fit(x, y, batch_size=self.net.batch, verbose=0)

    def accuracy(self, x: Array, y: Array) -> float:
        return float(self.model.evaluate(x, y, verbose=0, return_dict=True)["accuracy"])


class PictureTraining(Training):
    """The same of a convolutional net."""

    def __init__(self, net: PictureNet) -> None:
        pydl.utils.set_random_seed(2)
        self.net, self.model = net, net.keras(pydl)
        if net.classes is None:
            self.model.compile("adam", "mse")
        else:
            self.model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])


def predictor(net: Net) -> Callable[[Array], Array]:
    """`model(x)`."""
    made: Callable[[Array], Array] = model(net)
    return made


def picture_predictor(net: PictureNet) -> Callable[[Array], Array]:
    """`model(x)`."""
    pydl.utils.clear_session()
    pydl.utils.set_random_seed(2)
    made: Callable[[Array], Array] = net.keras(pydl)
    return made


def batch_predictor(net: Net) -> Callable[[Array], Array]:
    """`model.predict_on_batch(x)`."""
    made: Callable[[Array], Array] = model(net).predict_on_batch
    return made


def product(a: Array, b: Array) -> Callable[[], Array]:
    """`ops.matmul` into an array that is there."""
    out = np.empty((len(a), b.shape[1]), a.dtype)
    return lambda: pydl.ops.matmul(a, b, out=out)
