"""Products at powers of two and their neighbours, in turn in every dimension and in all: `ops.matmul`, Dense's three.

Rows whose distance is a power of two fall into few sets of a cache, and push each other out of it: whoever reads down
the columns of such a matrix is slow at 1024 and fast at 1000 and 1040.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bench import gemm, kernels
from bench.gemm import Shape
from bench.rivals import at_work, installed
from bench.timing import Setting, dips

SIZES = [255, 256, 257, 511, 512, 513, 1000, 1023, 1024, 1025, 1040, 2000, 2047, 2048, 2049]
OTHERS = 256  # of the dimensions that do not vary
MATMUL = "ops.matmul, M x K x N"


def lines(sizes: Sequence[int]) -> list[list[Shape]]:
    """One dimension grows through the sizes, then another, the third, and all at once."""
    varied = ((1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 1, 1))
    return [[tuple(n if vary else OTHERS for vary in which) for n in sizes] for which in varied]  # type: ignore[misc]


def run(setting: Setting, sizes: Sequence[int] = SIZES) -> list[dict[str, Any]]:
    """A row per product, shape and number of threads."""
    rounds = 2 if setting.quick else 5
    rows = []
    for threads in sorted({1, setting.threads}):
        for line in lines(sizes):
            rows += _in_line(MATMUL, line, threads, _products(line, threads, rounds, setting))
            layers = zip(*(kernels.dense(*shape) for shape in line), strict=True)
            for some in layers:  # the same product of every shape
                results = kernels.measure(some, rounds, setting.budget(0.02), threads)
                columns = [{name: row[name] for name in ("GFLOP/s", "of the peak") if name in row} for row in results]
                rows += _in_line(f"{some[0].spec.op}, B x I x O", line, threads, columns)
    return rows


def _products(line: Sequence[Shape], threads: int, rounds: int, setting: Setting) -> list[dict[str, Any]]:
    """`ops.matmul` beside the others. Each round passes through the line, so that neighbours meet the same moments."""
    taken: dict[Shape, dict[str, list[float]]] = {shape: {} for shape in line}
    with at_work(installed("multiply", setting.peers), threads) as rivals:
        for _ in range(rounds):
            for shape in line:
                for name, seconds in gemm.measure(rivals, shape, 1, setting.budget(0.05)).items():
                    taken[shape].setdefault(name, []).extend(seconds)
            rivals.append(rivals.pop(0))  # it matters who follows whom
    return [gemm.speeds(shape, threads, turns) for shape, turns in taken.items()]


def _in_line(what: str, line: Sequence[Shape], threads: int, columns: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows of one line; `GFLOP/s` is pydl's."""
    named = [{name.removeprefix("pydl, "): value for name, value in row.items()} for row in columns]
    return [
        {"what": what, "size": " x ".join(map(str, shape)), "threads": threads, **row, "of its neighbours": dip}
        for shape, row, dip in zip(line, named, dips([row["GFLOP/s"]["median"] for row in named]), strict=True)
    ]
