"""Losses. Names, signatures, defaults and formulas are those of Keras 3; `Quantile` and `GaussianNLL` are two more.

Each row of the predictions gives one value; `reduction` makes one number of them. In training, value and gradient come
from one kernel, and a sigmoid or softmax output is folded into its cross-entropy, which then works on logits; so is an
exponential output into the Poisson loss.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydl._base.arrays import check_labels
from pydl._base.registry import Registry
from pydl._base.registry import serialize as _serialize
from pydl.losses.base import Loss
from pydl.losses.batches import (
    Circle,
    Dice,
    Tversky,
    circle,
    dice,
    tversky,
)
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
from pydl.losses.distributions import (
    GaussianNLL,
    KLDivergence,
    gaussian_nll,
    kl_divergence,
)
from pydl.losses.focal import (
    BinaryFocalCrossentropy,
    CategoricalFocalCrossentropy,
    CategoricalGeneralizedCrossEntropy,
    binary_focal_crossentropy,
    categorical_focal_crossentropy,
    categorical_generalized_cross_entropy,
)
from pydl.losses.function import FunctionLoss
from pydl.losses.margins import (
    CategoricalHinge,
    SquaredHinge,
    categorical_hinge,
    squared_hinge,
)
from pydl.losses.regression import (
    CosineSimilarity,
    Huber,
    LogCosh,
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
    MeanSquaredError,
    MeanSquaredLogarithmicError,
    Poisson,
    Quantile,
    cosine_similarity,
    huber,
    log_cosh,
    mean_absolute_error,
    mean_absolute_percentage_error,
    mean_squared_error,
    mean_squared_logarithmic_error,
    poisson,
    quantile,
)

__all__ = [
    "BCE", "BinaryCrossentropy", "BinaryFocalCrossentropy", "CategoricalCrossentropy",
    "CategoricalFocalCrossentropy", "CategoricalGeneralizedCrossEntropy", "CategoricalHinge", "Circle",
    "CosineSimilarity", "Dice", "GaussianNLL", "Hinge", "Huber", "KLD", "KLDivergence", "LogCosh", "Loss", "MAE",
    "MAPE", "MSE", "MSLE", "MeanAbsoluteError", "MeanAbsolutePercentageError", "MeanSquaredError",
    "MeanSquaredLogarithmicError", "Poisson", "Quantile", "SparseCategoricalCrossentropy", "SquaredHinge",
    "Tversky", "bce", "binary_crossentropy", "binary_focal_crossentropy", "categorical_crossentropy",
    "categorical_focal_crossentropy", "categorical_generalized_cross_entropy", "categorical_hinge", "check_labels",
    "circle", "cosine_similarity", "deserialize", "dice", "gaussian_nll", "get", "hinge", "huber", "kl_divergence",
    "kld", "kullback_leibler_divergence", "log_cosh", "logcosh", "mae", "mape", "mean_absolute_error",
    "mean_absolute_percentage_error", "mean_squared_error", "mean_squared_logarithmic_error", "mse", "msle",
    "poisson", "quantile", "serialize", "sparse_categorical_crossentropy", "squared_hinge", "tversky",
]  # fmt: skip

_FUNCTIONS = (
    binary_crossentropy, binary_focal_crossentropy, categorical_crossentropy, categorical_focal_crossentropy,
    categorical_generalized_cross_entropy, categorical_hinge, circle, cosine_similarity, dice, gaussian_nll, hinge,
    huber, kl_divergence, log_cosh, mean_absolute_error, mean_absolute_percentage_error, mean_squared_error,
    mean_squared_logarithmic_error, poisson, quantile, sparse_categorical_crossentropy, squared_hinge, tversky,
)  # fmt: skip

mse = MSE = mean_squared_error
mae = MAE = mean_absolute_error
mape = MAPE = mean_absolute_percentage_error
msle = MSLE = mean_squared_logarithmic_error
bce = BCE = binary_crossentropy
kld = KLD = kl_divergence
kullback_leibler_divergence, logcosh = kl_divergence, log_cosh

_ALIASES: dict[str, type[Loss]] = {
    name: cls
    for names, cls in (
        ("mse MSE", MeanSquaredError),
        ("mae MAE", MeanAbsoluteError),
        ("mape MAPE", MeanAbsolutePercentageError),
        ("msle MSLE", MeanSquaredLogarithmicError),
        ("bce BCE", BinaryCrossentropy),
        ("kld KLD kullback_leibler_divergence", KLDivergence),
        ("logcosh", LogCosh),
        ("huber_loss", Huber),
        ("cosine_proximity", CosineSimilarity),
        ("pinball", Quantile),
    )
    for name in names.split()
}

_registry = Registry(
    "loss",
    Loss,
    [
        BinaryCrossentropy, BinaryFocalCrossentropy, CategoricalCrossentropy, CategoricalFocalCrossentropy,
        CategoricalGeneralizedCrossEntropy, CategoricalHinge, Circle, CosineSimilarity, Dice, FunctionLoss, GaussianNLL,
        Hinge, Huber, KLDivergence, LogCosh, MeanAbsoluteError, MeanAbsolutePercentageError, MeanSquaredError,
        MeanSquaredLogarithmicError, Poisson, Quantile, SparseCategoricalCrossentropy, SquaredHinge, Tversky,
    ],
    _ALIASES,
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


def serialize(loss: Any) -> Any:
    """`{"class_name": ..., "config": ...}` of a loss, the name of one of this module's functions.

    Raises
    ------
    TypeError
        Any other function: a file holds names and numbers, never code.
    """
    return loss.__name__ if any(loss is f for f in _FUNCTIONS) else _serialize(loss)


def deserialize(name: Any, custom_objects: Mapping[str, Any] | None = None) -> Loss:
    """The loss that `serialize` described, by its config or name. Raises ValueError as `get` does."""
    return _registry.deserialize({"class_name": name} if isinstance(name, str) else name, custom_objects)
