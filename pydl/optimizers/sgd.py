"""SGD, with momentum."""

from __future__ import annotations

from typing import Any

from pydl._base.args import real
from pydl.optimizers.base import Optimizer
from pydl.optimizers.schedules import LearningRateSchedule


class SGD(Optimizer):
    """Gradient descent, optionally with (Nesterov) momentum.

    Without momentum ``w -= lr * g``. With it ``m = momentum * m - lr * g``, then ``w += m``, or with `nesterov`
    ``w += momentum * m - lr * g``.

    Parameters
    ----------
    learning_rate : float or LearningRateSchedule, default 0.01
    momentum : float in [0, 1], default 0.0
    nesterov : bool, default False
    weight_decay, clipnorm, clipvalue, global_clipnorm, name
        As for `Optimizer`.
    **kwargs
        `use_ema`, `ema_momentum`, `ema_overwrite_frequency`, `gradient_accumulation_steps` of `Optimizer`.

    References
    ----------
    Sutskever, Martens, Dahl, Hinton 2013. Formulas as in Keras 3.
    """

    op = "opt_sgd_step"

    def __init__(
        self,
        learning_rate: float | LearningRateSchedule = 0.01,
        momentum: float = 0.0,
        nesterov: bool = False,
        weight_decay: float | None = None,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(learning_rate, weight_decay, clipnorm, clipvalue, global_clipnorm, name, **kwargs)
        self.momentum = real("SGD", "momentum", momentum, at_least=0, at_most=1)
        self.nesterov = bool(nesterov)

    @property
    def slots(self) -> tuple[str | None, ...]:
        return ("momentum",) if self.momentum else ()

    def fields(self) -> dict[str, Any]:
        return {"a": self.momentum, "nesterov": int(self.nesterov)}
