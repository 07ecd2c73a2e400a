"""Measuring: on a noisy machine only ratios taken in one run count, so rivals take turns (A B C, B C A, ...)."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

# Seconds between two turns: threads of OpenBLAS, for one, look for work for 60 ms before they sleep, on a core that the
# next rival counts on.
REST = 0.15

K = TypeVar("K")
T = TypeVar("T")
Spread = dict[str, float]  # median and quartiles: what a noisy minute does to a few rounds does not move them


@dataclass(frozen=True)
class Setting:
    """How a part is to measure: threads for every library alike, rivals by name (None: all), fewer rounds if quick."""

    threads: int
    quick: bool = False
    peers: tuple[str, ...] | None = None

    @property
    def rounds(self) -> int:
        return 3 if self.quick else 9

    def budget(self, seconds: float) -> float:
        """Seconds of a turn."""
        return seconds / 4 if self.quick else seconds


def seconds(run: Callable[[], object]) -> float:
    """Wall time of one call."""
    begin = time.perf_counter()
    run()
    return time.perf_counter() - begin


def calls_within(run: Callable[[], object], budget: float) -> int:
    """How many calls fill a budget of seconds; at least 1."""
    run()
    calls, taken = 1, seconds(run)
    while taken < budget / 10:
        calls *= 4
        taken = seconds(partial(repeat, run, calls))
    return max(1, int(calls * budget / taken))


def repeat(run: Callable[[], object], calls: int) -> None:
    """Call again and again."""
    for _ in range(calls):
        run()


def take_turns(rivals: Mapping[K, Callable[[], T]], rounds: int, rest: float = 0) -> dict[K, list[T]]:
    """What each rival's turns return, round by round. Each round begins with the next: it matters who follows whom.

    Before each turn the machine rests for some seconds.
    """
    names = list(rivals)
    taken: dict[K, list[T]] = {name: [] for name in names}
    for r in range(rounds):
        first = r % max(len(names), 1)
        for name in names[first:] + names[:first]:
            time.sleep(rest)
            taken[name].append(rivals[name]())
    return taken


def spread(values: Sequence[float]) -> Spread:
    """Median and quartiles."""
    low, median, high = statistics.quantiles(values, n=4, method="inclusive") if len(values) > 1 else [*values] * 3
    return {"median": median, "low": low, "high": high}


def scaled(values: Sequence[float], factor: float) -> Spread:
    """`spread` of the values times a factor."""
    return spread([v * factor for v in values])


def ratio(over: Sequence[float], under: Sequence[float]) -> Spread:
    """How many times as long one rival takes as another, round by round."""
    return spread([a / b for a, b in zip(over, under, strict=True)])


def fastest(taken: Mapping[str, Sequence[float]]) -> dict[str, Spread]:
    """The time of the peer that is the fastest by its median over pydl's, round by round; nothing without a peer."""
    peers = [times for name, times in taken.items() if name != "pydl"]
    return {"fastest peer / pydl": ratio(min(peers, key=statistics.median), taken["pydl"])} if peers else {}


def dips(speeds: Sequence[float]) -> list[float]:
    """Each speed over the geometric mean of the one before it and the one after it; 1 at the ends."""
    around = [(a * c) ** 0.5 for a, c in zip(speeds, speeds[2:], strict=False)]
    return [1.0, *(b / mean for b, mean in zip(speeds[1:], around, strict=False)), 1.0][: len(speeds)]
