"""Peak memory in MB, a fresh process each: 784-512-512-10 trained on 20,000 rows, and a step of a deep net on 4,096.

Of the deep net, pydl's alone, the plan is shown as well: its buffers, the weights and an optimizer's slots not among
them.
"""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from typing import Any

from bench.nets import STEPS, Net
from bench.rivals import Failed, at_work, installed
from bench.timing import Setting, ratio, spread, take_turns

NET, ROWS = STEPS[4], 20_000
DEEP = Net((1024,) * 21, 4096)


def run(setting: Setting) -> list[dict[str, Any]]:
    """A row per library, of which the data themselves take 63 MB; then one per kind of step of the deep net."""
    return _training(setting) + [_step(kind, setting) for kind in ("predict", "train")]


def _training(setting: Setting) -> list[dict[str, Any]]:
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
            "of": f"{NET}, {ROWS:,} rows",
            "before, MB": spread([imported for imported, _ in turns]),
            "peak, MB": spread(peaks[name]),
            "peak / pydl": ratio(peaks[name], peaks["pydl"]),
        }
        for name, turns in taken.items()
    ]


def _step(kind: str, setting: Setting) -> dict[str, Any]:
    """Before the step stand the weights, inputs and targets; in the peak, of training, gradients and slots too."""
    with at_work(["pydl"], setting.threads) as (rival,):
        before = rival.make("PlanMemory", "plan", net=asdict(DEEP), kind=kind)["before"]
        peak, plan = rival.turn()
    of = f"{kind}, {len(DEEP.layers)} layers of {DEEP.sizes[0]}, batch {DEEP.batch}"
    return {"library": "pydl", "of": of, "before, MB": before, "peak, MB": peak, "plan, MB": plan}
