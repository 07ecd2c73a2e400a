"""LAMB."""

from __future__ import annotations

from typing import Any

import numpy as np

from pydl._base.args import real
from pydl.optimizers.base import Optimizer
from pydl.optimizers.schedules import LearningRateSchedule


class Lamb(Optimizer):
    """Adam's step on each weight, scaled to the length of the weight: for large batches.

    In step t (from 1): ``m += (1 - beta_1) * (g - m)``, ``v += (1 - beta_2) * (g^2 - v)``,
    ``u = m / (1 - beta_1^t) / (sqrt(v / (1 - beta_2^t)) + epsilon)`` and ``w -= lr * |w| / |u| * u``, where a ratio of
    which one length is 0 counts as 1. In NumPy, as the lengths are of whole weights.

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
    You et al. 2020, "Large batch optimization for deep learning". Formulas as in Keras 3.
    """

    def __init__(
        self,
        learning_rate: float | LearningRateSchedule = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        **kwargs: Any,
    ) -> None:
        super().__init__(learning_rate, **kwargs)
        self.beta_1 = real("Lamb", "beta_1", beta_1, at_least=0, below=1)
        self.beta_2 = real("Lamb", "beta_2", beta_2, at_least=0, below=1)
        self.epsilon = real("Lamb", "epsilon", epsilon, above=0)

    @property
    def slots(self) -> tuple[str | None, ...]:
        return "momentum", "velocity"

    def update(self, w: np.ndarray, g: np.ndarray, slots: dict[str, np.ndarray], rate: float, t: int) -> None:
        m, v = slots["momentum"], slots["velocity"]
        m += (1 - self.beta_1) * (g - m)
        v += (1 - self.beta_2) * (np.square(g) - v)
        u = m / (1 - self.beta_1**t) / (np.sqrt(v / (1 - self.beta_2**t)) + self.epsilon)
        of_w, of_u = float(np.linalg.norm(w)), float(np.linalg.norm(u))
        w -= rate * (of_w / of_u if of_w and of_u else 1.0) * u
