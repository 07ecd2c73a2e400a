"""Losses that are functions of your own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Self

import numpy as np

from pydl._base.registry import custom_function, function_name
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

    in_code = True

    def __init__(self, fn: Callable[[Any, Any], Any], name: str | None = None,
                 reduction: str | None = "sum_over_batch_size", dtype: Any = None) -> None:  # fmt: skip
        if not callable(fn):
            raise TypeError(f"FunctionLoss: fn: expected a function of (y_true, y_pred), got {fn!r}")
        super().__init__(name or getattr(fn, "__name__", "function_loss").strip("<>"), reduction, dtype)
        self.fn = fn

    def call(self, y_true: Array, y_pred: Array) -> Any:
        return self.fn(y_true, y_pred)

    def get_config(self) -> dict[str, Any]:
        fn = function_name(f'loss "{self.name}"', self.fn)
        return {"fn": fn, "name": self.name, "reduction": self.reduction, "dtype": self.dtype}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """The loss that `get_config` described, its function from `custom_objects`."""
        return cls(**{**config, "fn": custom_function(config.get("fn"))})
