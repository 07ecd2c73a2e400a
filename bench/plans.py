"""What a call costs before the first step: building plans, and starting `fit`, of a three-layer net; milliseconds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bench.nets import Net
from bench.peers import own
from bench.timing import Setting, scaled, seconds, take_turns
from pydl._programs import Program

NETS = [Net((20, 64, 64, 1), 32), Net((784, 512, 512, 10), 128, classes=True)]


def run(setting: Setting) -> list[dict[str, Any]]:
    """A row per net and thing done."""
    rows = []
    for net in NETS:
        taken = take_turns(_deeds(net), 10 * setting.rounds)
        rows += [{"net": str(net), "what": what, "ms": scaled(times, 1e3)} for what, times in taken.items()]
    return rows


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
        "plan of a training step": lambda: seconds(lambda: Program(model, "train", net.batch, (False,), [])),
        "plan of a prediction": lambda: seconds(lambda: Program(model, "predict", net.batch, (), [])),
        "first fit of a model, one batch": first_fit,
        "fit again, one batch": lambda: seconds(lambda: fit(model)),
        "train_on_batch": lambda: seconds(lambda: model.train_on_batch(x, y)),
    }
