"""Adagrad."""

from __future__ import annotations

from typing import Any

from pydl._base.args import real
from pydl.optimizers.base import Optimizer
from pydl.optimizers.schedules import LearningRateSchedule


class Adagrad(Optimizer):
    """Gradient descent with each element's step divided by the root of the sum of all its squared gradients.

    ``s += g^2`` and ``w -= lr * g / sqrt(s + epsilon)``.

    Parameters
    ----------
    learning_rate : float or LearningRateSchedule, default 0.001
    initial_accumulator_value : float, default 0.1
        What s begins with.
    epsilon : float, default 1e-7
        Inside the root.
    **kwargs
        As for `Optimizer`: `name`, `weight_decay`, clipping, `use_ema`, `gradient_accumulation_steps` ...

    References
    ----------
    Duchi, Hazan, Singer 2011. Formulas as in Keras 3.
    """

    op = "opt_adagrad_step"

    def __init__(
        self,
        learning_rate: float | LearningRateSchedule = 0.001,
        initial_accumulator_value: float = 0.1,
        epsilon: float = 1e-7,
        **kwargs: Any,
    ) -> None:
        super().__init__(learning_rate, **kwargs)
        self.initial_accumulator_value = real(
            "Adagrad", "initial_accumulator_value", initial_accumulator_value, at_least=0
        )
        self.epsilon = real("Adagrad", "epsilon", epsilon, above=0)
        self.first_values = {"accumulator": self.initial_accumulator_value}

    @property
    def slots(self) -> tuple[str | None, ...]:
        return ("accumulator",)

    def fields(self) -> dict[str, Any]:
        return {"eps": self.epsilon}
