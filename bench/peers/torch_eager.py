"""torch, eager: its usual training loop with the fused Adam; inference; MKL's products through `torch.mm`."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import torch

from bench.nets import Array, Net

torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))


def module(net: Net) -> Any:
    """The net with its first weights, without the softmax."""
    layers: list[Any] = []
    for (i, o), (w, b) in zip(net.layers, net.weights(), strict=True):
        dense = torch.nn.Linear(i, o)
        with torch.no_grad():
            dense.weight.copy_(torch.from_numpy(w.T))
            dense.bias.copy_(torch.from_numpy(b))
        layers += [dense, torch.nn.ReLU()]
    return torch.nn.Sequential(*layers[:-1])


class Training:
    """forward, backward, step; the loss's value is left unread."""

    def __init__(self, net: Net) -> None:
        self.batch = net.batch
        self.module = module(net)
        self.optimizer = torch.optim.Adam(self.module.parameters(), eps=1e-7, fused=True)
        self.criterion = torch.nn.CrossEntropyLoss() if net.classes else torch.nn.MSELoss()

    def prepare(self, x: Array, y: Array) -> tuple[Any, Any]:
        return torch.from_numpy(x), torch.from_numpy(y)

    def loss(self, x: Any, y: Any) -> Any:
        return self.criterion(self.module(x), y)

    def fit(self, x: Any, y: Any) -> None:
        """One epoch in random order."""
        for rows in torch.randperm(len(x)).split(self.batch):
            self.optimizer.zero_grad()
            self.loss(x.index_select(0, rows), y.index_select(0, rows)).backward()
            self.optimizer.step()

    def accuracy(self, x: Array, y: Array) -> float:
        with torch.inference_mode():
            return float((self.module(torch.from_numpy(x)).argmax(1).numpy() == y).mean())


def predictor(net: Net) -> Callable[[Array], Array]:
    """From NumPy to NumPy, in inference mode."""
    last = [torch.nn.Softmax(1)] if net.classes else []
    made = torch.nn.Sequential(*module(net), *last).eval()

    @torch.inference_mode()
    def predict(x: Array) -> Array:
        y: Array = made(torch.from_numpy(x)).numpy()
        return y

    return predict


def product(a: Array, b: Array) -> Callable[[], Any]:
    """`torch.mm` into a tensor that is there."""
    left, right = torch.from_numpy(a), torch.from_numpy(b)
    out = torch.empty(len(a), b.shape[1])
    return lambda: torch.mm(left, right, out=out)
