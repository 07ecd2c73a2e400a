"""Losses of numbers: squared, absolute and logarithmic errors, robust ones, counts, quantiles."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

import numpy as np

from pydl._base.args import real
from pydl.config import epsilon
from pydl.losses.base import KernelLoss


class MeanSquaredError(KernelLoss):
    """mean((y_true - y_pred)^2) over the last axis.

    Parameters
    ----------
    reduction, name, dtype
        As for `Loss`.
    """

    op = "loss_mse"
    symmetric = True

    def __init__(
        self, reduction: str | None = "sum_over_batch_size", name: str = "mean_squared_error", dtype: Any = None
    ) -> None:
        super().__init__(name, reduction, dtype)


class MeanAbsoluteError(KernelLoss):
    """mean(|y_true - y_pred|) over the last axis.

    Parameters
    ----------
    reduction, name, dtype
        As for `Loss`.
    """

    op = "loss_mae"
    symmetric = True

    def __init__(
        self, reduction: str | None = "sum_over_batch_size", name: str = "mean_absolute_error", dtype: Any = None
    ) -> None:
        super().__init__(name, reduction, dtype)


class MeanSquaredLogarithmicError(KernelLoss):
    """mean((log(1 + y_true) - log(1 + y_pred))^2) over the last axis, both numbers clipped to at least 1e-7.

    Parameters
    ----------
    reduction, name, dtype
        As for `Loss`.
    """

    op = "loss_msle"
    symmetric = True

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str = "mean_squared_logarithmic_error",
        dtype: Any = None,
    ) -> None:
        super().__init__(name, reduction, dtype)


class MeanAbsolutePercentageError(KernelLoss):
    """100 mean(|y_true - y_pred| / max(|y_true|, 1e-7)) over the last axis.

    Parameters
    ----------
    reduction, name, dtype
        As for `Loss`.
    """

    op = "loss_mape"

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str = "mean_absolute_percentage_error",
        dtype: Any = None,
    ) -> None:
        super().__init__(name, reduction, dtype)


class CosineSimilarity(KernelLoss):
    """-sum(y_true y_pred) / (|y_true| |y_pred|) over the last axis: -1 for one direction, 1 for opposite ones.

    Lengths are those of rows, at least 1e-7.

    Parameters
    ----------
    axis : int, default -1
        Axis of the predictions to use in place of the last one. In training, another one costs a call of NumPy code.
    reduction, name, dtype
        As for `Loss`.
    """

    op = "loss_cosine"
    symmetric = True

    def __init__(
        self,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str = "cosine_similarity",
        dtype: Any = None,
    ) -> None:
        super().__init__(name, reduction, dtype)
        self._along(axis)


class Huber(KernelLoss):
    """Squared error near zero, absolute error beyond: the mean over the last axis of e^2 / 2, or, where |e| > delta,
    of delta |e| - delta^2 / 2, with e = y_true - y_pred.

    Parameters
    ----------
    delta : float > 0, default 1.0
        The error from which on an outlier counts linearly.
    reduction, name, dtype
        As for `Loss`.
    """

    op = "loss_huber"
    symmetric = True

    def __init__(
        self,
        delta: float = 1.0,
        reduction: str | None = "sum_over_batch_size",
        name: str = "huber_loss",
        dtype: Any = None,
    ) -> None:
        super().__init__(name, reduction, dtype)
        self.delta = real("Huber", "delta", delta, above=0)

    def fields(self) -> dict[str, Any]:
        return {"a": self.delta}


class LogCosh(KernelLoss):
    """mean(log(cosh(y_pred - y_true))) over the last axis: e^2 / 2 near zero, |e| - log(2) far away, smooth between.

    Parameters
    ----------
    reduction, name, dtype
        As for `Loss`.
    """

    op = "loss_log_cosh"
    symmetric = True

    def __init__(
        self, reduction: str | None = "sum_over_batch_size", name: str = "log_cosh", dtype: Any = None
    ) -> None:
        super().__init__(name, reduction, dtype)


class Poisson(KernelLoss):
    """mean(y_pred - y_true log(y_pred + 1e-7)) over the last axis, for counts and their expected number.

    Predictions must not be negative: end the model in exponential, softplus or another activation above zero. Else the
    loss is NaN. Behind exponential it is computed from the logarithm of the prediction, without the 1e-7.

    Parameters
    ----------
    reduction, name, dtype
        As for `Loss`.
    """

    op = "loss_poisson"
    fused = MappingProxyType({"exponential": "loss_poisson_log"})

    def __init__(self, reduction: str | None = "sum_over_batch_size", name: str = "poisson", dtype: Any = None) -> None:
        super().__init__(name, reduction, dtype)

    def _target_slope(self, t: np.ndarray, y: np.ndarray) -> np.ndarray:
        return -np.log(y + epsilon()) / y.shape[-1]


class Quantile(KernelLoss):
    """The pinball loss: mean(max(q e, (q - 1) e)) over the last axis, with e = y_true - y_pred.

    Its minimum is the quantile q of the targets: 0.5 gives the median, and 0.05 and 0.95 the ends of an interval that
    holds nine tenths of them.

    Parameters
    ----------
    quantile : float in (0, 1), default 0.5
        q above.
    reduction, name, dtype
        As for `Loss`.
    """

    op = "loss_quantile"

    def __init__(
        self,
        quantile: float = 0.5,
        reduction: str | None = "sum_over_batch_size",
        name: str = "quantile",
        dtype: Any = None,
    ) -> None:
        super().__init__(name, reduction, dtype)
        self.quantile = real("Quantile", "quantile", quantile, above=0, below=1)

    def fields(self) -> dict[str, Any]:
        return {"a": self.quantile}


def mean_squared_error(y_true: Any, y_pred: Any) -> np.ndarray:
    """`MeanSquaredError` of each row, shape y_pred.shape[:-1]."""
    return MeanSquaredError().each(y_true, y_pred)


def mean_absolute_error(y_true: Any, y_pred: Any) -> np.ndarray:
    """`MeanAbsoluteError` of each row, shape y_pred.shape[:-1]."""
    return MeanAbsoluteError().each(y_true, y_pred)


def mean_squared_logarithmic_error(y_true: Any, y_pred: Any) -> np.ndarray:
    """`MeanSquaredLogarithmicError` of each row, shape y_pred.shape[:-1]."""
    return MeanSquaredLogarithmicError().each(y_true, y_pred)


def mean_absolute_percentage_error(y_true: Any, y_pred: Any) -> np.ndarray:
    """`MeanAbsolutePercentageError` of each row, shape y_pred.shape[:-1]."""
    return MeanAbsolutePercentageError().each(y_true, y_pred)


def cosine_similarity(y_true: Any, y_pred: Any, axis: int = -1) -> np.ndarray:
    """`CosineSimilarity` of each row, shape y_pred.shape[:-1]."""
    return CosineSimilarity(axis).each(y_true, y_pred)


def huber(y_true: Any, y_pred: Any, delta: float = 1.0) -> np.ndarray:
    """`Huber` of each row, shape y_pred.shape[:-1]."""
    return Huber(delta).each(y_true, y_pred)


def log_cosh(y_true: Any, y_pred: Any) -> np.ndarray:
    """`LogCosh` of each row, shape y_pred.shape[:-1]."""
    return LogCosh().each(y_true, y_pred)


def poisson(y_true: Any, y_pred: Any) -> np.ndarray:
    """`Poisson` of each row, shape y_pred.shape[:-1]."""
    return Poisson().each(y_true, y_pred)


def quantile(y_true: Any, y_pred: Any, quantile: float = 0.5) -> np.ndarray:
    """`Quantile` of each row, shape y_pred.shape[:-1]."""
    return Quantile(quantile).each(y_true, y_pred)
