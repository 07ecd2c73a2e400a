"""What all optimizers share: the learning rate, the step counter, clipping, weight decay."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np

from pydl._args import optional_real, real, whole
from pydl._registry import Configurable, serialize, snake_case
from pydl.optimizers import schedules
from pydl.optimizers.schedules import LearningRateSchedule

N_COEFFICIENTS = 8


class Optimizer(Configurable):
    """Base class of optimizers.

    In each step, gradients are clipped, then decayed weights become `w -= lr * weight_decay * w`, then the optimizer
    takes its own step.

    A user's own optimizer leaves `op` at None, names the arrays it keeps per weight in `slots`, and implements
    `update`, which works on NumPy arrays in place: slow next to the built-in ones, but complete.

    Parameters
    ----------
    learning_rate : float or LearningRateSchedule
        A schedule gets the number of steps taken before this one.
    weight_decay : float, optional
    clipnorm : float, optional
        Each gradient longer than this is scaled to this length (Euclidean norm).
    clipvalue : float, optional
        Elements of gradients are clamped to [-clipvalue, clipvalue].
    global_clipnorm : float, optional
        All gradients together, where longer than this, are scaled by one factor to this length.
    name : str, optional

    Raises
    ------
    TypeError, ValueError
        Arguments out of range; more than one of the three kinds of clipping.
    """

    #: Name of the kernel, None for optimizers written in NumPy.
    op: str | None = None

    def __init__(
        self,
        learning_rate: float | LearningRateSchedule,
        weight_decay: float | None = None,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        name: str | None = None,
    ) -> None:
        owner = type(self).__name__
        self.name = snake_case(owner) if name is None else name
        self.iterations = 0
        self.schedule: LearningRateSchedule | None = None
        self.learning_rate = learning_rate
        self.weight_decay = optional_real(owner, "weight_decay", weight_decay, at_least=0)
        self.clipnorm = optional_real(owner, "clipnorm", clipnorm, above=0)
        self.clipvalue = optional_real(owner, "clipvalue", clipvalue, above=0)
        self.global_clipnorm = optional_real(owner, "global_clipnorm", global_clipnorm, above=0)
        if sum(c is not None for c in (clipnorm, clipvalue, global_clipnorm)) > 1:
            raise ValueError(
                f"{owner}: only one of clipnorm, clipvalue and global_clipnorm can be set, got clipnorm={clipnorm}, "
                f"clipvalue={clipvalue}, global_clipnorm={global_clipnorm}"
            )
        self._undecayed: list[Any] = []
        self._undecayed_names: list[str] = []

    @property
    def slots(self) -> tuple[str, ...]:
        """Names of the arrays kept for each weight, zero at first; a kernel gets them as s0, s1, s2."""
        return ()

    @property
    def iterations(self) -> int:
        """Steps taken."""
        return self._iterations

    @iterations.setter
    def iterations(self, value: int) -> None:
        self._iterations = whole(type(self).__name__, "iterations", value)

    @property
    def learning_rate(self) -> float:
        """The rate of the next step. Setting it takes a float or a schedule; a schedule only gives way to another."""
        return float(self.rates(self.iterations)[0])

    @learning_rate.setter
    def learning_rate(self, value: float | LearningRateSchedule) -> None:
        owner = type(self).__name__
        if isinstance(value, LearningRateSchedule):
            self.schedule = value
        elif self.schedule is not None:
            raise TypeError(
                f"{owner}: the learning rate follows {type(self.schedule).__name__} and cannot be set to {value!r}; "
                "make the optimizer with a float, or set another schedule"
            )
        else:
            self._rate = real(owner, "learning_rate", value, at_least=0)

    def rates(self, iterations: int, steps: int = 1) -> np.ndarray:
        """Learning rates of `steps` steps, the first of them after `iterations` others: float64, shape (steps,)."""
        if self.schedule is None:
            return np.full(steps, self._rate)
        return self.schedule.rates(np.arange(iterations, iterations + steps, dtype=np.int64))

    def coefficients(self, iterations: np.ndarray, learning_rates: np.ndarray) -> np.ndarray:
        """What the kernel needs of each step: column 0 the rate, column 1 lr * weight_decay, then its own.

        Parameters
        ----------
        iterations : int64 array, shape (n,)
            Numbers of the steps, counted from 1.
        learning_rates : float64 array, shape (n,)

        Returns
        -------
        float64 array of shape (n, 8).
        """
        table = np.zeros((len(learning_rates), N_COEFFICIENTS))
        table[:, 0] = learning_rates
        table[:, 1] = learning_rates * (self.weight_decay or 0.0)
        return table

    def fields(self) -> dict[str, Any]:
        """Constants of the kernel, by field."""
        return {}

    def update(self, w: np.ndarray, g: np.ndarray, slots: dict[str, np.ndarray], rate: float, t: int) -> None:
        """One step on one weight, in place; for optimizers written in NumPy.

        Parameters
        ----------
        w : ndarray
            The weight; change it in place.
        g : ndarray
            Its gradient, clipped.
        slots : dict of str to ndarray
            The arrays named in `slots`, of w's shape, kept from step to step.
        rate : float
            Learning rate of this step.
        t : int
            Number of this step, counted from 1.
        """
        raise NotImplementedError(f"{type(self).__name__} must implement update(w, g, slots, rate, t)")

    def exclude_from_weight_decay(
        self, var_list: Sequence[Any] | None = None, var_names: Sequence[str] | None = None
    ) -> None:
        """Weights that weight decay leaves alone; each call replaces what the last one said.

        Parameters
        ----------
        var_list : sequence of Variable, optional
        var_names : sequence of str, optional
            Any weight whose name contains one of these, such as "bias".
        """
        if isinstance(var_names, str):
            raise TypeError(f"exclude_from_weight_decay: var_names must be a list of strings, got {var_names!r}")
        self._undecayed = list(var_list or ())
        self._undecayed_names = list(var_names or ())

    def decays(self, variable: Any) -> bool:
        """Whether weight decay applies to `variable`."""
        return (
            bool(self.weight_decay)
            and not any(v is variable for v in self._undecayed)
            and not any(part in variable.name for part in self._undecayed_names)
        )

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments as plain JSON values."""
        config = super().get_config()
        config["learning_rate"] = self._rate if self.schedule is None else serialize(self.schedule)
        return config

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """The optimizer that `get_config` described, with no steps taken."""
        config = dict(config)
        if isinstance(config.get("learning_rate"), Mapping):
            config["learning_rate"] = schedules.deserialize(config["learning_rate"])
        return cls(**config)
