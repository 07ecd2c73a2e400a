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
_ENOUGH = 0.5  # seconds of each kind
_ROWS = 10_000


def measure(fitted: Fitted, test: Part) -> dict[str, float]:
    """How long a raw row takes, a row that is prepared already, and each of many raw rows."""
    if not len(test.y):
        return {}
    one, many = test.frame[:1], test.frame[:_ROWS]
    prepared = [a[:1] for a in test.inputs.values()]
    x = prepared[0] if len(prepared) == 1 else prepared
    return {
        "ms for a raw row": _seconds(lambda: fitted.predict(one)) * 1e3,
        "us for a prepared row": _seconds(lambda: fitted.model.predict_on_batch(x)) * 1e6,
        "us for each of many raw rows": _seconds(lambda: fitted.predict(many), 3) / len(many) * 1e6,
    }


def _seconds(call: Callable[[], object], calls: int = _CALLS) -> float:
    taken: list[float] = []
    while len(taken) < calls and (sum(taken) < _ENOUGH or not taken):
        begin = time.perf_counter()
        call()
        taken.append(time.perf_counter() - begin)
    return statistics.median(taken)
