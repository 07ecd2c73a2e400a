"""Milliseconds per training step of convolutional nets with Adam; ratios are peer / pydl, shares of the peak.

Data are random, in memory, in random order; only products are counted in shares.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bench import peak
from bench.pictures import NETS, PictureNet
from bench.rivals import Rival, at_work, compete, installed
from bench.timing import Setting, fastest, ratio, scaled


def run(setting: Setting, nets: Sequence[PictureNet] = NETS) -> list[dict[str, Any]]:
    """A row per net."""
    with at_work(installed("pictures", setting.peers), setting.threads) as rivals:
        return [measure(net, rivals, setting) for net in nets]


def measure(net: PictureNet, rivals: Sequence[Rival], setting: Setting) -> dict[str, Any]:
    """Times of all, their shares of the peak, ratios of the peers, and of the fastest of them in each round."""
    _, taken = compete(rivals, setting.rounds, "PictureSteps", "pictures", net=str(net), budget=setting.budget(0.3))
    row: dict[str, Any] = {"net": str(net)}
    row |= {f"{name}, ms": scaled(times, 1e3) for name, times in taken.items()}
    row |= {f"{name} / pydl": ratio(times, taken["pydl"]) for name, times in taken.items() if name != "pydl"}
    row |= fastest(taken)
    best = peak.gflops("float32", setting.threads)
    speeds = {name: net.flops / row[f"{name}, ms"]["median"] / 1e6 for name in taken}
    return row | ({f"{name}, of the peak": speed / best for name, speed in speeds.items()} if best else {})


def summary(rows: Sequence[dict[str, Any]]) -> dict[str, float]:
    """The fastest peer / pydl, at least 5, 3, 2.5, 1.4, 3 and 2 in the order of `NETS`; pydl's shares of the peak."""
    ratios = {row["net"]: row["fastest peer / pydl"]["median"] for row in rows if "fastest peer / pydl" in row}
    shares = {f"{row['net']}, of the peak": share for row in rows if (share := row.get("pydl, of the peak"))}
    return ratios | shares
