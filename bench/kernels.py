"""Every op by itself, on one thread, and its share of what the machine can do at best.

The rows are those of `tests.specs`, so no op can be without a bench, the three products of a Dense layer at the sizes
of real ones, and what reads maps of few channels from memory. The peak is that of multiply-adds from registers for
products, for all else that of `z = x + a * y` over as many bytes as the op touches.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from bench import peak
from bench.timing import Setting, calls_within, seconds, spread, take_turns
from pydl import _core
from tests.specs import SPECS
from tests.specs.gemm import dw_scratch, dx_scratch, eighths, pack, padded, scratch
from tests.specs.spec import Fields, Spec

_DENSE = [(32, 784, 128), (128, 784, 128), (128, 784, 512), (128, 512, 10), (256, 1024, 1024)]  # B, I, O
_ELEMENTS = 1 << 14  # asked of a spec: its arrays then fit the second-level cache, most of them the first


@dataclass(frozen=True)
class Row:
    """One way of calling an op, in one dtype."""

    name: str
    spec: Spec
    dtype: str


def rows() -> list[Row]:
    """A row per spec and dtype, named by the op and the spec's place among the op's; then the Dense products."""
    places: Counter[str] = Counter()
    found = []
    for spec in SPECS:
        found += [Row(f"{spec.op}.{places[spec.op]}", spec, dtype) for dtype in ("float32", "float64")]
        places[spec.op] += 1
    return found + [row for B, I, O in _DENSE for row in dense(B, I, O)] + few_channels()


def dense(B: int, I: int, O: int) -> list[Row]:
    """The products of a Dense layer in float32, as specs that only a bench needs: nothing to compare with."""

    def fields(op: str, rng: np.random.Generator, dtype: str, n: int) -> Fields:
        x, dy, w = (eighths(rng, dtype, *shape) for shape in ((B, I), (B, O), (I, O)))
        panels, size = pack(w, dtype), {"B": B, "I": I, "O": O}
        match op:
            case "gemm_fwd":
                return {"x": x, "w": panels, "b": padded(rng, dtype, O), "y": dy, **size}
            case "gemm_dx":
                return {"dy": dy, "w": panels, "dx": x, **size, **scratch(dtype, dx_scratch(B, panels.size // I))}
        packed = scratch(dtype, dw_scratch(B, panels.size // I, dtype))
        return {"x": x, "dy": dy, "dw": panels, "n": panels.size, **size, **packed}

    return [
        Row(f"{op} {B} x {I} x {O}", Spec(op, partial(fields, op), (), dict), "float32")
        for op in ("gemm_fwd", "gemm_dx", "gemm_dw")
    ]


def few_channels() -> list[Row]:
    """Batch normalization of maps with fewer channels than a vector has lanes, from memory."""
    samples, L, O = 128, 1 << 14, 8

    def fields(op: str, rng: np.random.Generator, dtype: str, n: int) -> Fields:
        sizes = {"x": np.ones((samples * L, O), dtype), "O": O, "B": samples * L, "L": L}
        if op == "bn_parts":
            return {**sizes, "mask": None, "parts": np.zeros((samples, 2 * O + 1))}
        of_batch = {name: np.ones(O, dtype) for name in ("bmean", "bmean_low", "brstd")}
        return {**sizes, **of_batch, "dy": np.ones((samples * L, O), dtype), "parts": np.zeros((samples, 2 * O))}

    return [
        Row(f"{op} {O} channels", Spec(op, partial(fields, op), (), dict), "float32")
        for op in ("bn_parts", "bn_slopes")
    ]


class Loop:
    """A plan of one record, run again and again without leaving C.

    Attributes
    ----------
    nbytes : int
        Of what the record touches, each array counted once.
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
        self.nbytes = sum(a.nbytes for a in touched)
        for outside in (sources, sinks):  # of which a batch of rows is read or written
            self.nbytes += fields["B"] * fields["O"] * outside[fields["k"]].itemsize if outside else 0
        self.flops = 2 * fields["B"] * fields["I"] * fields["O"] if {"B", "I", "O"} <= fields.keys() else 0

    def run(self, times: int, threads: int = 1) -> None:
        """Run the record; a batch of 0 rows makes every step read the same ones."""
        self.plan.run(times, 0, coefs=np.tile(self.coef, (times, 1)), nth=threads, **self.where)


def measure(some: Sequence[Row], rounds: int, budget: float, threads: int = 1) -> list[dict[str, Any]]:
    """Rows of results. Each round passes through all of them, so that a noisy moment falls on a round of a few."""
    loops = [Loop(row) for row in some]
    times = [calls_within(partial(loop.run, 1, threads), budget) for loop in loops]

    def turn(i: int) -> float:
        return seconds(partial(loops[i].run, times[i], threads)) / times[i]

    taken = take_turns({i: partial(turn, i) for i in range(len(loops))}, rounds)
    return [_result(row, loop, turns, threads) for row, loop, turns in zip(some, loops, taken.values(), strict=True)]


def _result(row: Row, loop: Loop, taken: Sequence[float], threads: int) -> dict[str, Any]:
    """Speeds beside the peaks."""
    amount, unit = (loop.flops, "GFLOP/s") if loop.flops else (loop.nbytes, "GB/s")
    best = peak.gflops(row.dtype, threads) if loop.flops else peak.bandwidth(loop.nbytes)
    speed = spread([amount / t / 1e9 for t in taken])
    result = {"op": row.name, "dtype": row.dtype, "us": spread([t * 1e6 for t in taken]), unit: speed}
    return result | ({"of the peak": speed["median"] / best} if best else {})


def run(setting: Setting) -> list[dict[str, Any]]:
    """All rows."""
    return measure(rows(), setting.rounds, setting.budget(0.01))
