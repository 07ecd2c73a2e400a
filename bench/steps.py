"""Microseconds per training step with Adam, through each library's usual loop; ratios are peer / pydl.

Shares are of the measured peak of multiply-adds on the threads that every library has; only products are counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from bench import peak
from bench.nets import STEPS, Net
from bench.rivals import Rival, at_work, compete, installed
from bench.timing import Setting, fastest, ratio, scaled


def run(setting: Setting, nets: Sequence[Net] = STEPS) -> list[dict[str, Any]]:
    """A row per net."""
    with at_work(installed("train", setting.peers), setting.threads) as rivals:
        return [measure(net, rivals, setting) for net in nets]


def measure(net: Net, rivals: Sequence[Rival], setting: Setting) -> dict[str, Any]:
    """Times of all, their shares of the peak, ratios of the peers, and of the fastest of them in each round."""
    _, taken = compete(rivals, setting.rounds, "Steps", "train", net=asdict(net), budget=setting.budget(0.3))
    return row(net, taken, setting.threads, "us", 1e6)


def row(net: Any, taken: dict[str, list[float]], threads: int, unit: str, scale: float) -> dict[str, Any]:
    """The seconds that libraries have taken for a step, side by side."""
    found: dict[str, Any] = {"net": str(net)}
    found |= {f"{name}, {unit}": scaled(times, scale) for name, times in taken.items()}
    found |= {f"{name} / pydl": ratio(times, taken["pydl"]) for name, times in taken.items() if name != "pydl"}
    found |= fastest(taken)
    best = peak.gflops("float32", threads)
    speeds = {name: net.flops / found[f"{name}, {unit}"]["median"] * scale / 1e9 for name in taken}
    return found | ({f"{name}, of the peak": speed / best for name, speed in speeds.items()} if best else {})


def summary(rows: Sequence[dict[str, Any]]) -> dict[str, float]:
    """The fastest peer / pydl, at least 30, 5, 3, 2, 1.35, 1.05 in the order of `STEPS`; and pydl's shares of the peak.

    Of the shares on two threads: 784-128-10 b128 at least 0.72, 784-512-512-10 b128 0.76, 1024-4096-4096-1024 b256
    0.72.
    """
    ratios = {row["net"]: row["fastest peer / pydl"]["median"] for row in rows if "fastest peer / pydl" in row}
    shares = {f"{row['net']}, of the peak": share for row in rows if (share := row.get("pydl, of the peak"))}
    return ratios | shares
