"""Adamax."""

from __future__ import annotations

from typing import Any

import numpy as np

from pydl._base.args import real
from pydl.optimizers.base import Optimizer
from pydl.optimizers.schedules import LearningRateSchedule


class Adamax(Optimizer):
    """Adam with the largest gradient seen, slowly forgotten, in place of the root of mean squares.

    In step t (from 1): ``m += (1 - beta_1) * (g - m)``, ``u = max(beta_2 * u, |g|)`` and
    ``w -= lr / (1 - beta_1^t) * m / (u + epsilon)``.

    Parameters
    ----------
    learning_rate : float or LearningRateSchedule, default 0.001
    beta_1 : float in [0, 1), default 0.9
    beta_2 : float in [0, 1), default 0.999
    epsilon : float, default 1e-7
    **kwargs
        As for `Optimizer`: `name`, `weight_decay`, clipping, `use_ema`, `gradient_accumulation_steps` ...

    References
    ----------
    Kingma and Ba 2015, section 7.1. Formulas as in Keras 3.
    """

    op = "opt_adamax_step"

    def __init__(
        self,
        learning_rate: float | LearningRateSchedule = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        **kwargs: Any,
    ) -> None:
        super().__init__(learning_rate, **kwargs)
        self.beta_1 = real("Adamax", "beta_1", beta_1, at_least=0, below=1)
        self.beta_2 = real("Adamax", "beta_2", beta_2, at_least=0, below=1)
        self.epsilon = real("Adamax", "epsilon", epsilon, above=0)

    @property
    def slots(self) -> tuple[str | None, ...]:
        return "momentum", "norm"

    def fields(self) -> dict[str, Any]:
        return {"a": self.beta_1, "b": self.beta_2, "eps": self.epsilon}

    def coefficients(self, iterations: np.ndarray, learning_rates: np.ndarray) -> np.ndarray:
        table = super().coefficients(iterations, learning_rates)
        table[:, 0] /= 1 - self.beta_1 ** np.asarray(iterations, dtype=np.float64)
        return table
