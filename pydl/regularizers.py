"""Penalties on weights, added to the loss, as in Keras 3. Sums of |w| and of w^2 have kernels, others are in NumPy."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np

from pydl._base.args import one_of, real
from pydl._base.registry import Configurable, FromFunction, Registry, serialize
from pydl._engine.graph import SymbolicTensor
from pydl._engine.operators import Operators
from pydl._engine.tape import differentiable, gradient_of, is_followed, value_of

__all__ = [
    "L1", "L1L2", "L2", "FunctionRegularizer", "OrthogonalRegularizer", "Regularizer", "deserialize", "get", "l1",
    "l1_l2", "l2", "orthogonal_regularizer", "serialize",
]  # fmt: skip


class Regularizer(Configurable):
    """Base class: l1 * sum(|x|) + l2 * sum(x^2), which training computes by kernels.

    A subclass sets the attributes, or overrides `__call__` for another penalty: with functions of `pydl.ops` and
    operators, which give its gradient, or in NumPy, and then `gradient` as well.

    Attributes
    ----------
    l1, l2 : float
        Training reads them through `factors` alone.
    """

    l1: float = 0.0
    l2: float = 0.0

    @property
    def in_python(self) -> bool:
        """Whether training calls it, as a subclass says by itself what the penalty is."""
        return type(self).__call__ is not Regularizer.__call__

    def factors(self, batch: int) -> tuple[float, float]:
        """l1 and l2 in a training step of so many samples: the attributes, unless a subclass says otherwise."""
        return self.l1, self.l2

    def __call__(self, x: Any) -> Any:
        """The penalty of the array `x`, or in code of a weight or tensor."""
        if is_followed(x):
            return _penalty(x, json.dumps(serialize(self)) if isinstance(x, SymbolicTensor) else self)
        x = np.asarray(x, dtype=np.float64)
        return float(self.l1 * np.sum(np.abs(x)) + self.l2 * np.sum(np.square(x)))

    def gradient(self, x: np.ndarray) -> np.ndarray:
        """The gradient of the penalty of `x` by its elements, an array of its shape."""
        if self.in_python:
            return gradient_of(self, x)
        return self.l1 * np.sign(x) + 2 * self.l2 * x


def _described(regularizer: Any) -> Any:
    return _read(regularizer) if isinstance(regularizer, str) else regularizer


@lru_cache(maxsize=64)
def _read(regularizer: str) -> Any:
    return deserialize(json.loads(regularizer))


@differentiable(lambda dy, y, x, regularizer: dy * _described(regularizer).gradient(x))
def _penalty(x: Any, regularizer: Any) -> Any:
    """The penalty of an array by a regularizer, or the description of one, as a function of `pydl.ops`."""
    return np.asarray(_described(regularizer)(x), x.dtype)


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


class OrthogonalRegularizer(Regularizer):
    """factor * the mean of |cos| of the angles between the rows, or the columns, of a matrix: 0 where all are right.

    Rows and columns count as 1e-7 long at least. In NumPy, as angles are between whole rows.

    Parameters
    ----------
    factor : float, default 0.01
    mode : {"rows", "columns"}, default "rows"

    Raises
    ------
    ValueError
        When called on anything but a matrix.
    """

    def __init__(self, factor: float = 0.01, mode: str = "rows") -> None:
        self.factor = validate_float_arg(factor, "factor")
        self.mode = one_of("OrthogonalRegularizer", "mode", mode, ("rows", "columns"))

    def __call__(self, x: Any) -> Any:
        if is_followed(x):
            return _penalty(x, json.dumps(serialize(self)) if isinstance(x, SymbolicTensor) else self)
        units, _, scale = self._units(x)
        return float(scale * np.sum(np.abs(self._cosines(units))))

    def gradient(self, x: np.ndarray) -> np.ndarray:
        units, lengths, scale = self._units(x)
        slope = 2 * scale * np.sign(self._cosines(units)) @ units
        along = np.sum(slope * units, axis=1, keepdims=True) * units
        slope = (slope - np.where(lengths > _SHORTEST, along, 0)) / np.maximum(lengths, _SHORTEST)
        return slope if self.mode == "rows" else slope.T

    def _units(self, x: Any) -> tuple[np.ndarray, np.ndarray, float]:
        """The rows, or columns as rows, of length 1; their lengths; what a cosine, which the sum has twice, counts."""
        x = np.asarray(x, dtype=np.float64)
        if x.ndim != 2:
            raise ValueError(f"OrthogonalRegularizer: Inputs must have rank 2, got inputs.shape={x.shape}")
        x = x if self.mode == "rows" else x.T
        lengths = np.sqrt(np.sum(np.square(x), axis=1, keepdims=True))
        pairs = max(len(x) * (len(x) - 1) / 2, 1)
        return x / np.maximum(lengths, _SHORTEST), lengths, self.factor * 0.5 / pairs

    @staticmethod
    def _cosines(units: np.ndarray) -> np.ndarray:
        products: np.ndarray = units @ units.T
        np.fill_diagonal(products, 0)
        return products


class FunctionRegularizer(FromFunction, Regularizer):
    """A user's own ``function(x)``, written with `pydl.ops`; what `get` makes of a function.

    One in NumPy needs an attribute ``gradient``, a function of x as well.
    """

    def __call__(self, x: Any) -> Any:
        found = self.function(x)
        return Operators.operate("sum", found) if np.ndim(value_of(found)) else found

    def gradient(self, x: np.ndarray) -> np.ndarray:
        of = getattr(self.function, "gradient", None)
        return gradient_of(self.function, x) if of is None else np.asarray(of(x))


def validate_float_arg(value: Any, name: str) -> float:
    """`value` as a float; ValueError unless it is a finite number of at least 0."""
    try:
        return real("regularizer", name, value, at_least=0)
    except (TypeError, ValueError) as error:
        raise ValueError(f"Invalid value for argument {name}: expected a non-negative float, got {value!r}") from error


l1 = L1
l2 = L2
l1_l2 = L1L2
orthogonal_regularizer = OrthogonalRegularizer

_SHORTEST = 1e-7

_registry = Registry(
    "regularizer",
    Regularizer,
    [L1, L2, L1L2, OrthogonalRegularizer],
    {"l1_l2": "L1L2", "l1l2": "L1L2", "orthogonal": "OrthogonalRegularizer"},
    of_function=FunctionRegularizer,
)


def get(identifier: Any, custom_objects: Mapping[str, Any] | None = None) -> Regularizer | None:
    """A regularizer from its name ("l2"), class, instance, function or config; None stays None.

    Raises
    ------
    ValueError
        An unknown name (the message lists the valid ones) or a config that is none.
    TypeError
        Anything else.
    """
    return _registry.get(identifier, custom_objects)


deserialize = _registry.deserialize
