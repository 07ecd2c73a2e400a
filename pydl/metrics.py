"""Metrics. Names, signatures and defaults are those of Keras 3.

All are streaming and exact: sums over all rows seen since `reset_state`, in double, never means of batch means.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from pydl import losses
from pydl._args import real, whole
from pydl._arrays import align, float_array, row_weights, sizes
from pydl._registry import Configurable, Registry, serialize, snake_case
from pydl.config import standardize_dtype

__all__ = [
    "Accuracy", "BinaryAccuracy", "BinaryCrossentropy", "CategoricalAccuracy", "CategoricalCrossentropy", "Mean",
    "MeanAbsoluteError", "MeanMetricWrapper", "MeanSquaredError", "Metric", "RootMeanSquaredError",
    "SparseCategoricalAccuracy", "SparseCategoricalCrossentropy", "SparseTopKCategoricalAccuracy",
    "TopKCategoricalAccuracy", "deserialize", "get", "serialize",
]  # fmt: skip


class Metric(Configurable):
    """Base class of metrics: `total / count`, a weighted mean over rows.

    A user's own metric leaves `op` at None and overrides `update_state`, and `result` and `reset_state` as needed.

    Parameters
    ----------
    name : str, optional
    dtype : {"float32", "float64"}, optional
        Of direct calls, default `pydl.config.floatx()`; training uses the model's.

    Attributes
    ----------
    total, count : float
        Sum of the weighted values and of the weights (of ones, without weights) so far.
    """

    #: Name of the kernel that gives one value per row, None for metrics written in NumPy.
    op: str | None = None
    #: The kernel's field that takes the values: "m" of a metric kernel, "loss" of a loss kernel.
    output: str = "m"
    #: Whether targets are class numbers.
    sparse: bool = False

    def __init__(self, name: str | None = None, dtype: Any = None) -> None:
        self.name = snake_case(type(self).__name__) if name is None else name
        self.dtype = standardize_dtype(dtype)
        self.total = 0.0
        self.count = 0.0

    def fields(self) -> dict[str, Any]:
        """Constants of the kernel, by field."""
        return {}

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take in a batch.

        Parameters
        ----------
        y_true : array_like
            Targets: the shape of `y_pred`, or, for sparse metrics, class numbers without the last axis.
        y_pred : array_like, shape (..., O)
            One-dimensional ones are taken as (N, 1).
        sample_weight : array_like, optional
            One weight per row, or per sample where a sample has several rows.

        Raises
        ------
        ValueError
            Shapes that do not fit, class numbers out of range.
        """
        if self.op is None:
            raise NotImplementedError(f"{type(self).__name__} must implement update_state(y_true, y_pred)")
        from pydl._plan import run_op

        y_pred = float_array(self.name, "y_pred", y_pred, self.dtype)
        if y_pred.ndim == 1 and not self.sparse:
            y_pred = y_pred[:, np.newaxis]
        t, y = align(self.name, y_true, y_pred, sparse=self.sparse)
        values = np.empty(y.shape[:-1], y.dtype)
        outputs = {self.output: values}
        run_op(self.op, y.dtype.name, y=y, t=t, group=1, **outputs, **sizes(y), **self._constants())
        self._add(values, sample_weight)

    def result(self) -> float:
        """The figure so far; 0 before any."""
        return self.total / self.count if self.count else 0.0

    def reset_state(self) -> None:
        """Forget all batches."""
        self.total = 0.0
        self.count = 0.0

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> float:
        """`update_state`, then `result`."""
        self.update_state(y_true, y_pred, sample_weight)
        return self.result()

    def _constants(self) -> dict[str, Any]:
        return {"scale": 1.0, **self.fields()} if self.output == "loss" else self.fields()

    def _add(self, values: np.ndarray, sample_weight: Any) -> None:
        if sample_weight is None:
            self.total += float(np.sum(values, dtype=np.float64))
            self.count += values.size
        else:
            w = row_weights(self.name, sample_weight, values.shape)
            self.total += float(np.sum(values * w, dtype=np.float64))
            self.count += float(np.sum(w))


class Mean(Metric):
    """The (weighted) mean of values: `update_state(values, sample_weight=None)`.

    Parameters
    ----------
    name : str, default "mean"
    dtype
        As for `Metric`.
    """

    def __init__(self, name: str = "mean", dtype: Any = None) -> None:
        super().__init__(name, dtype)

    def update_state(self, values: Any, sample_weight: Any = None) -> None:  # type: ignore[override]
        """Take in values of any shape, with weights of the same shape or of its beginning."""
        self._add(float_array(self.name, "values", values, "float64"), sample_weight)

    def __call__(self, values: Any, sample_weight: Any = None) -> float:  # type: ignore[override]
        """`update_state`, then `result`."""
        self.update_state(values, sample_weight)
        return self.result()


class MeanMetricWrapper(Metric):
    """The (weighted) mean of the values of a function.

    Parameters
    ----------
    fn : callable (y_true, y_pred, **kwargs) -> array_like
        One value per sample: an array whose first axis is that of the batch. A mean over the batch would make the
        result depend on the size of the batches.
    name : str, optional
        Default that of the function.
    dtype
        As for `Metric`.
    **kwargs
        Passed on to `fn`.
    """

    def __init__(self, fn: Callable[..., Any], name: str | None = None, dtype: Any = None, **kwargs: Any) -> None:
        super().__init__(name or getattr(fn, "__name__", None), dtype)
        self.fn = fn
        self.kwargs = kwargs

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        y_pred = np.asarray(y_pred)
        values = float_array(self.name, "values", self.fn(np.asarray(y_true), y_pred, **self.kwargs), "float64")
        if values.shape[:1] != y_pred.shape[:1]:
            raise ValueError(
                f'Metric "{self.name}": the function must return one value per sample, an array of shape '
                f"({len(y_pred)}, ...), got shape {values.shape}; leave out the mean over the batch"
            )
        self._add(values, sample_weight)


class _KernelMetric(Metric):
    """A metric of one kernel without constants."""

    def __init__(self, name: str | None = None, dtype: Any = None) -> None:
        super().__init__(name, dtype)


class Accuracy(_KernelMetric):
    """Share of elements with y_pred == y_true."""

    op = "metric_accuracy"


class MeanSquaredError(_KernelMetric):
    """mean((y_true - y_pred)^2)."""

    op = "metric_mse"


class RootMeanSquaredError(_KernelMetric):
    """sqrt(mean((y_true - y_pred)^2)), the mean being that of all rows so far."""

    op = "metric_mse"

    def result(self) -> float:
        return math.sqrt(super().result())


class MeanAbsoluteError(_KernelMetric):
    """mean(|y_true - y_pred|)."""

    op = "metric_mae"


class BinaryAccuracy(Metric):
    """Share of elements with (y_pred > threshold) == y_true.

    Parameters
    ----------
    name : str, default "binary_accuracy"
    dtype
        As for `Metric`.
    threshold : float, default 0.5
        0 suits logits.
    """

    op = "metric_binary_accuracy"

    def __init__(self, name: str = "binary_accuracy", dtype: Any = None, threshold: float = 0.5) -> None:
        super().__init__(name, dtype)
        self.threshold = real("BinaryAccuracy", "threshold", threshold)

    def fields(self) -> dict[str, Any]:
        return {"a": self.threshold}


class _TopK(Metric):
    """Share of rows whose class is among the k largest predictions."""

    k: int = 1

    def fields(self) -> dict[str, Any]:
        return {"k": self.k}


class CategoricalAccuracy(_TopK):
    """Share of rows whose largest prediction stands where the largest target does (one-hot targets)."""

    op = "metric_categorical_accuracy"


class SparseCategoricalAccuracy(_TopK):
    """Share of rows whose largest prediction stands at the class number y_true."""

    op = "metric_sparse_categorical_accuracy"
    sparse = True


class TopKCategoricalAccuracy(_TopK):
    """Share of rows whose class (one-hot targets) is among the k largest predictions.

    Parameters
    ----------
    k : int, default 5
    name : str, default "top_k_categorical_accuracy"
    dtype
        As for `Metric`.
    """

    op = "metric_categorical_accuracy"

    def __init__(self, k: int = 5, name: str = "top_k_categorical_accuracy", dtype: Any = None) -> None:
        super().__init__(name, dtype)
        self.k = whole(type(self).__name__, "k", k, at_least=1)


class SparseTopKCategoricalAccuracy(TopKCategoricalAccuracy):
    """Share of rows whose class number y_true is among the k largest predictions.

    Parameters
    ----------
    k : int, default 5
    name : str, default "sparse_top_k_categorical_accuracy"
    dtype
        As for `Metric`.
    """

    op = "metric_sparse_categorical_accuracy"
    sparse = True

    def __init__(self, k: int = 5, name: str = "sparse_top_k_categorical_accuracy", dtype: Any = None) -> None:
        super().__init__(k, name, dtype)


class _LossMetric(Metric):
    """The mean of a loss over rows."""

    output = "loss"

    def _of(self, loss: losses.Loss) -> None:
        self.op, self.sparse, self._loss = loss.op, loss.sparse, loss

    def fields(self) -> dict[str, Any]:
        return self._loss.fields()


class BinaryCrossentropy(_LossMetric):
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
        super().__init__(name, dtype)
        self.from_logits = bool(from_logits)
        self.label_smoothing = label_smoothing
        self._of(losses.BinaryCrossentropy(from_logits, label_smoothing))


class CategoricalCrossentropy(_LossMetric):
    """Mean of `pydl.losses.CategoricalCrossentropy`.

    Parameters
    ----------
    name : str, default "categorical_crossentropy"
    dtype
        As for `Metric`.
    from_logits : bool, default False
    label_smoothing : float, default 0
    """

    def __init__(
        self,
        name: str = "categorical_crossentropy",
        dtype: Any = None,
        from_logits: bool = False,
        label_smoothing: float = 0,
    ) -> None:
        super().__init__(name, dtype)
        self.from_logits = bool(from_logits)
        self.label_smoothing = label_smoothing
        self._of(losses.CategoricalCrossentropy(from_logits, label_smoothing))


class SparseCategoricalCrossentropy(_LossMetric):
    """Mean of `pydl.losses.SparseCategoricalCrossentropy`.

    Parameters
    ----------
    name : str, default "sparse_categorical_crossentropy"
    dtype
        As for `Metric`.
    from_logits : bool, default False
    """

    def __init__(
        self, name: str = "sparse_categorical_crossentropy", dtype: Any = None, from_logits: bool = False
    ) -> None:
        super().__init__(name, dtype)
        self.from_logits = bool(from_logits)
        self._of(losses.SparseCategoricalCrossentropy(from_logits))


_registry = Registry(
    "metric",
    Metric,
    [Mean, Accuracy, BinaryAccuracy, CategoricalAccuracy, SparseCategoricalAccuracy, TopKCategoricalAccuracy,
     SparseTopKCategoricalAccuracy, MeanSquaredError, RootMeanSquaredError, MeanAbsoluteError, BinaryCrossentropy,
     CategoricalCrossentropy, SparseCategoricalCrossentropy],
    {"mse": MeanSquaredError, "MSE": MeanSquaredError, "mae": MeanAbsoluteError, "MAE": MeanAbsoluteError,
     "bce": BinaryCrossentropy, "BCE": BinaryCrossentropy, "rmse": RootMeanSquaredError},
)  # fmt: skip

_ACCURACIES = (BinaryAccuracy, SparseCategoricalAccuracy, CategoricalAccuracy)
_CROSSENTROPIES = (BinaryCrossentropy, SparseCategoricalCrossentropy, CategoricalCrossentropy)
_BY_SHAPE = {"accuracy": _ACCURACIES, "acc": _ACCURACIES, "crossentropy": _CROSSENTROPIES, "ce": _CROSSENTROPIES}


def get(
    identifier: Any,
    *,
    loss: losses.Loss | None = None,
    output_shape: tuple[int | None, ...] | None = None,
    custom_objects: Mapping[str, Any] | None = None,
) -> Metric | None:
    """A metric from its name ("accuracy"), class, instance, config, loss, or a function of per-sample values.

    A metric made from a name is called by that name. With `output_shape`, "accuracy" (or "acc") stands for the binary
    one where the last axis has size one, for the sparse one where the loss takes class numbers, else for the
    categorical one; "crossentropy" (or "ce") likewise, from logits where the loss is.

    Parameters
    ----------
    identifier
        See above; None stays None.
    loss : Loss, optional
        That of the same output.
    output_shape : tuple, optional
        Shape of the predictions.
    custom_objects : mapping of str to class, optional

    Raises
    ------
    ValueError
        An unknown name (the message lists the valid ones) or a config that is none.
    TypeError
        Anything else.
    """
    if isinstance(identifier, losses.Loss):
        return MeanMetricWrapper(identifier.call, name=identifier.name)
    if isinstance(identifier, str):
        metric = _by_name(identifier, loss, output_shape, custom_objects)
        metric.name = identifier
        return metric
    if callable(identifier) and not isinstance(identifier, type | Metric):
        return MeanMetricWrapper(identifier)
    return _registry.get(identifier, custom_objects)


def _by_name(
    name: str,
    loss: losses.Loss | None,
    output_shape: tuple[int | None, ...] | None,
    custom_objects: Mapping[str, Any] | None,
) -> Metric:
    if output_shape is None or name.lower() not in _BY_SHAPE:
        return _registry.deserialize({"class_name": name}, custom_objects)
    binary, sparse, categorical = _BY_SHAPE[name.lower()]
    cls = binary if output_shape[-1] == 1 else sparse if getattr(loss, "sparse", False) else categorical
    if issubclass(cls, _LossMetric):
        return cls(from_logits=getattr(loss, "from_logits", False))  # type: ignore[call-arg]
    return cls()


deserialize = _registry.deserialize
