"""Adafactor."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from pydl._base.args import real
from pydl._engine.variable import Variable
from pydl.optimizers.base import Optimizer
from pydl.optimizers.schedules import LearningRateSchedule


class Adafactor(Optimizer):
    """Steps divided by the root of mean squares that are kept by row and by column only: little memory.

    In step t (from 1), with ``b = 1 - t^beta_2_decay`` and ``s = g^2 + epsilon_1``: of weights with two axes and more
    ``r = b * r + (1 - b) * mean(s, -1)``, ``c = b * c + (1 - b) * mean(s, -2)`` and ``v = r * c / mean(r, -1)``; of
    others ``v = b * v + (1 - b) * s``. Then ``u = g / sqrt(v)``, divided by ``max(1, rms(u) / clip_threshold)``, and
    ``w -= max(epsilon_2, rms(w)) * min(lr, 1 / sqrt(t)) * u``. In NumPy, as the means are of rows and columns.

    Parameters
    ----------
    learning_rate : float or LearningRateSchedule, default 0.001
    beta_2_decay : float, default -0.8
    epsilon_1 : float, default 1e-30
        Added to squared gradients.
    epsilon_2 : float, default 0.001
        What the scale of a weight counts as at least.
    clip_threshold : float, default 1.0
    relative_step : bool, default True
        Changes nothing: the rate is at most 1 / sqrt(t) with or without it, as in Keras.
    **kwargs
        As for `Optimizer`: `name`, `weight_decay`, clipping, `use_ema`, `gradient_accumulation_steps` ...

    References
    ----------
    Shazeer and Stern 2018. Formulas as in Keras 3.
    """

    def __init__(
        self,
        learning_rate: float | LearningRateSchedule = 0.001,
        beta_2_decay: float = -0.8,
        epsilon_1: float = 1e-30,
        epsilon_2: float = 1e-3,
        clip_threshold: float = 1.0,
        relative_step: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(learning_rate, **kwargs)
        self.beta_2_decay = real("Adafactor", "beta_2_decay", beta_2_decay, at_most=0)
        self.epsilon_1 = real("Adafactor", "epsilon_1", epsilon_1, at_least=0)
        self.epsilon_2 = real("Adafactor", "epsilon_2", epsilon_2, at_least=0)
        self.clip_threshold = real("Adafactor", "clip_threshold", clip_threshold, above=0)
        self.relative_step = bool(relative_step)

    @property
    def slots(self) -> tuple[str | None, ...]:
        return "row", "column", "velocity"

    def slot_shape(self, slot: str, variable: Variable) -> tuple[int, ...] | None:
        shape = variable.shape
        if len(shape) < 2:
            return shape if slot == "velocity" else None
        return {"row": shape[:-1], "column": (*shape[:-2], shape[-1])}.get(slot)

    def update(self, w: np.ndarray, g: np.ndarray, slots: dict[str, np.ndarray], rate: float, t: int) -> None:
        squares = np.square(g) + self.epsilon_1
        fresh = float(t) ** self.beta_2_decay
        if "velocity" in slots:
            v = _forget(slots["velocity"], fresh, squares)
        else:
            rows = _forget(slots["row"], fresh, squares.mean(axis=-1))
            columns = _forget(slots["column"], fresh, squares.mean(axis=-2))
            v = (rows / rows.mean(axis=-1, keepdims=True))[..., None] * columns[..., None, :]
        u = g / np.sqrt(v)
        u /= max(1.0, _rms(u) / self.clip_threshold)
        w -= max(self.epsilon_2, _rms(w)) * min(rate, 1 / math.sqrt(t)) * u


def _forget(mean: np.ndarray, fresh: float, value: np.ndarray) -> np.ndarray:
    """Move a mean towards a value, in place."""
    mean[...] = (1 - fresh) * mean + fresh * value
    return mean


def _rms(x: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(x))))
