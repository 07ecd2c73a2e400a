"""Losses that are functions of your own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Self

import numpy as np

from pydl._base.registry import custom_function
from pydl._engine.tape import Tape, Traced, value_of
from pydl.losses.base import Loss

Array = np.ndarray


class FunctionLoss(Loss):
    """The loss that `fn(y_true, y_pred)` computes with functions of `pydl.ops` and operators, which give its gradient.

    Parameters
    ----------
    fn : callable
        Returns a value for each row, or for each element, or one number for the batch, such as a mean over it.
    name, reduction, dtype
        As for `Loss`; default name: the function's.

    Raises
    ------
    ValueError
        A result of another shape.
    """

    def __init__(self, fn: Callable[[Any, Any], Any], name: str | None = None,
                 reduction: str | None = "sum_over_batch_size", dtype: Any = None) -> None:  # fmt: skip
        if not callable(fn):
            raise TypeError(f"FunctionLoss: fn: expected a function of (y_true, y_pred), got {fn!r}")
        super().__init__(name or getattr(fn, "__name__", "function_loss").strip("<>"), reduction, dtype)
        self.fn = fn

    def call(self, y_true: Array, y_pred: Array) -> Array:
        return self._rows(np.asarray(value_of(self.fn(y_true, y_pred))), y_pred)

    def gradient(self, y_true: Array, y_pred: Array) -> Array:
        tape = Tape()
        y = tape.watch(y_pred)
        with tape.running():
            result = self.fn(y_true, y)
        if not isinstance(result, Traced):
            return np.zeros_like(y_pred)
        rows = self._rows(result.value, y_pred)
        self.couples_rows = result.ndim == 0
        shares = np.full(result.shape, rows.size / max(result.size, 1), y_pred.dtype)
        tape.take_back([result], [shares])
        return np.zeros_like(y_pred) if y.gradient is None else y.gradient

    def _rows(self, values: Array, y_pred: Array) -> Array:
        """A value for each row: the mean of those of its elements, that of its sample, that of the batch."""
        rows = y_pred.shape[:-1]
        if values.shape == y_pred.shape and values.shape != rows:
            return np.asarray(values.mean(axis=-1))
        if values.shape != rows[: values.ndim]:
            raise ValueError(
                f'loss "{self.name}": expected a value for each row, {rows}, for each element, {y_pred.shape}, or one '
                f"number, got shape {values.shape}"
            )
        return np.broadcast_to(values.reshape(values.shape + (1,) * (len(rows) - values.ndim)), rows)

    def get_config(self) -> dict[str, Any]:
        name = getattr(self.fn, "__name__", "<lambda>")
        if name == "<lambda>":
            raise TypeError(f'loss "{self.name}": cannot save {self.fn!r}: give the function a name with def')
        return {"fn": name, "name": self.name, "reduction": self.reduction, "dtype": self.dtype}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """The loss that `get_config` described, its function from `custom_objects`."""
        return cls(**{**config, "fn": custom_function(config.get("fn"))})
