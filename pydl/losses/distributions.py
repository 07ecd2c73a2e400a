"""Losses of distributions: their divergence, and the likelihood of a number under one."""

from __future__ import annotations

from typing import Any

import numpy as np

from pydl.config import epsilon
from pydl.losses.base import KernelLoss


class KLDivergence(KernelLoss):
    """sum(t log(t / p)) over the last axis, with targets t and predictions p clipped to [1e-7, 1].

    Parameters
    ----------
    reduction, name, dtype
        As for `Loss`.
    """

    op = "loss_kl"

    def __init__(
        self, reduction: str | None = "sum_over_batch_size", name: str = "kl_divergence", dtype: Any = None
    ) -> None:
        super().__init__(name, reduction, dtype)

    def _target_slope(self, t: np.ndarray, y: np.ndarray) -> np.ndarray:
        t, least = np.asarray(t, y.dtype), epsilon()
        inside = (t > least) & (t < 1)
        return np.where(inside, np.log(np.clip(t, least, 1) / np.clip(y, least, 1)) + 1, 0)


class GaussianNLL(KernelLoss):
    """(s + (y_true - m)^2 exp(-s) + log(2 pi)) / 2: the negative log likelihood of a number under a normal distribution
    with mean m = y_pred[..., 0] and variance exp(s), s = y_pred[..., 1].

    End the model in a linear layer of two units, and give one target per row: it then learns how sure it may be.

    Parameters
    ----------
    reduction, name, dtype
        As for `Loss`.
    """

    op = "loss_gaussian"
    sparse = True
    names_columns = False

    def __init__(
        self, reduction: str | None = "sum_over_batch_size", name: str = "gaussian_nll", dtype: Any = None
    ) -> None:
        super().__init__(name, reduction, dtype)

    def check_output(self, shape: tuple[int | None, ...]) -> None:
        if shape[-1:] != (2,):
            raise ValueError(f'Loss "{self.name}": expected predictions of shape (..., 2), got {shape}')

    def _run(self, y_true: Any, y_pred: Any, *, gradient: bool) -> np.ndarray:
        self.check_output(np.shape(y_pred))
        return super()._run(y_true, y_pred, gradient=gradient)


def kl_divergence(y_true: Any, y_pred: Any) -> np.ndarray:
    """`KLDivergence` of each row, shape y_pred.shape[:-1]."""
    return KLDivergence().each(y_true, y_pred)


def gaussian_nll(y_true: Any, y_pred: Any) -> np.ndarray:
    """`GaussianNLL` of each row, shape y_pred.shape[:-1]."""
    return GaussianNLL().each(y_true, y_pred)
