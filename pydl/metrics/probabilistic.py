"""Metrics of probabilities: cross-entropies by the kernels of their losses, averaged over all rows, and divergence."""

from __future__ import annotations

from typing import Any

import numpy as np

from pydl import losses
from pydl._base.args import axis_of
from pydl._base.arrays import align, element_weights, float_array
from pydl.config import epsilon
from pydl.metrics.base import LossMetric, RowMetric


class Crossentropy(LossMetric):
    """The mean of a cross-entropy, with the arguments of its loss.

    The axis of the classes is the last one in a plan: with another one, the loss is asked in NumPy.
    """

    on_logits = ("from_logits", True)

    def __init__(self, loss: losses.Loss, from_logits: bool, name: str, dtype: Any, axis: int = -1) -> None:
        super().__init__(name, dtype)
        self.op, self.sparse, self._loss = loss.op, loss.sparse, loss
        self.from_logits = bool(from_logits)
        self.axis = axis_of(type(self).__name__, axis)
        if self.axis != -1:
            self.op = None

    def fields(self) -> dict[str, Any]:
        return self._loss.fields()

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        if self.op is not None:
            super().update_state(y_true, y_pred, sample_weight)
            return
        y = float_array(self.name, "y_pred", y_pred)
        y = np.moveaxis(y, self.axis, -1)
        t = np.asarray(y_true)
        if not self.sparse or t.ndim == y.ndim:
            t = np.moveaxis(t, self.axis, -1)
        self._add_rows(t, y, sample_weight)

    def _add_rows(self, t: np.ndarray, y: np.ndarray, sample_weight: Any) -> None:
        """Take in targets and predictions whose last axis is that of the classes."""
        self._add(self._loss.call(t, y), sample_weight)


class BinaryCrossentropy(Crossentropy):
    """Mean of `pydl.losses.BinaryCrossentropy`.

    Parameters
    ----------
    name : str, default "binary_crossentropy"
    dtype
        As for `Metric`.
    from_logits : bool, default False
    label_smoothing : float, default 0
    """

    def __init__(
        self,
        name: str = "binary_crossentropy",
        dtype: Any = None,
        from_logits: bool = False,
        label_smoothing: float = 0,
    ) -> None:
        loss = losses.BinaryCrossentropy(from_logits, label_smoothing)
        super().__init__(loss, from_logits, name, dtype)
        self.label_smoothing = loss.label_smoothing


class CategoricalCrossentropy(Crossentropy):
    """Mean of `pydl.losses.CategoricalCrossentropy`.

    Parameters
    ----------
    name : str, default "categorical_crossentropy"
    dtype
        As for `Metric`.
    from_logits : bool, default False
    label_smoothing : float, default 0
    axis : int, default -1
        That of the classes.
    """

    def __init__(
        self,
        name: str = "categorical_crossentropy",
        dtype: Any = None,
        from_logits: bool = False,
        label_smoothing: float = 0,
        axis: int = -1,
    ) -> None:
        loss = losses.CategoricalCrossentropy(from_logits, label_smoothing)
        super().__init__(loss, from_logits, name, dtype, axis)
        self.label_smoothing = loss.label_smoothing


class SparseCategoricalCrossentropy(Crossentropy):
    """Mean of `pydl.losses.SparseCategoricalCrossentropy`.

    Parameters
    ----------
    name : str, default "sparse_categorical_crossentropy"
    dtype
        As for `Metric`.
    from_logits : bool, default False
    ignore_class : int, optional
        Rows with this class number, which need not be one of the predictions', count as 0, as in Keras; where there are
        sample weights, they do not count at all.
    axis : int, default -1
        That of the classes.
    """

    def __init__(
        self,
        name: str = "sparse_categorical_crossentropy",
        dtype: Any = None,
        from_logits: bool = False,
        ignore_class: int | None = None,
        axis: int = -1,
    ) -> None:
        super().__init__(losses.SparseCategoricalCrossentropy(from_logits), from_logits, name, dtype, axis)
        self.ignore_class = ignore_class
        if ignore_class is not None:
            self.op = None

    def _add_rows(self, t: np.ndarray, y: np.ndarray, sample_weight: Any) -> None:
        t = t.reshape(y.shape[:-1]) if t.size == y[..., 0].size else t
        counts = t != self.ignore_class if self.ignore_class is not None else np.ones(t.shape, bool)
        values = self._loss.call(np.where(counts, t, 0), y) * counts
        if sample_weight is not None:
            sample_weight = element_weights(self.name, sample_weight, values.shape) * counts
        self._add(values, sample_weight)


def kl_divergence(y_true: Any, y_pred: Any) -> np.ndarray:
    """sum(y_true log(y_true / y_pred)) of each row, both clipped to [1e-7, 1]; shape y_pred.shape[:-1]."""
    t, y = (np.clip(v, epsilon(), 1) for v in align("kl_divergence", y_true, y_pred, sparse=False))
    return np.sum(t * np.log(t / y), axis=-1)


class KLDivergence(RowMetric):
    """Mean of the Kullback-Leibler divergence sum(y_true log(y_true / y_pred)), both clipped to [1e-7, 1].

    Parameters
    ----------
    name : str, default "kl_divergence"
    dtype
        As for `Metric`.
    """

    rising = False

    def rows(self, t: np.ndarray, y: np.ndarray) -> np.ndarray:
        return kl_divergence(t, y)


def binary_focal_crossentropy(
    y_true: Any,
    y_pred: Any,
    apply_class_balancing: bool = False,
    alpha: float = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> np.ndarray:
    """Mean of (1 - p)^gamma times the binary cross-entropy, p the probability given to the target; over `axis`.

    With `apply_class_balancing`, elements weigh `alpha` where the target is 1 and 1 - `alpha` where it is 0.
    """
    t, y = align("binary_focal_crossentropy", y_true, y_pred, sparse=False)
    t = t * (1 - label_smoothing) + label_smoothing / 2
    p = 1 / (1 + np.exp(-y)) if from_logits else y
    clipped = np.clip(p, epsilon(), 1 - epsilon())
    values = -(t * np.log(clipped) + (1 - t) * np.log(1 - clipped))
    values = values * (1 - (t * p + (1 - t) * (1 - p))) ** gamma
    if apply_class_balancing:
        values = values * (t * alpha + (1 - t) * (1 - alpha))
    return np.mean(values, axis=axis)


def categorical_focal_crossentropy(
    y_true: Any,
    y_pred: Any,
    alpha: float = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> np.ndarray:
    """Sum of -alpha (1 - p)^gamma y_true log(p) over `axis`, p the probabilities, made to add up to 1."""
    t, y = align("categorical_focal_crossentropy", y_true, y_pred, sparse=False)
    t = t * (1 - label_smoothing) + label_smoothing / t.shape[axis]
    p = np.exp(y - y.max(axis=axis, keepdims=True)) if from_logits else y
    p = np.clip(p / p.sum(axis=axis, keepdims=True), epsilon(), 1 - epsilon())
    return np.sum(-alpha * (1 - p) ** gamma * t * np.log(p), axis=axis)
