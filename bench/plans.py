"""What comes before the first step, in milliseconds: plans and starting `fit` of a three-layer net; orders of rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from bench.nets import Net
from bench.peers import own
from bench.timing import Setting, scaled, seconds, take_turns
from pydl._base.random import permutation

ROWS = 60_000
NETS = [Net((20, 64, 64, 1), 32), Net((784, 512, 512, 10), 128, classes=True)]


def run(setting: Setting) -> list[dict[str, Any]]:
    """A row per net or number of rows, and thing done."""
    rows = []
    for of, deeds in [*((str(net), _deeds(net)) for net in NETS), (f"{ROWS:,} rows", _orders())]:
        taken = take_turns(deeds, 10 * setting.rounds)
        rows += [{"of": of, "what": what, "ms": scaled(times, 1e3)} for what, times in taken.items()]
    return rows


def _orders() -> dict[str, Callable[[], float]]:
    return {
        "random order": lambda: seconds(lambda: permutation(ROWS, 1)),
        "random order, NumPy's": lambda: seconds(lambda: np.random.default_rng(1).permutation(ROWS)),
    }


def _deeds(net: Net) -> dict[str, Callable[[], float]]:
    model = own.compiled(net)
    x, y = net.data(net.batch)
    model.train_on_batch(x, y)

    def fit(model: Any) -> None:
        model.fit(x, y, batch_size=net.batch, verbose=0)

    def first_fit() -> float:
        new = own.compiled(net)
        return seconds(lambda: fit(new))

    return {
        "plan of a training step": lambda: seconds(lambda: model._runner.make("train", net.batch)),
        "plan of a prediction": lambda: seconds(lambda: model._runner.make("predict", net.batch)),
        "first fit of a model, one batch": first_fit,
        "fit again, one batch": lambda: seconds(lambda: fit(model)),
        "train_on_batch": lambda: seconds(lambda: model.train_on_batch(x, y)),
    }
