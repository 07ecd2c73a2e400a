"""Metrics of probabilities: cross-entropies by the kernels of their losses, averaged over all rows, and divergence."""

from __future__ import annotations

from typing import Any

import numpy as np

from pydl import losses
from pydl._base.arrays import element_weights, float_array
from pydl.metrics.base import LossMetric


class Crossentropy(LossMetric):
    """The mean of a cross-entropy, with the arguments of its loss, which is asked in NumPy where it has no kernel."""

    on_logits = ("from_logits", True)

    def __init__(self, loss: Any, name: str, dtype: Any) -> None:
        super().__init__(name, dtype)
        self.op, self.sparse, self._loss = None if self.in_code else loss.op, loss.sparse, loss
        self.from_logits: bool = loss.from_logits
        self.axis: int = loss.axis

    def fields(self) -> dict[str, Any]:
        return self._loss.fields()

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        if self.op is not None:
            super().update_state(y_true, y_pred, sample_weight)
            return
        values = self._loss.call(np.asarray(y_true), float_array(self.name, "y_pred", y_pred))
        counted = self._loss.counted(y_true, values)
        if counted is not None and sample_weight is not None:
            sample_weight = element_weights(self.name, sample_weight, values.shape) * counted
        self._add(values, sample_weight)


class BinaryCrossentropy(Crossentropy):
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
        loss = losses.BinaryCrossentropy(from_logits, label_smoothing)
        super().__init__(loss, name, dtype)
        self.label_smoothing = loss.label_smoothing


class CategoricalCrossentropy(Crossentropy):
    """Mean of `pydl.losses.CategoricalCrossentropy`.

    Parameters
    ----------
    name : str, default "categorical_crossentropy"
    dtype
        As for `Metric`.
    from_logits : bool, default False
    label_smoothing : float, default 0
    axis : int, default -1
        That of the classes.
    """

    of_whole_rows = True

    def __init__(
        self,
        name: str = "categorical_crossentropy",
        dtype: Any = None,
        from_logits: bool = False,
        label_smoothing: float = 0,
        axis: int = -1,
    ) -> None:
        loss = losses.CategoricalCrossentropy(from_logits, label_smoothing, axis)
        super().__init__(loss, name, dtype)
        self.label_smoothing = loss.label_smoothing


class SparseCategoricalCrossentropy(Crossentropy):
    """Mean of `pydl.losses.SparseCategoricalCrossentropy`.

    Parameters
    ----------
    name : str, default "sparse_categorical_crossentropy"
    dtype
        As for `Metric`.
    from_logits : bool, default False
    ignore_class : int, optional
        Rows with this class number, which need not be one of the predictions', count as 0, as in Keras; where there are
        sample weights, they do not count at all.
    axis : int, default -1
        That of the classes.
    """

    def __init__(
        self,
        name: str = "sparse_categorical_crossentropy",
        dtype: Any = None,
        from_logits: bool = False,
        ignore_class: int | None = None,
        axis: int = -1,
    ) -> None:
        loss = losses.SparseCategoricalCrossentropy(from_logits, ignore_class, axis=axis)
        super().__init__(loss, name, dtype)
        self.ignore_class = loss.ignore_class
        if self.ignore_class is not None:
            self.op = None


class KLDivergence(LossMetric):
    """Mean of the Kullback-Leibler divergence sum(y_true log(y_true / y_pred)), both clipped to [1e-7, 1].

    Parameters
    ----------
    name : str, default "kl_divergence"
    dtype
        As for `Metric`.
    """

    op = "loss_kl"
    of_whole_rows = True
    rising = False
