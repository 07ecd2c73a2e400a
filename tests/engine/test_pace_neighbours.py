"""A program's pace beside programs that want its cores at times: never for long on the wrong number of threads."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pydl._engine.pace import Pace
from tests.engine.fake_machine import ONE_BURNS, TWO_BURN, Machine, fit

NET = {1: 630e-6, 2: 320e-6}  # 784-128-10 b128
LARGE = {1: 0.2, 2: 0.105}
TINY = {1: 10e-6, 2: 15e-6}  # two threads are slower


class Counting(Pace):
    """Counts the steps."""

    steps_taken = 0

    def took(self, threads: int, steps: int, seconds: float) -> None:
        self.steps_taken += steps
        super().took(threads, steps, seconds)


def share(pace: Pace, threads: int) -> float:
    """Of the time so far, that on so many threads."""
    return pace.time[threads] / sum(pace.time.values())


def of_best(machine: Machine, end: float) -> float:
    """Steps of a run, of those that the better number of threads at every moment allows."""
    pace = Counting(2)
    fit(machine, pace, end=end)
    return pace.steps_taken / machine.best(machine.now)


@pytest.mark.parametrize(("cores", "slower"), [(TWO_BURN, (1.6, 8)), (ONE_BURNS, (1.0, 3.2))])
def test_the_machine_is_like_a_real_one(cores: tuple[int, ...], slower: tuple[float, float]) -> None:
    """What was measured beside processes that burn."""
    for threads, times in zip((1, 2), slower, strict=True):
        busy = Machine(NET, lambda t: True, cores)
        assert busy.run(threads, 10_000) == pytest.approx(times * 10_000 * NET[threads], rel=0.12)


def test_a_first_step_on_two_threads_is_like_a_real_one() -> None:
    machine, taken = Machine(NET, lambda t: True, TWO_BURN), []
    for i in range(300):
        machine.run(1, 15 + i % 11)
        taken.append(machine.run(2, 1))
    assert sum(taken) / 300 == pytest.approx(9e-3, rel=0.25)
    assert max(taken) < 20e-3


@pytest.mark.parametrize(("seconds", "better"), [(NET, 2), (LARGE, 2), ({1: 10e-6, 2: 8e-6}, 2), (TINY, 1)])
def test_a_quiet_machine(seconds: dict[int, float], better: int) -> None:
    pace, machine = Counting(2), Machine(seconds)
    fit(machine, pace, end=60)
    assert pace.steps_taken >= 0.99 * machine.best(machine.now)
    assert share(pace, 3 - better) <= 0.03


@pytest.mark.parametrize("length", [0.003, 0.03, 0.06, 0.1, 0.25, 0.5, 1.0, 3.0, 10.0])
@pytest.mark.parametrize("cores", [TWO_BURN, ONE_BURNS, (2, 1, 1, 0, 1, 1, 0, 1)])
def test_after_a_burst(length: float, cores: tuple[int, ...]) -> None:
    """0.3 s later, and for 3 s, it runs on two threads again, looks aside."""
    for i in range(40):
        begin = 2 + 0.037 * i
        end = begin + length
        machine = Machine(NET, lambda t, begin=begin, end=end: begin <= t < end, cores)  # type: ignore[misc]
        chunks = fit(machine, Pace(2), end=end + 3.3)
        late = [seconds for now, threads, seconds in chunks if now > end + 0.3 and threads == 1]
        assert sum(late) <= 0.03 * 3, f"burst from {begin}"


@pytest.mark.parametrize("cores", [TWO_BURN, ONE_BURNS, (2, 1, 1, 0, 1, 1, 0, 1)])
@pytest.mark.parametrize(
    "busy",
    [
        lambda t: t % 1 < 0.25,
        lambda t: t % 1.1 < 0.3,
        lambda t: t % 0.1 < 0.02,
        lambda t: t % 2 < 0.5,
        lambda t: t % 8 < 3,
        lambda t: True,
    ],
    ids=["0.25 s of each", "0.3 s of 1.1", "20 ms of 100", "0.5 s of 2", "3 s of 8", "always"],
)
def test_bursts_cost_little(busy: Callable[[float], bool], cores: tuple[int, ...]) -> None:
    assert of_best(Machine(NET, busy, cores), 40) >= 0.9


def test_tiny_nets_stay_on_one_thread_among_bursts() -> None:
    assert of_best(Machine(TINY, lambda t: t % 1 < 0.25), 40) >= 0.9


def test_a_core_that_is_taken_for_longer_than_a_step_would_be_worth() -> None:
    """Each step on two threads waits for up to 60 ms: looks become as rare as they are dear."""
    assert of_best(Machine(NET, lambda t: True, (2, *(1, 0, 1) * 7)), 60) >= 0.9


@pytest.mark.parametrize(
    ("seconds", "steps", "spin"),
    [
        (NET, 940, 0.03),  # turns of 0.3 s after another library's, whose threads look for work for a while
        (NET, 940, 0.008),
        (NET, 16, 0.0),
        (NET, 16, 0.003),
        (NET, 16, 0.02),
        (NET, 4, 0.0),
        (NET, 1, 0.002),
        (TINY, 200, 0.0),
        (TINY, 200, 0.01),
    ],
)
def test_fits_with_pauses(seconds: dict[int, float], steps: int, spin: float) -> None:
    """Neighbours burn when each fit begins: as fast as on the number of threads that is better for all of them."""
    one, two, chosen = (spent(pace, Machine(seconds), steps, spin) for pace in (Fixed(1), Fixed(2), Pace(2)))
    assert min(one, two) >= 0.9 * chosen


def spent(pace: Pace, machine: Machine, steps: int, spin: float) -> float:
    """Seconds in 400 fits, at the beginning of which neighbours burn."""
    began = total = 0.0
    machine.busy = lambda t: t - began < spin
    for i in range(400):
        machine.pause(0.05 + 0.0037 * (i % 23))  # at any moment of a turn of the slices
        began = machine.now
        total += sum(taken for _, _, taken in fit(machine, pace, steps))
    return total


class Fixed(Pace):
    """Always the same number of threads."""

    def __init__(self, number: int) -> None:
        super().__init__(2)
        self.number = number

    def threads(self) -> int:
        return self.number

    def steps(self) -> int:
        return 100

    def took(self, threads: int, steps: int, seconds: float) -> None:
        pass
