"""Stop when a value no longer improves."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from pydl.callbacks._monitor import Monitoring
from pydl.callbacks._say import say
from pydl.callbacks.base import Logs, number

_STATE = ("wait", "stopped_epoch", "best", "best_epoch")


class EarlyStopping(Monitoring):
    """Stop training when a monitored value has not improved for some epochs.

    Parameters
    ----------
    monitor : str, default "val_loss"
        The value's name in the logs.
    min_delta : float, default 0
        By how much the value must improve to count.
    patience : int, default 0
        Epochs without improvement after which training stops.
    verbose : int, default 0
        1 prints a line when the callback acts.
    mode : {"auto", "min", "max"}, default "auto"
        Whether smaller or larger is better; "auto" asks the metric, and tells by names.
    baseline : float, optional
        A value to do better than: epochs that do not count as epochs without improvement, but training does not stop
        at one that is better than those before it.
    restore_best_weights : bool, default False
        Whether to end with the weights of the best epoch rather than the last one. They are restored as well when all
        epochs have run; where no epoch beat `baseline`, with those of the best epoch all the same.
    start_from_epoch : int, default 0
        Epochs to wait before looking at the value.

    Raises
    ------
    ValueError
        When `mode` is none of the three; at the start of `fit`, when it is "auto" and nothing tells.
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        min_delta: float = 0,
        patience: int = 0,
        verbose: int = 0,
        mode: str = "auto",
        baseline: float | None = None,
        restore_best_weights: bool = False,
        start_from_epoch: int = 0,
    ) -> None:
        super().__init__(monitor, mode, min_delta=min_delta)
        self.patience = patience
        self.verbose = verbose
        self.baseline = baseline
        self.restore_best_weights = restore_best_weights
        self.start_from_epoch = start_from_epoch
        self._reset()

    def _reset(self) -> None:
        self.wait = 0
        self.stopped_epoch = 0
        self.best = None
        self.best_epoch = 0
        self.best_weights: list[np.ndarray] | None = None

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self._monitor.check()
        self._reset()

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        value = self._monitor.value(logs)
        if value is None or epoch < self.start_from_epoch:
            return
        if self.restore_best_weights and self.best_weights is None:
            self._keep(epoch)
        self.wait += 1
        if self._monitor.better(value, self.best):
            self.best = value
            if self.restore_best_weights:
                self._keep(epoch)
            self.best_epoch = epoch
            if self.baseline is None or self._monitor.better(value, self.baseline):
                self.wait = 0
            return
        if self.wait >= self.patience and epoch > 0:
            self.stopped_epoch = epoch
            self.model.stop_training = True

    def on_train_end(self, logs: Logs | None = None) -> None:
        if self.stopped_epoch and self.verbose:
            say(f"Epoch {self.stopped_epoch + 1}: early stopping")
        if self.best_weights is not None:
            if self.verbose:
                say(f"Restoring the weights of the best epoch, {self.best_epoch + 1}")
            self.model.set_weights(self.best_weights)

    def _keep(self, epoch: int) -> None:
        self.best_epoch = epoch
        self.best_weights = self.model.get_weights()

    def state(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in _STATE}

    def set_state(self, state: dict[str, Any]) -> None:
        for name in _STATE:
            setattr(self, name, number(state, name))

    def kept_weights(self) -> Mapping[str, np.ndarray]:
        if self.best_weights is None:
            return {}
        with self._held(self.best_weights):
            return {v.path: v.numpy().astype(v.dtype, copy=False) for v in self.model.as_made()}

    def set_kept_weights(self, weights: Mapping[str, np.ndarray]) -> None:
        self.best_weights = None
        if weights:
            with self._held(self.model.get_weights()):
                for v in self.model.as_made():
                    v.assign(weights[v.path])
                self.best_weights = self.model.get_weights()

    @contextmanager
    def _held(self, weights: list[np.ndarray]) -> Iterator[None]:
        """Within the `with` block the model has these weights, as they are in files."""
        now = self.model.get_weights()
        self.model.set_weights(weights)
        try:
            yield
        finally:
            self.model.set_weights(now)
