"""What it means for a monitored value to be better."""

import math
import warnings

from pydl.callbacks.base import Callback, Logs

_RISING = (
    "acc",
    "accuracy",
    "auc",
    "precision",
    "recall",
    "f1_score",
    "fbeta_score",
    "r2_score",
    "cosine_similarity",
    "iou",
)


class Monitor:
    """Reads one value from the logs and compares it with the best so far.

    Parameters
    ----------
    owner : Callback
        Whose messages these are.
    name : str
        The value's name in the logs.
    mode : {"auto", "min", "max"}
        Whether smaller or larger is better; "auto" tells by the name: larger for accuracies, AUC, precision, recall,
        F and R2 scores, smaller for all else.
    min_delta : float
        By how much a value must be better to count.
    """

    def __init__(self, owner: Callback, name: str, mode: str, min_delta: float = 0.0) -> None:
        self.owner = type(owner).__name__
        if mode not in ("auto", "min", "max"):
            raise ValueError(f'{self.owner}: expected mode "auto", "min" or "max", got {mode!r}')
        self.name = name
        self.rising = mode == "max" or (mode == "auto" and name.endswith(_RISING))
        self.min_delta = abs(min_delta)

    def value(self, logs: Logs | None) -> float | None:
        """The value, or None and a warning when the logs lack it."""
        given = logs or {}
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


def plain_rate(owner: Callback) -> float:
    """The learning rate of the owner's model, where it is a number that may be set."""
    rate = owner.model.optimizer.learning_rate
    if callable(rate):
        raise TypeError(
            f"{type(owner).__name__}: expected an optimizer with a number as learning_rate, got the schedule {rate!r}; "
            "give the optimizer a number or leave the callback out"
        )
    return float(rate)
