"""Adadelta."""

from __future__ import annotations

from typing import Any

from pydl._base.args import real
from pydl.optimizers.base import Optimizer
from pydl.optimizers.schedules import LearningRateSchedule


class Adadelta(Optimizer):
    """Steps whose scale is that of the steps before: means of squared gradients and of squared steps.

    ``s = rho * s + (1 - rho) * g^2``, ``d = sqrt(e + epsilon) / sqrt(s + epsilon) * g``,
    ``e = rho * e + (1 - rho) * d^2`` and ``w -= lr * d``. The paper's own form has a `learning_rate` of 1.

    Parameters
    ----------
    learning_rate : float or LearningRateSchedule, default 0.001
    rho : float in [0, 1], default 0.95
    epsilon : float, default 1e-7
        Inside the roots.
    **kwargs
        As for `Optimizer`: `name`, `weight_decay`, clipping, `use_ema`, `gradient_accumulation_steps` ...

    References
    ----------
    Zeiler 2012. Formulas as in Keras 3.
    """

    op = "opt_adadelta_step"

    def __init__(
        self,
        learning_rate: float | LearningRateSchedule = 0.001,
        rho: float = 0.95,
        epsilon: float = 1e-7,
        **kwargs: Any,
    ) -> None:
        super().__init__(learning_rate, **kwargs)
        self.rho = real("Adadelta", "rho", rho, at_least=0, at_most=1)
        self.epsilon = real("Adadelta", "epsilon", epsilon, above=0)

    @property
    def slots(self) -> tuple[str | None, ...]:
        return "accumulated_grad", "accumulated_delta_var"

    def fields(self) -> dict[str, Any]:
        return {"a": self.rho, "eps": self.epsilon}
