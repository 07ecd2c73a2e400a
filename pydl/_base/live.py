"""A number that belongs to an object, read anew whenever it is used."""

from __future__ import annotations

from collections.abc import Callable
from numbers import Integral, Real
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
    config : callable, optional
        Returns what stands for it in a config, where that is not the number.
    name : str
        What it is called among the variables of an optimizer.
    """

    kind: type = float
    shape: tuple[int, ...] = ()
    ndim, size = 0, 1
    trainable = False

    def __init__(
        self,
        read: Callable[[], Any],
        assign: Callable[[Any], None],
        config: Callable[[], Any] | None = None,
        name: str = "",
    ) -> None:
        self._read, self._assign, self._config = read, assign, config
        self.name, self.path = name, f"optimizer/{name}"

    def assign(self, value: Any) -> None:
        """Set the number."""
        self._assign(self.kind(value))

    def assign_add(self, value: Any) -> None:
        """Add to the number."""
        self.assign(self.value + value)

    def assign_sub(self, value: Any) -> None:
        """Subtract from the number."""
        self.assign(self.value - value)

    @property
    def value(self) -> Any:
        """The number as it is now."""
        return self.kind(self._read())

    @property
    def dtype(self) -> str:
        """ "float64" or "int64"."""
        return "float64" if self.kind is float else "int64"

    def numpy(self) -> Any:
        """The number as it is now, as NumPy's."""
        return np.dtype(self.dtype).type(self.value)

    def as_config(self) -> Any:
        """What stands for it in a config."""
        return self.value if self._config is None else self._config()

    def __float__(self) -> float:
        return float(self._read())

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.array(self.value, dtype)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        into = options.pop("out", ())
        result = getattr(ufunc, method)(*(x.value if isinstance(x, LiveNumber) else x for x in inputs), **options)
        for target in into:  # rate *= 0.5
            target.assign(result)
        return into[0] if into else result

    def __bool__(self) -> bool:
        return bool(self.value)

    def __round__(self, digits: int | None = None) -> float:
        return round(self.value, digits)

    def __format__(self, spec: str) -> str:
        return format(self.value, spec)

    def __repr__(self) -> str:
        return repr(self.value)

    def __int__(self) -> int:
        return int(self.value)


class LiveCount(LiveNumber):
    """A whole number of the same sort."""

    kind = int

    def __index__(self) -> int:
        return int(self.value)


Real.register(LiveNumber)
Integral.register(LiveCount)
