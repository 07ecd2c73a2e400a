"""What it means for a monitored value to be better."""

import math
import re
import warnings
from collections.abc import Callable, Iterable
from typing import Any

from pydl._base.registry import snake_case
from pydl.callbacks.base import Callback, Logs

# By the last word of a name: what is better when it is larger, and when it is smaller.
_RISING = {
    "acc", "accuracy", "auc", "f1", "f2", "iou", "kappa", "mcc", "ndcg", "precision", "r2", "recall", "score",
    "sensitivity", "similarity", "specificity",
}  # fmt: skip
_FALLING = {
    "ce", "crossentropy", "deviance", "distance", "divergence", "entropy", "err", "error", "hinge", "logcosh", "loss",
    "mae", "mape", "mse", "msle", "nll", "perplexity", "poisson", "regret", "rmse",
}  # fmt: skip
_WHOLE_NAMES = {
    "kl_divergence": False, "log_cosh": False, "lr": False, "mean_io_u": True, "false_negatives": False,
    "false_positives": False, "true_negatives": True, "true_positives": True,
}  # fmt: skip


def _by_name(name: str) -> bool | None:
    """Whether larger is better, by the last word of a name, the number behind it left out; None: nobody knows."""
    name = re.sub(r"(_\d+)+$", "", name).lower()
    last = name.rpartition("_")[2]
    return _WHOLE_NAMES.get(name, True if last in _RISING else False if last in _FALLING else None)


def _direction(name: str, model: Any) -> bool | None:
    """Whether a larger value is better: as the metric of that name says itself or by its class, else by the name."""
    base = name.removeprefix("val_")
    for compiled in getattr(model, "compiled_metrics", ()):
        metric = compiled.metric
        if compiled.name == base:
            if metric.rising is not None:
                return bool(metric.rising)
            found = (_by_name(text) for text in (snake_case(type(metric).__name__), metric.name))
            return next((rising for rising in found if rising is not None), None)
    return _by_name(base)


class Monitor:
    """Reads one value from the logs and compares it with the best so far.

    Parameters
    ----------
    owner : Callback
        Whose messages these are.
    name : str
        The value's name in the logs.
    mode : {"auto", "min", "max"}
        Whether smaller or larger is better; "auto" asks the metric (`Metric.rising`), then tells by the name of its
        class and its own: larger for accuracies, AUC, precision, recall and scores, smaller for losses and errors.
    min_delta : float
        By how much a value must be better to count.
    """

    def __init__(self, owner: Callback, name: str, mode: str, min_delta: float = 0.0) -> None:
        self.callback, self.owner = owner, type(owner).__name__
        if mode not in ("auto", "min", "max"):
            raise ValueError(f'{self.owner}: expected mode "auto", "min" or "max", got {mode!r}')
        self.name = name
        self.mode = mode
        self.min_delta = abs(min_delta)

    def check(self) -> None:
        """Raise, before anything is trained, where nothing tells what is better."""
        self.better(0.0, 0.0)

    @property
    def rising(self) -> bool:
        """Whether larger is better.

        Raises
        ------
        ValueError
            Mode "auto", where neither the metric nor the names tell.
        """
        found = (
            _direction(self.name, getattr(self.callback, "model", None)) if self.mode == "auto" else self.mode == "max"
        )
        if found is None:
            raise ValueError(
                f'{self.owner}: "{self.name}" does not tell whether larger or smaller is better; pass mode="max" or '
                'mode="min", or give the metric an attribute rising'
            )
        return found

    def waits(self, logs: Logs | None, names: Iterable[str]) -> bool:
        """Whether this epoch lacks one of these values because it was not validated, as not all are."""
        given, params = logs or {}, getattr(self.callback, "params", {})
        return (params.get("validation_freq") or 1) != 1 and any(
            name not in given and name.startswith("val_") and name.removeprefix("val_") in given for name in names
        )

    def value(self, logs: Logs | None) -> float | None:
        """The value, or None, and a warning unless this epoch was not to be validated, when the logs lack it."""
        given = logs or {}
        if self.waits(logs, [self.name]):
            return None
        if self.name not in given:
            warnings.warn(
                f'{self.owner} monitors "{self.name}", which is not among {", ".join(sorted(given)) or "the logs"}; '
                "pass validation data or another name",
                stacklevel=4,
            )
            return None
        return float(given[self.name])

    def better(self, value: float, best: float | None) -> bool:
        """Whether a value beats the best so far (None: there is none) by more than `min_delta`; a NaN never does."""
        if math.isnan(value):
            return False
        if best is None:
            return True
        return value - self.min_delta > best if self.rising else value + self.min_delta < best


class _Told:
    """What the class says of an object, unless the object says something else: it may be set, as any attribute."""

    def __init__(self, tell: Callable[[Any], Any]) -> None:
        self._tell, self.__doc__ = tell, tell.__doc__

    def __get__(self, owner: Any, kind: type) -> Any:
        return self if owner is None else self._tell(owner)


class Monitoring(Callback):
    """A callback that looks at one value, with the names by which classes that derive from it know it, as from Keras's.

    Parameters
    ----------
    monitor, mode, min_delta
        As for `Monitor`.
    baseline : float, optional
        The best value before any.
    """

    def __init__(
        self, monitor: str = "val_loss", mode: str = "auto", baseline: float | None = None, min_delta: float = 0.0
    ) -> None:
        self.monitor = monitor
        self.best = baseline
        self._monitor = Monitor(self, monitor, mode, min_delta)

    @_Told
    def mode(self) -> str:
        """ "auto", "min" or "max"."""
        return self._monitor.mode

    @_Told
    def min_delta(self) -> float:
        """By how much a value must be larger to be better: negative where smaller is better."""
        return self._monitor.min_delta if self._monitor.rising else -self._monitor.min_delta

    @_Told
    def monitor_op(self) -> Any:
        """`ops.greater` where larger is better, else `ops.less`: of `value - min_delta` and the best so far."""
        from pydl import ops

        return ops.greater if self._monitor.rising else ops.less

    def _set_monitor_op(self) -> None:
        self._monitor.check()

    def _is_improvement(self, monitor_value: Any, reference_value: Any) -> bool:
        return self._monitor.better(float(monitor_value), reference_value)


def rated(owner: Callback) -> list[Any]:
    """The optimizers whose learning rates, which are numbers, may be set: the model's, or those that it is made of."""
    optimizer = owner.model.optimizer
    found = list(optimizer.optimizers) or [optimizer]
    for one in found:
        if one.schedule is not None:
            raise TypeError(
                f"{type(owner).__name__}: expected an optimizer with a number as learning_rate, got the schedule "
                f"{one.schedule!r}; give the optimizer a number or leave the callback out"
            )
    return found


def plain_rate(owner: Callback) -> float:
    """The learning rate of the owner's model, where it is a number that may be set; of several, the first."""
    return float(rated(owner)[0].learning_rate)
