"""A metric that is chosen by the shapes of targets and predictions, as Keras chooses that of a name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from pydl.metrics.base import MeanMetric


class ByTargets(MeanMetric):
    """What a name such as "accuracy" means where nothing says what targets are: a loss of one's own, or none.

    Targets are class numbers where they lack the last axis of the predictions, or have one unit there; else there is
    one for each unit.

    Parameters
    ----------
    identifier : str
        The name.
    sparse, categorical : callable
        Make the metrics, both of them means.
    """

    def __init__(
        self, identifier: str, sparse: Callable[[], MeanMetric], categorical: Callable[[], MeanMetric]
    ) -> None:
        super().__init__(identifier)
        self.identifier, self._sparse, self._categorical = identifier, sparse, categorical

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        targets, predictions = np.shape(y_true), np.shape(y_pred)
        numbers = len(targets) < len(predictions) or targets[-1] == 1
        metric = self._sparse() if numbers else self._categorical()
        metric.update_state(y_true, y_pred, sample_weight)
        self.total.assign_add(metric.total)
        self.count.assign_add(metric.count)
