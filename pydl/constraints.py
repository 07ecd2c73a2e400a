"""Projections applied to a weight after each optimizer step. Names and defaults are those of Keras 3."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pydl._base.args import real, whole
from pydl._base.registry import Configurable, FromFunction, Registry, serialize
from pydl.config import epsilon

__all__ = [
    "Constraint", "FunctionConstraint", "MaxNorm", "MinMaxNorm", "NonNeg", "UnitNorm", "deserialize", "get", "max_norm",
    "maxnorm", "min_max_norm", "minmaxnorm", "non_neg", "nonneg", "serialize", "unit_norm", "unitnorm",
]  # fmt: skip

Axis = int | Sequence[int]


class Constraint(Configurable):
    """Base class, which leaves weights as they are; a user's own constraint overrides `__call__`."""

    def __call__(self, w: np.ndarray) -> np.ndarray:
        """The projection of the weight `w`, in the layout users see, as a new array of the same shape."""
        return np.array(w)


class NonNeg(Constraint):
    """max(w, 0); NaN stays NaN."""

    def __call__(self, w: np.ndarray) -> np.ndarray:
        return np.maximum(np.asarray(w), 0)


class _NormConstraint(Constraint):
    """Rescales w so that its norms along `axis` become `wanted(norms)`."""

    axis: int | tuple[int, ...]

    def wanted(self, norms: np.ndarray) -> np.ndarray:
        raise NotImplementedError

    def __call__(self, w: np.ndarray) -> np.ndarray:
        w = np.asarray(w)
        try:
            norms = np.sqrt(np.sum(np.square(w), axis=self.axis, keepdims=True))
        except np.exceptions.AxisError:
            raise ValueError(f"{type(self).__name__}: axis {self.axis} is not one of a weight of {w.ndim}") from None
        return (w * (self.wanted(norms) / (epsilon() + norms))).astype(w.dtype, copy=False)


class MaxNorm(_NormConstraint):
    """Norms along `axis` at most `max_value`: w * min(|w|, max_value) / (epsilon + |w|).

    Parameters
    ----------
    max_value : float, default 2
    axis : int or tuple of int, default 0
        Axes each norm runs along; 0 bounds the incoming weights of each unit of a Dense kernel (inputs, units).

    References
    ----------
    Srivastava et al. 2014, "Dropout".
    """

    def __init__(self, max_value: float = 2, axis: Axis = 0) -> None:
        self.max_value = real("MaxNorm", "max_value", max_value, above=0)
        self.axis = _axis("MaxNorm", axis)

    def wanted(self, norms: np.ndarray) -> np.ndarray:
        return np.minimum(norms, self.max_value)


class UnitNorm(_NormConstraint):
    """Norms along `axis` equal to one: w / (epsilon + |w|).

    Parameters
    ----------
    axis : int or tuple of int, default 0
    """

    def __init__(self, axis: Axis = 0) -> None:
        self.axis = _axis("UnitNorm", axis)

    def wanted(self, norms: np.ndarray) -> np.ndarray:
        return np.ones_like(norms)


class MinMaxNorm(_NormConstraint):
    """Norms along `axis` moved towards [min_value, max_value]: w * d / (epsilon + |w|), where
    d = rate * clip(|w|, min_value, max_value) + (1 - rate) * |w|.

    Parameters
    ----------
    min_value : float, default 0.0
    max_value : float, default 1.0
    rate : float in [0, 1], default 1.0
        Share of the way gone at each step; 1 enforces the bounds.
    axis : int or tuple of int, default 0
    """

    def __init__(self, min_value: float = 0.0, max_value: float = 1.0, rate: float = 1.0, axis: Axis = 0) -> None:
        self.min_value = real("MinMaxNorm", "min_value", min_value, at_least=0)
        self.max_value = real("MinMaxNorm", "max_value", max_value, at_least=self.min_value)
        self.rate = real("MinMaxNorm", "rate", rate, at_least=0, at_most=1)
        self.axis = _axis("MinMaxNorm", axis)

    def wanted(self, norms: np.ndarray) -> np.ndarray:
        return self.rate * np.clip(norms, self.min_value, self.max_value) + (1 - self.rate) * norms


class FunctionConstraint(FromFunction, Constraint):
    """What a user's own ``function(w)`` returns; what `get` makes of a function."""

    def __call__(self, w: np.ndarray) -> np.ndarray:
        return np.asarray(self.function(w))


max_norm = maxnorm = MaxNorm
min_max_norm = minmaxnorm = MinMaxNorm
non_neg = nonneg = NonNeg
unit_norm = unitnorm = UnitNorm


def _axis(owner: str, axis: Axis) -> int | tuple[int, ...]:
    if isinstance(axis, Sequence):
        return tuple(whole(owner, "axis", a, at_least=-32) for a in axis)
    return whole(owner, "axis", axis, at_least=-32)


_registry = Registry(
    "constraint",
    Constraint,
    [MaxNorm, NonNeg, UnitNorm, MinMaxNorm],
    {"maxnorm": "MaxNorm", "nonneg": "NonNeg", "unitnorm": "UnitNorm", "minmaxnorm": "MinMaxNorm"},
    of_function=FunctionConstraint,
)


def get(identifier: Any, custom_objects: Mapping[str, Any] | None = None) -> Constraint | None:
    """A constraint from its name ("max_norm"), class, instance, function or config; None stays None.

    Raises
    ------
    ValueError
        An unknown name (the message lists the valid ones) or a config that is none.
    TypeError
        Anything else.
    """
    return _registry.get(identifier, custom_objects)


deserialize = _registry.deserialize
