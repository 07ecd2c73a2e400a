"""Peak memory of a process that trains 784-512-512-10 for an epoch on 20,000 rows; MB, a fresh process each time."""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from typing import Any

from bench.nets import STEPS
from bench.rivals import Failed, at_work, installed
from bench.timing import Setting, ratio, spread, take_turns

NET, ROWS = STEPS[4], 20_000


def run(setting: Setting) -> list[dict[str, Any]]:
    """A row per library. The data themselves take 63 MB of each peak."""

    def measure(name: str) -> tuple[float, float]:
        with at_work([name], setting.threads) as rivals:
            try:
                facts = rivals[0].make("Memory", "train", net=asdict(NET), rows=ROWS)
                return facts["imported"], rivals[0].turn()
            except (Failed, IndexError):
                return float("nan"), float("nan")

    names = installed("train", setting.peers)
    taken = take_turns({name: partial(measure, name) for name in names}, 1 if setting.quick else 3)
    peaks = {name: [peak for _, peak in turns] for name, turns in taken.items()}
    return [
        {
            "library": name,
            "imported, MB": spread([imported for imported, _ in turns]),
            "peak, MB": spread(peaks[name]),
            "peak / pydl": ratio(peaks[name], peaks["pydl"]),
        }
        for name, turns in taken.items()
    ]
