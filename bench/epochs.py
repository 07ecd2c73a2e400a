"""MNIST, 784-256-10, batch 128, Adam: seconds per epoch, and until 97 % of the test set are right."""

from __future__ import annotations

from typing import Any

from bench.rivals import at_work, compete, installed
from bench.timing import Setting, ratio, spread

ENOUGH = 0.97


def run(setting: Setting, epochs: int = 6) -> list[dict[str, Any]]:
    """A row per library, which take turns, an epoch each. Needs the data set: PYDL_DATA_DIR, or a download."""
    with at_work(installed("train", setting.peers), setting.threads) as rivals:
        _, taken = compete(rivals, epochs, "Epochs", "train")
    times = {name: [t for t, _ in turns] for name, turns in taken.items()}
    rows = []
    for name, turns in taken.items():
        enough = next((i for i, (_, accuracy) in enumerate(turns, 1) if accuracy >= ENOUGH), None)
        rows.append(
            {
                "library": name,
                "epochs": epochs,
                "s per epoch": spread(times[name]),
                "s in all": sum(times[name]),
                f"s to {ENOUGH:.0%}": None if enough is None else sum(times[name][:enough]),
                "accuracy": turns[-1][1],
                "wall ratio": sum(times[name]) / sum(times["pydl"]),
                "time / pydl": ratio(times[name], times["pydl"]),
            }
        )
    return rows
