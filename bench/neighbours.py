"""Training steps alone, and beside processes that burn every core for a quarter of each second.

`of the better number`: pydl's steps, of those that the better one of the fixed numbers of threads allows, in each part
of a second if there are neighbours.
"""

from __future__ import annotations

import importlib
import json
import math
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import astuple, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from bench.nets import STEPS
from bench.rivals import LIBRARIES, installed
from bench.timing import REST, Setting, ratio, scaled, take_turns

NET = STEPS[3]
BURST = 0.25  # of each period
COUNTS = ("PYDL_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
BATCHES = {"pydl": 128, "torch": 8}  # of a fit: torch's steps are counted fit by fit, and some take a tenth of a second

# A whole period begins when the clock shows a multiple of it, here and in the processes below.
_BURN = """
import sys, time
period, burst = float(sys.argv[1]), float(sys.argv[2])
while True:
    while time.time() % period < burst * period: pass
    time.sleep(period - time.time() % period)
"""


@dataclass
class Turn:
    """Steps in the first part of each period, when neighbours burn if there are any, and in the rest; all seconds."""

    burst: float
    rest: float
    seconds: float

    @property
    def steps(self) -> float:
        return self.burst + self.rest


def run(setting: Setting, period: float = 1.0) -> list[dict[str, Any]]:
    """A row alone, a row with neighbours. The pace of pydl, fixed numbers of threads and torch take turns."""
    seconds = period * max(1, round(setting.budget(4)))
    rows = []
    with ExitStack() as stack:
        names = [name for name in BATCHES if name in installed("train", setting.peers)]
        turns = {name: partial(stack.enter_context(started(name, setting.threads)), seconds, period) for name in names}
        for n in {1, setting.threads}:
            turns[f"on {n}"] = partial(turns["pydl"], n)
        for neighbours in (0, setting.threads):
            with burning(neighbours, period):
                rows.append(row(neighbours, take_turns(turns, setting.rounds, REST)))
    return rows


def row(neighbours: int, taken: dict[str, list[Turn]]) -> dict[str, Any]:
    """Times, and what the pace makes of what the better number of threads allows, round by round."""
    best = []
    for fixed in zip(*(turns for name, turns in taken.items() if name.startswith("on ")), strict=True):
        burst, rest = max(turn.burst for turn in fixed), max(turn.rest for turn in fixed)
        best.append(burst + rest if neighbours else rest / (1 - BURST))  # whose chunks are as long as the pace's
    return {
        "neighbours": neighbours,
        # A turn without a step, as an overloaded machine may give, took at least as long as one.
        **{f"{name}, us": scaled([t.seconds / max(t.steps, 1) for t in turns], 1e6) for name, turns in taken.items()},
        "of the better number": ratio([turn.steps for turn in taken["pydl"]], best),
    }


def summary(rows: list[dict[str, Any]]) -> dict[str, float]:
    """What is to hold: >= 0.99 alone, >= 0.9 beside neighbours; how many times as long steps take beside them."""
    alone, beside = rows
    figures = {
        "alone, of the better number": alone["of the better number"]["median"],
        "beside neighbours, of the better number": beside["of the better number"]["median"],
    }
    for name in ("pydl", "torch"):
        if f"{name}, us" in alone:
            times = beside[f"{name}, us"]["median"] / alone[f"{name}, us"]["median"]
            figures[f"{name} beside neighbours / alone"] = times
    return figures


@contextmanager
def burning(count: int, period: float) -> Iterator[None]:
    """So many processes that each burn a core in the first part of every period."""
    command = [sys.executable, "-c", _BURN, str(period), str(BURST)]
    processes = [subprocess.Popen(command) for _ in range(count)]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


@contextmanager
def started(name: str, threads: int) -> Iterator[Callable[..., Turn]]:
    """A library's process; calls make it train for so many seconds, in periods, on a fixed number of threads or not."""
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-m", "bench.neighbours", name], text=True, cwd=Path(__file__).parents[1],
        env=os.environ | dict.fromkeys(COUNTS, str(threads)), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip

    def turn(*order: float) -> Turn:
        assert process.stdin
        assert process.stdout
        print(json.dumps(order), file=process.stdin, flush=True)
        return Turn(*json.loads(process.stdout.readline()))

    try:
        turn(0, 1)  # the others begin when it has started
        yield turn
    finally:
        process.kill()
        process.communicate()


class Trainer:
    """What runs in that process: a training whose steps are counted as time goes by."""

    def __init__(self, name: str) -> None:
        self.training = importlib.import_module(f"bench.peers.{LIBRARIES[name][0]}").Training(NET)
        self.batches = BATCHES[name]
        self.data = self.training.prepare(*NET.data(self.batches * NET.batch))
        self.training.fit(*self.data)
        self.program = None
        if name == "pydl":
            with self.training.model._runner.program_for("train", NET.batch) as self.program:
                self.pace = self.program.pace

    def turn(self, seconds: float, period: float, threads: int = 0) -> Turn:
        """Train from the next whole period on."""
        begin = math.ceil(time.time() / period) * period
        time.sleep(max(0, begin - time.time()))
        counted = [(time.time(), 0)]  # when, and how many steps since the time before
        if self.program:
            self.program.pace = Counted(self.pace, threads, period, counted)
        while time.time() < begin + seconds:
            self.training.fit(*self.data)
            if not self.program:
                counted.append((time.time(), self.batches))
        times, steps = zip(*counted, strict=True)
        edges = [begin + period * (i + part) for i in range(round(seconds / period)) for part in (0, BURST)]
        done = np.diff(np.interp([*edges, begin + seconds], times, np.cumsum(steps)))
        return Turn(done[::2].sum(), done[1::2].sum(), seconds)


class Counted:
    """A program's pace that counts steps, chunk by chunk; or, if told so, always the same number of threads."""

    BRIEF = 0.01  # seconds of a chunk on a fixed number while neighbours may burn, who make it several times as long

    def __init__(self, pace: Any, fixed: int, period: float, counted: list[tuple[float, int]]) -> None:
        self.pace, self.fixed, self.period, self.counted = pace, fixed, period, counted

    def threads(self) -> int:
        return self.fixed or self.pace.threads()

    def steps(self) -> int:
        if not self.fixed:
            return self.pace.steps()
        over = time.time() % self.period
        chunk = self.BRIEF if over < BURST * self.period else min(self.pace.CHUNK, self.period - over)
        return max(1, int(chunk / self.pace.seconds.get(self.fixed, self.pace.seconds[1])))

    def took(self, threads: int, steps: int, seconds: float) -> None:
        if not self.fixed:
            self.pace.took(threads, steps, seconds)
        self.counted.append((time.time(), steps))


def main() -> None:
    """Serve until standard input ends. What libraries print goes to standard error."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    trainer = Trainer(sys.argv[1])
    for line in sys.stdin:
        print(json.dumps(astuple(trainer.turn(*json.loads(line)))), file=answers)


if __name__ == "__main__":
    main()
