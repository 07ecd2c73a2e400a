"""Lion."""

from __future__ import annotations

from typing import Any

from pydl._base.args import real
from pydl.optimizers.base import Optimizer
from pydl.optimizers.schedules import LearningRateSchedule


class Lion(Optimizer):
    """Steps of one length, `learning_rate`, in the direction of the sign of a mean of gradients.

    ``w -= lr * sign(beta_1 * m + (1 - beta_1) * g)``, then ``m = beta_2 * m + (1 - beta_2) * g``. It wants a rate three
    to ten times smaller than Adam's and as much more weight decay.

    Parameters
    ----------
    learning_rate : float or LearningRateSchedule, default 0.001
    beta_1 : float in (0, 1], default 0.9
    beta_2 : float in [0, 1], default 0.99
    **kwargs
        As for `Optimizer`: `name`, `weight_decay`, clipping, `use_ema`, `gradient_accumulation_steps` ...

    References
    ----------
    Chen et al. 2023, "Symbolic discovery of optimization algorithms". Formulas as in Keras 3.
    """

    op = "opt_lion_step"

    def __init__(
        self,
        learning_rate: float | LearningRateSchedule = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.99,
        **kwargs: Any,
    ) -> None:
        super().__init__(learning_rate, **kwargs)
        self.beta_1 = real("Lion", "beta_1", beta_1, above=0, at_most=1)
        self.beta_2 = real("Lion", "beta_2", beta_2, at_least=0, at_most=1)

    @property
    def slots(self) -> tuple[str | None, ...]:
        return ("momentum",)

    def fields(self) -> dict[str, Any]:
        return {"a": self.beta_1, "b": self.beta_2}
