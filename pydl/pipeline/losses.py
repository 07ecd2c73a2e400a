"""What a training lowers: the losses of `pydl.losses` that `--loss` takes, and what each asks of the target."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pydl
    from pydl.pipeline.target import Target

OF_TASK = {
    "regression": ("mse", "mae", "huber", "log_cosh", "poisson", "quantile"),
    "classification": ("crossentropy",),
}
_NUMBER = {"huber": "delta", "quantile": "quantile"}  # what NAME=NUMBER sets


NAMES = tuple(name for names in OF_TASK.values() for name in names)


def parsed(loss: str) -> tuple[str, float | None]:
    """The name of a loss and the number behind it, of `quantile=0.9`.

    Raises
    ------
    ValueError
        A number that is none, that the loss does not take, or not this one.
    """
    name, sign, text = loss.partition("=")
    if not sign or name not in NAMES:
        return name, None
    if name not in _NUMBER:
        raise ValueError(f"--loss {loss}: {name} takes no number; only {' and '.join(_NUMBER)} do, as quantile=0.9")
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 < number < (1 if name == "quantile" else math.inf):
        wanted = "between 0 and 1, as quantile=0.9" if name == "quantile" else "above 0, as huber=1.5"
        raise ValueError(f"--loss {loss}: expected a number {wanted}")
    return name, number


def must_suit(loss: str | None, target: Target) -> None:
    """Refuse a loss that the target cannot be learnt by.

    Raises
    ------
    ValueError
        A loss of another task; poisson where the target's logarithm is learnt.
    """
    choices = OF_TASK[target.task]
    if loss is not None and parsed(loss)[0] not in choices:
        raise ValueError(
            f'--loss {loss}: "{target.name}" is taken for a {target.task}, whose losses are {", ".join(choices)}'
        )
    if is_of_counts(loss) and target.log:
        raise ValueError(f"--loss {loss}: it works on logarithms by itself; leave out --log-target")


def is_of_counts(loss: str | None) -> bool:
    """Whether targets and predictions must not be negative."""
    return loss is not None and parsed(loss)[0] == "poisson"


def quantile_of(loss: str | None) -> float | None:
    """Which quantile is learnt, if it is another than the middle."""
    name, number = ("", None) if loss is None else parsed(loss)
    return None if name != "quantile" or number in (None, 0.5) else number


def said(loss: str | None) -> list[str]:
    """What the figures do not tell of a training by this loss."""
    number = quantile_of(loss)
    if number is None:
        return []
    return [
        f"predictions are quantiles of {number:g}: the pinball loss and the share of rows below them tell how good, "
        "not R2 and errors, which are of the middle"
    ]


def loss_of(loss: str | None, target: Target) -> pydl.losses.Loss:
    """The loss to compile with; by default the squared error or a cross-entropy."""
    import pydl

    name, number = parsed(loss or OF_TASK[target.task][0])
    if name == "crossentropy":
        name = "binary_crossentropy" if len(target.classes) == 2 else "sparse_categorical_crossentropy"
    fields = {} if number is None else {_NUMBER[name]: number}
    found = pydl.losses.as_loss({"class_name": name, "config": fields} if fields else name)
    assert found is not None
    return found
