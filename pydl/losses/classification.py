"""Losses of classes: cross-entropies, from probabilities or logits, and hinge."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from pydl._base.args import real
from pydl.losses.base import KernelLoss


class _Crossentropy(KernelLoss):
    """A cross-entropy, from probabilities by the kernel `probabilities`, from logits by the one in `logits`."""

    probabilities: str
    logits: ClassVar[Mapping[str, str]]

    def __init__(self, from_logits: bool, reduction: str | None, name: str, dtype: Any) -> None:
        super().__init__(name, reduction, dtype)
        self.from_logits = bool(from_logits)
        self.op = next(iter(self.logits.values())) if self.from_logits else self.probabilities
        self.fused = {} if self.from_logits else self.logits


class _SmoothedCrossentropy(_Crossentropy):
    """A cross-entropy whose targets are shares, mixed with the uniform distribution by `label_smoothing`."""

    probability_targets = True

    def __init__(self, from_logits: bool, label_smoothing: float, reduction: str | None, name: str, dtype: Any) -> None:
        super().__init__(from_logits, reduction, name, dtype)
        self.label_smoothing = real(type(self).__name__, "label_smoothing", label_smoothing, at_least=0, at_most=1)

    def fields(self) -> dict[str, Any]:
        return {"smooth": self.label_smoothing}


class BinaryCrossentropy(_SmoothedCrossentropy):
    """-mean(t log(p) + (1 - t) log(1 - p)) over the last axis, with t = y_true (1 - s) + s / 2.

    Parameters
    ----------
    from_logits : bool, default False
        Whether predictions are logits x with p = sigmoid(x), not probabilities. The latter are clipped to
        [1e-7, 1 - 1e-7].
    label_smoothing : float in [0, 1], default 0.0
        s above.
    reduction, name, dtype
        As for `Loss`.
    """

    probabilities = "loss_bce"
    logits: ClassVar = {"sigmoid": "loss_bce_logits"}

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        reduction: str | None = "sum_over_batch_size",
        name: str = "binary_crossentropy",
        dtype: Any = None,
    ) -> None:
        super().__init__(from_logits, label_smoothing, reduction, name, dtype)


class CategoricalCrossentropy(_SmoothedCrossentropy):
    """-sum(t log(p)) over the last axis, with t = y_true (1 - s) + s / O, for one-hot targets of O classes.

    Parameters
    ----------
    from_logits : bool, default False
        Whether predictions are logits x with p = softmax(x), not probabilities. The latter are divided by their sum and
        clipped to [1e-7, 1 - 1e-7].
    label_smoothing : float in [0, 1], default 0.0
        s above.
    reduction, name, dtype
        As for `Loss`.
    """

    probabilities = "loss_cce"
    logits: ClassVar = {"softmax": "loss_cce_logits"}

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        reduction: str | None = "sum_over_batch_size",
        name: str = "categorical_crossentropy",
        dtype: Any = None,
    ) -> None:
        super().__init__(from_logits, label_smoothing, reduction, name, dtype)


class SparseCategoricalCrossentropy(_Crossentropy):
    """-log(p[y_true]) over the last axis, for targets that are class numbers.

    Parameters
    ----------
    from_logits : bool, default False
        As for `CategoricalCrossentropy`.
    reduction, name, dtype
        As for `Loss`.
    """

    sparse = True
    probabilities = "loss_sparse_cce"
    logits: ClassVar = {"softmax": "loss_sparse_cce_logits"}

    def __init__(
        self,
        from_logits: bool = False,
        reduction: str | None = "sum_over_batch_size",
        name: str = "sparse_categorical_crossentropy",
        dtype: Any = None,
    ) -> None:
        super().__init__(from_logits, reduction, name, dtype)


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
    y_true: Any, y_pred: Any, from_logits: bool = False, label_smoothing: float = 0.0
) -> np.ndarray:
    """`BinaryCrossentropy` of each row, shape y_pred.shape[:-1]."""
    return BinaryCrossentropy(from_logits, label_smoothing).call(y_true, y_pred)


def categorical_crossentropy(
    y_true: Any, y_pred: Any, from_logits: bool = False, label_smoothing: float = 0.0
) -> np.ndarray:
    """`CategoricalCrossentropy` of each row, shape y_pred.shape[:-1]."""
    return CategoricalCrossentropy(from_logits, label_smoothing).call(y_true, y_pred)


def sparse_categorical_crossentropy(y_true: Any, y_pred: Any, from_logits: bool = False) -> np.ndarray:
    """`SparseCategoricalCrossentropy` of each row, shape y_pred.shape[:-1]."""
    return SparseCategoricalCrossentropy(from_logits).call(y_true, y_pred)


def hinge(y_true: Any, y_pred: Any) -> np.ndarray:
    """`Hinge` of each row, shape y_pred.shape[:-1]."""
    return Hinge().call(y_true, y_pred)
