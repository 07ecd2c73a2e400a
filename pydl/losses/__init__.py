"""Losses. Names, signatures, defaults and formulas are those of Keras 3; `Quantile` and `GaussianNLL` are two more.

Each row of the predictions gives one value; `reduction` makes one number of them. In training, value and gradient come
from one kernel, and a sigmoid or softmax output is folded into its cross-entropy, which then works on logits; so is an
exponential output into the Poisson loss.
"""

from __future__ import annotations

from collections.abc import Mapping
from inspect import isfunction
from typing import TYPE_CHECKING, Any

from pydl._base.arrays import check_labels
from pydl._base.later import Later
from pydl._base.registry import Registry
from pydl._base.registry import serialize as _serialize
from pydl.losses.base import KernelLoss, Loss

if TYPE_CHECKING:  # by __getattr__
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
    from pydl.losses.sequences import CTC, ctc

__all__ = [
    "BCE", "BinaryCrossentropy", "BinaryFocalCrossentropy", "CTC", "CategoricalCrossentropy",
    "CategoricalFocalCrossentropy", "CategoricalGeneralizedCrossEntropy", "CategoricalHinge", "Circle",
    "CosineSimilarity", "Dice", "GaussianNLL", "Hinge", "Huber", "KLD", "KLDivergence", "LogCosh", "Loss", "MAE",
    "MAPE", "MSE", "MSLE", "MeanAbsoluteError", "MeanAbsolutePercentageError", "MeanSquaredError",
    "MeanSquaredLogarithmicError", "Poisson", "Quantile", "SparseCategoricalCrossentropy", "SquaredHinge",
    "Tversky", "bce", "binary_crossentropy", "binary_focal_crossentropy", "categorical_crossentropy",
    "categorical_focal_crossentropy", "categorical_generalized_cross_entropy", "categorical_hinge", "check_labels",
    "circle", "cosine_similarity", "ctc", "deserialize", "dice", "gaussian_nll", "get", "hinge", "huber",
    "kl_divergence",
    "kld", "kullback_leibler_divergence", "log_cosh", "logcosh", "mae", "mape", "mean_absolute_error",
    "mean_absolute_percentage_error", "mean_squared_error", "mean_squared_logarithmic_error", "mse", "msle",
    "poisson", "quantile", "serialize", "sparse_categorical_crossentropy", "squared_hinge", "tversky",
]  # fmt: skip

_later = Later(
    __name__,
    {
        "batches": "Circle Dice Tversky circle dice tversky",
        "classification": (
            "BinaryCrossentropy CategoricalCrossentropy Hinge SparseCategoricalCrossentropy binary_crossentropy "
            "categorical_crossentropy hinge sparse_categorical_crossentropy"
        ),
        "distributions": "GaussianNLL KLDivergence gaussian_nll kl_divergence",
        "focal": (
            "BinaryFocalCrossentropy CategoricalFocalCrossentropy CategoricalGeneralizedCrossEntropy "
            "binary_focal_crossentropy categorical_focal_crossentropy categorical_generalized_cross_entropy"
        ),
        "function": "FunctionLoss",
        "margins": "CategoricalHinge SquaredHinge categorical_hinge squared_hinge",
        "sequences": "CTC ctc",
        "regression": (
            "CosineSimilarity Huber LogCosh MeanAbsoluteError MeanAbsolutePercentageError MeanSquaredError "
            "MeanSquaredLogarithmicError Poisson Quantile cosine_similarity huber log_cosh mean_absolute_error "
            "mean_absolute_percentage_error mean_squared_error mean_squared_logarithmic_error poisson quantile"
        ),
    },
    {
        "mse": "mean_squared_error", "MSE": "mean_squared_error", "mae": "mean_absolute_error",
        "MAE": "mean_absolute_error", "mape": "mean_absolute_percentage_error",
        "MAPE": "mean_absolute_percentage_error", "msle": "mean_squared_logarithmic_error",
        "MSLE": "mean_squared_logarithmic_error", "bce": "binary_crossentropy", "BCE": "binary_crossentropy",
        "kld": "kl_divergence", "KLD": "kl_divergence", "kullback_leibler_divergence": "kl_divergence",
        "logcosh": "log_cosh",
    },
)  # fmt: skip
__getattr__ = _later

_ALIASES = {
    name: class_name
    for names, class_name in (
        ("mse MSE", "MeanSquaredError"),
        ("mae MAE", "MeanAbsoluteError"),
        ("mape MAPE", "MeanAbsolutePercentageError"),
        ("msle MSLE", "MeanSquaredLogarithmicError"),
        ("bce BCE", "BinaryCrossentropy"),
        ("kld KLD kullback_leibler_divergence", "KLDivergence"),
        ("logcosh", "LogCosh"),
        ("huber_loss", "Huber"),
        ("cosine_proximity", "CosineSimilarity"),
        ("pinball", "Quantile"),
    )
    for name in names.split()
}

_registry = Registry("loss", Loss, [], _ALIASES, later=_later)


def get(identifier: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """A loss from its name, class, instance, config or function; None stays None.

    The name of a function ("mse") gives the function, which has a value for each row; the name of a class
    ("MeanSquaredError") an instance, as a config does.

    Raises
    ------
    ValueError
        An unknown name (the message lists the valid ones) or a config that is none.
    TypeError
        Anything else.
    """
    if isinstance(identifier, str) and (function := _later.function(identifier)) is not None:
        return function
    return identifier if isfunction(identifier) else as_loss(identifier, custom_objects)


def as_loss(identifier: Any, custom_objects: Mapping[str, Any] | None = None) -> Loss | None:
    """What a model trains by: the `Loss` object of whatever `get` takes, of a function too; None stays None.

    Functions of `(y_true, y_pred)` that are not of this module, written with `pydl.ops`, become a `FunctionLoss`, which
    gives their gradient.

    Raises
    ------
    ValueError
        An unknown name (the message lists the valid ones) or a config that is none.
    TypeError
        Anything else.
    """
    name = _later.name_of(identifier)
    if name is None and callable(identifier) and not isinstance(identifier, type | Loss):
        from pydl.losses.function import FunctionLoss

        return FunctionLoss(identifier)
    loss = _registry.get(name or identifier, custom_objects)
    if isinstance(loss, KernelLoss) and loss.in_code and loss.op is not None:
        loss.leave_kernel()
    return loss


def serialize(loss: Any) -> Any:
    """`{"class_name": ..., "config": ...}` of a loss, the name of one of this module's functions.

    Raises
    ------
    TypeError
        Any other function: a file holds names and numbers, never code.
    """
    return _later.name_of(loss) or _serialize(loss)


def deserialize(name: Any, custom_objects: Mapping[str, Any] | None = None) -> Loss:
    """The loss that `serialize` described, by its config or name. Raises ValueError as `get` does."""
    return _registry.deserialize({"class_name": name} if isinstance(name, str) else name, custom_objects)
