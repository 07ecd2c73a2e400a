"""Measuring: on a noisy machine only ratios taken in one run count, so rivals take turns (A B A B)."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping

Run = Callable[[], object]


def seconds(run: Run) -> float:
    """Wall time of one call."""
    begin = time.perf_counter()
    run()
    return time.perf_counter() - begin


def take_turns(rivals: Mapping[str, Run], rounds: int) -> dict[str, list[float]]:
    """Wall times of each rival, round by round, after a warm-up round."""
    for run in rivals.values():
        run()
    taken: dict[str, list[float]] = {name: [] for name in rivals}
    for _ in range(rounds):
        for name, run in rivals.items():
            taken[name].append(seconds(run))
    return taken


def ratio(taken: Mapping[str, list[float]], peer: str) -> dict[str, float]:
    """How many times as long a peer takes as pydl: the median over rounds, and the extremes."""
    ratios = [p / own for p, own in zip(taken[peer], taken["pydl"], strict=True)]
    return {"median": statistics.median(ratios), "least": min(ratios), "most": max(ratios)}
