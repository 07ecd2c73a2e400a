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
    """A kernel `(..., inputs, units)` as products read it: panels `[ceil(units / width)][... * inputs][width]`.

    The last one is padded with zeros, which every element-wise update keeps at zero. See docs/adr/0002. Each group of
    units, where there are several, has panels of its own, one group behind the other.
    """

    def __init__(self, shape: Sequence[int], dtype: str, groups: int = 1) -> None:
        super().__init__(shape, dtype)
        self.groups = groups
        self.units = self.shape[-1] // groups
        width = _core.panel_width(self.units, dtype)
        self.storage = (groups * -(-self.units // width), math.prod(self.shape[:-1]), width)

    def buffer(self) -> _core.Buffer:
        return _core.Buffer(self.storage, self.dtype)

    def unpack(self, stored: np.ndarray) -> np.ndarray:
        _, inputs, width = self.storage
        by_group = stored.reshape(self.groups, -1, inputs, width).transpose(2, 0, 1, 3).reshape(inputs, self.groups, -1)
        return np.ascontiguousarray(by_group[:, :, : self.units]).reshape(self.shape)

    def pack(self, values: ArrayLike, stored: np.ndarray) -> None:
        panels, inputs, width = self.storage
        matrices = np.asarray(values).reshape(inputs, self.groups, self.units)
        for p in range(panels):
            group, first = divmod(p, panels // self.groups)
            columns = matrices[:, group, first * width : (first + 1) * width]
            stored[p, :, : columns.shape[1]] = columns
