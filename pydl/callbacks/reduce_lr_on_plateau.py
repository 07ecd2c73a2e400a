"""Lower the learning rate when a value no longer improves."""

from typing import Any

from pydl.callbacks._monitor import Monitoring, plain_rate, rated
from pydl.callbacks._say import say
from pydl.callbacks.base import Logs, number

_STATE = ("wait", "cooldown_counter", "best")


class ReduceLROnPlateau(Monitoring):
    """Multiply the learning rate by a factor when a monitored value has not improved for some epochs.

    Adds ``learning_rate``, the rate of the epoch that ended, to the logs.

    Parameters
    ----------
    monitor : str, default "val_loss"
        The value's name in the logs.
    factor : float, default 0.1
        Below 1: ``new_rate = rate * factor``.
    patience : int, default 10
        Epochs without improvement after which the rate is lowered.
    verbose : int, default 0
        1 prints a line when the rate is lowered.
    mode : {"auto", "min", "max"}, default "auto"
        Whether smaller or larger is better; "auto" asks the metric, and tells by names.
    min_delta : float, default 1e-4
        By how much the value must improve to count.
    cooldown : int, default 0
        Epochs to wait after lowering the rate before counting again.
    min_lr : float, default 0
        The rate is not lowered below.

    Raises
    ------
    ValueError
        When `factor` is 1 or more, or `mode` is none of the three; at the start of `fit`, when it is "auto" and nothing
        tells.
    TypeError
        At the start of `fit`, when the learning rate is a schedule.
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        factor: float = 0.1,
        patience: int = 10,
        verbose: int = 0,
        mode: str = "auto",
        min_delta: float = 1e-4,
        cooldown: int = 0,
        min_lr: float = 0.0,
    ) -> None:
        if not 0 <= factor < 1:
            raise ValueError(f"ReduceLROnPlateau: expected a factor from 0 to below 1, got {factor}")
        super().__init__(monitor, mode, min_delta=min_delta)
        self.factor = factor
        self.patience = patience
        self.verbose = verbose
        self.cooldown = cooldown
        self.min_lr = min_lr
        self._reset()

    def _reset(self) -> None:
        self.wait = 0
        self.cooldown_counter = 0
        self.best = None

    def on_train_begin(self, logs: Logs | None = None) -> None:
        plain_rate(self)
        self._monitor.check()
        self._reset()

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        rate = plain_rate(self)
        value = self._monitor.value(logs)
        if logs is not None:
            logs["learning_rate"] = rate
        if value is None:
            return
        if self.cooldown_counter > 0:
            self.cooldown_counter -= 1
            self.wait = 0
        if self._monitor.better(value, self.best):
            self.best = value
            self.wait = 0
        elif self.cooldown_counter == 0:
            self.wait += 1
            above = [o for o in rated(self) if float(o.learning_rate) > self.min_lr]
            if self.wait >= self.patience and above:
                for optimizer in above:
                    lowered = max(float(optimizer.learning_rate) * self.factor, self.min_lr)
                    optimizer.learning_rate = lowered
                    if self.verbose:
                        say(f"Epoch {epoch + 1}: learning rate lowered to {lowered:.4g}")
                self.cooldown_counter = self.cooldown
                self.wait = 0

    def state(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in _STATE}

    def set_state(self, state: dict[str, Any]) -> None:
        for name in _STATE:
            setattr(self, name, number(state, name))
