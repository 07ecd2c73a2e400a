"""Layers over positions, of sequences, pictures and volumes: Cropping, ZeroPadding, UpSampling. In NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np

from pydl._base.args import one_of, whole
from pydl._engine.graph import Shape
from pydl.layers.base import Layer

Array = np.ndarray
Edges = tuple[tuple[int, int], ...]  # of each axis of positions, how many in front and behind


class _Positions(Layer):
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
            raise ValueError(
                f'{type(self).__name__} "{self.name}": expected more positions than are cut off, got '
                f"{tuple(input_shape)}"
            )
        return tuple(sizes)

    def _size(self, size: int, axis: int) -> int:
        """Positions of an axis that come out."""
        raise NotImplementedError

    def _edges(self, name: str, value: Any) -> Edges:
        """One number for all; or for each axis a number, for both ends, or two."""
        owner = type(self).__name__
        alone = isinstance(value, int) or self.axes == 1
        each = [value] * self.axes if alone else list(value) if _listed(value) else []
        pairs = [[v, v] if isinstance(v, int) else list(v) if _listed(v) else [] for v in each]
        if len(pairs) != self.axes or any(len(pair) != 2 for pair in pairs):
            raise ValueError(
                f"{owner}: {name} must be a number, or one or two for each of {self.axes} axes, got {value!r}"
            )
        return tuple((whole(owner, name, a), whole(owner, name, b)) for a, b in pairs)

    def _full(self, edges: Edges) -> list[tuple[int, int]]:
        """Edges of all axes of an array."""
        return [(0, 0)] * self._first + [*edges] + [(0, 0)] * (2 - self._first)


def _listed(value: Any) -> bool:
    return isinstance(value, list | tuple)


def _inner(x: Array, edges: list[tuple[int, int]]) -> Array:
    return x[tuple(slice(a, size - b) for size, (a, b) in zip(x.shape, edges, strict=True))]


def _shown(edges: Edges) -> Any:
    """As the constructor of a layer over one axis, or several, takes them."""
    return edges[0] if len(edges) == 1 else edges


class _Cropping(_Positions):
    def _crop(self, cropping: Any) -> None:
        self._cut = self._edges("cropping", cropping)
        self.cropping = _shown(self._cut)

    def _size(self, size: int, axis: int) -> int:
        return size - sum(self._cut[axis])

    def call(self, *inputs: Array) -> Array:
        self.compute_output_shape(inputs[0].shape)  # refuses what does not fit
        return _inner(inputs[0], self._full(self._cut))

    def backward(self, x: Array, y: Array, dy: Array) -> Array:
        return np.pad(dy, self._full(self._cut))


class Cropping1D(_Cropping):
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


class Cropping2D(_Cropping):
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


class _ZeroPadding(_Positions):
    def _pad(self, padding: Any) -> None:
        self._added = self._edges("padding", padding)
        self.padding = _shown(self._added)

    def _size(self, size: int, axis: int) -> int:
        return size + sum(self._added[axis])

    def call(self, *inputs: Array) -> Array:
        self.compute_output_shape(inputs[0].shape)  # refuses what does not fit
        return np.pad(inputs[0], self._full(self._added))

    def backward(self, x: Array, y: Array, dy: Array) -> Array:
        return _inner(dy, self._full(self._added))


class ZeroPadding1D(_ZeroPadding):
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


class ZeroPadding2D(_ZeroPadding):
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


class _UpSampling(_Positions):
    def _repeat(self, size: Any) -> None:
        owner = type(self).__name__
        each = [size] * self.axes if isinstance(size, int) else list(size) if _listed(size) and self.axes > 1 else []
        if len(each) != self.axes:
            raise TypeError(f"{owner}: size must be an integer, or one for each of {self.axes} axes, got {size!r}")
        self._times = tuple(whole(owner, "size", n, at_least=1) for n in each)
        self.size = self._times[0] if self.axes == 1 else self._times

    def _size(self, size: int, axis: int) -> int:
        return size * self._times[axis]

    def call(self, *inputs: Array) -> Array:
        y = inputs[0]
        self.compute_output_shape(y.shape)  # refuses what does not fit
        for i, n in enumerate(self._times):
            y = np.repeat(y, n, axis=self._first + i)
        return y

    def backward(self, x: Array, y: Array, dy: Array) -> Array:
        for i, n in enumerate(self._times):
            axis = self._first + i
            dy = dy.reshape(*dy.shape[:axis], dy.shape[axis] // n, n, *dy.shape[axis + 1 :]).sum(axis=axis + 1)
        return dy


class UpSampling1D(_UpSampling):
    """Repeats each step: `(batch, steps, features)` becomes `(batch, size * steps, features)`.

    Parameters
    ----------
    size : int
    **kwargs
        `name`, `trainable`, `dtype`.
    """

    axes = 1

    def __init__(self, size: int = 2, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._repeat(size)


class UpSampling2D(_UpSampling):
    """Repeats each row and each column of pixels: `(batch, rows, columns, channels)`.

    Parameters
    ----------
    size : int or tuple of two int
    data_format : {"channels_last", "channels_first"}, optional
    interpolation : {"nearest"}
        Others are not available.
    **kwargs
        `name`, `trainable`, `dtype`.
    """

    axes = 2

    def __init__(
        self, size: Any = (2, 2), data_format: str | None = None, interpolation: str = "nearest", **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self._set_format(data_format)
        self.interpolation = one_of("UpSampling2D", "interpolation", interpolation, ("nearest",))
        self._repeat(size)


class UpSampling3D(_UpSampling):
    """Repeats each position of a volume along each axis: `(batch, a, b, c, channels)`.

    Parameters
    ----------
    size : int or tuple of three int
    data_format : {"channels_last", "channels_first"}, optional
    **kwargs
        `name`, `trainable`, `dtype`.
    """

    axes = 3

    def __init__(self, size: Any = (2, 2, 2), data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._set_format(data_format)
        self._repeat(size)
