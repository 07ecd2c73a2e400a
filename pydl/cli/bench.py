"""`pydl bench`."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Annotated, Any

import typer

from pydl.cli.output import print_json, print_table

NETS = {(20, 64, 64, 1): 32, (784, 128, 10): 128, (784, 512, 512, 10): 128}
_ROUNDS = 5
_BUDGET = 0.2  # seconds of a round


def command(as_json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")] = False) -> None:
    """Measure this machine: training steps with Adam, predictions of one row, a product of matrices."""
    import numpy as np

    import pydl

    rows = [_net(sizes, batch) for sizes, batch in NETS.items()]
    a = np.random.default_rng(0).standard_normal((1024, 1024), np.float32)
    out = np.empty_like(a)
    gflops = 2 * 1024**3 / _seconds(lambda: pydl.ops.matmul(a, a, out=out), 1) / 1e9
    if as_json:
        print_json({"nets": rows, "matmul_gflops": gflops, "threads": pydl.config.get_num_threads()})
        return
    print_table(["net", "batch", "us per step", "us per row"], [list(row.values()) for row in rows])
    print(f"1024 x 1024 x 1024 product: {gflops:,.0f} GFLOP/s on {pydl.config.get_num_threads()} threads")


def _net(sizes: tuple[int, ...], batch: int) -> dict[str, Any]:
    import numpy as np

    import pydl

    dense = [pydl.layers.Dense(units, activation="relu") for units in sizes[1:-1]]
    model = pydl.Sequential([pydl.Input((sizes[0],)), *dense, pydl.layers.Dense(sizes[-1])])
    model.compile("adam", "mse")
    rng, steps = np.random.default_rng(0), 100
    x = rng.standard_normal((steps * batch, sizes[0]), np.float32)
    y = rng.standard_normal((steps * batch, sizes[-1]), np.float32)
    step = _seconds(lambda: model.fit(x, y, batch_size=batch, verbose=0), steps)
    row = _seconds(lambda: model(x[:1]), 1)
    name = "-".join(map(str, sizes))
    return {"net": name, "batch": batch, "us_per_step": round(step * 1e6, 2), "us_per_row": round(row * 1e6, 2)}


def _seconds(call: Callable[[], object], parts: int) -> float:
    """Seconds of a part of a call: the median of some rounds."""
    call()
    found = []
    for _ in range(_ROUNDS):
        begin, calls = time.perf_counter(), 0
        while (taken := time.perf_counter() - begin) < _BUDGET:
            call()
            calls += 1
        found.append(taken / calls / parts)
    return statistics.median(found)
