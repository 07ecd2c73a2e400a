"""Latency of predictions, call by call, one thread: percentiles in microseconds; ratios of medians are peer / pydl."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from bench.nets import PREDICTIONS, Net
from bench.rivals import Rival, at_work, compete, installed
from bench.timing import Setting, ratio, spread


def run(setting: Setting, nets: Sequence[Net] = PREDICTIONS) -> list[dict[str, Any]]:
    """A row per net, number of rows and library."""
    with at_work(installed("predict", setting.peers), 1) as rivals:
        return [row for net in nets for rows in (1, net.batch) for row in measure(net, rows, rivals, setting)]


def measure(net: Net, rows: int, rivals: Sequence[Rival], setting: Setting) -> list[dict[str, Any]]:
    """The libraries side by side; they must agree on the results."""
    facts, taken = compete(
        rivals, setting.rounds, "Predictions", "predict", net=asdict(net), rows=rows, budget=setting.budget(0.1)
    )
    for name, fact in facts.items():
        np.testing.assert_allclose(fact["y"], facts["pydl"]["y"], rtol=1e-4, atol=1e-5, err_msg=name)
    medians = {name: [statistics.median(turn) for turn in turns] for name, turns in taken.items()}
    found = []
    for name, turns in taken.items():
        p99, p999 = np.percentile([us for turn in turns for us in turn], [99, 99.9])
        found.append(
            {
                "net": net.name,
                "rows": rows,
                "library": name,
                "p50, us": spread(medians[name]),
                "p99, us": float(p99),
                "p99.9, us": float(p999),
                "time / pydl": ratio(medians[name], medians["pydl"]),
            }
        )
    return found


def summary(rows: Sequence[dict[str, Any]]) -> dict[str, float]:
    """One row, the faster of ONNX Runtime and NumPy / pydl: at least 2, 2, 1.5, 1.1."""
    found: dict[str, float] = {}
    for row in rows:
        if row["rows"] == 1 and row["library"] in ("onnxruntime", "numpy"):
            found[row["net"]] = min(row["time / pydl"]["median"], found.get(row["net"], float("inf")))
    return found
