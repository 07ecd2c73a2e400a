"""Columns of tables as batches: which are inputs, which the target, and numbers of all of them."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pydl.data.base import Batch

Array = NDArray[Any]


class Columns:
    """The part that each column of a table has.

    Parameters
    ----------
    owner : str
        Who is named in errors.
    every : sequence of str
        The columns of the table.
    target, sample_weight : str, optional
    features : sequence of str, optional
        Default: all others.
    """

    def __init__(
        self, owner: str, every: Sequence[str], target: str | None, sample_weight: str | None,
        features: Sequence[str] | None,
    ) -> None:  # fmt: skip
        others = {target, sample_weight}
        self.owner, self.target, self.sample_weight = owner, target, sample_weight
        self.features = [c for c in every if c not in others] if features is None else list(features)
        if len(set(every)) < len(every):
            twice = next(n for n in every if list(every).count(n) > 1)
            raise ValueError(f'{owner}: there are several columns "{twice}"; give them names of their own')
        for name in [*self.features, *(n for n in others if n is not None)]:
            if name not in every:
                near = difflib.get_close_matches(str(name), every, 1)
                hint = f'; did you mean "{near[0]}"?' if near else f"; the columns are {', '.join(every)}"
                raise ValueError(f'{owner}: there is no column "{name}"{hint}')
        if not self.features:
            raise ValueError(f"{owner}: expected at least one column as input, got none")
        if sample_weight is not None and target is None:
            raise ValueError(f"{owner}: sample_weight without target; name the target's column as well")

    @property
    def used(self) -> list[str]:
        """The columns to read."""
        return [*self.features, *(n for n in (self.target, self.sample_weight) if n is not None)]

    def batch(self, column: Callable[[str], Any]) -> Batch:
        """Inputs as a float32 matrix, then target and weights as they are."""
        first = self.numbers(self.features[0], column(self.features[0]))
        x = np.empty((len(first), len(self.features)), np.float32)
        x[:, 0] = first
        for i, name in enumerate(self.features[1:], 1):
            x[:, i] = self.numbers(name, column(name))
        rest = [self.numbers(n, column(n)) for n in (self.target, self.sample_weight) if n is not None]
        return (x, *rest)

    def numbers(self, name: str, values: Any) -> Array:
        """A column as an array of numbers.

        Raises
        ------
        TypeError
            Text and the like.
        """
        array = np.asarray(values)
        if array.dtype.kind == "O":
            with suppress(TypeError, ValueError):  # what is not numbers is said below
                array = array.astype(np.float64)
        if array.dtype.kind not in "biuf":
            raise TypeError(
                f'{self.owner}: column "{name}": expected numbers, got {array.dtype}; encode it first, or leave it '
                "out with features="
            )
        return array
