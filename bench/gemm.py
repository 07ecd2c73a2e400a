"""`ops.matmul` against `np.matmul` (OpenBLAS) and `torch.mm` (MKL), float32: GFLOP/s, and time of the faster / pydl."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Any

from bench.rivals import at_work, compete, installed
from bench.timing import Setting, fastest, spread

SHAPES = [
    (16, 16, 16), (32, 32, 32), (37, 41, 43), (64, 64, 64), (101, 203, 307), (32, 784, 128), (128, 784, 128),
    (256, 256, 256), (128, 784, 512), (511, 513, 509), (256, 1024, 1024), (1024, 1024, 1024),
]  # fmt: skip


def run(setting: Setting, shapes: Sequence[tuple[int, int, int]] = SHAPES) -> list[dict[str, Any]]:
    """A row per number of threads and shape (M, K, N)."""
    rows = []
    for threads in sorted({1, setting.threads}):
        with at_work(installed("multiply", setting.peers), threads) as rivals:
            for m, k, n in shapes:
                facts, taken = compete(
                    rivals, setting.rounds, "Products", "multiply", shape=(m, k, n), budget=setting.budget(0.05)
                )
                wrong = [name for name, fact in facts.items() if fact["error"] > 1e-5]
                assert not wrong, f"{wrong} multiplied wrongly"
                row: dict[str, Any] = {"M x K x N": f"{m} x {k} x {n}", "threads": threads}
                row |= {f"{name}, GFLOP/s": spread([2e-9 * m * k * n / t for t in taken[name]]) for name in taken}
                rows.append(row | fastest(taken))
    return rows


def summary(rows: Sequence[dict[str, Any]]) -> dict[str, float]:
    """What issue 3 asks for: geometric mean >= 1.05, worst >= 0.85."""
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
