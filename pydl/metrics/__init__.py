"""Metrics. Names, signatures and defaults are those of Keras 3.

All are streaming and exact: sums over all rows seen since `reset_state`, in double, never means of batch means.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pydl import losses
from pydl._base.later import Later
from pydl._base.registry import Registry, custom_object_scope
from pydl._base.registry import serialize as _serialize
from pydl.metrics.base import MeanMetricWrapper, Metric

if TYPE_CHECKING:  # by __getattr__
    from pydl.losses import (
        binary_crossentropy,
        binary_focal_crossentropy,
        categorical_crossentropy,
        categorical_focal_crossentropy,
        categorical_hinge,
        hinge,
        huber,
        kl_divergence,
        log_cosh,
        mean_absolute_error,
        mean_absolute_percentage_error,
        mean_squared_error,
        mean_squared_logarithmic_error,
        poisson,
        sparse_categorical_crossentropy,
        squared_hinge,
    )
    from pydl.metrics.accuracy import (
        Accuracy,
        BinaryAccuracy,
        CategoricalAccuracy,
        SparseCategoricalAccuracy,
        SparseTopKCategoricalAccuracy,
        TopKCategoricalAccuracy,
        binary_accuracy,
        categorical_accuracy,
        sparse_categorical_accuracy,
        sparse_top_k_categorical_accuracy,
        top_k_categorical_accuracy,
    )
    from pydl.metrics.auc import AUC
    from pydl.metrics.confusion import (
        FalseNegatives,
        FalsePositives,
        Precision,
        PrecisionAtRecall,
        Recall,
        RecallAtPrecision,
        SensitivityAtSpecificity,
        SpecificityAtSensitivity,
        TrueNegatives,
        TruePositives,
    )
    from pydl.metrics.correlation import (
        ConcordanceCorrelation,
        PearsonCorrelation,
        concordance_correlation,
        pearson_correlation,
    )
    from pydl.metrics.f_score import F1Score, FBetaScore
    from pydl.metrics.iou import BinaryIoU, IoU, MeanIoU, OneHotIoU, OneHotMeanIoU
    from pydl.metrics.margins import CategoricalHinge, Hinge, SquaredHinge
    from pydl.metrics.probabilistic import (
        BinaryCrossentropy,
        CategoricalCrossentropy,
        KLDivergence,
        SparseCategoricalCrossentropy,
    )
    from pydl.metrics.r2 import R2Score
    from pydl.metrics.reduction import Mean, Sum
    from pydl.metrics.regression import (
        CosineSimilarity,
        LogCoshError,
        MeanAbsoluteError,
        MeanAbsolutePercentageError,
        MeanSquaredError,
        MeanSquaredLogarithmicError,
        Poisson,
        RootMeanSquaredError,
    )

__all__ = [
    "AUC", "Accuracy", "BinaryAccuracy", "BinaryCrossentropy", "BinaryIoU", "CategoricalAccuracy",
    "CategoricalCrossentropy", "CategoricalHinge", "ConcordanceCorrelation", "CosineSimilarity", "F1Score",
    "FBetaScore", "FalseNegatives", "FalsePositives", "Hinge", "IoU", "KLDivergence", "LogCoshError", "Mean",
    "MeanAbsoluteError", "MeanAbsolutePercentageError", "MeanIoU", "MeanMetricWrapper", "MeanSquaredError",
    "MeanSquaredLogarithmicError", "Metric", "OneHotIoU", "OneHotMeanIoU", "PearsonCorrelation", "Poisson", "Precision",
    "PrecisionAtRecall", "R2Score", "Recall", "RecallAtPrecision", "RootMeanSquaredError", "SensitivityAtSpecificity",
    "SparseCategoricalAccuracy", "SparseCategoricalCrossentropy", "SparseTopKCategoricalAccuracy",
    "SpecificityAtSensitivity", "SquaredHinge", "Sum", "TopKCategoricalAccuracy", "TrueNegatives", "TruePositives",
    "binary_accuracy", "binary_crossentropy", "binary_focal_crossentropy", "categorical_accuracy",
    "categorical_crossentropy", "categorical_focal_crossentropy", "categorical_hinge", "concordance_correlation",
    "deserialize", "get", "hinge", "huber", "kl_divergence", "log_cosh", "mean_absolute_error",
    "mean_absolute_percentage_error", "mean_squared_error", "mean_squared_logarithmic_error", "pearson_correlation",
    "poisson", "serialize", "sparse_categorical_accuracy", "sparse_categorical_crossentropy",
    "sparse_top_k_categorical_accuracy", "squared_hinge", "top_k_categorical_accuracy",
]  # fmt: skip

_later = Later(
    __name__,
    {
        ".losses": (
            "binary_crossentropy binary_focal_crossentropy categorical_crossentropy "
            "categorical_focal_crossentropy categorical_hinge hinge huber kl_divergence log_cosh "
            "mean_absolute_error mean_absolute_percentage_error mean_squared_error mean_squared_logarithmic_error "
            "poisson sparse_categorical_crossentropy squared_hinge"
        ),
        "accuracy": (
            "Accuracy BinaryAccuracy CategoricalAccuracy SparseCategoricalAccuracy SparseTopKCategoricalAccuracy "
            "TopKCategoricalAccuracy binary_accuracy categorical_accuracy sparse_categorical_accuracy "
            "sparse_top_k_categorical_accuracy top_k_categorical_accuracy"
        ),
        "auc": "AUC",
        "confusion": (
            "FalseNegatives FalsePositives Precision PrecisionAtRecall Recall RecallAtPrecision "
            "SensitivityAtSpecificity SpecificityAtSensitivity TrueNegatives TruePositives"
        ),
        "correlation": "ConcordanceCorrelation PearsonCorrelation concordance_correlation pearson_correlation",
        "f_score": "F1Score FBetaScore",
        "iou": "BinaryIoU IoU MeanIoU OneHotIoU OneHotMeanIoU",
        "margins": "CategoricalHinge Hinge SquaredHinge",
        "probabilistic": "BinaryCrossentropy CategoricalCrossentropy KLDivergence SparseCategoricalCrossentropy",
        "r2": "R2Score",
        "reduction": "Mean Sum",
        "regression": (
            "CosineSimilarity LogCoshError MeanAbsoluteError MeanAbsolutePercentageError MeanSquaredError "
            "MeanSquaredLogarithmicError Poisson RootMeanSquaredError"
        ),
    },
)  # fmt: skip
__getattr__ = _later

_registry = Registry(
    "metric",
    Metric,
    [MeanMetricWrapper],
    {"mse": "MeanSquaredError", "MSE": "MeanSquaredError", "mae": "MeanAbsoluteError", "MAE": "MeanAbsoluteError",
     "mape": "MeanAbsolutePercentageError", "MAPE": "MeanAbsolutePercentageError",
     "msle": "MeanSquaredLogarithmicError", "MSLE": "MeanSquaredLogarithmicError", "log_cosh": "LogCoshError",
     "logcosh": "LogCoshError", "bce": "BinaryCrossentropy", "BCE": "BinaryCrossentropy",
     "rmse": "RootMeanSquaredError", "kld": "KLDivergence", "KLD": "KLDivergence", "cosine": "CosineSimilarity",
     "fbeta_score": "FBetaScore"},
    later=_later,
)  # fmt: skip

_ACCURACIES = ("BinaryAccuracy", "SparseCategoricalAccuracy", "CategoricalAccuracy")
_CROSSENTROPIES = ("BinaryCrossentropy", "SparseCategoricalCrossentropy", "CategoricalCrossentropy")
_BY_SHAPE = {"accuracy": _ACCURACIES, "acc": _ACCURACIES, "crossentropy": _CROSSENTROPIES, "ce": _CROSSENTROPIES}


def get(
    identifier: Any,
    *,
    loss: losses.Loss | None = None,
    output_shape: tuple[int | None, ...] | None = None,
    custom_objects: Mapping[str, Any] | None = None,
) -> Metric | None:
    """A metric from its name ("accuracy"), class, instance, config, loss, or a function, of this module or your own.

    A metric made from a name is called by that name. With `output_shape`, "accuracy" (or "acc") stands for the binary
    one where the last axis has size one, for the sparse one where the loss takes class numbers, else for the
    categorical one; "crossentropy" (or "ce") likewise.

    Where the loss takes logits, a metric made here from a name or class takes them too: the threshold of a binary one
    is 0. An instance stays as it is, with a warning if it was left as it suits probabilities.

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
    metric: Metric | None
    name = _later.name_of(identifier)
    if name is not None and name in _registry:  # a class takes the mean of what the function gives
        identifier = name
    if isinstance(identifier, losses.Loss) or (callable(identifier) and not isinstance(identifier, type | Metric)):
        return MeanMetricWrapper(identifier)
    logits = getattr(loss, "from_logits", False)
    if isinstance(identifier, str | type):
        with custom_object_scope(custom_objects):
            metric = _made(identifier, loss, output_shape, logits)
        if isinstance(identifier, str):
            metric.name = identifier
    else:
        metric = _registry.get(identifier, custom_objects)
        if logits and isinstance(identifier, Metric):
            _warn_of_logits(identifier)
    if output_shape is not None and metric is not None:
        metric.build(output_shape)
    return metric


def _made(
    identifier: str | type, loss: losses.Loss | None, output_shape: tuple[int | None, ...] | None, logits: bool
) -> Metric:
    """The metric of a name or class, as the loss and the predictions' shape want it."""
    cls: Any = identifier
    if isinstance(identifier, str):
        by_shape = _BY_SHAPE.get(identifier.lower()) if output_shape is not None else None
        if by_shape is None:
            cls = _registry.find(identifier)
        else:
            assert output_shape is not None
            binary, sparse, categorical = by_shape
            if output_shape[-1] != 1 and (loss is None or loss.in_code):
                from pydl.metrics.by_targets import ByTargets

                return ByTargets(identifier, _later(sparse), _later(categorical))
            fitting = binary if output_shape[-1] == 1 else sparse if getattr(loss, "sparse", False) else categorical
            cls = _later(fitting)
    if logits and isinstance(cls, type) and issubclass(cls, Metric) and cls.on_logits is not None:
        argument, value = cls.on_logits
        return cls(**{argument: value})
    return _registry.get(cls)  # type: ignore[return-value]  # no None was given


def _warn_of_logits(metric: Metric) -> None:
    """Warn of a metric with the default arguments, for probabilities, beside a loss that takes logits."""
    if metric.on_logits is not None:
        argument, value = metric.on_logits
        if getattr(metric, argument) == getattr(type(metric)(), argument):
            warnings.warn(
                f"metric {metric.name!r} expects probabilities, but the loss of its output takes logits; pass "
                f"{argument}={value} to {type(metric).__name__}",
                stacklevel=2,
            )


deserialize = _registry.deserialize


def serialize(metric: Any) -> Any:
    """`{"class_name": ..., "config": ...}` of a metric, the name of one of this module's functions."""
    return _later.name_of(metric) or _serialize(metric)
