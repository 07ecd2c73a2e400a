"""LossScaleOptimizer: gradients of a loss that was multiplied, so that small ones do not vanish."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pydl import initializers
from pydl._base.args import real, whole
from pydl._base.registry import serialize, tables
from pydl._engine.variable import Variable
from pydl.optimizers.base import Optimizer

_NOT_HERE = (
    "learning_rate", "weight_decay", "clipnorm", "clipvalue", "global_clipnorm", "use_ema", "ema_momentum",
    "ema_overwrite_frequency", "loss_scale_factor", "gradient_accumulation_steps",
)  # fmt: skip
_AS_IF_LEFT_OUT = (None, False, 0.99)  # what older files say of these


class LossScaleOptimizer(Optimizer):
    """The steps of another optimizer, by gradients of `scale_loss(loss)`: `apply` divides them by the scale.

    A gradient that is not finite takes no step and halves the scale; `dynamic_growth_steps` finite ones in a row double
    it. `fit` has no need to scale, as it computes in float32 or float64; there, too, a step whose gradients are not
    finite is left out.

    Parameters
    ----------
    inner_optimizer : Optimizer
        Its `loss_scale_factor` becomes None.
    initial_scale : float
    dynamic_growth_steps : int
    name : str, optional
    **options
        `dynamic=True` changes nothing. Options of optimizers are to be given to `inner_optimizer`.

    Raises
    ------
    TypeError, ValueError
        No optimizer to take the steps; options that are the inner optimizer's, or unknown.
    """

    together = True

    def __init__(
        self,
        inner_optimizer: Optimizer,
        initial_scale: float = 2.0**15,
        dynamic_growth_steps: int = 2000,
        name: str | None = None,
        **options: Any,
    ) -> None:
        owner = "LossScaleOptimizer"
        if not options.pop("dynamic", True):
            raise ValueError(f"{owner}: dynamic=False: for a constant factor set `loss_scale_factor` of the optimizer")
        if theirs := [key for key in _NOT_HERE if options.pop(key, None) not in _AS_IF_LEFT_OUT]:
            raise ValueError(f"{owner}: set {', '.join(theirs)} on the `inner_optimizer`, which takes the steps")
        if options:
            raise ValueError(f"{owner}: unknown arguments: {', '.join(f'`{key}`' for key in options)}")
        if not isinstance(inner_optimizer, Optimizer):
            raise TypeError(f"{owner}: inner_optimizer must be an optimizer, got {inner_optimizer!r}")
        self.inner_optimizer = inner_optimizer
        super().__init__(0.0, name=name)
        self.optimizers = [inner_optimizer]
        inner_optimizer.loss_scale_factor = None
        self.initial_scale = real(owner, "initial_scale", initial_scale, above=0)
        self.dynamic_growth_steps = whole(owner, "dynamic_growth_steps", dynamic_growth_steps, at_least=1)
        self.dynamic_scale: Variable
        self.step_counter: Variable
        self._taken: Variable

    def build(self, variables: Sequence[Variable]) -> None:
        super().build(variables)
        self.inner_optimizer.prepare(variables)
        self.step_counter = self.add_variable((), name="step_counter")
        self._taken = self.add_variable((), dtype="float64", name="steps_taken")
        self.dynamic_scale = self.add_variable((), initializers.Constant(self.initial_scale), name="dynamic_scale")

    def scale_loss(self, loss: Any) -> Any:
        """The loss times the scale."""
        return loss * (float(self.dynamic_scale.numpy()) if self.built else self.initial_scale)

    def apply(self, grads: Sequence[Any], trainable_variables: Sequence[Variable] | None = None) -> None:
        """Update variables by the gradients of the scaled loss; see `Optimizer.apply`."""
        if not self.built and trainable_variables is not None:
            self.build(list(trainable_variables))
        scale = 1.0 if not self.built else float(self.dynamic_scale.numpy())
        super().apply([None if g is None else np.asarray(g) / scale for g in grads], trainable_variables)

    def step_together(self, variables: Sequence[Variable]) -> None:
        """Step if all gradients are finite; adapt the scale."""
        gradients = [v.gradient for v in variables]
        count, scale = int(self.step_counter.numpy()) + 1, float(self.dynamic_scale.numpy())
        if not all(np.isfinite(g).all() for g in gradients):
            count, scale = 0, scale / 2
        else:
            self.inner_optimizer.batches = int(self._taken.numpy())  # those left out do not count; files bring it
            self.inner_optimizer.apply(gradients, variables)
            self._taken.assign(self.inner_optimizer.batches)
            if count >= self.dynamic_growth_steps:
                count, scale = 0, scale * 2
        self.step_counter.assign(count)
        self.dynamic_scale.assign(scale)

    # -- what is the inner optimizer's --

    @property
    def learning_rate(self) -> Any:
        """That of the inner optimizer."""
        return self.inner_optimizer.learning_rate

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        if self.optimizers:
            self.inner_optimizer.learning_rate = value

    @property
    def schedule(self) -> Any:
        """That of the inner optimizer."""
        return self.inner_optimizer.schedule

    def rates(self, iterations: int, steps: int = 1) -> np.ndarray:
        """Those of the inner optimizer."""
        return self.inner_optimizer.rates(iterations, steps)

    @property
    def use_ema(self) -> bool:
        """Whether the inner optimizer keeps averages."""
        return self.inner_optimizer.use_ema

    @use_ema.setter
    def use_ema(self, value: bool) -> None:
        """The inner optimizer says so of itself."""

    def average_of(self, variable: Variable) -> Variable | None:
        return self.inner_optimizer.average_of(variable)

    def finalize_variable_values(self, variables: Sequence[Variable]) -> None:
        self.inner_optimizer.finalize_variable_values(variables)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments as plain JSON values."""
        return {
            "name": self.name, "inner_optimizer": serialize(self.inner_optimizer),
            "initial_scale": self.initial_scale, "dynamic_growth_steps": self.dynamic_growth_steps,
        }  # fmt: skip

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> LossScaleOptimizer:
        """The optimizer that `get_config` described, with no steps taken."""
        return cls(**{**config, "inner_optimizer": tables["optimizer"].deserialize(config["inner_optimizer"])})
