"""How the values of a weight are stored: as the user sees them, or as a kernel reads them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from pydl import _core

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

_PAD = 32  # elements: vectors may be read a panel's width at a time


def array_of(buffer: _core.Buffer) -> np.ndarray:
    """A buffer's memory as an array, without a copy.

    Not by `numpy.asarray`, which makes an array of one object of a buffer where there is no memory for its description.
    """
    return np.ndarray(buffer.shape, buffer.dtype, memoryview(buffer))


class Layout:
    """As they are seen: row-major.

    Parameters
    ----------
    shape : tuple of int
        As the user sees it.
    dtype : str

    Attributes
    ----------
    storage : tuple of int
        The shape of the memory.
    """

    def __init__(self, shape: Sequence[int], dtype: str) -> None:
        self.shape = tuple(shape)
        self.dtype = dtype
        self.storage = self.shape

    def buffer(self) -> _core.Buffer:
        """New zeroed memory, in which padding stays zero."""
        return _core.Buffer(self.storage, self.dtype, math.prod(self.storage) + _PAD)

    def unpack(self, stored: np.ndarray) -> np.ndarray:
        """What is stored as the user's array: a view if that can be, else a copy."""
        return stored

    def pack(self, values: ArrayLike, stored: np.ndarray) -> None:
        """Store a user's array of the right shape."""
        stored[...] = values


class Panels(Layout):
    """A matrix `(inputs, units)` as the GEMM reads it: panels `[ceil(units / width)][inputs][width]`.

    The last one is padded with zeros, which every element-wise update keeps at zero. See docs/adr/0002.
    """

    def __init__(self, shape: Sequence[int], dtype: str) -> None:
        super().__init__(shape, dtype)
        inputs, units = self.shape
        width = _core.panel_width(units, dtype)
        self.storage = (-(-units // width), inputs, width)

    def buffer(self) -> _core.Buffer:
        return _core.Buffer(self.storage, self.dtype)

    def unpack(self, stored: np.ndarray) -> np.ndarray:
        panels, inputs, width = self.storage
        whole = stored.transpose(1, 0, 2).reshape(inputs, panels * width)
        return np.ascontiguousarray(whole[:, : self.shape[1]])

    def pack(self, values: ArrayLike, stored: np.ndarray) -> None:
        panels, _, width = self.storage
        matrix = np.asarray(values)
        for p in range(panels):
            columns = matrix[:, p * width : (p + 1) * width]
            stored[p, :, : columns.shape[1]] = columns
