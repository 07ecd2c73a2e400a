"""The nets of the comparisons, in pydl and, where it is installed, in torch: same sizes, data, batches, optimizer."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

import pydl

HAS_TORCH = importlib.util.find_spec("torch") is not None

Array = NDArray[Any]


@dataclass(frozen=True)
class Net:
    """A multilayer perceptron with relu between its layers, and the batch it is trained with."""

    sizes: tuple[int, ...]
    batch: int
    classes: bool = False  # cross-entropy of class numbers, else mean squared error

    def __str__(self) -> str:
        return f"{'-'.join(map(str, self.sizes))} b{self.batch}"

    def data(self, rows: int) -> tuple[Array, Array]:
        """Random inputs and targets."""
        rng = np.random.default_rng(0)
        x = rng.standard_normal((rows, self.sizes[0]), np.float32)
        if self.classes:
            return x, rng.integers(0, self.sizes[-1], rows)
        return x, rng.standard_normal((rows, self.sizes[-1]), np.float32)


def pydl_model(net: Net) -> Any:
    """The net, compiled with Adam."""
    *hidden, last = net.sizes[1:]
    dense = [pydl.layers.Dense(n, activation="relu") for n in hidden]
    output = pydl.layers.Dense(last, activation="softmax" if net.classes else None)
    model = pydl.Sequential([pydl.Input(net.sizes[:1]), *dense, output])
    loss = "sparse_categorical_crossentropy" if net.classes else "mse"
    model.compile("adam", loss, metrics=["accuracy"] if net.classes else None)
    return model


class TorchModel:
    """The net in torch, eager, with the fused Adam: its usual training loop, on as many threads as pydl uses."""

    def __init__(self, net: Net) -> None:
        import torch

        self.torch = torch
        torch.set_num_threads(pydl.config.get_num_threads())
        layers: list[Any] = []
        for i, o in zip(net.sizes, net.sizes[1:], strict=False):
            layers += [torch.nn.Linear(i, o), torch.nn.ReLU()]
        self.model = torch.nn.Sequential(*layers[:-1])
        self.optimizer = torch.optim.Adam(self.model.parameters(), eps=1e-7, fused=True)
        self.loss: Callable[..., Any] = torch.nn.CrossEntropyLoss() if net.classes else torch.nn.MSELoss()
        self.batch = net.batch

    def fit(self, x: Array, y: Array) -> None:
        """One epoch in random order."""
        torch = self.torch
        inputs, targets = torch.from_numpy(x), torch.from_numpy(y)
        for rows in torch.randperm(len(x)).split(self.batch):
            self.optimizer.zero_grad()
            self.loss(self.model(inputs[rows]), targets[rows]).backward()
            self.optimizer.step()

    def accuracy(self, x: Array, y: Array) -> float:
        """Share of rows whose largest output is at the class number."""
        with self.torch.no_grad():
            return float((self.model(self.torch.from_numpy(x)).argmax(1).numpy() == y).mean())
