"""FTRL-proximal."""

from __future__ import annotations

from typing import Any

import numpy as np

from pydl._base.args import real
from pydl.optimizers.base import Optimizer
from pydl.optimizers.schedules import LearningRateSchedule


class Ftrl(Optimizer):
    """Follow the regularized leader: rates per element and L1 that makes weights exactly zero; for wide linear models.

    With ``p = -learning_rate_power``, ``n' = n + g^2``:
    ``z += g + 2 * shrinkage * w - (n'^p - n^p) / lr * w``, ``n = n'`` and
    ``w = (clip(z, -l1, l1) - z) / (n^p / lr + beta / lr + 2 * l2)``, which is 0 where |z| <= l1.

    Parameters
    ----------
    learning_rate : float or LearningRateSchedule, default 0.001
        Must not become 0.
    learning_rate_power : float <= 0, default -0.5
        0 for a rate that stays.
    initial_accumulator_value : float, default 0.1
        What n begins with.
    l1_regularization_strength, l2_regularization_strength : float, default 0.0
    l2_shrinkage_regularization_strength : float, default 0.0
        Pulls with the gradient only, where the other two hold the weights themselves.
    beta : float, default 0.0
        The paper's.
    **kwargs
        As for `Optimizer`: `name`, `weight_decay`, clipping, `use_ema`, `gradient_accumulation_steps` ...

    References
    ----------
    McMahan et al. 2013, "Ad click prediction: a view from the trenches". Formulas as in Keras 3.
    """

    op = "opt_ftrl_step"

    def __init__(
        self,
        learning_rate: float | LearningRateSchedule = 0.001,
        learning_rate_power: float = -0.5,
        initial_accumulator_value: float = 0.1,
        l1_regularization_strength: float = 0.0,
        l2_regularization_strength: float = 0.0,
        l2_shrinkage_regularization_strength: float = 0.0,
        beta: float = 0.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(learning_rate, **kwargs)
        self.learning_rate_power = real("Ftrl", "learning_rate_power", learning_rate_power, at_most=0)
        self.initial_accumulator_value = real(
            "Ftrl", "initial_accumulator_value", initial_accumulator_value, at_least=0
        )
        self.l1_regularization_strength = real(
            "Ftrl", "l1_regularization_strength", l1_regularization_strength, at_least=0
        )
        self.l2_regularization_strength = real(
            "Ftrl", "l2_regularization_strength", l2_regularization_strength, at_least=0
        )
        self.l2_shrinkage_regularization_strength = real(
            "Ftrl", "l2_shrinkage_regularization_strength", l2_shrinkage_regularization_strength, at_least=0
        )
        self.beta = real("Ftrl", "beta", beta, at_least=0)
        self.first_values = {"accumulator": self.initial_accumulator_value}

    @property
    def slots(self) -> tuple[str | None, ...]:
        return "accumulator", "linear"

    def fields(self) -> dict[str, Any]:
        return {"a": -self.learning_rate_power}

    def coefficients(self, iterations: np.ndarray, learning_rates: np.ndarray) -> np.ndarray:
        table = super().coefficients(iterations, learning_rates)
        table[:, 2] = 2 * self.l2_regularization_strength + self.beta / learning_rates
        table[:, 3] = self.l1_regularization_strength
        table[:, 4] = 2 * self.l2_shrinkage_regularization_strength
        return table
