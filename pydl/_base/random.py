"""Where every seed of the library comes from."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from pydl import _core
from pydl._base.args import whole
from pydl._base.errors import memory_errors


def derived(seed: int, number: int) -> int:
    """A 64-bit seed for each number: the words of SplitMix64 (Steele, Lea, Flood 2014), the first one's number is 1."""
    return _core.derived(seed, number)


def drawn_numbers(seed: int, count: int, n: int) -> np.ndarray:
    """The first n numbers in [0, 1) that records draw in a step: by a seed of their own, above 0, and its number."""
    x, u = np.zeros(n), np.zeros(n)
    if n:  # 0 made brighter by what is drawn
        fields: dict[str, Any] = {"lo": 0.0, "hi": 1.0, "low": 0.0, "high": 1.0, "seed": seed}
        step = {"seed": 0, "count": count}
        _core.call("image_brightness", dtype="float64", step=step, x=x, y=u, B=n, O=1, C=1, **fields)
    return u


class _Source:
    """A stream of 64-bit seeds.

    Drawing takes no lock, only an atomic `next`, so that a fork while another thread draws cannot leave one held.
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._count = itertools.count(1)

    def draw(self) -> int:
        return derived(self._seed, next(self._count))


_source = _Source(int.from_bytes(os.urandom(8)))


def set_seed(seed: int) -> None:
    """Restart the stream of seeds; the same `seed` (0 <= seed < 2**64) gives the same stream."""
    global _source
    _source = _Source(whole("set_seed", "seed", seed, below=2**64))


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """The stream of `seed` inside; the one there was goes on afterwards."""
    global _source
    before = _source
    set_seed(seed)
    try:
        yield
    finally:
        _source = before


def next_seed() -> int:
    """The next seed of the stream, 0 <= seed < 2**64. Unpredictable until `set_seed` was called. Thread-safe."""
    return _source.draw()


def permutation(n: int, seed: int) -> np.ndarray:
    """The numbers 0 to n - 1 in the order of a seed, 0 <= seed < 2**64. Five times as fast as NumPy's."""
    order = np.empty(n, np.int64)
    _core.permutation(order, seed)
    return order


@memory_errors
def generator(seed: int) -> np.random.Generator:
    """NumPy's generator over the counter-based Philox: the same numbers for the same seed on every platform."""
    return np.random.Generator(np.random.Philox(seed))
