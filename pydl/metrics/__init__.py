"""Metrics. Names, signatures and defaults are those of Keras 3.

All are streaming and exact: sums over all rows seen since `reset_state`, in double, never means of batch means.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydl import losses
from pydl._base.registry import Registry, serialize
from pydl.metrics.accuracy import (
    Accuracy,
    BinaryAccuracy,
    CategoricalAccuracy,
    SparseCategoricalAccuracy,
    SparseTopKCategoricalAccuracy,
    TopKCategoricalAccuracy,
)
from pydl.metrics.base import Mean, MeanMetricWrapper, Metric
from pydl.metrics.probabilistic import BinaryCrossentropy, CategoricalCrossentropy, SparseCategoricalCrossentropy
from pydl.metrics.regression import (
    Hinge,
    LogCoshError,
    MeanAbsoluteError,
    MeanSquaredError,
    MeanSquaredLogarithmicError,
    Poisson,
    RootMeanSquaredError,
)

__all__ = [
    "Accuracy", "BinaryAccuracy", "BinaryCrossentropy", "CategoricalAccuracy", "CategoricalCrossentropy", "Hinge",
    "LogCoshError", "Mean", "MeanAbsoluteError", "MeanMetricWrapper", "MeanSquaredError",
    "MeanSquaredLogarithmicError", "Metric", "Poisson", "RootMeanSquaredError", "SparseCategoricalAccuracy",
    "SparseCategoricalCrossentropy", "SparseTopKCategoricalAccuracy", "TopKCategoricalAccuracy", "deserialize", "get",
    "serialize",
]  # fmt: skip

_registry = Registry(
    "metric",
    Metric,
    [Mean, MeanMetricWrapper, Accuracy, BinaryAccuracy, CategoricalAccuracy, SparseCategoricalAccuracy,
     TopKCategoricalAccuracy, SparseTopKCategoricalAccuracy, MeanSquaredError, RootMeanSquaredError, MeanAbsoluteError,
     MeanSquaredLogarithmicError, LogCoshError, Poisson, Hinge,
     BinaryCrossentropy, CategoricalCrossentropy, SparseCategoricalCrossentropy],
    {"mse": MeanSquaredError, "MSE": MeanSquaredError, "mae": MeanAbsoluteError, "MAE": MeanAbsoluteError,
     "msle": MeanSquaredLogarithmicError, "MSLE": MeanSquaredLogarithmicError, "log_cosh": LogCoshError,
     "logcosh": LogCoshError, "bce": BinaryCrossentropy, "BCE": BinaryCrossentropy, "rmse": RootMeanSquaredError},
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
        return MeanMetricWrapper(identifier)
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
    return cls(from_logits=getattr(loss, "from_logits", False)) if cls in _CROSSENTROPIES else cls()


deserialize = _registry.deserialize
