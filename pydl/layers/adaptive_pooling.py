"""Adaptive pooling: as many windows as are asked for, of whatever number of positions. In NumPy."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from pydl._base.args import each_axis, one_of
from pydl._engine.graph import Shape
from pydl.layers.base import Layer

Array = np.ndarray


class _Adaptive(Layer):
    """One value for each of a given number of windows along each axis of positions, for each channel.

    Of `n` positions along an axis, window `i` of `m` has those from `floor(i * n / m)` to `ceil((i + 1) * n / m)`: they
    cover all of them, and may overlap. NaN where one of them is; sums run in double, and the gradient of a largest
    value goes to the first of equal ones, row by row. In NumPy: slower than pooling of windows of one size.

    Parameters
    ----------
    output_size : int or tuple of int
        Windows along each axis; one number for all.
    data_format : {"channels_last", "channels_first"}, optional
        Where the axis of channels is: last (the default), or behind the batch.
    **kwargs
        `name`, `trainable`, `dtype`.

    Raises
    ------
    ValueError
        Another rank than that of the batch, positions and channels; sizes below 1; another `data_format`.
    """

    axes: int

    def __init__(self, output_size: Any, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        owner, formats = type(self).__name__, ("channels_last", "channels_first")
        self.output_size = each_axis(owner, "output_size", output_size, self.axes)
        self.data_format = one_of(owner, "data_format", data_format or formats[0], formats)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        if len(input_shape) != self.axes + 2:
            raise ValueError(
                f'{type(self).__name__} "{self.name}": expected input of rank {self.axes + 2}, got {tuple(input_shape)}'
            )
        if self.data_format == "channels_last":
            return (input_shape[0], *self.output_size, input_shape[-1])
        return (*input_shape[:2], *self.output_size)

    def call(self, *inputs: Array) -> Array:
        self.compute_output_shape(inputs[0].shape)  # refuses what does not fit
        return self._stages(inputs[0])[-1].astype(inputs[0].dtype)

    def backward(self, x: Array, y: Array, dy: Array) -> Array:
        slope = dy.astype(np.float64)
        for axis, stage in zip(self._positions(), reversed(self._stages(x)[:-1]), strict=True):
            before = np.zeros(stage.shape)
            for i, window in self._windows(stage, axis):
                self._spread(stage[window], np.take(slope, [i], axis), before[window], axis)
            slope = before
        return slope.astype(x.dtype)

    def _positions(self) -> range:
        first = 1 if self.data_format == "channels_last" else 2
        return range(first, first + self.axes)

    def _stages(self, x: Array) -> list[Array]:
        """x, and what is left of it when windows along one axis after the other are one value, the last axis first."""
        stages = [x.astype(np.float64)]
        for axis in reversed(self._positions()):
            parts = [self._value(stages[-1][window], axis) for _, window in self._windows(stages[-1], axis)]
            stages.append(np.concatenate(parts, axis))
        return stages

    def _windows(self, x: Array, axis: int) -> Iterator[tuple[int, tuple[slice, ...]]]:
        """The number of each window along an axis, and what indexes it."""
        n, m = x.shape[axis], self.output_size[axis - self._positions()[0]]
        for i in range(m):
            yield i, (slice(None),) * axis + (slice(i * n // m, -(-(i + 1) * n // m)),)

    def _value(self, part: Array, axis: int) -> Array:
        """The value of a window, whose axis stays, with size 1."""
        raise NotImplementedError

    def _spread(self, part: Array, slope: Array, to: Array, axis: int) -> None:
        """Add the gradient of such a value to that of its window."""
        raise NotImplementedError


class _AdaptiveAverage(_Adaptive):
    def _value(self, part: Array, axis: int) -> Array:
        return part.mean(axis, keepdims=True)

    def _spread(self, part: Array, slope: Array, to: Array, axis: int) -> None:
        to += slope / part.shape[axis]


class _AdaptiveMax(_Adaptive):
    def _value(self, part: Array, axis: int) -> Array:
        return part.max(axis, keepdims=True)

    def _spread(self, part: Array, slope: Array, to: Array, axis: int) -> None:
        at = part.argmax(axis, keepdims=True)
        np.put_along_axis(to, at, np.take_along_axis(to, at, axis) + slope, axis)


class AdaptiveAveragePooling1D(_AdaptiveAverage):
    __doc__ = _Adaptive.__doc__
    axes = 1


class AdaptiveAveragePooling2D(_AdaptiveAverage):
    __doc__ = _Adaptive.__doc__
    axes = 2


class AdaptiveAveragePooling3D(_AdaptiveAverage):
    __doc__ = _Adaptive.__doc__
    axes = 3


class AdaptiveMaxPooling1D(_AdaptiveMax):
    __doc__ = _Adaptive.__doc__
    axes = 1


class AdaptiveMaxPooling2D(_AdaptiveMax):
    __doc__ = _Adaptive.__doc__
    axes = 2


class AdaptiveMaxPooling3D(_AdaptiveMax):
    __doc__ = _Adaptive.__doc__
    axes = 3
