"""Adam and AdamW."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from pydl._base.args import real
from pydl.optimizers.base import Optimizer
from pydl.optimizers.schedules import LearningRateSchedule


class Adam(Optimizer):
    """Steps scaled by moving averages of the gradient and of its square.

    In step t (from 1): ``m += (1 - beta_1) * (g - m)``, ``v += (1 - beta_2) * (g^2 - v)`` and
    ``w -= lr * sqrt(1 - beta_2^t) / (1 - beta_1^t) * m / (sqrt(v) + epsilon)``. So epsilon is added to the uncorrected
    root (the paper's "epsilon hat"). With `amsgrad`, the largest v so far takes the place of v.

    Parameters
    ----------
    learning_rate : float or LearningRateSchedule, default 0.001
    beta_1 : float in [0, 1), default 0.9
    beta_2 : float in [0, 1), default 0.999
    epsilon : float, default 1e-7
    amsgrad : bool, default False
    weight_decay, clipnorm, clipvalue, global_clipnorm, name
        As for `Optimizer`.
    **kwargs
        `use_ema`, `ema_momentum`, `ema_overwrite_frequency`, `gradient_accumulation_steps` of `Optimizer`.

    References
    ----------
    Kingma and Ba 2015; Reddi, Kale, Kumar 2018 for AMSGrad. Formulas as in Keras 3.
    """

    op = "opt_adam_step"

    def __init__(
        self,
        learning_rate: float | LearningRateSchedule = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
        weight_decay: float | None = None,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(learning_rate, weight_decay, clipnorm, clipvalue, global_clipnorm, name, **kwargs)
        owner = type(self).__name__
        self.beta_1 = real(owner, "beta_1", beta_1, at_least=0, below=1)
        self.beta_2 = real(owner, "beta_2", beta_2, at_least=0, below=1)
        self.epsilon = real(owner, "epsilon", epsilon, above=0)
        self.amsgrad = bool(amsgrad)

    @property
    def slots(self) -> tuple[str | None, ...]:
        return ("momentum", "velocity", "velocity_hat") if self.amsgrad else ("momentum", "velocity")

    def fields(self) -> dict[str, Any]:
        return {"a": self.beta_1, "b": self.beta_2, "eps": self.epsilon}

    def coefficients(self, iterations: np.ndarray, learning_rates: np.ndarray) -> np.ndarray:
        table = super().coefficients(iterations, learning_rates)
        t = np.asarray(iterations, dtype=np.float64)
        table[:, 0] *= np.sqrt(_correction(self.beta_2, t)) / _correction(self.beta_1, t)
        return table


def _correction(beta: float, t: np.ndarray) -> np.ndarray:
    """1 - beta^t. In a long chunk no power is taken where that rounds to 1: tiny ones take as long as a small step."""
    if len(t) < 100 or not beta:
        return 1 - beta**t
    counts = t * -math.log(beta) < 38  # e^-38 < 2^-54
    correction = np.ones(len(t))
    correction[counts] -= beta ** t[counts]
    return correction


class AdamW(Adam):
    """Adam with decoupled weight decay: ``w -= lr * weight_decay * w`` before each step of `Adam`.

    Parameters
    ----------
    learning_rate : float or LearningRateSchedule, default 0.001
    weight_decay : float, default 0.004
    beta_1, beta_2, epsilon, amsgrad
        As for `Adam`.
    clipnorm, clipvalue, global_clipnorm, name
        As for `Optimizer`.
    **kwargs
        `use_ema`, `ema_momentum`, `ema_overwrite_frequency`, `gradient_accumulation_steps` of `Optimizer`.

    References
    ----------
    Loshchilov and Hutter 2019. Formulas and default as in Keras 3.
    """

    def __init__(
        self,
        learning_rate: float | LearningRateSchedule = 0.001,
        weight_decay: float = 0.004,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        if weight_decay is None:
            raise ValueError("AdamW: weight_decay must be a number; use Adam for none")
        super().__init__(
            learning_rate, beta_1, beta_2, epsilon, amsgrad, weight_decay, clipnorm, clipvalue, global_clipnorm, name,
            **kwargs,
        )  # fmt: skip
