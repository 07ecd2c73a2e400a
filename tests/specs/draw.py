"""Shapes and numbers that specs share."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Shape = Callable[[int], tuple[int, int]]


def wide(n: int) -> tuple[int, int]:
    """Few rows, about n columns: the tails of vectors along a row."""
    return 5, max(n, 1)


def tall(n: int) -> tuple[int, int]:
    """About n rows of a few columns: the split of rows."""
    return n, 3


def single(n: int) -> tuple[int, int]:
    """n rows of one column: kernels that set rows side by side."""
    return n, 1


def normal(rng: np.random.Generator, dtype: str, *shape: int) -> NDArray:
    """Standard normal numbers."""
    return rng.standard_normal(shape).astype(dtype)


def uniform(rng: np.random.Generator, dtype: str, low: float, high: float, *shape: int) -> NDArray:
    """Numbers spread evenly over [low, high)."""
    return rng.uniform(low, high, shape).astype(dtype)


def blank(dtype: str, *shape: int) -> NDArray:
    """An output that the kernel overwrites: NaN, so that an element left out shows."""
    return np.full(shape, np.nan, dtype)
