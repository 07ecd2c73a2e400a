"""The numbers that a metric keeps: arrays that are assigned and added to, and that behave as arrays everywhere else."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, Self

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin


class StateVariable(NDArrayOperatorsMixin):
    """An array with a name, of a shape that stays.

    Parameters
    ----------
    value : array_like
        At first.
    dtype : str
        Floating-point numbers are kept in double whatever is asked for, so that sums over many rows stay exact.
    name : str

    Attributes
    ----------
    shape : tuple of int
    dtype : str
    name, path : str
    """

    trainable = False

    def __init__(self, value: Any, dtype: str, name: str) -> None:
        real = dtype.startswith(("float", "bfloat"))
        self._value = np.array(value, dtype=np.float64 if real else dtype)
        self.name = self.path = name

    @property
    def shape(self) -> tuple[int, ...]:
        return self._value.shape

    @property
    def ndim(self) -> int:
        return self._value.ndim

    @property
    def size(self) -> int:
        return math.prod(self.shape)

    @property
    def dtype(self) -> str:
        return self._value.dtype.name

    @property
    def value(self) -> np.ndarray:
        """A copy of the value."""
        return self._value.copy()

    def numpy(self) -> np.ndarray:
        """A copy of the value."""
        return self._value.copy()

    def assign(self, value: Any) -> Self:
        """Set the value.

        Raises
        ------
        ValueError
            When the shape differs.
        """
        self._value[...] = self._fitting(value)
        return self

    def assign_add(self, value: Any) -> Self:
        """Add to the value; raises as `assign` does."""
        self._value += self._fitting(value)
        return self

    def assign_sub(self, value: Any) -> Self:
        """Subtract from the value; raises as `assign` does."""
        self._value -= self._fitting(value)
        return self

    def _fitting(self, value: Any) -> np.ndarray:
        array = np.asarray(value)
        if array.shape != self.shape:
            raise ValueError(f'variable "{self.name}": expected an array of shape {self.shape}, got {array.shape}')
        return array.astype(self._value.dtype, copy=False)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return self._value.astype(self._value.dtype if dtype is None else dtype)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        def plain(x: Any) -> Any:
            return x._value if isinstance(x, StateVariable) else x

        out = kwargs.get("out", ())
        if out:
            kwargs["out"] = tuple(map(plain, out))
        found = getattr(ufunc, method)(*map(plain, inputs), **kwargs)
        return out[0] if len(out) == 1 else found

    def __getitem__(self, key: Any) -> Any:
        return self.numpy()[key]

    def __len__(self) -> int:
        return len(self._value)

    def __iter__(self) -> Iterator[Any]:
        return iter(self.numpy())

    def __float__(self) -> float:
        return float(self._value)

    def __int__(self) -> int:
        return int(self._value)

    def __bool__(self) -> bool:
        return bool(self._value)

    def __format__(self, spec: str) -> str:
        return format(self._value[()], spec)

    def __repr__(self) -> str:
        return f"<StateVariable name={self.name}, shape={self.shape}, dtype={self.dtype}, value={self._value}>"
