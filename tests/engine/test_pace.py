"""How many threads the next chunk gets: more are not always faster, and results do not depend on it."""

import pytest

from pydl._engine.pace import Pace


def run(pace: Pace, seconds: dict[int, float], count: int, wake: float = 0.0, steps: int | None = None) -> list[int]:
    """The threads of so many chunks, where a step takes `seconds[threads]` and waking the others `wake`."""
    chosen = []
    for _ in range(count):
        threads, n = pace.threads(), pace.steps() if steps is None else steps
        chosen.append(threads)
        pace.took(threads, n, seconds[threads] * n + (wake if threads > 1 else 0))
    return chosen


def share(pace: Pace, threads: int) -> float:
    """Of the time so far, that on so many threads."""
    return float(pace.time[threads] / sum(pace.time.values()))


def test_an_idle_machine_times_one_thread_briefly() -> None:
    pace = Pace(2)
    chosen = run(pace, {1: 2e-6, 2: 1e-6}, 200)
    assert chosen[:4] == [1] * 4  # 1, 16, 256, and as many steps as fit into 2 ms
    assert chosen[4:].count(2) >= 170
    assert share(pace, 1) < 0.01


def test_a_busy_machine_gets_one_thread_and_looks_again() -> None:
    pace = Pace(2)
    chosen = run(pace, {1: 1e-6, 2: 9e-6}, 200)
    assert chosen[5:].count(2) >= 2
    assert share(pace, 2) < 0.02


def test_steps_that_are_too_brief_for_two() -> None:
    """Short fits that train for a few milliseconds in all never start a thread."""
    assert run(Pace(2), {1: 4e-6, 2: 5e-6}, 30, wake=50e-6, steps=16) == [1] * 30


def test_a_look_that_takes_long_is_not_repeated_soon() -> None:
    """A thread whose core is taken holds each step up for milliseconds."""
    pace = Pace(2)
    run(pace, {1: 10e-6, 2: 1e-3}, 1000, steps=16)
    assert share(pace, 2) < 0.15


def test_one_thread_is_one_thread() -> None:
    assert run(Pace(1), {1: 1e-6}, 5) == [1] * 5


def test_a_machine_that_becomes_busy_and_idle_again() -> None:
    pace = Pace(2)
    assert run(pace, {1: 2.0, 2: 1.0}, 40).count(2) >= 36
    assert run(pace, {1: 2.0, 2: 9.0}, 40).count(1) >= 37
    assert run(pace, {1: 2.0, 2: 1.0}, 80).count(2) >= 30
    assert pace.threads() == 2


def test_a_chunk_held_up_now_and_then_changes_nothing() -> None:
    """Something else takes a core for some 10 ms: that says nothing about the next chunk."""
    pace = Pace(2)
    run(pace, {1: 85e-6, 2: 47e-6}, 20)
    for i in range(200):
        run(pace, {1: 85e-6, 2: 150e-6 if i % 10 in (3, 7, 8) else 47e-6}, 1, steps=460)
    assert share(pace, 1) < 0.02


def test_a_single_step_on_threads_that_had_to_be_woken_says_little() -> None:
    pace = Pace(2)
    run(pace, {1: 85e-6, 2: 47e-6}, 12)
    assert run(pace, {1: 85e-6, 2: 47e-6}, 1, wake=100e-6, steps=1) == [2]
    assert pace.threads() == 2


def test_short_fits_learn_too() -> None:
    pace = Pace(2)
    assert run(pace, {1: 85e-6, 2: 47e-6}, 100, wake=30e-6, steps=4)[10:].count(2) >= 86


def test_single_steps_that_wake_threads_only_where_they_slept() -> None:
    """A call on both threads after one on one thread: they are asleep by then."""
    pace, chosen = Pace(2), [1]
    for _ in range(1000):
        chosen += run(pace, {1: 115e-6, 2: 65e-6}, 1, wake=60e-6 if chosen[-1] == 1 else 0, steps=1)
    assert chosen[50:].count(2) > 900


def test_threads_that_take_long_to_wake() -> None:
    """The first chunk on both threads after one on one thread is held up: it must not hide what the next ones take."""
    pace, chosen = Pace(2), [1]
    for _ in range(200):
        chosen += run(pace, {1: 8e-6, 2: 6e-6}, 1, wake=8e-4 if chosen[-1] == 1 else 0)
    assert share(pace, 1) < 0.01


def test_the_first_chunk_of_another_fit_is_a_whole_one() -> None:
    pace = Pace(1)
    steps = []
    for _ in range(5):
        steps.append(pace.steps())
        pace.took(1, steps[-1], steps[-1] * 1e-6)
    assert steps[:4] == [1, 16, 256, 4096]
    assert steps[4] == pytest.approx(Pace.CHUNK / 1e-6, rel=1e-3)


def test_timing_one_thread_is_brief() -> None:
    pace = Pace(2)
    run(pace, {1: 600e-6}, 1)
    assert (pace.threads(), pace.steps()) == (1, 3)  # 2 ms


def test_a_time_that_there_was_no_memory_for_is_taken_again(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_memory(steps: int, seconds: float) -> None:
        raise MemoryError

    pace = Pace(2)
    with monkeypatch.context() as patch:
        patch.setattr(pace, "_time", no_memory)
        with pytest.raises(MemoryError):
            pace.took(1, 1, 1.0)
    assert run(pace, {1: 2e-6, 2: 1e-6}, 4) == [1] * 4
