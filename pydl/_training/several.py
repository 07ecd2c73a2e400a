"""Several losses of one output."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pydl import losses


class SeveralLosses(losses.Loss):
    """The sum of several losses of one output, each times a factor. It is computed in Python.

    Parameters
    ----------
    parts : list of Loss
        All of them for targets of one kind, and means over the batch.
    factors : list of float, optional
        Default 1.
    """

    def __init__(self, parts: Sequence[losses.Loss], factors: Sequence[float] | None = None) -> None:
        super().__init__(name="_and_".join(part.name for part in parts))
        if len({part.sparse for part in parts}) > 1 or any(part.scale(2) == 1 for part in parts):
            raise ValueError(
                f"compile: loss: {self.name} of one output: expected losses for targets of one kind, all of them means "
                "over the batch"
            )
        self.parts = list(parts)
        self.factors = [1.0] * len(self.parts) if factors is None else list(factors)
        self.sparse = self.parts[0].sparse
        self.probability_targets = any(part.probability_targets for part in parts)

    def call(self, y_true: Any, y_pred: Any) -> np.ndarray:
        return sum_of(f * part.values(y_true, y_pred) for f, part in zip(self.factors, self.parts, strict=True))

    def gradient(self, y_true: Any, y_pred: Any) -> np.ndarray:
        return sum_of(
            f * np.asarray(part.gradient(y_true, y_pred)) for f, part in zip(self.factors, self.parts, strict=True)
        )

    def followed(self, y_true: Any, y_pred: Any) -> Any:
        parts = [part.followed(y_true, y_pred) for part in self.parts]
        return None if all(part is None for part in parts) else _FollowedSum(self, parts, y_true, y_pred)


class _FollowedSum:
    """`Followed` of several losses, None among them for those that bring their gradient."""

    def __init__(self, loss: SeveralLosses, parts: Sequence[Any], y_true: Any, y_pred: Any) -> None:
        self._each = list(zip(loss.factors, loss.parts, parts, strict=True))
        self._given = y_true, y_pred
        values = (f * (part.values(*self._given) if to is None else to.values) for f, part, to in self._each)
        self.values = sum_of(values)
        self.variables = [v for part in parts if part is not None for v in part.variables]

    def pull(self, factors: Any) -> np.ndarray:
        return sum_of(
            part.pullback(*self._given, f * factors) if to is None else to.pull(f * factors)
            for f, part, to in self._each
        )

    def by_weight(self, variable: Any) -> Any:
        found = [to.by_weight(variable) for *_, to in self._each if to is not None]
        found = [gradient for gradient in found if gradient is not None]
        return sum_of(found) if found else None


def sum_of(arrays: Any) -> np.ndarray:
    """The sum of some arrays."""
    total: np.ndarray = np.sum(list(arrays), axis=0)
    return total
