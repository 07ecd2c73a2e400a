"""Which learning rate to take."""

import math
from typing import Any

import numpy as np

from pydl.callbacks._monitor import plain_rate
from pydl.callbacks.base import Callback, Logs


class LRFinder(Callback):
    """Raise the learning rate from batch to batch and note the loss: the range test of L. N. Smith (2017).

    Run `fit` with it once, on a model that has been compiled; then look at `plot()` or ask `suggestion()`. Afterwards
    the model's weights and its learning rate are what they were, the optimizer's slots are 0.

    Parameters
    ----------
    min_lr, max_lr : float
        Where to begin and end; the rate grows by the same factor after each batch.
    steps : int
        Batches; `fit` stops after them, if it has not ended before.
    smoothing : float, default 0.9
        Weight of the past in the moving average of the loss that is noted, in [0, 1).
    stop_factor : float, default 4
        Stop as soon as that average is so many times its lowest value, or not finite.

    Attributes
    ----------
    rates, losses : list of float
        The learning rate of each batch, and the smoothed loss after it.
    """

    def __init__(
        self,
        min_lr: float = 1e-7,
        max_lr: float = 1.0,
        steps: int = 100,
        smoothing: float = 0.9,
        stop_factor: float = 4.0,
    ) -> None:
        if not 0 < min_lr < max_lr:
            raise ValueError(f"LRFinder: expected 0 < min_lr < max_lr, got {min_lr} and {max_lr}")
        if type(steps) is not int or steps < 2 or not 0 <= smoothing < 1:
            raise ValueError(f"LRFinder: expected steps >= 2 and smoothing in [0, 1), got {steps} and {smoothing}")
        self.min_lr, self.max_lr, self.steps = min_lr, max_lr, steps
        self.smoothing, self.stop_factor = smoothing, stop_factor
        self.rates: list[float] = []
        self.losses: list[float] = []

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self.rates, self.losses = [], []
        self._average, self._lowest, self._before = 0.0, math.inf, 0.0
        self._rate = plain_rate(self)
        self._weights = self.model.get_weights()
        self.model.optimizer.learning_rate = self.min_lr

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        self._before = 0.0  # the losses of this epoch's batches so far

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        total = (logs or {}).get("loss", math.nan) * (batch + 1)  # the log is the mean of the epoch's batches so far
        self._note(total - self._before)
        self._before = total
        if len(self.rates) < self.steps:
            share = len(self.rates) / (self.steps - 1)
            self.model.optimizer.learning_rate = self.min_lr * (self.max_lr / self.min_lr) ** share

    def _note(self, loss: float) -> None:
        if len(self.rates) >= self.steps:
            return
        self.rates.append(float(self.model.optimizer.learning_rate))
        self._average = self.smoothing * self._average + (1 - self.smoothing) * loss
        smooth = self._average / (1 - self.smoothing ** len(self.rates))
        self.losses.append(smooth)
        self._lowest = min(self._lowest, smooth)
        diverged = not math.isfinite(smooth) or smooth > self.stop_factor * self._lowest > 0
        if diverged or len(self.rates) == self.steps:
            self.model.stop_training = True

    tells_nonfinite = True

    def on_train_end(self, logs: Logs | None = None) -> None:
        self.model.set_weights(self._weights)
        self.model.optimizer.learning_rate = self._rate
        for slot in self.model.optimizer.state_variables:
            slot.assign(np.zeros(slot.shape))
        self.model.optimizer.batches = 0

    def suggestion(self) -> float:
        """The rate at which the loss falls fastest, over the logarithm of the rate; the first tenth does not count.

        Raises
        ------
        ValueError
            When `fit` has noted fewer than three batches.
        """
        finite = [(r, y) for r, y in zip(self.rates, self.losses, strict=True) if math.isfinite(y)]
        if len(finite) < 3:
            raise ValueError(f"LRFinder: expected at least 3 batches, got {len(finite)}; run fit with this callback")
        rates, losses = np.array(finite[len(finite) // 10 :]).T  # at first the average is of few batches
        return float(rates[np.gradient(losses, np.log(rates)).argmin()])

    def plot(self, ax: Any = None) -> Any:
        """Draw the loss over the rate with matplotlib, and the suggestion; returns the axes."""
        from pydl.callbacks._drawing import axes

        ax = axes("LRFinder.plot", ax)
        ax.plot(self.rates, self.losses)
        ax.axvline(self.suggestion(), color="0.6", linestyle="--", label=f"suggestion: {self.suggestion():.2g}")
        ax.set(xscale="log", xlabel="learning rate", ylabel="loss (smoothed)")
        ax.legend()
        return ax
