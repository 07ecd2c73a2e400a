"""Nadam."""

from __future__ import annotations

from typing import Any

import numpy as np

from pydl._base.args import real
from pydl.optimizers.base import Optimizer
from pydl.optimizers.schedules import LearningRateSchedule

_DECAY = 0.96
_SETTLED = 1024  # 0.96^1024 / 2 is far below 2^-54, so later factors are 1


class Nadam(Optimizer):
    """Adam with Nesterov momentum.

    In step t (from 1), with ``u_t = beta_1 * (1 - 0.5 * 0.96^t)`` and ``p_t = u_1 * ... * u_t``:
    ``m += (1 - beta_1) * (g - m)``, ``v += (1 - beta_2) * (g^2 - v)`` and
    ``w -= lr * (u_{t+1} * m / (1 - p_{t+1}) + (1 - u_t) * g / (1 - p_t)) / (sqrt(v / (1 - beta_2^t)) + epsilon)``.

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
    Dozat 2016, "Incorporating Nesterov momentum into Adam". Formulas as in Keras 3.
    """

    op = "opt_nadam_step"

    def __init__(
        self,
        learning_rate: float | LearningRateSchedule = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        **kwargs: Any,
    ) -> None:
        super().__init__(learning_rate, **kwargs)
        self.beta_1 = real("Nadam", "beta_1", beta_1, at_least=0, below=1)
        self.beta_2 = real("Nadam", "beta_2", beta_2, at_least=0, below=1)
        self.epsilon = real("Nadam", "epsilon", epsilon, above=0)

    @property
    def slots(self) -> tuple[str | None, ...]:
        return "momentum", "velocity"

    def fields(self) -> dict[str, Any]:
        return {"a": self.beta_1, "b": self.beta_2, "eps": self.epsilon}

    def coefficients(self, iterations: np.ndarray, learning_rates: np.ndarray) -> np.ndarray:
        table = super().coefficients(iterations, learning_rates)
        t = np.asarray(iterations, dtype=np.float64)
        table[:, 2] = learning_rates * self._u(t + 1) / (1 - self._product(t + 1))
        table[:, 3] = learning_rates * (1 - self._u(t)) / (1 - self._product(t))
        table[:, 4] = 1 / (1 - self.beta_2**t)
        return table

    def _u(self, t: np.ndarray) -> np.ndarray:
        return self.beta_1 * (1 - 0.5 * _DECAY**t)

    def _product(self, t: np.ndarray) -> np.ndarray:
        """u_1 * ... * u_t, a function of t alone, so that no state has to be kept."""
        factors = np.cumprod(1 - 0.5 * _DECAY ** np.arange(1.0, _SETTLED + 1))
        return self.beta_1**t * factors[np.minimum(t, _SETTLED).astype(np.int64) - 1]
