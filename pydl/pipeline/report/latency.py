"""How long predictions take."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pydl.pipeline.contract import Part
from pydl.pipeline.fitted import Fitted
from pydl.pipeline.seen import Seen

_CALLS = 30
_ENOUGH = 0.5  # seconds of each kind
_MANY, _BYTES = 10_000, 1 << 28  # rows; where they are images, bytes at most
ROWS = 256  # of a group: enough to outweigh what a call costs, whatever the rows
_ROUNDS = 5
_BUDGET = 0.8  # seconds for all groups


def measure(fitted: Fitted, test: Part) -> dict[str, float]:
    """How long a raw row takes, a row that is prepared already, and each of many raw rows."""
    if not len(test.y):
        return {}
    one = test.frame[:1]
    many = test.frame[: min(_MANY, max(1, _BYTES // getattr(one, "nbytes", 1)))]
    prepared = [a[:1] for a in test.inputs.values()]
    x = prepared[0] if len(prepared) == 1 else prepared
    return {
        "ms for a raw row": _seconds(lambda: _predict(fitted, one)) * 1e3,
        "us for a prepared row": _seconds(lambda: fitted.model.predict_on_batch(x)) * 1e6,
        "us for each of many raw rows": _seconds(lambda: _predict(fitted, many), 3) / len(many) * 1e6,
    }


def of_rows(fitted: Fitted, frame: Any, groups: Sequence[NDArray[Any]]) -> list[float | None]:
    """Microseconds of CPU for each row to prepare and predict, by groups; None for those that no time was left for.

    The least of five calls with 256 rows, counted on the thread that calls: work of other programs makes no group slow.
    Calls are taken in turn; a group of fewer rows is repeated, for what a call costs is to weigh the same in all.
    """
    first, *others = groups
    tables = [_some(frame, first)]
    affordable = int(_BUDGET / (_ROUNDS * _seconds(lambda: _predict(fitted, tables[0]), 1)))
    tables = [*tables, *(_some(frame, rows) for rows in others)][:affordable]
    rounds = [
        [_seconds(partial(_predict, fitted, table), 1, time.thread_time) for table in tables] for _ in range(_ROUNDS)
    ]
    times: list[float | None] = [min(taken) / ROWS * 1e6 for taken in zip(*rounds, strict=True)]
    return times + [None] * (len(groups) - len(times))


def _predict(fitted: Fitted, frame: Any) -> None:
    """As `pydl predict` does it: a cell that cannot be read is missing."""
    fitted.predict(frame, Seen())


def _some(frame: Any, rows: NDArray[Any]) -> Any:
    return frame.iloc[np.resize(rows, ROWS)]


def _seconds(call: Callable[[], object], calls: int = _CALLS, clock: Callable[[], float] = time.perf_counter) -> float:
    taken: list[float] = []
    while len(taken) < calls and (sum(taken) < _ENOUGH or not taken):
        begin = clock()
        call()
        taken.append(clock() - begin)
    return statistics.median(taken)
