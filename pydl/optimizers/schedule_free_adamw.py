"""AdamW without a schedule."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from pydl._base.args import real, whole
from pydl._engine.variable import Variable
from pydl.optimizers.base import Optimizer
from pydl.optimizers.schedules import LearningRateSchedule


class ScheduleFreeAdamW(Optimizer):
    """Adam's steps taken by z, whose mean x stands in a schedule's place; gradients are taken between the two.

    z begins as the weights do. In step t (from 1), the weight being ``w = (1 - beta_1) * z + beta_1 * x``:
    ``v += (1 - beta_2) * (g^2 - v)``, ``z -= lr * min(1, t / warmup_steps) * g / (sqrt(v / (1 - beta_2^t)) + epsilon)``
    and ``x += (z - x) / t``. Weights stay w; Keras's form, which has no switch to x for evaluation, is the same. In
    NumPy.

    Parameters
    ----------
    learning_rate : float or LearningRateSchedule, default 0.0025
    beta_1 : float in (0, 1], default 0.9
    beta_2 : float in [0, 1), default 0.999
    epsilon : float, default 1e-8
    warmup_steps : int, default 0
    **kwargs
        As for `Optimizer`: `name`, `weight_decay`, clipping, `use_ema`, `gradient_accumulation_steps` ...

    References
    ----------
    Defazio et al. 2024, "The road less scheduled". Formulas as in Keras 3.
    """

    def __init__(
        self,
        learning_rate: float | LearningRateSchedule = 0.0025,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        warmup_steps: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(learning_rate, **kwargs)
        self.beta_1 = real("ScheduleFreeAdamW", "beta_1", beta_1, above=0, at_most=1)
        self.beta_2 = real("ScheduleFreeAdamW", "beta_2", beta_2, at_least=0, below=1)
        self.epsilon = real("ScheduleFreeAdamW", "epsilon", epsilon, above=0)
        self.warmup_steps = whole("ScheduleFreeAdamW", "warmup_steps", warmup_steps)

    @property
    def slots(self) -> tuple[str | None, ...]:
        return "momentum", "velocity"

    def _new_slot(self, variable: Variable, name: str, shape: tuple[int, ...] | None = None) -> Variable:
        slot = super()._new_slot(variable, name, shape)
        if name == "momentum":
            slot.assign(variable.numpy())
        return slot

    def update(self, w: np.ndarray, g: np.ndarray, slots: dict[str, np.ndarray], rate: float, t: int) -> None:
        z, v = slots["momentum"], slots["velocity"]
        x = (w - (1 - self.beta_1) * z) / self.beta_1
        v += (1 - self.beta_2) * (np.square(g) - v)
        rate *= min(1.0, t / self.warmup_steps) if self.warmup_steps else 1.0
        z -= rate * g / (np.sqrt(v) / math.sqrt(1 - self.beta_2**t) + self.epsilon)
        x += (z - x) / t
        w[...] = (1 - self.beta_1) * z + self.beta_1 * x
