"""Losses in code, followed: the values that a formula gives, and what they send back to predictions and weights."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from pydl._engine.lent import lending
from pydl._engine.tape import Tape, value_of
from pydl._engine.variable import Variable

Array = np.ndarray


class Followed:
    """A loss on a batch, computed once.

    Attributes
    ----------
    values : array, shape loss.values_shape(y_pred.shape)
    variables : list of Variable
        Weights that the formula has.
    """

    def __init__(self, loss: Any, y_true: Array, y_pred: Array) -> None:
        def followed(targets: Array) -> tuple[Tape, Any, Any]:
            tape = Tape()
            y = tape.watch(y_pred)
            with tape.running():
                return tape, y, loss.call(targets, y)

        self._tape, self._y, self._result = lending(followed, loss, y_true)
        self.values, self._share = fitted(loss, np.asarray(value_of(self._result)), y_pred.shape)
        self.variables: list[Variable] = self._tape.variables

    def pull(self, factors: Any) -> Array:
        """Derivative of the sum of factors, one or one for each value, times values by the predictions."""
        each = np.broadcast_to(np.asarray(factors, self._y.dtype), self.values.shape)
        self._tape.take_back([self._result], [self._share(each)])
        return np.zeros_like(self._y.value) if self._y.gradient is None else self._y.gradient

    def by_weight(self, variable: Variable) -> Array | None:
        """After `pull`, the same derivative by a weight; None where there is none."""
        weight = self._tape.weights.get(id(variable))
        return None if weight is None else weight.gradient


def fitted(loss: Any, result: Array, shape: tuple[int, ...]) -> tuple[Array, Callable[[Array], Array]]:
    """The values that the result of a loss amounts to for predictions of a shape, and how factors of values become
    those of the result.

    Of several numbers for a value its mean counts, or for a loss that is summed their sum; a number that several
    values share counts for each of them.

    Raises
    ------
    ValueError
        A result in which samples meet one another, or that has nothing to do with the predictions.
    """
    wanted = loss.values_shape(shape)
    found = result.shape
    flat = [whole for whole in (wanted, shape) if result.ndim == 1 and result.size == math.prod(whole)]
    if flat and found not in flat:
        values, of_whole = fitted(loss, result.reshape(flat[0]), shape)
        return values, lambda each: of_whole(each).reshape(found)
    shared = wanted[: _common(found, wanted)]
    if not shared and result.ndim > 1 and result.size > 1:
        raise ValueError(
            f'loss "{loss.name}": expected a value for each row, {wanted}, for each element, {shape}, or one number, '
            f"got shape {found}"
        )
    if found[1:2] == shape[:1] != shape[1:2] and result.ndim > 1 and shape[0] > 1:
        raise ValueError(
            f'loss "{loss.name}": a result of shape {found} has the samples twice: bring targets and predictions, '
            f"{shape}, to one shape before they meet; if that is meant, return pydl.ops.mean of it"
        )
    inner = tuple(range(len(shared), result.ndim))
    total = loss.reduction == "sum"
    times = math.prod(wanted[len(shared) :])  # values that share a number
    share = 1.0 / times if total else 1.0
    part = share if total else share / max(math.prod(found[len(shared) :]), 1)
    values = result.sum(axis=inner) * share if total else result.mean(axis=inner) if inner else result
    values = values.reshape(shared + (1,) * (len(wanted) - len(shared)))

    def back(each: Array) -> Array:
        kept = each.sum(axis=tuple(range(len(shared), each.ndim))) * part
        return np.broadcast_to(kept.reshape(shared + (1,) * len(inner)), found)

    return np.broadcast_to(values, wanted), back


def _common(found: tuple[int, ...], wanted: tuple[int, ...]) -> int:
    """How many axes from the first on two shapes have in common."""
    pairs = list(zip(found, wanted, strict=False))
    return next((i for i, (a, b) in enumerate(pairs) if a != b), len(pairs))
