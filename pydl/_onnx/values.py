"""What stands for the tensors of a file while a model is built of it.

A constant is an array. What depends on an input is a `Value`: a symbolic tensor and the order of its axes, as images
have their channels behind the batch in files, and last in pydl. An order is kept as long as no op asks for another one,
so that a chain of convolutions moves no data.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from pydl._engine.graph import SymbolicTensor

Array = np.ndarray


class Size:
    """A size that only data decide, among the sizes that a file computes with."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return self.name


BATCH = Size("batch")


class Value:
    """A tensor of a file that depends on its inputs.

    Attributes
    ----------
    tensor : SymbolicTensor
    order : tuple of int
        For each axis of the tensor, which one of the file's it is; the batch is the first one of both.
    whole : bool
        Whether it holds whole numbers.
    """

    def __init__(self, tensor: SymbolicTensor, order: Sequence[int] | None = None, whole: bool = False) -> None:
        self.tensor = tensor
        self.order = tuple(range(tensor.ndim) if order is None else order)
        self.whole = whole

    @property
    def rank(self) -> int:
        return len(self.order)

    @property
    def shape(self) -> tuple[int | None, ...]:
        """The sizes in the file's order, None for the batch and what is open."""
        return tuple(self.tensor.shape[self.place(axis)] for axis in range(self.rank))

    def place(self, axis: int) -> int:
        """Where an axis of the file is."""
        return self.order.index(axis)

    def like(self, tensor: SymbolicTensor, whole: bool = False) -> Value:
        """Another tensor whose axes are in the same order."""
        return Value(tensor, self.order, whole)


def channels_last(rank: int) -> tuple[int, ...]:
    """The order of axes in which channels, second in files, are last."""
    return (0, *range(2, rank), 1) if rank > 1 else (0,)


def sizes_of(x: Array | Value) -> list[Any]:
    """The sizes of a tensor, with `Size`s for those that data decide."""
    if isinstance(x, np.ndarray):
        return list(x.shape)
    return [BATCH if i == 0 else Size(f"axis {i}") if d is None else d for i, d in enumerate(x.shape)]


def blocks(source: Sequence[int | None], target: Sequence[int | None]) -> list[tuple[list[int], list[int]]]:
    """Axes of a shape and of one that it is shown in, in pairs of the fewest that have equal products.

    Open sizes stand for themselves: the first axis, which is the batch, goes with the first.
    """
    found: list[tuple[list[int], list[int]]] = [([0], [0])]
    i = j = 1
    while i < len(source) or j < len(target):
        a, b = [i] if i < len(source) else [], [j] if j < len(target) else []
        i, j = i + len(a), j + len(b)
        while _product(source, a) != _product(target, b):
            if _product(source, a) < _product(target, b) and i < len(source):
                a.append(i)
                i += 1
            elif j < len(target):
                b.append(j)
                j += 1
            else:
                raise ValueError(f"cannot show shape {list(source)} as {list(target)}")
        found.append((a, b))
    return found


def _product(sizes: Sequence[int | None], axes: Sequence[int]) -> int:
    values = [sizes[i] for i in axes]
    if None in values:
        raise ValueError(f"expected sizes known in advance, got {list(sizes)}")
    return math.prod(v for v in values if v is not None)
