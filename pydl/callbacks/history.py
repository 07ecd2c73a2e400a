"""The values of each epoch."""

from typing import Any

from pydl.callbacks.base import Callback, Logs


class History(Callback):
    """Record the loss and metrics of each epoch; what `fit` returns.

    Attributes
    ----------
    epoch : list of int
        The epochs recorded.
    history : dict of str to list of float
        For each name in the logs, its value in each epoch.
    """

    def __init__(self) -> None:
        self.epoch: list[int] = []
        self.history: dict[str, list[float]] = {}

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self.epoch = []
        self.history = self.model.fit_state.history

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        self.epoch.append(epoch)
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(float(value))

    def state(self) -> dict[str, Any]:
        return {"epoch": self.epoch}

    def set_state(self, state: dict[str, Any]) -> None:
        self.epoch = list(state["epoch"])
        self.history = self.model.fit_state.history
