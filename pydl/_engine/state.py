"""The numbers that a metric keeps, as a variable: in NumPy's memory, for no kernel reads them."""

from __future__ import annotations

from typing import Any, Self

import numpy as np

from pydl._engine.variable import Variable


class StateVariable(Variable):
    """An array with a name, of a shape that stays.

    Parameters
    ----------
    value : array_like
        At first.
    dtype : str
        Floating-point numbers are kept in double whatever is asked for, so that sums over many rows stay exact.
    name : str
    """

    buffer: Any = None

    def __init__(self, value: Any, dtype: str, name: str) -> None:
        real = dtype.startswith(("float", "bfloat"))
        self._value = np.array(value, dtype=np.float64 if real else dtype)
        self.shape, self.dtype = self._value.shape, self._value.dtype.name
        self.name = self.path = name
        self.trainable = False

    def __getstate__(self) -> dict[str, Any]:
        return vars(self) | {"_value": self.numpy()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)

    def numpy(self) -> np.ndarray:
        return self._value.copy()

    def unpack(self, buffer: Any) -> np.ndarray:
        """The value, whatever the buffer: there is none. Nobody writes to it, as `assign` puts another in its place."""
        return self._value

    def assign(self, value: Any) -> Self:  # type: ignore[override]  # as Keras's does
        """Set the value.

        Raises
        ------
        ValueError
            When the shape differs.
        """
        array = np.asarray(value)
        if array.shape != self.shape:
            raise ValueError(f'variable "{self.name}": expected an array of shape {self.shape}, got {array.shape}')
        self._value = array.astype(self.dtype)
        return self

    def assign_add(self, value: Any) -> Self:  # type: ignore[override]
        """Add to the value, as `assign` sets it."""
        return self.assign(self._value + value)

    def assign_sub(self, value: Any) -> Self:  # type: ignore[override]
        """Subtract from the value, as `assign` sets it."""
        return self.assign(self._value - value)

    def __bool__(self) -> bool:
        return bool(self._only())

    def __format__(self, spec: str) -> str:
        return format(self._only(), spec)

    def __repr__(self) -> str:
        return f"<Variable path={self.path}, shape={self.shape}, dtype={self.dtype}, value={self._value}>"
