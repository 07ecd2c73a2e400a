"""Two cores, a clock, and neighbours that want the cores at times: how long steps take on one thread and on two."""

from __future__ import annotations

from collections.abc import Callable

from pydl._engine.pace import Pace

SLICE = 0.004  # seconds that the kernel lets a thread have its core for
# Cores left in slice after slice. With a process that burns on each core, steps of 784-128-10 b128 took 1.6 times as
# long on one thread and 8 times on two, a first step on two after 20 ms on one 9 ms, at most 20; with one such process
# 1.1 and 3.2 times (Linux 6.18, two cores of an EPYC).
TWO_BURN, ONE_BURNS = (2, 0, 1, 0, 1, 1, 0, 1), (2, 1, 1)


class Machine:
    """A machine with a program whose steps take `seconds[threads]` as long as nobody else wants the cores.

    Parameters
    ----------
    busy : callable
        Whether neighbours burn at a time.
    cores : tuple of int
        How many they leave, slice after slice; a step on two threads waits until it has both.
    wake : float
        Seconds to wake the second thread, which sleeps after a chunk on one or a pause.
    """

    def __init__(
        self,
        seconds: dict[int, float],
        busy: Callable[[float], bool] = lambda t: False,
        cores: tuple[int, ...] = TWO_BURN,
        wake: float = 3e-4,
    ) -> None:
        self.seconds, self.busy, self.cores, self.wake = seconds, busy, cores, wake
        self.slice = 0  # which it is
        self.gone = 0.0  # seconds of it that are over
        self.awake = False

    @property
    def now(self) -> float:
        return self.slice * SLICE + self.gone

    def runs(self, threads: int) -> bool:
        """Whether a step on so many threads gets on in this slice."""
        return not self.busy(self.slice * SLICE) or self.cores[self.slice % len(self.cores)] >= threads

    def run(self, threads: int, steps: int) -> float:
        """Run a chunk; how long it takes."""
        begin, work = self.now, steps * self.seconds[threads]
        if threads > 1 and not self.awake:
            work += self.wake
        self.awake = threads > 1
        while work > 0:
            left = SLICE - self.gone
            if self.runs(threads):
                if work < left:
                    self.gone += work
                    break
                work -= left
            self.slice, self.gone = self.slice + 1, 0.0
        return self.now - begin

    def pause(self, seconds: float) -> None:
        """Let time go by; threads fall asleep."""
        whole, self.gone = divmod(self.gone + seconds, SLICE)
        self.slice += int(whole)
        self.awake = False

    def best(self, end: float) -> float:
        """Steps until a time by who always knows the better number of threads, in turn after turn of the slices."""
        steps, n = 0.0, len(self.cores)
        self.slice, self.gone = 0, 0.0
        while self.now < end:
            turn = dict.fromkeys(self.seconds, 0.0)
            for _ in range(n):
                for threads, seconds in self.seconds.items():
                    turn[threads] += SLICE / seconds * self.runs(threads)
                self.slice += 1
            steps += max(turn.values())
        return steps


def fit(machine: Machine, pace: Pace, steps: int = 10**9, end: float = float("inf")) -> list[tuple[float, int, float]]:
    """Run so many steps, or until a time: when each chunk ended, its threads, its seconds."""
    chunks = []
    while steps and machine.now < end:
        threads, n = pace.threads(), min(pace.steps(), steps)
        seconds = machine.run(threads, n)
        pace.took(threads, n, seconds)
        chunks.append((machine.now, threads, seconds))
        steps -= n
    return chunks
