"""Keras on JAX, through `fit`."""

from __future__ import annotations

import os
from typing import Any

os.environ["KERAS_BACKEND"] = "jax"

import keras

from bench.nets import Array, Net
from bench.pictures import PictureNet


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


class PictureTraining(Training):
    """The same of a convolutional net."""

    def __init__(self, net: PictureNet) -> None:
        self.batch, self.model = net.batch, net.keras(keras)
        if net.classes is None:
            self.model.compile("adam", "mse")
        else:
            self.model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
