"""Keras on JAX, through `fit`."""

from __future__ import annotations

import os
from typing import Any

os.environ["KERAS_BACKEND"] = "jax"

import keras

from bench.nets import Array, Net


class Training:
    """The same calls as pydl's."""

    def __init__(self, net: Net) -> None:
        *hidden, last = net.sizes[1:]
        dense = [keras.layers.Dense(n, activation="relu") for n in hidden]
        output = keras.layers.Dense(last, activation="softmax" if net.classes else None)
        self.batch = net.batch
        self.model: Any = keras.Sequential([keras.Input((net.sizes[0],)), *dense, output])
        self.model.set_weights([array for pair in net.weights() for array in pair])
        loss = "sparse_categorical_crossentropy" if net.classes else "mse"
        self.model.compile("adam", loss, metrics=["accuracy"] if net.classes else None)

    def prepare(self, x: Array, y: Array) -> tuple[Array, Array]:
        return x, y

    def fit(self, x: Array, y: Array) -> None:
        """One epoch in random order."""
        self.model.fit(x, y, batch_size=self.batch, verbose=0)

    def accuracy(self, x: Array, y: Array) -> float:
        return float(self.model.evaluate(x, y, verbose=0, return_dict=True)["accuracy"])
