"""How many threads the next chunk gets: more are not always faster, and results do not depend on it."""

from collections import Counter
from types import SimpleNamespace
from typing import Any

from pydl._passes import Pace


def chunks(seconds: dict[int, float], count: int, threads: int = 2) -> list[int]:
    """The threads of so many chunks, where a step takes `seconds[threads]`."""
    pace, program = Pace(), SimpleNamespace(threads=threads, seconds={}, chunks=Counter())
    chosen = []
    for _ in range(count):
        n = pace.threads(program)  # type: ignore[arg-type]
        chosen.append(n)
        pace.took(program, n, pace.steps, seconds[n] * pace.steps)  # type: ignore[arg-type]
    return chosen


def test_an_idle_machine_times_one_thread_once() -> None:
    assert chunks({1: 2e-6, 2: 1e-6}, 40) == [1, 1] + [2] * 38


def test_a_busy_machine_gets_one_thread_and_looks_again() -> None:
    chosen = chunks({1: 1e-6, 2: 9e-6}, 40)
    assert chosen[:5] == [1, 1, 2, 2, 1]
    assert 5 <= chosen[5:].count(2) <= 10


def test_one_thread_is_one_thread() -> None:
    assert chunks({1: 1e-6}, 5, threads=1) == [1] * 5


def test_a_machine_that_becomes_busy_and_idle_again() -> None:
    pace, program = Pace(), SimpleNamespace(threads=2, seconds={}, chunks=Counter())

    def run(seconds: dict[int, float]) -> list[int]:
        chosen = []
        for _ in range(20):
            n: Any = pace.threads(program)  # type: ignore[arg-type]
            chosen.append(n)
            pace.took(program, n, 1, seconds[n])  # type: ignore[arg-type]
        return chosen

    assert run({1: 2.0, 2: 1.0}).count(2) == 18
    assert run({1: 2.0, 2: 9.0}).count(1) >= 14
    assert run({1: 2.0, 2: 1.0}).count(2) >= 15
