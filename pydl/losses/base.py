"""What losses share: reductions, direct calls, the kernel behind them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from pydl._base.args import one_of, text
from pydl._base.arrays import align, float_array, row_weights, sizes
from pydl._base.registry import Configurable, snake_case
from pydl._engine.facts import run_op
from pydl.config import standardize_dtype


class Loss(Configurable):
    """Base class of losses.

    A user's own loss leaves `op` at None and implements `call` and `gradient` on NumPy arrays.

    Parameters
    ----------
    name : str, optional
    reduction : {"sum_over_batch_size", "mean", "sum", "none", None}, default "sum_over_batch_size"
        The mean of the weighted values (the first two: divided by their number, not by the sum of weights), their sum,
        or the values themselves.
    dtype : {"float32", "float64"}, optional
        Of direct calls, default `pydl.config.floatx()`; training uses the model's.
    """

    #: Name of the kernel that takes predictions, None for losses written in NumPy.
    op: str | None = None
    #: Activation of the output layer -> name of the kernel that takes its inputs (logits, logarithms) instead.
    fused: Mapping[str, str] = MappingProxyType({})
    #: Whether targets are class numbers.
    sparse: bool = False
    #: Whether a row's value depends on the predictions of others: weights of samples then count by their mean.
    couples_rows: bool = False
    #: Whether targets must be in [0, 1].
    probability_targets: bool = False

    def __init__(
        self, name: str | None = None, reduction: str | None = "sum_over_batch_size", dtype: Any = None
    ) -> None:
        owner = type(self).__name__
        self.name = snake_case(owner) if name is None else text(owner, "name", name)
        choices = ("sum_over_batch_size", "mean", "sum", "none", None)
        self.reduction = one_of(owner, "reduction", reduction, choices)
        self.dtype = standardize_dtype(dtype)

    def fields(self) -> dict[str, Any]:
        """Constants of the kernel, by field."""
        return {}

    def scale(self, rows: int) -> float:
        """What the sum of the weighted values of `rows` rows is multiplied by.

        Raises
        ------
        ValueError
            reduction "none": there is no single number to minimise.
        """
        if self.reduction in (None, "none"):
            raise ValueError(f'Loss "{self.name}": reduction={self.reduction!r} gives no single number; use "sum"')
        return 1.0 if self.reduction == "sum" else 1.0 / rows

    def call(self, y_true: np.ndarray, y_pred: np.ndarray) -> np.ndarray:
        """One value per row: shape y_pred.shape[:-1]."""
        raise NotImplementedError(f"{type(self).__name__} must implement call(y_true, y_pred)")

    def gradient(self, y_true: np.ndarray, y_pred: np.ndarray) -> np.ndarray:
        """Derivative of each row's value by that row's predictions: the shape of y_pred."""
        raise NotImplementedError(f"{type(self).__name__} must implement gradient(y_true, y_pred) to be trained with")

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> float | np.ndarray:
        """The loss of a batch.

        Parameters
        ----------
        y_true : array_like
            Targets: the shape of `y_pred`, or, for sparse losses, class numbers without the last axis.
        y_pred : array_like, shape (..., O)
        sample_weight : array_like, optional
            One weight per row, or per sample where a sample has several rows.

        Returns
        -------
        float, or with reduction "none" an array of shape y_pred.shape[:-1].

        Raises
        ------
        ValueError
            Shapes that do not fit, class numbers out of range, no rows at all.
        """
        y_true = y_true if self.sparse else float_array(self.name, "y_true", y_true, self.dtype)
        values = np.asarray(self.call(y_true, float_array(self.name, "y_pred", y_pred, self.dtype)))
        if sample_weight is not None:
            values = values * row_weights(self.name, sample_weight, values.shape)
        if self.reduction in (None, "none"):
            return values.astype(self.dtype, copy=False)
        if values.size == 0:
            raise ValueError(f'Loss "{self.name}": expected at least one row, got y_pred {np.shape(y_pred)}')
        return float(np.sum(values, dtype=np.float64) * self.scale(values.size))


class KernelLoss(Loss):
    """A loss computed by the kernel `op`."""

    op: str

    def call(self, y_true: Any, y_pred: Any) -> np.ndarray:
        return self._run(y_true, y_pred, gradient=False)

    def gradient(self, y_true: Any, y_pred: Any) -> np.ndarray:
        return self._run(y_true, y_pred, gradient=True)

    def _run(self, y_true: Any, y_pred: Any, *, gradient: bool) -> np.ndarray:
        t, y = align(self.name, y_true, y_pred, sparse=self.sparse)
        values, dy = np.empty(y.shape[:-1], y.dtype), np.empty_like(y) if gradient else None
        run_op(self.op, y.dtype.name, y=y, t=t, loss=values, dy=dy, L=1, scale=1.0, **sizes(y), **self.fields())
        return values if dy is None else dy
