"""Peak memory in MB, a fresh process each: 784-512-512-10 trained on 20,000 rows, and a step of a deep net on 4,096.

Between them two convolutional nets, trained for a few steps; of these the summary has the least that a peer takes,
which is to be 1 / 0.7 of pydl's at least: of the whole process, and of what came after its libraries were loaded.
Of the deep net, pydl's alone, the plan is shown as well: its buffers, the weights and an optimizer's slots not among
them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from typing import Any

from bench.nets import STEPS, Net
from bench.pictures import named
from bench.rivals import Failed, at_work, installed
from bench.timing import Setting, ratio, spread, take_turns

PEAK, RISEN = "peak / pydl", "peak - before / pydl"
NET, ROWS = STEPS[4], 20_000
DEEP = Net((1024,) * 21, 4096)
PICTURES, PICTURE_STEPS = ("cifar10-cnn b128", "ResNet20 b128"), 4


def run(setting: Setting) -> list[dict[str, Any]]:
    """A row per library, of which the data themselves take 63 MB; then one per kind of step of the deep net."""
    return _training(setting) + pictures(setting) + [_step(kind, setting) for kind in ("predict", "train")]


def pictures(setting: Setting) -> list[dict[str, Any]]:
    """A row per convolutional net and library."""
    found = []
    for label in PICTURES:
        rows = PICTURE_STEPS * named(label).batch
        found += _peaks(setting, "PictureMemory", "pictures", label, f"{label}, {rows} images", net=label, rows=rows)
    return found


def summary(rows: Sequence[dict[str, Any]]) -> dict[str, float]:
    """Of each convolutional net the least peak of a peer / pydl's, of the process and of what it took for the net."""
    found: dict[str, float] = {}
    for row in rows:
        for column in (PEAK, RISEN) if "net" in row and row["library"] != "pydl" else ():
            name, value = f"{row['net']}, {column}", row[column]["median"]
            if value > 0:  # not that of a peer that failed
                found[name] = min(found.get(name, value), value)
    return found


def _training(setting: Setting) -> list[dict[str, Any]]:
    return _peaks(setting, "Memory", "train", None, f"{NET}, {ROWS:,} rows", net=asdict(NET), rows=ROWS)


def _peaks(
    setting: Setting, task: str, role: str, label: str | None, of: str, **arguments: Any
) -> list[dict[str, Any]]:
    def measure(name: str) -> tuple[float, float]:
        with at_work([name], setting.threads) as rivals:
            try:
                facts = rivals[0].make(task, role, **arguments)
                return facts["imported"], rivals[0].turn()
            except (Failed, IndexError):
                return float("nan"), float("nan")

    names = installed(role, setting.peers)
    taken = take_turns({name: partial(measure, name) for name in names}, 1 if setting.quick else 3)
    peaks = {name: [peak for _, peak in turns] for name, turns in taken.items()}
    risen = {name: [peak - imported for imported, peak in turns] for name, turns in taken.items()}
    return [
        {
            "library": name,
            "of": of,
            "before, MB": spread([imported for imported, _ in turns]),
            "peak, MB": spread(peaks[name]),
            PEAK: ratio(peaks[name], peaks["pydl"]),
            RISEN: ratio(risen[name], risen["pydl"]),
        }
        | ({} if label is None else {"net": label})
        for name, turns in taken.items()
    ]


def _step(kind: str, setting: Setting) -> dict[str, Any]:
    """Before the step stand the weights, inputs and targets; in the peak, of training, gradients and slots too."""
    with at_work(["pydl"], setting.threads) as (rival,):
        before = rival.make("PlanMemory", "plan", net=asdict(DEEP), kind=kind)["before"]
        peak, plan = rival.turn()
    of = f"{kind}, {len(DEEP.layers)} layers of {DEEP.sizes[0]}, batch {DEEP.batch}"
    return {"library": "pydl", "of": of, "before, MB": before, "peak, MB": peak, "plan, MB": plan}
