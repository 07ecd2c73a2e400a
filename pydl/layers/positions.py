"""Layers over positions, of sequences, pictures and volumes: Cropping, ZeroPadding; and what is common to them.

Those of volumes, and of channels in front of the positions, are NumPy.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pydl._base.args import one_of, whole
from pydl._engine.builder import Builder
from pydl._engine.graph import Shape
from pydl._engine.tensor import Tensor
from pydl.layers.base import Layer

Array = np.ndarray
Edges = tuple[tuple[int, int], ...]  # of each axis of positions, how many in front and behind


class Positions(Layer):
    """A layer over `axes` axes of positions, in front of that of the channels or behind it."""

    axes: int
    data_format = "channels_last"

    def _set_format(self, data_format: Any) -> None:
        formats = ("channels_last", "channels_first")
        self.data_format = one_of(type(self).__name__, "data_format", data_format or formats[0], formats)

    @property
    def _first(self) -> int:
        return 1 if self.data_format == "channels_last" else 2

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        if len(input_shape) != self.axes + 2:
            raise ValueError(
                f'{type(self).__name__} "{self.name}": expected input of rank {self.axes + 2}, got {tuple(input_shape)}'
            )
        sizes = list(input_shape)
        for i in range(self._first, self._first + self.axes):
            size = sizes[i]
            sizes[i] = None if size is None else self._size(size, i - self._first)
        if any(d is not None and d < 1 for d in sizes[1:]):
            self._refuse_small(tuple(input_shape))
        return tuple(sizes)

    def _size(self, size: int, axis: int) -> int:
        """Positions of an axis that come out."""
        raise NotImplementedError

    def _refuse_small(self, input_shape: Shape) -> None:
        raise ValueError(f'{type(self).__name__} "{self.name}": expected no empty axes, got input {input_shape}')

    def _edges(self, name: str, value: Any) -> Edges:
        """One number for all; or for each axis a number, for both ends, or two."""
        owner = type(self).__name__
        alone = isinstance(value, int) or self.axes == 1
        each = [value] * self.axes if alone else list(value) if listed(value) else []
        pairs = [[v, v] if isinstance(v, int) else list(v) if listed(v) else [] for v in each]
        if len(pairs) != self.axes or any(len(pair) != 2 for pair in pairs):
            raise ValueError(
                f"{owner}: {name} must be a number, or one or two for each of {self.axes} axes, got {value!r}"
            )
        return tuple((whole(owner, name, a), whole(owner, name, b)) for a, b in pairs)

    def _full(self, edges: Edges) -> list[tuple[int, int]]:
        """Edges of all axes of an array."""
        return [(0, 0)] * self._first + [*edges] + [(0, 0)] * (2 - self._first)


def listed(value: Any) -> bool:
    return isinstance(value, list | tuple)


def _inner(x: Array, edges: list[tuple[int, int]]) -> Array:
    return x[tuple(slice(a, size - b) for size, (a, b) in zip(x.shape, edges, strict=True))]


def _shown(edges: Edges) -> Any:
    """As the constructor of a layer over one axis, or several, takes them."""
    return edges[0] if len(edges) == 1 else edges


class Kernels(Positions):
    """A layer over one or two axes of positions, steps being columns of one row: by kernels if channels are last."""

    def emit_forward(self, b: Builder, *x: Tensor) -> Any:
        t = x[0]
        if self.data_format == "channels_first":
            return super().emit_forward(b, t)
        b.note_reader(t)
        shape = self.compute_output_shape(t.shape)  # refuses sizes, where data decide them, that do not fit
        y = b.tensor(tuple(int(d or 0) for d in shape), t)
        self._emit(b, t, y)
        return y

    def emit_backward(self, b: Builder, *x: Tensor, y: Tensor) -> None:
        t = x[0]
        if self.data_format == "channels_first":
            super().emit_backward(b, t, y=y)
            return
        dy = b.gradient(y)
        b.add_input_gradient(t, lambda dx, add: self._emit_slope(b, t, y, dy, dx, add), adds=True)

    def _emit(self, b: Builder, x: Tensor, y: Tensor) -> None:
        """The record of the forward pass."""
        raise NotImplementedError

    def _emit_slope(self, b: Builder, x: Tensor, y: Tensor, dy: Any, dx: Any, add: int) -> None:
        """That of the backward pass."""
        raise NotImplementedError


def two_axes(each: Sequence[int], otherwise: int) -> tuple[int, int]:
    """What is given for each axis as that of rows and of columns; steps are columns, and then rows have `otherwise`."""
    return (otherwise, each[0]) if len(each) == 1 else (each[0], each[1])


class _Placed(Kernels):
    """A layer that cuts its input or sets it into zeros."""

    def _corner(self) -> tuple[int, int]:
        """The row and the column of the output at which the input begins; below 0 if it is cut."""
        raise NotImplementedError

    def _emit(self, b: Builder, x: Tensor, y: Tensor) -> None:
        top, left = self._corner()
        b.emit("place", x=x.buffer, y=y.buffer, top=top, left=left, **sizes_of(x, y))

    def _emit_slope(self, b: Builder, x: Tensor, y: Tensor, dy: Any, dx: Any, add: int) -> None:
        top, left = self._corner()
        b.emit("place", x=dy, y=dx, top=-top, left=-left, add=add, **sizes_of(y, x))


def sizes_of(x: Tensor, y: Tensor) -> dict[str, int]:
    """Sizes of a record that reads the one and writes the other."""
    (H, W), (OH, OW) = two_axes(x.shape[1:-1], 1), two_axes(y.shape[1:-1], 1)
    return {"B": x.batch, "H": H, "W": W, "C": x.shape[-1], "OH": OH, "OW": OW}


class _Cropping(Positions):
    def _crop(self, cropping: Any) -> None:
        self._cut = self._edges("cropping", cropping)
        self.cropping = _shown(self._cut)

    def _corner(self) -> tuple[int, int]:
        top, left = two_axes([front for front, _ in self._cut], 0)
        return -top, -left

    def _size(self, size: int, axis: int) -> int:
        return size - sum(self._cut[axis])

    def _refuse_small(self, input_shape: Shape) -> None:
        kind, least = type(self).__name__, tuple(map(sum, self._cut))
        wanted = (
            "the `cropping` parameter of `Cropping1D` layer must be smaller than the number of steps"
            if self.axes == 1
            else "Values in `cropping` argument should be smaller than the corresponding spatial dimension of the input"
        )
        raise ValueError(f'{kind} "{self.name}": {wanted}: it cuts off {least} positions of {input_shape}')

    def call(self, *inputs: Array) -> Array:
        self.compute_output_shape(inputs[0].shape)  # refuses what does not fit
        return _inner(inputs[0], self._full(self._cut))

    def backward(self, x: Array, y: Array, dy: Array) -> Array:
        return np.pad(dy, self._full(self._cut))


class Cropping1D(_Cropping, _Placed):
    """Cuts steps off: `(batch, steps, features)`.

    Parameters
    ----------
    cropping : int or tuple of two int
        At both ends, or in front and behind.
    **kwargs
        `name`, `trainable`, `dtype`.
    """

    axes = 1

    def __init__(self, cropping: Any = (1, 1), **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._crop(cropping)


class Cropping2D(_Cropping, _Placed):
    """Cuts rows and columns of pixels off: `(batch, rows, columns, channels)`.

    Parameters
    ----------
    cropping : int or tuple
        At all ends; for rows and for columns; or a pair for each.
    data_format : {"channels_last", "channels_first"}, optional
    **kwargs
        `name`, `trainable`, `dtype`.
    """

    axes = 2

    def __init__(self, cropping: Any = ((0, 0), (0, 0)), data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._set_format(data_format)
        self._crop(cropping)


class Cropping3D(_Cropping):
    """Cuts the edges of volumes off: `(batch, a, b, c, channels)`.

    Parameters
    ----------
    cropping : int or tuple
        At all ends; for each axis; or a pair for each.
    data_format : {"channels_last", "channels_first"}, optional
    **kwargs
        `name`, `trainable`, `dtype`.
    """

    axes = 3

    def __init__(self, cropping: Any = ((1, 1), (1, 1), (1, 1)), data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._set_format(data_format)
        self._crop(cropping)


class _ZeroPadding(Positions):
    def _pad(self, padding: Any) -> None:
        self._added = self._edges("padding", padding)
        self.padding = _shown(self._added)

    def _corner(self) -> tuple[int, int]:
        return two_axes([front for front, _ in self._added], 0)

    def _size(self, size: int, axis: int) -> int:
        return size + sum(self._added[axis])

    def call(self, *inputs: Array) -> Array:
        self.compute_output_shape(inputs[0].shape)  # refuses what does not fit
        return np.pad(inputs[0], self._full(self._added))

    def backward(self, x: Array, y: Array, dy: Array) -> Array:
        return _inner(dy, self._full(self._added))


class ZeroPadding1D(_ZeroPadding, _Placed):
    """Adds steps of zeros: `(batch, steps, features)`.

    Parameters
    ----------
    padding : int or tuple of two int
        At both ends, or in front and behind.
    data_format : {"channels_last", "channels_first"}, optional
    **kwargs
        `name`, `trainable`, `dtype`.
    """

    axes = 1

    def __init__(self, padding: Any = 1, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._set_format(data_format)
        self._pad(padding)


class ZeroPadding2D(_ZeroPadding, _Placed):
    """Adds rows and columns of zeros: `(batch, rows, columns, channels)`.

    Parameters
    ----------
    padding : int or tuple
        At all ends; for rows and for columns; or a pair for each.
    data_format : {"channels_last", "channels_first"}, optional
    **kwargs
        `name`, `trainable`, `dtype`.
    """

    axes = 2

    def __init__(self, padding: Any = (1, 1), data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._set_format(data_format)
        self._pad(padding)


class ZeroPadding3D(_ZeroPadding):
    """Adds zeros around volumes: `(batch, a, b, c, channels)`.

    Parameters
    ----------
    padding : int or tuple
        At all ends; for each axis; or a pair for each.
    data_format : {"channels_last", "channels_first"}, optional
    **kwargs
        `name`, `trainable`, `dtype`.
    """

    axes = 3

    def __init__(self, padding: Any = ((1, 1), (1, 1), (1, 1)), data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._set_format(data_format)
        self._pad(padding)
