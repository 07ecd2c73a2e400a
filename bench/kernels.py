"""Every op by itself, on one thread: the rows are those of `tests.specs`, so no op can be without a bench."""

from __future__ import annotations

import statistics
from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np

from bench.timing import seconds
from pydl import _core
from tests.specs import SPECS
from tests.specs.spec import Spec

_ELEMENTS = 1 << 14  # asked of a spec: its arrays then fit the second-level cache, most of them the first


@dataclass(frozen=True)
class Row:
    """One way of calling an op, in one dtype."""

    name: str
    spec: Spec
    dtype: str


def rows() -> list[Row]:
    """A row per spec and dtype, named by the op and the spec's place among the op's."""
    places: Counter[str] = Counter()
    found = []
    for spec in SPECS:
        found += [Row(f"{spec.op}.{places[spec.op]}", spec, dtype) for dtype in ("float32", "float64")]
        places[spec.op] += 1
    return found


class Loop:
    """A plan of one record, run again and again without leaving C.

    Attributes
    ----------
    nbytes : int
        Of the arrays that the record touches, each counted once.
    flops : int
        Of a matrix product; 0 for other ops.
    """

    def __init__(self, row: Row, n: int = _ELEMENTS) -> None:
        fields = row.spec.args(np.random.default_rng(0), row.dtype, n)
        step: dict[str, Any] = fields.pop("step", None) or {}
        self.plan = _core.Plan(row.dtype)
        self.plan.emit(row.spec.op, **fields)
        sources, sinks = step.get("src", []), step.get("sinks", [])
        self.where = {
            "sources": _core.Arrays(sources), "sinks": _core.Arrays(sinks, True), "rows": step.get("rows"),
            "row0": step.get("row0", 0), "sums": step.get("sums"), "seed": step.get("seed", 0),
            "count": step.get("count", 0),
        }  # fmt: skip
        self.coef = np.zeros(8)
        self.coef[: len(step.get("coef", ()))] = step.get("coef", ())
        touched = [f for f in fields.values() if isinstance(f, np.ndarray)]
        if sources:
            touched.append(sources[fields["k"]])
        self.nbytes = sum(a.nbytes for a in touched)
        self.flops = 2 * fields["B"] * fields["I"] * fields["O"] if {"B", "I", "O"} <= fields.keys() else 0

    def run(self, times: int) -> None:
        """Run the record; a batch of 0 rows makes every step read the same ones."""
        self.plan.run(times, 0, coefs=np.tile(self.coef, (times, 1)), **self.where)


def measure(row: Row, budget: float = 0.02, rounds: int = 5) -> dict[str, Any]:
    """Median time per call over rounds that fill `budget` seconds each."""
    loop = Loop(row)
    once = seconds(lambda: loop.run(1))
    times = max(1, int(budget / max(min(once, seconds(lambda: loop.run(1))), 1e-7)))
    taken = statistics.median(seconds(lambda: loop.run(times)) / times for _ in range(rounds))
    speed = {"GFLOP/s": loop.flops / taken / 1e9} if loop.flops else {"GB/s": loop.nbytes / taken / 1e9}
    return {"op": row.name, "dtype": row.dtype, "us": taken * 1e6, **speed}


def run() -> list[dict[str, Any]]:
    """All rows."""
    return [measure(row) for row in rows()]
