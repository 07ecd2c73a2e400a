"""Losses of classes: cross-entropies, from probabilities or logits, and hinge."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from pydl import activations
from pydl._base.args import optional_real
from pydl.config import epsilon
from pydl.losses.base import Crossentropy, KernelLoss, SmoothedCrossentropy


class BinaryCrossentropy(SmoothedCrossentropy):
    """-mean(t log(p) + (1 - t) log(1 - p)) over the last axis, with t = y_true (1 - s) + s / 2.

    Parameters
    ----------
    from_logits : bool, default False
        Whether predictions are logits x with p = sigmoid(x), not probabilities. The latter are clipped to
        [1e-7, 1 - 1e-7].
    label_smoothing : float in [0, 1], default 0.0
        s above.
    axis : int, default -1
        Axis of the predictions to use in place of the last one. In training, another one costs a call of NumPy code.
    reduction, name, dtype
        As for `Loss`.
    """

    probabilities = "loss_bce"
    logits: ClassVar = {"sigmoid": "loss_bce_logits"}

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str = "binary_crossentropy",
        dtype: Any = None,
    ) -> None:
        super().__init__(from_logits, label_smoothing, axis, reduction, name, dtype)

    def _target_slope(self, t: np.ndarray, y: np.ndarray) -> np.ndarray:
        p = np.clip(y, epsilon(), 1 - epsilon())
        slope = -y if self.from_logits else np.log(1 - p) - np.log(p)
        return (1 - self.label_smoothing) * slope / y.shape[self.axis]


class CategoricalCrossentropy(SmoothedCrossentropy):
    """-sum(t log(p)) over the last axis, with t = y_true (1 - s) + s / O, for one-hot targets of O classes.

    Parameters
    ----------
    from_logits : bool, default False
        Whether predictions are logits x with p = softmax(x), not probabilities. The latter are divided by their sum and
        clipped to [1e-7, 1 - 1e-7].
    label_smoothing : float in [0, 1], default 0.0
        s above.
    axis : int, default -1
        Axis of the predictions to use in place of the last one. In training, another one costs a call of NumPy code.
    reduction, name, dtype
        As for `Loss`.
    """

    probabilities = "loss_cce"
    logits: ClassVar = {"softmax": "loss_cce_logits"}

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str = "categorical_crossentropy",
        dtype: Any = None,
    ) -> None:
        super().__init__(from_logits, label_smoothing, axis, reduction, name, dtype)

    def _target_slope(self, t: np.ndarray, y: np.ndarray) -> np.ndarray:
        if self.from_logits:
            logs = activations.log_softmax(y, self.axis)
        else:
            p = y / y.sum(axis=self.axis, keepdims=True)
            logs = np.log(np.clip(p, epsilon(), 1 - epsilon()))
        return -(1 - self.label_smoothing) * logs


class SparseCategoricalCrossentropy(Crossentropy):
    """-log(p[y_true]) over the last axis, for targets that are class numbers.

    Parameters
    ----------
    from_logits : bool, default False
        As for `CategoricalCrossentropy`.
    ignore_class : int, optional
        A class number, such as -1, of rows that do not count: their value is 0, and a mean is one over the others.
    reduction, name, dtype
        As for `Loss`.
    axis : int, default -1
        As for `CategoricalCrossentropy`.
    """

    sparse = True
    probabilities = "loss_sparse_cce"
    logits: ClassVar = {"softmax": "loss_sparse_cce_logits"}

    def __init__(
        self,
        from_logits: bool = False,
        ignore_class: float | None = None,
        reduction: str | None = "sum_over_batch_size",
        axis: int = -1,
        name: str = "sparse_categorical_crossentropy",
        dtype: Any = None,
    ) -> None:
        super().__init__(from_logits, axis, reduction, name, dtype)
        self.ignore_class = optional_real(type(self).__name__, "ignore_class", ignore_class)

    def counted(self, y_true: Any, values: np.ndarray) -> np.ndarray | None:
        if self.ignore_class is None:
            return None
        return np.reshape(np.asarray(y_true) != self.ignore_class, values.shape)

    def _run(self, y_true: Any, y_pred: Any, *, gradient: bool) -> np.ndarray:
        if self.ignore_class is None:
            return super()._run(y_true, y_pred, gradient=gradient)
        labels = np.asarray(y_true)
        found = super()._run(np.where(labels == self.ignore_class, 0, labels), y_pred, gradient=gradient)
        kept = np.reshape(labels != self.ignore_class, self.values_shape(np.shape(y_pred)))
        return np.where(np.expand_dims(kept, self.axis) if gradient else kept, found, found.dtype.type(0))


class Hinge(KernelLoss):
    """mean(max(1 - y_true y_pred, 0)) over the last axis, for targets -1 and 1, or 0 and 1: 0 stands for -1.

    Parameters
    ----------
    reduction, name, dtype
        As for `Loss`.
    """

    op = "loss_hinge"

    def __init__(self, reduction: str | None = "sum_over_batch_size", name: str = "hinge", dtype: Any = None) -> None:
        super().__init__(name, reduction, dtype)


def binary_crossentropy(
    y_true: Any, y_pred: Any, from_logits: bool = False, label_smoothing: float = 0.0, axis: int = -1
) -> np.ndarray:
    """`BinaryCrossentropy` of each row, shape y_pred.shape[:-1]."""
    return BinaryCrossentropy(from_logits, label_smoothing, axis).each(y_true, y_pred)


def categorical_crossentropy(
    y_true: Any, y_pred: Any, from_logits: bool = False, label_smoothing: float = 0.0, axis: int = -1
) -> np.ndarray:
    """`CategoricalCrossentropy` of each row, shape y_pred.shape[:-1]."""
    return CategoricalCrossentropy(from_logits, label_smoothing, axis).each(y_true, y_pred)


def sparse_categorical_crossentropy(
    y_true: Any, y_pred: Any, from_logits: bool = False, ignore_class: float | None = None, axis: int = -1
) -> np.ndarray:
    """`SparseCategoricalCrossentropy` of each row, shape y_pred.shape[:-1]."""
    return SparseCategoricalCrossentropy(from_logits, ignore_class, axis=axis).each(y_true, y_pred)


def hinge(y_true: Any, y_pred: Any) -> np.ndarray:
    """`Hinge` of each row, shape y_pred.shape[:-1]."""
    return Hinge().each(y_true, y_pred)
