"""A training step of six nets, through `fit`, beside torch's where that is installed."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from functools import partial
from typing import Any

from bench.nets import HAS_TORCH, Array, Net, TorchModel, pydl_model
from bench.timing import ratio, seconds, take_turns

Fit = Callable[[Array, Array], object]

NETS = [
    Net((8, 16, 1), 4),
    Net((20, 64, 64, 1), 32),
    Net((784, 128, 10), 32, classes=True),
    Net((784, 128, 10), 128, classes=True),
    Net((784, 512, 512, 10), 128, classes=True),
    Net((1024, 4096, 4096, 1024), 256),
]


_MOST_INPUTS = 1 << 28  # elements of one epoch's data


def measure(net: Net, budget: float = 0.3, rounds: int = 5) -> dict[str, Any]:
    """Microseconds per step: the median over epochs of about `budget` seconds each, overheads of `fit` included."""
    model = pydl_model(net)
    fits: dict[str, Fit] = {"pydl": lambda x, y: model.fit(x, y, batch_size=net.batch, verbose=0)}
    if HAS_TORCH:
        fits["torch"] = TorchModel(net).fit
    data = {name: _epoch(net, fit, budget) for name, fit in fits.items()}
    taken = take_turns({name: partial(fit, *data[name]) for name, fit in fits.items()}, rounds)
    steps = {name: len(x) / net.batch for name, (x, _) in data.items()}
    us = {name: [s / steps[name] * 1e6 for s in times] for name, times in taken.items()}
    row: dict[str, Any] = {"net": str(net)} | {f"{name}, us": statistics.median(times) for name, times in us.items()}
    return row | {f"{name} / pydl": ratio(us, name) for name in us if name != "pydl"}


def _epoch(net: Net, fit: Fit, budget: float) -> tuple[Array, Array]:
    """Data for so many steps as `fit` takes in the budget."""
    few = net.data(4 * net.batch)
    fit(*few)
    steps = int(4 * budget / seconds(lambda: fit(*few)))
    return net.data(max(4, min(steps, _MOST_INPUTS // (net.batch * net.sizes[0]))) * net.batch)


def run() -> list[dict[str, Any]]:
    """All nets."""
    return [measure(net) for net in NETS]
