"""Set the learning rate of each epoch."""

import inspect
import math
from collections.abc import Callable
from typing import Any

from pydl.callbacks._monitor import plain_rate, rated
from pydl.callbacks._say import say
from pydl.callbacks.base import Callback, Logs, number


class LearningRateScheduler(Callback):
    """Set the learning rate at the start of each epoch.

    Adds ``learning_rate`` to the logs.

    Parameters
    ----------
    schedule : callable
        ``schedule(epoch, learning_rate) -> float``, or ``schedule(epoch) -> float``; epochs count from 0. A second
        argument with a default of its own, other than None, is not given the rate, unless it is called ``lr`` or
        ``learning_rate``.
    verbose : int, default 0
        1 prints a line for each epoch.

    Raises
    ------
    TypeError
        When the learning rate of the optimizer is itself a schedule, or `schedule` returns no number.
    """

    def __init__(self, schedule: Callable[..., float], verbose: int = 0) -> None:
        self.schedule = schedule
        self.verbose = verbose
        self._with_rate = _takes_rate(schedule)
        self._epoch = -1  # for which the rate is set; a run resumed within an epoch must not set it again

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self._epoch = -1

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        if epoch == self._epoch:
            return
        self._epoch = epoch
        for optimizer in rated(self):
            rate = self._asked(epoch, float(optimizer.learning_rate))
            optimizer.learning_rate = rate
            if self.verbose:
                say(f"Epoch {epoch + 1}: learning rate {rate:.4g}")

    def _asked(self, epoch: int, rate: float) -> float:
        """What the schedule says."""
        told: Any = self.schedule(epoch, rate) if self._with_rate else self.schedule(epoch)
        try:
            rate = float(told)
        except (TypeError, ValueError):
            rate = math.nan
        if not math.isfinite(rate):
            raise TypeError(f"LearningRateScheduler: expected a finite number from schedule({epoch}), got {told!r}")
        return rate

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        if logs is not None:
            logs["learning_rate"] = plain_rate(self)

    def state(self) -> dict[str, Any]:
        return {"epoch": self._epoch}

    def set_state(self, state: dict[str, Any]) -> None:
        self._epoch = number(state, "epoch")


def _takes_rate(schedule: Callable[..., float]) -> bool:
    """Whether a schedule wants the rate behind the epoch; what `functools.partial` has bound is not to be passed."""
    try:
        parameters = list(inspect.signature(schedule).parameters.values())
    except ValueError:  # a built-in that does not tell
        return False
    if any(p.kind is p.VAR_POSITIONAL for p in parameters):
        return True
    positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    if len(positional) < 2:
        return False
    second = positional[1]
    return second.default in (second.empty, None) or second.name in ("lr", "learning_rate")
