"""A time budget: trainings end when their share of it is over, with the best weights they have had."""

from __future__ import annotations

import copy
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import pydl
from pydl.pipeline.contract import TIME, Trained, Watch

_SEVERAL = 3  # trainings that were cut short are each named
_LATE = 0.3  # of the budget, from which on what went before is told


class _TimeIsUp(Exception):
    """Ends a training at once."""


class Budget(Watch):
    """A watch that ends trainings once so many seconds have passed since `begin`, a time of `time.monotonic`.

    A training that begins later takes its first steps all the same, of some 50 ms.
    """

    def __init__(self, watch: Watch, seconds: float, begin: float) -> None:
        self.watch, self.seconds, self.begin, self.end = watch, seconds, begin, begin + seconds
        self.cut: list[tuple[str, Trained]] = []
        self.begun: list[float] = []  # after how many seconds trainings did

    def say(self, text: str) -> None:
        self.watch.say(text)

    def silent(self) -> Watch:
        return self._with(self.watch.silent(), self.end)

    def callbacks(self, what: str, epochs: int) -> list[pydl.callbacks.Callback]:
        self.begun.append(time.monotonic() - self.begin)
        return [*self.watch.callbacks(what, epochs), _Limit(self)]

    def share(self, of: int) -> Watch:
        now = time.monotonic()
        return self._with(self.watch, now + max(0.0, self.end - now) / of)

    def over(self) -> bool:
        return time.monotonic() >= self.end

    def ended(self, what: str, trained: Trained) -> None:
        if trained.ended_by == TIME:
            self.cut.append((what, trained))

    def notes(self) -> list[str]:
        how = "another time, or another machine, may get further"
        if self.begun and self.begun[0] >= _LATE * self.seconds:
            how = f"{self.begun[0]:.3g} seconds went by with reading and preparing before; {how}"
        said = f"--time-budget {self.seconds:g}:"
        if len(self.cut) > _SEVERAL:
            few, most = (end(t.epochs for _, t in self.cut) for end in (min, max))
            which = f"{len(self.cut)} trainings, from {self.cut[0][0]} to {self.cut[-1][0]},"
            return [f"{said} {which} ended after {few} to {most} whole epochs; {how}"]
        return [f"{said} {what} ended after {t.epochs} whole epochs, {t.steps} steps; {how}" for what, t in self.cut]

    def _with(self, watch: Watch, end: float) -> Budget:
        part = copy.copy(self)  # of which all have one account
        part.watch, part.end = watch, end
        return part


class _Limit(pydl.callbacks.Callback):
    """Ends a training in time: in the midst of an epoch, if there are weights of an earlier one to go back to.

    Then what comes of it is what the whole epochs alone would have given. The first epoch is closed where it stands.
    """

    def __init__(self, budget: Budget) -> None:
        self.budget = budget

    def on_chunk_end(self, step: int, logs: dict[str, float] | None = None) -> None:
        if step != self.params["steps"] and self.budget.over():
            self.model.stop_training = True
            if any(callback.kept_weights() for callback in self.callbacks):
                raise _TimeIsUp

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        if epoch + 1 < self.params["epochs"] and self.budget.over():
            self.model.stop_training = True


@contextmanager
def within_time(callbacks: Iterable[pydl.callbacks.Callback]) -> Iterator[None]:
    """Around a training with some callbacks: where the time ends it, they learn that it has ended."""
    try:
        yield
    except _TimeIsUp:
        for callback in callbacks:
            callback.on_train_end()
