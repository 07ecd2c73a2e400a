"""Cross-entropies for hard examples (focal) and for wrong labels (generalized)."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from pydl._base.args import real
from pydl.losses.base import KernelLoss, SmoothedCrossentropy


class BinaryFocalCrossentropy(SmoothedCrossentropy):
    """mean(w u^gamma c) over the last axis, where c is the binary cross-entropy of t and p, u = t (1 - p) + (1 - t) p
    how far p is off, and t = y_true (1 - s) + s / 2.

    Parameters
    ----------
    apply_class_balancing : bool, default False
        Whether w = alpha t + (1 - alpha) (1 - t), not 1.
    alpha : float in [0, 1], default 0.25
        What class 1 counts; class 0 counts 1 - alpha.
    gamma : float >= 0, default 2.0
        The larger, the less do good predictions count. 0 gives `BinaryCrossentropy`.
    from_logits : bool, default False
        Whether predictions are logits x with p = sigmoid(x), not probabilities.
    label_smoothing : float in [0, 1], default 0.0
        s above.
    axis, reduction, name, dtype
        As for `BinaryCrossentropy`.
    """

    probabilities = "loss_focal_bce"
    logits: ClassVar = {"sigmoid": "loss_focal_bce_logits"}

    def __init__(
        self,
        apply_class_balancing: bool = False,
        alpha: float = 0.25,
        gamma: float = 2.0,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str = "binary_focal_crossentropy",
        dtype: Any = None,
    ) -> None:
        super().__init__(from_logits, label_smoothing, axis, reduction, name, dtype)
        self.apply_class_balancing = bool(apply_class_balancing)
        self.alpha = real("BinaryFocalCrossentropy", "alpha", alpha, at_least=0, at_most=1)
        self.gamma = real("BinaryFocalCrossentropy", "gamma", gamma, at_least=0)

    def fields(self) -> dict[str, Any]:
        return {"a": self.gamma, "b": self.alpha if self.apply_class_balancing else -1.0, **super().fields()}


class CategoricalFocalCrossentropy(SmoothedCrossentropy):
    """-sum(alpha (1 - p)^gamma t log(p)) over the last axis, with t = y_true (1 - s) + s / O, for one-hot targets of O
    classes.

    Parameters
    ----------
    alpha : float >= 0, or a list of such, one for each class, default 0.25
        With a list, training calls NumPy between the kernel's parts.
    gamma : float >= 0, default 2.0
        The larger, the less do good predictions count. 0 gives alpha times `CategoricalCrossentropy`.
    from_logits : bool, default False
        Whether predictions are logits x with p = softmax(x), not probabilities.
    label_smoothing : float in [0, 1], default 0.0
        s above.
    axis, reduction, name, dtype
        As for `CategoricalCrossentropy`.
    """

    probabilities = "loss_focal_cce"
    logits: ClassVar = {"softmax": "loss_focal_cce_logits"}

    def __init__(
        self,
        alpha: Any = 0.25,
        gamma: float = 2.0,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str = "categorical_focal_crossentropy",
        dtype: Any = None,
    ) -> None:
        super().__init__(from_logits, label_smoothing, axis, reduction, name, dtype)
        owner, listed = "CategoricalFocalCrossentropy", isinstance(alpha, list | tuple | np.ndarray)
        alphas = [real(owner, "alpha", a, at_least=0) for a in (alpha if listed else [alpha])]
        self.alpha: Any = alphas if listed else alphas[0]
        self.gamma = real(owner, "gamma", gamma, at_least=0)
        self._of_one: CategoricalFocalCrossentropy | None = None  # alpha is part of the targets, in which it is linear
        if listed:
            self._of_one, self.op, self.fused = type(self)(1.0, gamma, from_logits, 0.0, axis), None, {}

    def fields(self) -> dict[str, Any]:
        return {"a": self.gamma, "b": self.alpha, **super().fields()}

    def _run(self, y_true: Any, y_pred: Any, *, gradient: bool) -> np.ndarray:
        if self._of_one is None:
            return super()._run(y_true, y_pred, gradient=gradient)
        t = np.asarray(y_true, np.asarray(y_pred).dtype)
        alpha = np.asarray(self.alpha, t.dtype)
        if t.shape != np.shape(y_pred) or t.shape[self.axis] != len(alpha):
            raise ValueError(
                f"{self.name}: expected one-hot targets of {len(alpha)} classes, as many as alpha has numbers, got "
                f"y_true {t.shape} and y_pred {np.shape(y_pred)}"
            )
        s = self.label_smoothing
        smooth = np.moveaxis(t * (1 - s) + s / len(alpha), self.axis, -1)
        t = np.moveaxis(smooth * alpha, -1, self.axis)
        return self._of_one._run(t, y_pred, gradient=gradient)


class CategoricalGeneralizedCrossEntropy(KernelLoss):
    """(1 - p^q) / q with p = y_pred[y_true], for targets that are class numbers, some of them wrong.

    Between the cross-entropy, its limit for q = 0, and 1 - p, which q = 1 gives and no wrong label pulls far.

    Parameters
    ----------
    q : float in (0, 1), default 0.5
    reduction, name, dtype
        As for `Loss`.
    """

    op = "loss_sparse_gce"
    sparse = True

    def __init__(
        self,
        q: float = 0.5,
        reduction: str | None = "sum_over_batch_size",
        name: str = "categorical_generalized_cross_entropy",
        dtype: Any = None,
    ) -> None:
        super().__init__(name, reduction, dtype)
        self.q = real("CategoricalGeneralizedCrossEntropy", "q", q, above=0, below=1)

    def fields(self) -> dict[str, Any]:
        return {"a": self.q}


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
    """`BinaryFocalCrossentropy` of each row, shape y_pred.shape[:-1]."""
    loss = BinaryFocalCrossentropy(apply_class_balancing, alpha, gamma, from_logits, label_smoothing, axis)
    return loss.each(y_true, y_pred)


def categorical_focal_crossentropy(
    y_true: Any,
    y_pred: Any,
    alpha: Any = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> np.ndarray:
    """`CategoricalFocalCrossentropy` of each row, shape y_pred.shape[:-1]."""
    return CategoricalFocalCrossentropy(alpha, gamma, from_logits, label_smoothing, axis).each(y_true, y_pred)


def categorical_generalized_cross_entropy(y_true: Any, y_pred: Any, q: float) -> np.ndarray:
    """`CategoricalGeneralizedCrossEntropy` of each row, shape y_pred.shape[:-1]."""
    return CategoricalGeneralizedCrossEntropy(q).each(y_true, y_pred)
