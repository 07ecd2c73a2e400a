"""Losses. Names, signatures, defaults and formulas are those of Keras 3.

Each row of the predictions gives one value; `reduction` makes one number of them. In training, value and gradient come
from one kernel, and a sigmoid or softmax output is folded into its cross-entropy, which then works on logits.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np

from pydl._args import one_of, real, text
from pydl._arrays import align, check_labels, float_array, row_weights, sizes
from pydl._plan import run_op
from pydl._registry import Configurable, Registry, serialize, snake_case
from pydl.config import standardize_dtype

__all__ = [
    "BinaryCrossentropy", "CategoricalCrossentropy", "Loss", "MeanAbsoluteError", "MeanSquaredError",
    "SparseCategoricalCrossentropy", "binary_crossentropy", "categorical_crossentropy", "check_labels", "deserialize",
    "get", "mean_absolute_error", "mean_squared_error", "serialize", "sparse_categorical_crossentropy",
]  # fmt: skip


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
    #: Activation of the output layer -> name of the kernel that takes its inputs (logits) instead.
    fused: Mapping[str, str] = MappingProxyType({})
    #: Whether targets are class numbers.
    sparse: bool = False
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


class _KernelLoss(Loss):
    """A loss computed by the kernel `op`."""

    op: str

    def call(self, y_true: Any, y_pred: Any) -> np.ndarray:
        return self._run(y_true, y_pred, gradient=False)

    def gradient(self, y_true: Any, y_pred: Any) -> np.ndarray:
        return self._run(y_true, y_pred, gradient=True)

    def _run(self, y_true: Any, y_pred: Any, *, gradient: bool) -> np.ndarray:
        t, y = align(self.name, y_true, y_pred, sparse=self.sparse)
        values, dy = np.empty(y.shape[:-1], y.dtype), np.empty_like(y) if gradient else None
        run_op(self.op, y.dtype.name, y=y, t=t, loss=values, dy=dy, group=1, scale=1.0, **sizes(y), **self.fields())
        return values if dy is None else dy


class MeanSquaredError(_KernelLoss):
    """mean((y_true - y_pred)^2) over the last axis.

    Parameters
    ----------
    reduction, name, dtype
        As for `Loss`.
    """

    op = "loss_mse"

    def __init__(
        self, reduction: str | None = "sum_over_batch_size", name: str = "mean_squared_error", dtype: Any = None
    ) -> None:
        super().__init__(name, reduction, dtype)


class MeanAbsoluteError(_KernelLoss):
    """mean(|y_true - y_pred|) over the last axis.

    Parameters
    ----------
    reduction, name, dtype
        As for `Loss`.
    """

    op = "loss_mae"

    def __init__(
        self, reduction: str | None = "sum_over_batch_size", name: str = "mean_absolute_error", dtype: Any = None
    ) -> None:
        super().__init__(name, reduction, dtype)


class _Crossentropy(_KernelLoss):
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


def mean_squared_error(y_true: Any, y_pred: Any) -> np.ndarray:
    """`MeanSquaredError` of each row, shape y_pred.shape[:-1]."""
    return MeanSquaredError().call(y_true, y_pred)


def mean_absolute_error(y_true: Any, y_pred: Any) -> np.ndarray:
    """`MeanAbsoluteError` of each row, shape y_pred.shape[:-1]."""
    return MeanAbsoluteError().call(y_true, y_pred)


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


_registry = Registry(
    "loss",
    Loss,
    [MeanSquaredError, MeanAbsoluteError, BinaryCrossentropy, CategoricalCrossentropy, SparseCategoricalCrossentropy],
    {"mse": MeanSquaredError, "MSE": MeanSquaredError, "mae": MeanAbsoluteError, "MAE": MeanAbsoluteError,
     "bce": BinaryCrossentropy, "BCE": BinaryCrossentropy},
)  # fmt: skip

_FUNCTIONS = (
    mean_squared_error, mean_absolute_error, binary_crossentropy, categorical_crossentropy,
    sparse_categorical_crossentropy,
)  # fmt: skip


def get(identifier: Any, custom_objects: Mapping[str, Any] | None = None) -> Loss | None:
    """A loss from its name ("mse"), class, instance, config or one of this module's functions; None stays None.

    Always a `Loss` object, where Keras gives a function for some names.

    Raises
    ------
    ValueError
        An unknown name (the message lists the valid ones) or a config that is none.
    TypeError
        Anything else, other functions included: they have no gradient here.
    """
    if any(identifier is f for f in _FUNCTIONS):
        identifier = identifier.__name__
    elif callable(identifier) and not isinstance(identifier, type | Loss):
        raise TypeError(
            f"loss: {identifier!r} is a function, whose gradient is unknown; subclass pydl.losses.Loss with "
            "call(y_true, y_pred) and gradient(y_true, y_pred)"
        )
    return _registry.get(identifier, custom_objects)


deserialize = _registry.deserialize
