"""Training steps on 1, 2, 4, ... threads: microseconds, and how many times as fast as on one."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import asdict
from typing import Any

from bench.nets import STEPS
from bench.rivals import at_work, compete
from bench.timing import Setting, ratio, scaled


def run(setting: Setting) -> list[dict[str, Any]]:
    """A row per net and number of threads. All numbers take turns."""
    counts = [n for n in (1, 2, 4, 8, 16, 32, 64, 128) if n < setting.threads] + [setting.threads]
    rows = []
    with ExitStack() as stack:
        rivals = []
        for n in counts:
            rival = stack.enter_context(at_work(["pydl"], n))[0]
            rival.name = str(n)
            rivals.append(rival)
        for net in STEPS:
            _, taken = compete(rivals, setting.rounds, "Steps", "train", net=asdict(net), budget=setting.budget(0.3))
            rows += [
                {
                    "net": str(net),
                    "threads": n,
                    "us": scaled(taken[str(n)], 1e6),
                    "1 thread / this": ratio(taken["1"], taken[str(n)]),
                }
                for n in counts
            ]
    return rows
