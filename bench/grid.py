"""Speeds over grids of sizes, to find cliffs: training steps of w-w-w-w nets, and products around powers of two.

A cliff shows as a dip: a size whose speed is far below that of its neighbours in the grid, the one smaller and the one
larger (their geometric mean). Widths and batches of the nets are mostly odd; what the products are: `bench.powers`.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from typing import Any

from bench import powers
from bench.nets import Net
from bench.rivals import at_work
from bench.timing import Setting, dips, spread, take_turns

WIDTHS = [8, 15, 17, 31, 33, 47, 50, 63, 65, 79, 97, 100, 127, 129, 161, 200, 255, 257, 300, 399, 511, 513, 640, 777]
BATCHES = [1, 7, 31, 33, 64, 100, 129]
STEP = "training step, batch x width"


def run(setting: Setting) -> list[dict[str, Any]]:
    """Rows of the nets, then of the products."""
    return nets(setting) + powers.run(setting)


def nets(setting: Setting, widths: Sequence[int] = WIDTHS, batches: Sequence[int] = BATCHES) -> list[dict[str, Any]]:
    """A row per batch and width; the grid is passed through once per round."""
    if setting.quick:
        widths, batches = widths[::2], batches[::2]
    grid = {(batch, width): Net((width,) * 4, batch) for batch in batches for width in widths}
    with at_work(["pydl"], setting.threads) as (rival,):

        def measure(net: Net) -> float:
            rival.make("Steps", "train", net=asdict(net), budget=setting.budget(0.02))
            return net.flops / 1e9 / rival.turn()

        rounds = 2 if setting.quick else 5
        taken = take_turns({at: partial(measure, net) for at, net in grid.items()}, rounds)
    rows = []
    for batch in batches:
        speeds = [spread(taken[batch, width]) for width in widths]
        for width, speed, dip in zip(widths, speeds, dips([speed["median"] for speed in speeds]), strict=True):
            row = {"what": STEP, "size": f"{batch} x {width}", "threads": setting.threads}
            rows.append(row | {"GFLOP/s": speed, "of its neighbours": dip})
    return rows


def summary(rows: Sequence[dict[str, Any]]) -> dict[str, float]:
    """For each grid the deepest dip, means of the shares of the peak and of the faster peer / pydl, and its worst.

    `ops.matmul` on one thread: at least 1.03 in the mean, 0.9 at worst, and no dip below 0.85. The slowest of the nets
    stands beside their median if a net is large enough to have one.
    """
    found = {}
    for what, threads in dict.fromkeys((row["what"], row["threads"]) for row in rows):
        some = [row for row in rows if (row["what"], row["threads"]) == (what, threads)]
        name = f"{what.partition(',')[0]}, {threads} threads"
        worst = min(some, key=lambda row: row["of its neighbours"])
        found[f"{name}: deepest dip, at {worst['size']}"] = worst["of its neighbours"]
        if "of the peak" in worst:
            found[f"{name}: of the peak, mean"] = statistics.geometric_mean(row["of the peak"] for row in some)
        if "fastest peer / pydl" in worst:
            least = min(some, key=_ratio)
            found[f"{name}: fastest peer / pydl, mean"] = statistics.geometric_mean(map(_ratio, some))
            found[f"{name}: fastest peer / pydl, worst, at {least['size']}"] = _ratio(least)
    large = [row["GFLOP/s"]["median"] for row in rows if row["what"] == STEP and _is_large(row["size"])]
    return found | ({"slowest / median of widths >= 97, batches >= 31": min(large) / statistics.median(large)}
                    if large else {})  # fmt: skip


def _ratio(row: dict[str, Any]) -> float:
    return float(row["fastest peer / pydl"]["median"])


def _is_large(size: str) -> bool:
    batch, width = map(int, size.split(" x "))
    return width >= 97 and batch >= 31
