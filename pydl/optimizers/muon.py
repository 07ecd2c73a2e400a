"""Muon."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from pydl._base.args import optional_real, real, whole
from pydl._engine.variable import Variable
from pydl.optimizers.base import Optimizer
from pydl.optimizers.schedules import LearningRateSchedule


class Muon(Optimizer):
    """Momentum made nearly orthogonal for weight matrices, Adam with decoupled weight decay for all else.

    Matrices: ``m = momentum * m + g``, ``x = g + momentum * m`` (without `nesterov` ``x = m``), divided by its norm and
    put `ns_steps` times through ``y = x x^T; x = muon_a * x + (muon_b * y + muon_c * y y) x``; then
    ``w -= lr * sqrt(max(rows, columns)) * rms_rate * x``. Biases, embeddings, weights of one axis or more than two, and
    those of `exclude_layers` take Adam's step at ``lr * adam_lr_ratio``. In NumPy, as steps are products of matrices.

    Parameters
    ----------
    learning_rate : float or LearningRateSchedule, default 0.001
    adam_beta_1, adam_beta_2 : float in [0, 1), default 0.9 and 0.999
    adam_weight_decay : float, optional, default 0.004
        Of weights that take Adam's step.
    epsilon : float, default 1e-7
    weight_decay : float, optional, default 0.004
        Of matrices.
    exclude_layers : sequence of str, optional
        Regular expressions; weights in whose path one is found take Adam's step.
    exclude_embeddings : bool, default True
        Weights with "embedding" in their path take Adam's step.
    muon_a, muon_b, muon_c : float
        Coefficients of the polynomial.
    adam_lr_ratio : float, default 1
    momentum : float, default 0.95
    ns_steps : int, default 5
    nesterov : bool, default True
    rms_rate : float, optional, default 0.2
        None: the step is not scaled by the matrix's size.
    **kwargs
        As for `Optimizer`: `name`, clipping, `use_ema`, `gradient_accumulation_steps` ...

    References
    ----------
    Jordan et al. 2024, "Muon"; Liu et al. 2025, "Muon is scalable for LLM training", for the scale. As in Keras 3.
    """

    def __init__(
        self,
        learning_rate: float | LearningRateSchedule = 0.001,
        adam_beta_1: float = 0.9,
        adam_beta_2: float = 0.999,
        adam_weight_decay: float | None = 0.004,
        epsilon: float = 1e-7,
        weight_decay: float | None = 0.004,
        exclude_layers: Sequence[str] | None = None,
        exclude_embeddings: bool = True,
        muon_a: float = 3.4445,
        muon_b: float = -4.7750,
        muon_c: float = 2.0315,
        adam_lr_ratio: float = 1,
        momentum: float = 0.95,
        ns_steps: int = 5,
        nesterov: bool = True,
        rms_rate: float | None = 0.2,
        **kwargs: Any,
    ) -> None:
        super().__init__(learning_rate, weight_decay, **kwargs)
        self.adam_beta_1 = real("Muon", "adam_beta_1", adam_beta_1, at_least=0, below=1)
        self.adam_beta_2 = real("Muon", "adam_beta_2", adam_beta_2, at_least=0, below=1)
        self.adam_weight_decay = optional_real("Muon", "adam_weight_decay", adam_weight_decay, at_least=0)
        self.epsilon = real("Muon", "epsilon", epsilon, above=0)
        self.exclude_layers = list(exclude_layers or ())
        self.exclude_embeddings = bool(exclude_embeddings)
        self.muon_a, self.muon_b = real("Muon", "muon_a", muon_a), real("Muon", "muon_b", muon_b)
        self.muon_c = real("Muon", "muon_c", muon_c)
        self.adam_lr_ratio = real("Muon", "adam_lr_ratio", adam_lr_ratio, at_least=0)
        self.momentum = real("Muon", "momentum", momentum, at_least=0, at_most=1)
        self.ns_steps = whole("Muon", "ns_steps", ns_steps)
        self.nesterov = bool(nesterov)
        self.rms_rate = optional_real("Muon", "rms_rate", rms_rate, at_least=0)

    @property
    def slots(self) -> tuple[str | None, ...]:
        return "momentum", "velocity"

    def slot_shape(self, slot: str, variable: Variable) -> tuple[int, ...] | None:
        return variable.shape if slot == "momentum" or self._should_use_adamw(variable) else None

    def decay_of(self, variable: Variable) -> float:
        decay = self.adam_weight_decay if self._should_use_adamw(variable) else self.weight_decay
        return 0.0 if self.spares(variable) else decay or 0.0

    def _should_use_adamw(self, variable: Variable) -> bool:
        path = variable.path
        embedding = self.exclude_embeddings and "embedding" in path.lower()
        return variable.ndim != 2 or embedding or any(re.search(part, path) for part in self.exclude_layers)

    def update(self, w: np.ndarray, g: np.ndarray, slots: dict[str, np.ndarray], rate: float, t: int) -> None:
        m, v = slots["momentum"], slots.get("velocity")
        if v is None:
            m += g + m * (self.momentum - 1)
            x = self.zeropower_via_newtonschulz5(g + self.momentum * m if self.nesterov else m, self.ns_steps)
            w -= rate * self.lr_adjust(x)
            return
        m += (1 - self.adam_beta_1) * (g - m)
        v += (1 - self.adam_beta_2) * (np.square(g) - v)
        rate *= self.adam_lr_ratio * math.sqrt(1 - self.adam_beta_2**t) / (1 - self.adam_beta_1**t)
        w -= rate * m / (np.sqrt(v) + self.epsilon)

    def lr_adjust(self, x: np.ndarray) -> np.ndarray:
        """A step, scaled by the size of the matrix."""
        return x if self.rms_rate is None else x * (math.sqrt(max(x.shape)) * self.rms_rate)

    def zeropower_via_newtonschulz5(self, x: np.ndarray, steps: int) -> np.ndarray:
        """A matrix with x's singular vectors and singular values near 1, by Newton and Schulz's iteration."""
        if x.shape[0] > x.shape[1]:
            return self.zeropower_via_newtonschulz5(x.T, steps).T
        x = x / (np.linalg.norm(x) + 1e-7)
        for _ in range(steps):
            y = x @ x.T
            x = self.muon_a * x + (self.muon_b * y + self.muon_c * y @ y) @ x
        return x
