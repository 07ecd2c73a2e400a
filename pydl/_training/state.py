"""Where a call of fit stands: all that a resumed run needs besides weights, optimizer and data."""

from collections.abc import Sequence
from typing import Any, Self


class FitState:
    """The position and the running sums of a `Model.fit`.

    Attributes
    ----------
    epoch : int
        The running epoch, from 0.
    step : int
        Batches finished in it.
    earlier : int
        Passes over the data by calls of `fit` before this one that `epoch` does not count: orders of the rows go on.
    seed, draws : int
        Seed of the model's random streams and how many steps have drawn from them.
    totals : dict of str to sequence of float
        What the running epoch has summed up, for the loss and each metric.
    history : dict of str to list of float
        The values of the epochs finished, as in `History.history`.
    callbacks : dict of str to dict
        What `Callback.state` returned, by the callback's key in its CallbackList.
    """

    def __init__(
        self, epoch: int = 0, step: int = 0, earlier: int = 0, seed: int = 0, draws: int = 0,
        totals: dict[str, Sequence[float]] | None = None, history: dict[str, list[float]] | None = None,
        callbacks: dict[str, dict[str, Any]] | None = None,
    ) -> None:  # fmt: skip
        self.epoch, self.step, self.earlier, self.seed, self.draws = epoch, step, earlier, seed, draws
        self.totals = {} if totals is None else totals
        self.history = {} if history is None else history
        self.callbacks = {} if callbacks is None else callbacks

    def moved_to(self, epoch: int, step: int, callbacks: dict[str, dict[str, Any]]) -> Self:
        """The state of the same run that runs batch `step` of `epoch` next, with what callbacks keep."""
        return type(self)(
            epoch, step, self.earlier, self.seed, self.draws, self.totals if step else {}, self.history, callbacks
        )

    def to_config(self) -> dict[str, Any]:
        """The state as a dictionary that JSON can hold, without loss."""
        return {
            "epoch": int(self.epoch),
            "step": int(self.step),
            "earlier": int(self.earlier),
            "seed": int(self.seed),
            "draws": int(self.draws),
            "totals": {name: [float(x) for x in numbers] for name, numbers in self.totals.items()},
            "history": {name: [float(value) for value in values] for name, values in self.history.items()},
            "callbacks": dict(self.callbacks),
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """The state that `to_config` wrote.

        Raises
        ------
        ValueError
            When `config` is not such a dictionary.
        """
        counters = ("epoch", "step", "earlier", "seed", "draws")
        tables = ("totals", "history", "callbacks")
        if not isinstance(config, dict) or config.keys() != {*counters, *tables}:
            raise ValueError(f"the state of fit: expected the keys {', '.join(counters + tables)}, got {config!r:.200}")
        for name in counters:
            if type(config[name]) is not int or not 0 <= config[name] < 2**64:
                raise ValueError(f"the state of fit: expected {name} >= 0, got {config[name]!r:.80}")
        for name in tables:
            if not isinstance(config[name], dict):
                raise ValueError(f"the state of fit: expected {name} as a dictionary, got {config[name]!r:.80}")
        totals, history, callbacks = (config[name] for name in tables)
        if not all(_floats(numbers) and numbers for numbers in totals.values()):
            raise ValueError(f"the state of fit: expected totals as lists of numbers, got {totals!r:.80}")
        if not all(_floats(values) for values in history.values()):
            raise ValueError(f"the state of fit: expected history as lists of numbers, got {history!r:.80}")
        if not all(isinstance(state, dict) for state in callbacks.values()):
            raise ValueError(f"the state of fit: expected a dictionary for each callback, got {callbacks!r:.80}")
        return cls(
            **{name: config[name] for name in counters},
            totals={name: [float(x) for x in numbers] for name, numbers in totals.items()},
            history={name: [float(value) for value in values] for name, values in history.items()},
            callbacks=callbacks,
        )


def _floats(values: object) -> bool:
    return isinstance(values, list) and all(type(value) in (int, float) for value in values)
