"""A number that belongs to an object, read anew whenever it is used."""

from __future__ import annotations

from collections.abc import Callable
from numbers import Real
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin


class LiveNumber(NDArrayOperatorsMixin):
    """A number as Keras hands it out: it computes and prints as a float does, and `assign` sets it where it belongs.

    Parameters
    ----------
    read : callable
        Returns the number as it is now.
    assign : callable
        Sets it.
    """

    def __init__(self, read: Callable[[], float], assign: Callable[[Any], None]) -> None:
        self._read, self._assign = read, assign

    def assign(self, value: Any) -> None:
        """Set the number."""
        self._assign(float(value))

    def numpy(self) -> np.float64:
        """The number as it is now."""
        return np.float64(float(self))

    @property
    def value(self) -> float:
        """The number as it is now."""
        return float(self)

    def as_config(self) -> float:
        """The number in a config."""
        return float(self)

    def __float__(self) -> float:
        return float(self._read())

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.array(float(self), dtype)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        into = options.pop("out", ())
        result = getattr(ufunc, method)(*(float(x) if isinstance(x, LiveNumber) else x for x in inputs), **options)
        for target in into:  # rate *= 0.5
            target.assign(result)
        return into[0] if into else result

    def __bool__(self) -> bool:
        return bool(float(self))

    def __round__(self, digits: int | None = None) -> float:
        return round(float(self), digits)

    def __format__(self, spec: str) -> str:
        return format(float(self), spec)

    def __repr__(self) -> str:
        return repr(float(self))


Real.register(LiveNumber)
