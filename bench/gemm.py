"""`ops.matmul` against `np.matmul` (OpenBLAS) and `torch.mm` (MKL), float32: GFLOP/s, and time of the faster / pydl."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Any

from bench import peak
from bench.rivals import Rival, at_work, compete, installed
from bench.timing import Setting, fastest, spread

Shape = tuple[int, int, int]

SHAPES = [
    (16, 16, 16), (32, 32, 32), (37, 41, 43), (64, 64, 64), (101, 203, 307), (32, 784, 128), (128, 784, 128),
    (256, 256, 256), (128, 784, 512), (511, 513, 509), (256, 1024, 1024), (1024, 1024, 1024),
]  # fmt: skip


def run(setting: Setting, shapes: Sequence[Shape] = SHAPES) -> list[dict[str, Any]]:
    """A row per number of threads and shape (M, K, N)."""
    rows = []
    for threads in sorted({1, setting.threads}):
        with at_work(installed("multiply", setting.peers), threads) as rivals:
            for shape in shapes:
                taken = measure(rivals, shape, setting.rounds, setting.budget(0.05))
                row: dict[str, Any] = {"M x K x N": " x ".join(map(str, shape)), "threads": threads}
                rows.append(row | speeds(shape, threads, taken))
    return rows


def measure(rivals: Sequence[Rival], shape: Shape, rounds: int, budget: float) -> dict[str, list[float]]:
    """Seconds of one product in each library; all of them must be right."""
    facts, taken = compete(rivals, rounds, "Products", "multiply", shape=shape, budget=budget)
    wrong = [name for name, fact in facts.items() if fact["error"] > 1e-5]
    assert not wrong, f"{wrong} multiplied wrongly"
    return taken


def speeds(shape: Shape, threads: int, taken: dict[str, list[float]]) -> dict[str, Any]:
    """Columns of a row: speeds of all, pydl's share of the peak, and the faster peer's time over pydl's."""
    m, k, n = shape
    found: dict[str, Any] = {f"{name}, GFLOP/s": spread([2e-9 * m * k * n / t for t in taken[name]]) for name in taken}
    if best := peak.gflops("float32", threads):
        found["of the peak"] = found["pydl, GFLOP/s"]["median"] / best
    return found | fastest(taken)


def summary(rows: Sequence[dict[str, Any]]) -> dict[str, float]:
    """The faster of the peers / pydl; on one thread at least 1.03 in the geometric mean, and 0.9 at worst."""
    found = {}
    for threads in sorted({row["threads"] for row in rows}):
        ratios = [
            row["fastest peer / pydl"]["median"]
            for row in rows
            if row["threads"] == threads and "fastest peer / pydl" in row
        ]
        if not ratios:
            continue
        found[f"geometric mean, {threads} threads"] = statistics.geometric_mean(ratios)
        found[f"worst, {threads} threads"] = min(ratios)
    return found
