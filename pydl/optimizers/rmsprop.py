"""RMSprop."""

from __future__ import annotations

from typing import Any

from pydl._base.args import real
from pydl.optimizers.base import Optimizer
from pydl.optimizers.schedules import LearningRateSchedule


class RMSprop(Optimizer):
    """Gradient descent with each element's step divided by the root of a moving average of its squared gradient.

    ``v = rho * v + (1 - rho) * g^2`` and ``d = lr * g / sqrt(v + epsilon)``; with `centered`, v is reduced by the
    square of ``a = rho * a + (1 - rho) * g``. Then ``w -= d``, or with momentum ``m = momentum * m + d; w -= m``.

    Parameters
    ----------
    learning_rate : float or LearningRateSchedule, default 0.001
    rho : float in [0, 1), default 0.9
    momentum : float in [0, 1], default 0.0
    epsilon : float, default 1e-7
        Inside the root.
    centered : bool, default False
    weight_decay, clipnorm, clipvalue, global_clipnorm, name
        As for `Optimizer`.
    **kwargs
        `use_ema`, `ema_momentum`, `ema_overwrite_frequency`, `gradient_accumulation_steps` of `Optimizer`.

    References
    ----------
    Hinton 2012, lecture 6e; Graves 2013 for the centered form. Formulas as in Keras 3.
    """

    op = "opt_rmsprop_step"

    def __init__(
        self,
        learning_rate: float | LearningRateSchedule = 0.001,
        rho: float = 0.9,
        momentum: float = 0.0,
        epsilon: float = 1e-7,
        centered: bool = False,
        weight_decay: float | None = None,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(learning_rate, weight_decay, clipnorm, clipvalue, global_clipnorm, name, **kwargs)
        self.rho = real("RMSprop", "rho", rho, at_least=0, below=1)
        self.momentum = real("RMSprop", "momentum", momentum, at_least=0, at_most=1)
        self.epsilon = real("RMSprop", "epsilon", epsilon, above=0)
        self.centered = bool(centered)

    @property
    def slots(self) -> tuple[str | None, ...]:
        return "velocity", "momentum" if self.momentum else None, "average_gradient" if self.centered else None

    def fields(self) -> dict[str, Any]:
        return {"a": self.rho, "b": self.momentum, "eps": self.epsilon}
