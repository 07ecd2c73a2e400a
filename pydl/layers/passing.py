"""Layers behind which everything is as before: Identity, ActivityRegularization."""

from __future__ import annotations

from typing import Any

from pydl import regularizers
from pydl._engine.builder import Builder
from pydl._engine.tensor import Tensor
from pydl.layers.base import Layer


class Identity(Layer):
    """`y = x`: no record at all.

    Parameters
    ----------
    **kwargs
        `name`, `trainable`, `dtype`, `activity_regularizer`.
    """

    supports_masking = True

    def code_limits(self, limit: int | None, inputs: int) -> list[int | None]:
        return [limit] * inputs

    def emit_forward(self, b: Builder, *x: Tensor) -> Any:
        return x[0]

    def emit_backward(self, b: Builder, *x: Tensor, y: Tensor) -> None:
        """The gradient is the same buffer."""


class ActivityRegularization(Identity):
    """`y = x`, and `l1 * sum(|x|) + l2 * sum(x^2)`, divided by the rows of the batch, is added to the loss.

    Parameters
    ----------
    l1, l2 : float
        At least 0.
    **kwargs
        `name`, `trainable`, `dtype`.
    """

    def __init__(self, l1: float = 0.0, l2: float = 0.0, **kwargs: Any) -> None:
        super().__init__(activity_regularizer=regularizers.L1L2(l1, l2), **kwargs)
        self.l1, self.l2 = float(l1), float(l2)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments as plain JSON values."""
        config = super().get_config()
        config.pop("activity_regularizer")
        return config
