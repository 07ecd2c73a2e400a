"""Microseconds per training step with Adam, through each library's usual loop; ratios are peer / pydl."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from bench.nets import STEPS, Net
from bench.rivals import Rival, at_work, compete, installed
from bench.timing import Setting, fastest, ratio, scaled


def run(setting: Setting, nets: Sequence[Net] = STEPS) -> list[dict[str, Any]]:
    """A row per net."""
    with at_work(installed("train", setting.peers), setting.threads) as rivals:
        return [measure(net, rivals, setting) for net in nets]


def measure(net: Net, rivals: Sequence[Rival], setting: Setting) -> dict[str, Any]:
    """Times of all, ratios of the peers, and of the fastest of them in each round."""
    _, taken = compete(rivals, setting.rounds, "Steps", "train", net=asdict(net), budget=setting.budget(0.3))
    row: dict[str, Any] = {"net": str(net)}
    row |= {f"{name}, us": scaled(times, 1e6) for name, times in taken.items()}
    row |= {f"{name} / pydl": ratio(times, taken["pydl"]) for name, times in taken.items() if name != "pydl"}
    return row | fastest(taken)


def summary(rows: Sequence[dict[str, Any]]) -> dict[str, float]:
    """What issue 3 asks for: >= 30, 6, 4, 2.6, 1.6, 1.1."""
    return {row["net"]: row["fastest peer / pydl"]["median"] for row in rows if "fastest peer / pydl" in row}
