"""Intersection over union: how well the elements of a class are found, as in pictures with a class for each pixel."""

from __future__ import annotations

from typing import Any

import numpy as np

from pydl._base.args import real, whole
from pydl._base.arrays import element_weights, float_array
from pydl._base.confusion import ratio
from pydl.metrics.base import Metric

Array = np.ndarray


class IoU(Metric):
    """Mean over some classes of TP / (TP + FP + FN), those left out that occur neither in targets nor in predictions.

    Elements with a class outside [0, num_classes), and predictions that are NaN, are left out.

    Parameters
    ----------
    num_classes : int
    target_class_ids : list of int
        The classes whose figures are averaged.
    name : str, default "io_u"
    dtype
        As for `Metric`, default "int32".
    ignore_class : int, optional
        Elements with this target are left out.
    sparse_y_true, sparse_y_pred : bool, default True
        Whether targets, or predictions, are class numbers; else the largest one along `axis` says the class.
    axis : int, default -1
    """

    rising = True

    def __init__(
        self,
        num_classes: int,
        target_class_ids: Any,
        name: str | None = None,
        dtype: Any = None,
        ignore_class: int | None = None,
        sparse_y_true: bool = True,
        sparse_y_pred: bool = True,
        axis: int = -1,
    ) -> None:
        super().__init__(name, "int32" if dtype is None else dtype)
        owner = type(self).__name__
        self.num_classes = n = whole(owner, "num_classes", num_classes, at_least=1)
        self.target_class_ids = [whole(owner, "target_class_ids", c) for c in target_class_ids]
        if max(self.target_class_ids) >= n:
            raise ValueError(f"{owner}: target_class_ids must be in [0, {n}), got {max(self.target_class_ids)}")
        self.ignore_class = ignore_class
        self.sparse_y_true = bool(sparse_y_true)
        self.sparse_y_pred = bool(sparse_y_pred)
        self.axis = axis
        #: Weights of elements, by target and prediction.
        self.total_cm = self.add_variable((n, n), "zeros", name="total_confusion_matrix")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take in a batch.

        Parameters
        ----------
        y_true, y_pred : array_like
            Class numbers, as many of one as of the other, or figures for each class.
        sample_weight : array_like, optional
            One weight per element; axes of size one are for all.
        """
        t, y = float_array(self.name, "y_true", y_true), float_array(self.name, "y_pred", y_pred)
        self._count(t if self.sparse_y_true else t.argmax(self.axis), self._classes(y), sample_weight)

    def _classes(self, y: Array) -> Array:
        if self.sparse_y_pred:
            return y
        return np.where(np.isnan(y).any(self.axis), -1, y.argmax(self.axis))

    def _count(self, t: Array, y: Array, sample_weight: Any) -> None:
        if t.size != y.size:
            raise ValueError(f"{self.name}: expected as many targets as predictions, got {t.shape} and {y.shape}")
        n, shape = self.num_classes, t.shape if t.ndim >= y.ndim else y.shape
        w = element_weights(self.name, sample_weight, shape).ravel()
        t, y = (np.trunc(v).ravel() for v in (t, y))
        with np.errstate(invalid="ignore"):
            known = (t >= 0) & (t < n) & (y >= 0) & (y < n)
        if self.ignore_class is not None:
            known &= t != self.ignore_class
        place = t[known].astype(np.int64) * n + y[known].astype(np.int64)
        self.total_cm.assign_add(np.bincount(place, w[known], minlength=n * n).reshape(n, n))

    def result(self) -> Any:
        """The figure so far; 0 before any."""
        counts = self.total_cm.numpy()
        both = np.diag(counts)[self.target_class_ids]
        either = (counts.sum(axis=0) + counts.sum(axis=1) - np.diag(counts))[self.target_class_ids]
        return ratio(np.sum(ratio(both, either)), np.count_nonzero(either > 1e-9))[()]


class BinaryIoU(IoU):
    """`IoU` of two classes, 1 where `y_pred >= threshold` and 0 elsewhere.

    Parameters
    ----------
    target_class_ids : list of int, default (0, 1)
    threshold : float, default 0.5
    name : str, default "binary_io_u"
    dtype
        As for `IoU`.
    """

    on_logits = ("threshold", 0.0)

    def __init__(
        self, target_class_ids: Any = (0, 1), threshold: float = 0.5, name: str | None = None, dtype: Any = None
    ) -> None:
        super().__init__(2, target_class_ids, name, dtype)
        self.threshold = real("BinaryIoU", "threshold", threshold)

    def _classes(self, y: Array) -> Array:
        return np.where(np.isnan(y), y, y >= self.threshold)


class MeanIoU(IoU):
    """`IoU` of all classes.

    Parameters
    ----------
    num_classes : int
    name : str, default "mean_io_u"
    dtype, ignore_class, sparse_y_true, sparse_y_pred, axis
        As for `IoU`.
    """

    def __init__(
        self,
        num_classes: int,
        name: str | None = None,
        dtype: Any = None,
        ignore_class: int | None = None,
        sparse_y_true: bool = True,
        sparse_y_pred: bool = True,
        axis: int = -1,
    ) -> None:
        every = range(whole(type(self).__name__, "num_classes", num_classes, at_least=1))
        super().__init__(num_classes, every, name, dtype, ignore_class, sparse_y_true, sparse_y_pred, axis)


class OneHotIoU(IoU):
    """`IoU` for one-hot targets and a figure for each class as predictions.

    Parameters
    ----------
    num_classes : int
    target_class_ids : list of int
    name : str, default "one_hot_io_u"
    dtype, ignore_class, axis
        As for `IoU`.
    sparse_y_pred : bool, default False
        Whether predictions are class numbers.
    """

    def __init__(
        self,
        num_classes: int,
        target_class_ids: Any,
        name: str | None = None,
        dtype: Any = None,
        ignore_class: int | None = None,
        sparse_y_pred: bool = False,
        axis: int = -1,
    ) -> None:
        super().__init__(num_classes, target_class_ids, name, dtype, ignore_class, False, sparse_y_pred, axis)


class OneHotMeanIoU(MeanIoU):
    """`MeanIoU` for one-hot targets and a figure for each class as predictions.

    Parameters
    ----------
    num_classes : int
    name : str, default "one_hot_mean_io_u"
    dtype, ignore_class, axis
        As for `IoU`.
    sparse_y_pred : bool, default False
        Whether predictions are class numbers.
    """

    def __init__(
        self,
        num_classes: int,
        name: str | None = None,
        dtype: Any = None,
        ignore_class: int | None = None,
        sparse_y_pred: bool = False,
        axis: int = -1,
    ) -> None:
        super().__init__(num_classes, name, dtype, ignore_class, False, sparse_y_pred, axis)
