"""Training steps of w-w-w-w nets over a grid of widths and batches, most of them odd: GFLOP/s, to find cliffs.

A cliff shows as a dip: a width whose speed is far below that of its neighbours in the grid, the one narrower and the
one wider (their geometric mean), at the same batch.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from typing import Any

from bench.nets import Net
from bench.rivals import at_work
from bench.timing import Setting, spread, take_turns

WIDTHS = [8, 15, 17, 31, 33, 47, 50, 63, 65, 79, 97, 100, 127, 129, 161, 200, 255, 257, 300, 399, 511, 513, 640, 777]
BATCHES = [1, 7, 31, 33, 64, 100, 129]


def run(setting: Setting, widths: Sequence[int] = WIDTHS, batches: Sequence[int] = BATCHES) -> list[dict[str, Any]]:
    """A row per batch and width; the grid is passed through once per round."""
    if setting.quick:
        widths, batches = widths[::2], batches[::2]
    nets = {(batch, width): Net((width,) * 4, batch) for batch in batches for width in widths}
    with at_work(["pydl"], setting.threads) as (rival,):

        def measure(net: Net) -> float:
            rival.make("Steps", "train", net=asdict(net), budget=setting.budget(0.02))
            return net.flops / 1e9 / rival.turn()

        rounds = 2 if setting.quick else 5
        taken = take_turns({str(net): partial(measure, net) for net in nets.values()}, rounds)
    speeds = {at: spread(taken[str(net)]) for at, net in nets.items()}
    rows = []
    for (batch, width), speed in speeds.items():
        place = widths.index(width)
        near = [speeds[batch, w]["median"] for w in widths[max(place - 1, 0) : place + 2] if w != width]
        around = statistics.geometric_mean(near) if len(near) == 2 else speed["median"]
        rows.append({"batch": batch, "width": width, "GFLOP/s": speed, "of its neighbours": speed["median"] / around})
    return rows


def summary(rows: Sequence[dict[str, Any]]) -> dict[str, float]:
    """The deepest dip, and the worst speed against the median where a net is large enough to have one."""
    worst = min(rows, key=lambda row: row["of its neighbours"])
    large = [row["GFLOP/s"]["median"] for row in rows if row["width"] >= 97 and row["batch"] >= 31] or [0.0]
    return {
        f"deepest dip, at width {worst['width']}, batch {worst['batch']}": worst["of its neighbours"],
        "slowest / median of widths >= 97, batches >= 31": min(large) / (statistics.median(large) or 1.0),
    }
