"""Losses. Names, signatures, defaults and formulas are those of Keras 3; `Quantile` is one more.

Each row of the predictions gives one value; `reduction` makes one number of them. In training, value and gradient come
from one kernel, and a sigmoid or softmax output is folded into its cross-entropy, which then works on logits; so is an
exponential output into the Poisson loss.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydl._base.arrays import check_labels
from pydl._base.registry import Registry, serialize
from pydl.losses.base import Loss
from pydl.losses.classification import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    Hinge,
    SparseCategoricalCrossentropy,
    binary_crossentropy,
    categorical_crossentropy,
    hinge,
    sparse_categorical_crossentropy,
)
from pydl.losses.function import FunctionLoss
from pydl.losses.regression import (
    Huber,
    LogCosh,
    MeanAbsoluteError,
    MeanSquaredError,
    MeanSquaredLogarithmicError,
    Poisson,
    Quantile,
    huber,
    log_cosh,
    mean_absolute_error,
    mean_squared_error,
    mean_squared_logarithmic_error,
    poisson,
    quantile,
)

__all__ = [
    "BinaryCrossentropy", "CategoricalCrossentropy", "Hinge", "Huber", "LogCosh", "Loss", "MeanAbsoluteError",
    "MeanSquaredError", "MeanSquaredLogarithmicError", "Poisson", "Quantile", "SparseCategoricalCrossentropy",
    "binary_crossentropy", "categorical_crossentropy", "check_labels", "deserialize", "get", "hinge", "huber",
    "log_cosh", "mean_absolute_error", "mean_squared_error", "mean_squared_logarithmic_error", "poisson", "quantile",
    "serialize", "sparse_categorical_crossentropy",
]  # fmt: skip

_registry = Registry(
    "loss",
    Loss,
    [MeanSquaredError, MeanAbsoluteError, MeanSquaredLogarithmicError, Huber, LogCosh, Poisson, Quantile, Hinge,
     BinaryCrossentropy, CategoricalCrossentropy, SparseCategoricalCrossentropy, FunctionLoss],
    {"mse": MeanSquaredError, "MSE": MeanSquaredError, "mae": MeanAbsoluteError, "MAE": MeanAbsoluteError,
     "msle": MeanSquaredLogarithmicError, "MSLE": MeanSquaredLogarithmicError, "logcosh": LogCosh, "pinball": Quantile,
     "bce": BinaryCrossentropy, "BCE": BinaryCrossentropy},
)  # fmt: skip

_FUNCTIONS = (
    mean_squared_error, mean_absolute_error, mean_squared_logarithmic_error, huber, log_cosh, poisson, quantile, hinge,
    binary_crossentropy, categorical_crossentropy, sparse_categorical_crossentropy,
)  # fmt: skip


def get(identifier: Any, custom_objects: Mapping[str, Any] | None = None) -> Loss | None:
    """A loss from its name ("mse"), class, instance, config or one of this module's functions; None stays None.

    Other functions of `(y_true, y_pred)`, written with `pydl.ops`, become a `FunctionLoss`, which gives their gradient.
    Always a `Loss` object, where Keras gives a function for some names.

    Raises
    ------
    ValueError
        An unknown name (the message lists the valid ones) or a config that is none.
    TypeError
        Anything else.
    """
    if any(identifier is f for f in _FUNCTIONS):
        identifier = identifier.__name__
    elif callable(identifier) and not isinstance(identifier, type | Loss):
        return FunctionLoss(identifier)
    return _registry.get(identifier, custom_objects)


deserialize = _registry.deserialize
