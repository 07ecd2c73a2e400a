"""How long predictions take."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from pydl.pipeline.fitted import Fitted

if TYPE_CHECKING:
    from pydl.pipeline.training import Part

_CALLS = 30
_ROWS = 10_000


def measure(fitted: Fitted, test: Part) -> dict[str, float]:
    """Milliseconds for one raw row, microseconds for one prepared row, thousands of raw rows a second."""
    if not len(test.y):
        return {}
    one, many = test.frame[:1], test.frame[:_ROWS]
    prepared = [a[:1] for a in test.inputs.values()]
    x = prepared[0] if len(prepared) == 1 else prepared
    return {
        "one raw row, ms": _seconds(lambda: fitted.predict(one)) * 1e3,
        "one prepared row, us": _seconds(lambda: fitted.model.predict_on_batch(x)) * 1e6,
        "thousand raw rows a second": len(many) / _seconds(lambda: fitted.predict(many), 3) / 1e3,
    }


def _seconds(call: Callable[[], object], calls: int = _CALLS) -> float:
    taken = []
    for _ in range(calls):
        begin = time.perf_counter()
        call()
        taken.append(time.perf_counter() - begin)
    return statistics.median(taken)
