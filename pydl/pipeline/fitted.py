"""What a run has learnt, from a raw table to predictions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

import pydl
from pydl.pipeline.images import ImagePreparation
from pydl.pipeline.preparation import Preparation
from pydl.pipeline.target import Target

Array = NDArray[Any]

_BATCH = 1024  # rows of a prediction step: the buffers of a step are all the memory it needs


@dataclass(frozen=True)
class Predictions:
    """Predictions for some rows.

    Attributes
    ----------
    values : ndarray (rows,)
        Classes, as the data spell them, or numbers in the target's unit.
    probabilities : ndarray (rows, classes) or None
        In the order of `Target.classes`; None for regression.
    """

    values: Array
    probabilities: Array | None = None


@dataclass(frozen=True)
class Fitted:
    """A preparation, a target and the model between them."""

    preparation: Preparation | ImagePreparation
    target: Target
    model: pydl.Model

    def predict(self, frame: Any) -> Predictions:
        """Predictions for the rows of a table, or for an array of images.

        Raises
        ------
        ValueError
            When a column is missing or has other values than a number where numbers are needed.
        """
        return predict(self.model, self.target, self.preparation.transform(frame))


def predict(model: pydl.Model, target: Target, inputs: dict[str, Array]) -> Predictions:
    """Predictions for prepared rows."""
    y = model.predict(inputs, batch_size=_BATCH, verbose=0).astype(np.float64)
    if target.task == "regression":
        return Predictions(np.asarray(target.decode(y[:, 0])))
    probabilities = np.hstack([1 - y, y]) if y.shape[1] == 1 else y / y.sum(axis=1, keepdims=True)
    return Predictions(np.asarray(target.decode(probabilities.argmax(axis=1))), probabilities)
