"""Penalties on weights, added to the loss. The two that have a kernel: sums of |w| and of w^2, as in Keras 3."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from pydl._base.args import real
from pydl._base.registry import Configurable, Registry, serialize

__all__ = ["L1", "L1L2", "L2", "Regularizer", "deserialize", "get", "l1", "l1_l2", "l2", "serialize"]


class Regularizer(Configurable):
    """Base class: l1 * sum(|x|) + l2 * sum(x^2).

    Attributes
    ----------
    l1, l2 : float
        A subclass sets them; training reads them through `factors` alone, so `__call__` must not be overridden.
    """

    l1: float = 0.0
    l2: float = 0.0

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "__call__" in vars(cls):
            raise TypeError(
                f"{cls.__name__}: a Regularizer sets the attributes l1 and l2; training would not see its __call__"
            )

    def factors(self, batch: int) -> tuple[float, float]:
        """l1 and l2 in a training step of so many samples: the attributes, unless a subclass says otherwise."""
        return self.l1, self.l2

    def __call__(self, x: Any) -> float:
        """The penalty of the array `x`."""
        x = np.asarray(x, dtype=np.float64)
        return float(self.l1 * np.sum(np.abs(x)) + self.l2 * np.sum(np.square(x)))


class L1(Regularizer):
    """l1 * sum(|x|).

    Parameters
    ----------
    l1 : float, default 0.01
    """

    def __init__(self, l1: float = 0.01) -> None:
        self.l1 = real("L1", "l1", l1, at_least=0)


class L2(Regularizer):
    """l2 * sum(x^2).

    Parameters
    ----------
    l2 : float, default 0.01
    """

    def __init__(self, l2: float = 0.01) -> None:
        self.l2 = real("L2", "l2", l2, at_least=0)


class L1L2(Regularizer):
    """l1 * sum(|x|) + l2 * sum(x^2).

    Parameters
    ----------
    l1, l2 : float, default 0.0
    """

    def __init__(self, l1: float = 0.0, l2: float = 0.0) -> None:
        self.l1 = real("L1L2", "l1", l1, at_least=0)
        self.l2 = real("L1L2", "l2", l2, at_least=0)


l1 = L1
l2 = L2
l1_l2 = L1L2

_registry = Registry("regularizer", Regularizer, [L1, L2, L1L2], {"l1_l2": L1L2})


def get(identifier: Any, custom_objects: Mapping[str, Any] | None = None) -> Regularizer | None:
    """A regularizer from its name ("l2"), class, instance or config; None stays None.

    Raises
    ------
    ValueError
        An unknown name (the message lists the valid ones) or a config that is none.
    TypeError
        Anything else, functions included: they have no gradient here.
    """
    return _registry.get(identifier, custom_objects)


deserialize = _registry.deserialize
