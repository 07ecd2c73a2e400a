"""Upsampling of sequences, pictures and volumes: by kernels, but for volumes and channels in front: those are NumPy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pydl._base.args import one_of, whole
from pydl._base.interpolation import weights
from pydl._engine.builder import Builder
from pydl._engine.tensor import Tensor
from pydl.layers.interpolating import INTERPOLATIONS, emit_resize
from pydl.layers.positions import Kernels, Positions, listed, sizes_of, two_axes

Array = np.ndarray


class _UpSampling(Positions):
    def _repeat(self, size: Any) -> None:
        owner = type(self).__name__
        each = [size] * self.axes if isinstance(size, int) else list(size) if listed(size) and self.axes > 1 else []
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


class _Repeated(Kernels):
    """Upsampling: a window of equal values for each position, the gradient of a sum over windows."""

    _times: tuple[int, ...]

    def _windows(self, x: Tensor, y: Tensor) -> dict[str, int]:
        high, wide = two_axes(self._times, 1)
        return {**sizes_of(y, x), "KH": high, "KW": wide, "SH": high, "SW": wide, "sum": 1}

    def _emit(self, b: Builder, x: Tensor, y: Tensor) -> None:
        b.emit("pool_mean_bwd", dy=x.buffer, dx=y.buffer, **self._windows(x, y))

    def _emit_slope(self, b: Builder, x: Tensor, y: Tensor, dy: Any, dx: Any, add: int) -> None:
        b.emit("pool_mean_fwd", x=dy, y=dx, add=add, **self._windows(x, y))


class _Interpolated(_Repeated):
    """Upsampling whose pixels lie between others: a matrix for the rows, and one for the columns."""

    interpolation: str

    def _matrices(self, sizes: Sequence[int]) -> list[Array]:
        return [weights(n, n * times, self.interpolation, False) for n, times in zip(sizes, self._times, strict=True)]

    def _emit(self, b: Builder, x: Tensor, y: Tensor) -> None:
        if self.interpolation == "nearest":
            super()._emit(b, x, y)
        else:
            emit_resize(b, x.shape, x.buffer, y.buffer, self._matrices(x.shape[1:3]))

    def _emit_slope(self, b: Builder, x: Tensor, y: Tensor, dy: Any, dx: Any, add: int) -> None:
        if self.interpolation == "nearest":
            super()._emit_slope(b, x, y, dy, dx, add)
            return
        to = b.buffer(x.shape) if add else dx
        emit_resize(b, y.shape, dy, to, [m.T for m in self._matrices(x.shape[1:3])])
        if add:
            b.copy_gradient(x, to, dx, 1)

    def _along(self, x: Array, matrices: list[Array]) -> Array:
        """The same in NumPy, of channels in front."""
        for i, matrix in enumerate(matrices):
            x = np.moveaxis(np.tensordot(matrix, x, (1, self._first + i)), 0, self._first + i)
        return x


class UpSampling1D(_UpSampling, _Repeated):
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


class UpSampling2D(_UpSampling, _Interpolated):
    """Repeats each row and each column of pixels, or puts others between: `(batch, rows, columns, channels)`.

    With an interpolation, `y[i, j]` is that of `x` at `((i + 0.5) / size - 0.5, (j + 0.5) / size - 0.5)`; what lies
    beyond the edge does not count.

    Parameters
    ----------
    size : int or tuple of two int
    data_format : {"channels_last", "channels_first"}, optional
    interpolation : {"nearest", "bilinear", "bicubic", "lanczos3", "lanczos5"}
        "nearest" repeats.
    **kwargs
        `name`, `trainable`, `dtype`.
    """

    axes = 2

    def __init__(
        self, size: Any = (2, 2), data_format: str | None = None, interpolation: str = "nearest", **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self._set_format(data_format)
        given = interpolation.lower() if isinstance(interpolation, str) else interpolation
        self.interpolation = one_of("UpSampling2D", "interpolation", given, INTERPOLATIONS)
        self._repeat(size)

    def call(self, *inputs: Array) -> Array:
        if self.interpolation == "nearest":
            return super().call(*inputs)
        self.compute_output_shape(inputs[0].shape)  # refuses what does not fit
        return self._along(inputs[0], self._matrices(inputs[0].shape[self._first :][:2])).astype(inputs[0].dtype)

    def backward(self, x: Array, y: Array, dy: Array) -> Array:
        if self.interpolation == "nearest":
            return super().backward(x, y, dy)
        return self._along(dy, [m.T for m in self._matrices(x.shape[self._first :][:2])]).astype(dy.dtype)


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
