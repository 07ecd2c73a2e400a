"""The values of each epoch."""

from collections.abc import Sequence
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

    def plot(self, names: Sequence[str] | None = None, ax: Any = None) -> Any:
        """Draw the values over the epochs with matplotlib; returns the axes.

        Parameters
        ----------
        names : list of str, optional
            What to draw, without the prefix ``val_``; default everything. Validation is dashed, in the same colour.
        ax : matplotlib axes, optional
            Default: new ones.
        """
        from pydl.callbacks._drawing import axes

        ax = axes("History.plot", ax)
        known = list(dict.fromkeys(name.removeprefix("val_") for name in self.history))
        chosen = known if names is None else list(names)
        if unknown := [name for name in chosen if name not in known]:
            raise ValueError(f"History.plot: nothing is called {unknown[0]!r}; the history has {known}")
        for i, name in enumerate(chosen):
            for key, line in ((name, "-"), (f"val_{name}", "--")):
                values = self.history.get(key, [])  # of the last epochs, or of every so many
                every = max(len(self.epoch) // len(values), 1) if values else 1
                at = [epoch + 1 for epoch in self.epoch][every - 1 :: every][: len(values)]
                if values:
                    ax.plot(
                        at, values[-len(at) :], line, color=f"C{i % 10}", label=key, marker="." if len(at) < 2 else ""
                    )
        ax.set(xlabel="epoch")
        ax.legend()
        return ax

    def state(self) -> dict[str, Any]:
        return {"epoch": self.epoch}

    def set_state(self, state: dict[str, Any]) -> None:
        self.epoch = list(state["epoch"])
        self.history = self.model.fit_state.history
