"""Sums that do not depend on the order of their terms, nor on the batches these come in."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

_LOWEST, _HIGHEST = -1074, 1025  # exponents of float64, as `frexp` counts them
_HALF = 27  # bits; a fraction has 53


class ExactSum:
    """The sum of float64 numbers, rounded once. 2^36 of them may be added.

    Each is a whole number of 53 bits times a power of two; for each power, two halves of these numbers are summed in
    int64.
    """

    def __init__(self) -> None:
        self._halves = np.zeros((2, _HIGHEST - _LOWEST), np.int64)
        self._other = 0.0  # what is no number, or infinite

    def add(self, values: NDArray[Any]) -> None:
        """Add all of an array."""
        finite = np.isfinite(values)
        if not finite.all():
            self._other += float(values[~finite].sum())
            values = values[finite]
        fraction, exponent = np.frexp(values.astype(np.float64))
        whole = np.ldexp(fraction, 53).astype(np.int64)
        power = exponent - _LOWEST
        np.add.at(self._halves[0], power, whole >> _HALF)
        np.add.at(self._halves[1], power, whole & ((1 << _HALF) - 1))

    def exactly(self) -> Fraction:
        """The sum of the finite terms."""
        powers = np.flatnonzero(self._halves.any(axis=0))
        high, low = self._halves[:, powers].tolist()
        terms = ((a << _HALF) + b << power for a, b, power in zip(high, low, powers.tolist(), strict=True))
        return Fraction(sum(terms), 1 << 53 - _LOWEST)

    def __float__(self) -> float:
        return float(self.exactly()) + self._other
