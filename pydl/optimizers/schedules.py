"""Learning rates that change with the step. Names, defaults and formulas are those of Keras 3.

A schedule maps a step number, counted from 0, to a rate. The library's own take an int or an array of step numbers and
compute in float64, so that a trainer asks for the rates of a whole chunk of steps at once.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pydl._base.args import optional_real, real, text, whole
from pydl._base.registry import Configurable, Registry, serialize

__all__ = [
    "CosineDecay", "CosineDecayRestarts", "ExponentialDecay", "InverseTimeDecay", "LearningRateSchedule", "OneCycle",
    "PiecewiseConstantDecay", "PolynomialDecay", "deserialize", "serialize",
]  # fmt: skip


class LearningRateSchedule(Configurable):
    """Base class; a user's own schedule implements `__call__(step)` for one int."""

    def __call__(self, step: Any) -> Any:
        """The rate at `step`."""
        raise NotImplementedError(f"{type(self).__name__} must implement __call__(step)")

    def rates(self, steps: np.ndarray) -> np.ndarray:
        """float64 rates at an int64 array of steps."""
        return np.array([float(self(int(step))) for step in steps], dtype=np.float64)


class _Formula(LearningRateSchedule):
    """A schedule given by a formula over float64 arrays."""

    def __init__(self, name: str | None) -> None:
        owner = type(self).__name__
        self.name = owner if name is None else text(owner, "name", name)

    def _at(self, t: np.ndarray) -> np.ndarray:
        raise NotImplementedError

    def __call__(self, step: Any) -> Any:
        """The rate at `step`: a float for an int, a float64 array for an array of step numbers."""
        rates = self._at(np.asarray(step, dtype=np.float64))
        return float(rates) if np.ndim(rates) == 0 else rates

    def rates(self, steps: np.ndarray) -> np.ndarray:
        return self._at(np.asarray(steps, dtype=np.float64))


class _Decay(_Formula):
    """A schedule of p = step / decay_steps."""

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: int,
        decay_rate: float,
        staircase: bool = False,
        name: str | None = None,
    ) -> None:
        super().__init__(name)
        self.initial_learning_rate = _initial(self, initial_learning_rate)
        self.decay_steps = _steps(self, decay_steps)
        self.decay_rate = real(type(self).__name__, "decay_rate", decay_rate, at_least=0)
        self.staircase = bool(staircase)

    def _progress(self, t: np.ndarray) -> np.ndarray:
        p = t / self.decay_steps
        return np.floor(p) if self.staircase else p


class ExponentialDecay(_Decay):
    """initial_learning_rate * decay_rate ** (step / decay_steps).

    Parameters
    ----------
    initial_learning_rate : float
    decay_steps : int
    decay_rate : float
    staircase : bool, default False
        Take the whole part of step / decay_steps.
    name : str, default the class's
    """

    def _at(self, t: np.ndarray) -> np.ndarray:
        return self.initial_learning_rate * self.decay_rate ** self._progress(t)


class InverseTimeDecay(_Decay):
    """initial_learning_rate / (1 + decay_rate * step / decay_steps).

    Parameters
    ----------
    initial_learning_rate : float
    decay_steps : int
    decay_rate : float
    staircase : bool, default False
        Take the whole part of step / decay_steps.
    name : str, default the class's
    """

    def _at(self, t: np.ndarray) -> np.ndarray:
        return self.initial_learning_rate / (1 + self.decay_rate * self._progress(t))


class PiecewiseConstantDecay(_Formula):
    """values[0] while step <= boundaries[0], values[1] while step <= boundaries[1], ..., then values[-1].

    Parameters
    ----------
    boundaries : sequence of number
        Strictly increasing.
    values : sequence of float
        One more than there are boundaries.
    name : str
    """

    def __init__(self, boundaries: Sequence[float], values: Sequence[float], name: str = "PiecewiseConstant") -> None:
        super().__init__(name)
        self.boundaries = [real("PiecewiseConstantDecay", "boundaries", b) for b in boundaries]
        self.values = [real("PiecewiseConstantDecay", "values", v, at_least=0) for v in values]
        if len(self.values) != len(self.boundaries) + 1:
            raise ValueError(
                f"PiecewiseConstantDecay: expected one more value than boundaries, got {len(self.boundaries)} "
                f"boundaries and {len(self.values)} values"
            )
        if any(b <= a for a, b in zip(self.boundaries, self.boundaries[1:], strict=False)):
            raise ValueError(f"PiecewiseConstantDecay: boundaries must increase strictly, got {self.boundaries}")

    def _at(self, t: np.ndarray) -> np.ndarray:
        return np.asarray(self.values)[np.searchsorted(self.boundaries, t, side="left")]


class PolynomialDecay(_Formula):
    """(initial_learning_rate - end_learning_rate) * (1 - step / decay_steps) ** power + end_learning_rate.

    After decay_steps it stays at end_learning_rate, or, with `cycle`, decay_steps is replaced by its next multiple.

    Parameters
    ----------
    initial_learning_rate : float
    decay_steps : int
    end_learning_rate : float, default 0.0001
    power : float, default 1.0
    cycle : bool, default False
    name : str
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: int,
        end_learning_rate: float = 0.0001,
        power: float = 1.0,
        cycle: bool = False,
        name: str = "PolynomialDecay",
    ) -> None:
        super().__init__(name)
        self.initial_learning_rate = _initial(self, initial_learning_rate)
        self.decay_steps = _steps(self, decay_steps)
        self.end_learning_rate = real("PolynomialDecay", "end_learning_rate", end_learning_rate, at_least=0)
        self.power = real("PolynomialDecay", "power", power, at_least=0)
        self.cycle = bool(cycle)

    def _at(self, t: np.ndarray) -> np.ndarray:
        if self.cycle:
            p = t / (self.decay_steps * np.maximum(1, np.ceil(t / self.decay_steps)))
        else:
            p = np.minimum(t, self.decay_steps) / self.decay_steps
        return (self.initial_learning_rate - self.end_learning_rate) * (1 - p) ** self.power + self.end_learning_rate


class CosineDecay(_Formula):
    """Half a cosine from the initial rate down to `alpha` times it, after an optional linear warm-up.

    With r the rate the decay starts from (`warmup_target`, else `initial_learning_rate`) and s the steps since the
    warm-up, at most decay_steps: r * ((1 - alpha) * (1 + cos(pi * s / decay_steps)) / 2 + alpha). During the warm-up:
    from initial_learning_rate to warmup_target in a straight line.

    Parameters
    ----------
    initial_learning_rate : float
    decay_steps : int
    alpha : float, default 0.0
    name : str
    warmup_target : float, optional
        None: no warm-up.
    warmup_steps : int, default 0

    References
    ----------
    Loshchilov and Hutter 2017, "SGDR"; Goyal et al. 2017 for the warm-up.
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: int,
        alpha: float = 0.0,
        name: str = "CosineDecay",
        warmup_target: float | None = None,
        warmup_steps: int = 0,
    ) -> None:
        super().__init__(name)
        self.initial_learning_rate = _initial(self, initial_learning_rate)
        self.decay_steps = _steps(self, decay_steps)
        self.alpha = real("CosineDecay", "alpha", alpha, at_least=0)
        self.warmup_target = optional_real("CosineDecay", "warmup_target", warmup_target, at_least=0)
        self.warmup_steps = whole("CosineDecay", "warmup_steps", warmup_steps)

    def _at(self, t: np.ndarray) -> np.ndarray:
        if self.warmup_target is None:
            return self.initial_learning_rate * self._factor(t)
        climb = (self.warmup_target - self.initial_learning_rate) / max(1, self.warmup_steps)
        warmup = self.initial_learning_rate + climb * t
        return np.where(t < self.warmup_steps, warmup, self.warmup_target * self._factor(t - self.warmup_steps))

    def _factor(self, s: np.ndarray) -> np.ndarray:
        return _half_cosine(np.minimum(s, self.decay_steps) / self.decay_steps, 1.0, self.alpha)


class CosineDecayRestarts(_Formula):
    """Half cosines one after the other, each `t_mul` times as long as the last and starting `m_mul` times as high.

    In period i, of which the fraction f has passed:
    initial_learning_rate * ((1 - alpha) * m_mul ** i * (1 + cos(pi * f)) / 2 + alpha).

    Parameters
    ----------
    initial_learning_rate : float
    first_decay_steps : int
    t_mul : float >= 1, default 2.0
    m_mul : float, default 1.0
    alpha : float, default 0.0
    name : str

    References
    ----------
    Loshchilov and Hutter 2017, "SGDR".
    """

    def __init__(
        self,
        initial_learning_rate: float,
        first_decay_steps: int,
        t_mul: float = 2.0,
        m_mul: float = 1.0,
        alpha: float = 0.0,
        name: str = "SGDRDecay",
    ) -> None:
        super().__init__(name)
        self.initial_learning_rate = _initial(self, initial_learning_rate)
        self.first_decay_steps = _steps(self, first_decay_steps, "first_decay_steps")
        self.t_mul = real("CosineDecayRestarts", "t_mul", t_mul, at_least=1)
        self.m_mul = real("CosineDecayRestarts", "m_mul", m_mul, at_least=0)
        self.alpha = real("CosineDecayRestarts", "alpha", alpha, at_least=0)

    def _at(self, t: np.ndarray) -> np.ndarray:
        p = t / self.first_decay_steps  # in lengths of the first period
        if self.t_mul == 1:
            i = np.floor(p)
            return self._rate(i, p - i)
        i = np.floor(np.log1p(p * (self.t_mul - 1)) / math.log(self.t_mul))
        # A quotient of logarithms may miss a whole number by a rounding, and with it a restart by a whole period.
        i = np.where(p >= self._start(i + 1), i + 1, np.where(p < self._start(i), i - 1, i))
        return self._rate(i, (p - self._start(i)) / self.t_mul**i)

    def _start(self, i: np.ndarray) -> np.ndarray:
        return (self.t_mul**i - 1) / (self.t_mul - 1)

    def _rate(self, period: np.ndarray, passed: np.ndarray) -> np.ndarray:
        return self.initial_learning_rate * _half_cosine(passed, self.m_mul**period, self.alpha)


class OneCycle(_Formula):
    """Up to `max_learning_rate` in a half cosine, then down to nearly nothing in another; Keras has none like it.

    From max_learning_rate / div_factor at step 0 to max_learning_rate at step warmup_share * total_steps, then to
    max_learning_rate / final_div_factor at step total_steps, where it stays.

    Parameters
    ----------
    max_learning_rate : float
    total_steps : int
        Batches of the whole training: batches per epoch times epochs.
    warmup_share : float in (0, 1), default 0.3
    div_factor : float, default 25.0
    final_div_factor : float, default 10000.0
    name : str

    References
    ----------
    Smith and Topin 2018, "Super-convergence".
    """

    def __init__(
        self,
        max_learning_rate: float,
        total_steps: int,
        warmup_share: float = 0.3,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        name: str = "OneCycle",
    ) -> None:
        super().__init__(name)
        self.max_learning_rate = real("OneCycle", "max_learning_rate", max_learning_rate, at_least=0)
        self.total_steps = _steps(self, total_steps, "total_steps")
        self.warmup_share = real("OneCycle", "warmup_share", warmup_share, above=0, below=1)
        self.div_factor = real("OneCycle", "div_factor", div_factor, at_least=1)
        self.final_div_factor = real("OneCycle", "final_div_factor", final_div_factor, at_least=1)

    def _at(self, t: np.ndarray) -> np.ndarray:
        top = self.warmup_share * self.total_steps
        up = _half_cosine(1 - t / top, 1.0, 1 / self.div_factor)
        passed = (np.minimum(t, self.total_steps) - top) / (self.total_steps - top)
        down = _half_cosine(passed, 1.0, 1 / self.final_div_factor)
        return self.max_learning_rate * np.where(t < top, up, down)


def _half_cosine(passed: np.ndarray, height: Any, floor: float) -> np.ndarray:
    return (1 - floor) * height * 0.5 * (1 + np.cos(math.pi * passed)) + floor


def _initial(schedule: _Formula, value: float) -> float:
    return real(type(schedule).__name__, "initial_learning_rate", value, at_least=0)


def _steps(schedule: _Formula, value: float, name: str = "decay_steps") -> float:
    """Keras takes any positive number here, and its examples use floats."""
    real(type(schedule).__name__, name, value, above=0)
    return value


_registry = Registry(
    "learning rate schedule",
    LearningRateSchedule,
    [
        ExponentialDecay,
        InverseTimeDecay,
        PiecewiseConstantDecay,
        PolynomialDecay,
        CosineDecay,
        CosineDecayRestarts,
        OneCycle,
    ],
)


def deserialize(config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None) -> LearningRateSchedule:
    """The schedule that `serialize` described.

    Raises
    ------
    ValueError
        An unknown class name (the message lists the valid ones) or arguments that do not fit.
    """
    return _registry.deserialize(config, custom_objects)
