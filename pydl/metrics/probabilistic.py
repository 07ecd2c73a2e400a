"""Cross-entropies as metrics: the loss kernels, averaged over all rows."""

from __future__ import annotations

from typing import Any

from pydl import losses
from pydl.metrics.base import LossMetric


class Crossentropy(LossMetric):
    """The mean of a cross-entropy, with the arguments of its loss."""

    on_logits = ("from_logits", True)

    def __init__(self, loss: losses.Loss, from_logits: bool, name: str, dtype: Any) -> None:
        super().__init__(name, dtype)
        self.op, self.sparse, self._loss = loss.op, loss.sparse, loss
        self.from_logits = bool(from_logits)

    def fields(self) -> dict[str, Any]:
        return self._loss.fields()


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
        super().__init__(loss, from_logits, name, dtype)
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
    """

    def __init__(
        self,
        name: str = "categorical_crossentropy",
        dtype: Any = None,
        from_logits: bool = False,
        label_smoothing: float = 0,
    ) -> None:
        loss = losses.CategoricalCrossentropy(from_logits, label_smoothing)
        super().__init__(loss, from_logits, name, dtype)
        self.label_smoothing = loss.label_smoothing


class SparseCategoricalCrossentropy(Crossentropy):
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
        super().__init__(losses.SparseCategoricalCrossentropy(from_logits), from_logits, name, dtype)
