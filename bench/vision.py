"""Milliseconds per training step of convolutional nets with Adam, and per image; ratios are peer / pydl.

Data are random, in memory, in random order. Shares are of the peak of multiply-adds; only products count. An image
is predicted by itself, on one thread.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Any

import numpy as np

from bench import steps
from bench.pictures import NETS, PictureNet
from bench.rivals import Rival, at_work, compete, installed
from bench.timing import Setting, ratio, spread


def run(setting: Setting, nets: Sequence[PictureNet] = NETS) -> list[dict[str, Any]]:
    """A row per net."""
    with at_work(installed("pictures", setting.peers), setting.threads) as rivals:
        rows = [measure(net, rivals, setting) for net in nets]
    with at_work(installed("picture", setting.peers), 1) as rivals:
        alone = {net.name: measure_alone(net, rivals, setting) for net in nets}
    return [row | alone.pop(net.name, {}) for row, net in zip(rows, nets, strict=True)]


def measure(net: PictureNet, rivals: Sequence[Rival], setting: Setting) -> dict[str, Any]:
    """Times of all, their shares of the peak, ratios of the peers, and of the fastest of them in each round."""
    _, taken = compete(rivals, setting.rounds, "PictureSteps", "pictures", net=str(net), budget=setting.budget(0.3))
    return steps.row(net, taken, setting.threads, "ms", 1e3)


def measure_alone(net: PictureNet, rivals: Sequence[Rival], setting: Setting) -> dict[str, Any]:
    """Times of one image; the libraries must agree on what it is."""
    facts, taken = compete(
        rivals, setting.rounds, "PicturePredictions", "picture", net=str(net), rows=1, budget=setting.budget(0.1)
    )
    for name, fact in facts.items():
        np.testing.assert_allclose(fact["y"], facts["pydl"]["y"], rtol=1e-3, atol=1e-4, err_msg=name)
    medians = {name: [statistics.median(turn) for turn in turns] for name, turns in taken.items()}
    row = {f"one image, {name}, us": spread(times) for name, times in medians.items()}
    return row | {
        f"one image, {name} / pydl": ratio(medians[name], medians["pydl"]) for name in medians if name != "pydl"
    }


def summary(rows: Sequence[dict[str, Any]]) -> dict[str, float]:
    """The fastest peer / pydl, at least 5, 3, 2.5, 1.4, 3 and 2 in the order of `NETS`; pydl's shares of the peak."""
    ratios = {row["net"]: row["fastest peer / pydl"]["median"] for row in rows if "fastest peer / pydl" in row}
    shares = {f"{row['net']}, of the peak": share for row in rows if (share := row.get("pydl, of the peak"))}
    return ratios | shares
