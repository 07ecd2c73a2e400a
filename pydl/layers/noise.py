"""Layers that add or multiply by noise in training: GaussianNoise, GaussianDropout, AlphaDropout, spatial dropout."""

from __future__ import annotations

import math
from typing import Any

from pydl._base.args import one_of, real
from pydl._engine.builder import Builder
from pydl._engine.graph import Shape
from pydl._engine.tensor import Tensor
from pydl.layers.core import Dropout, Noise


class GaussianNoise(Noise):
    """In training, `y = x + stddev * z`, z standard normal; else `y = x`.

    z is a function of a seed, the step and the element's index.

    Parameters
    ----------
    stddev : float
        In [0, 1].
    seed : int, optional
        Of this layer's draws; default: the model's.
    **kwargs
        `name`, `trainable`, `dtype`, `activity_regularizer`.
    """

    def __init__(self, stddev: float, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.stddev = self.rate = real("GaussianNoise", "stddev", stddev, at_least=0, at_most=1)
        self.seed = self._seed(seed)

    def _emit(self, b: Builder, t: Tensor, x: Any, y: Any, draw: dict[str, int]) -> None:
        b.emit("gaussian", x=x, y=y, B=t.batch, O=t.columns, factor=0, std=self.stddev, **draw)

    def _emit_slope(self, b: Builder, t: Tensor, dy: Any, draw: dict[str, int]) -> None:
        """The slope is 1."""


class GaussianDropout(Noise):
    """In training, `y = x * (1 + sqrt(rate / (1 - rate)) * z)`, z standard normal; else `y = x`.

    Parameters
    ----------
    rate : float
        In [0, 1): the deviation is that of dropout with this rate. Srivastava et al. 2014.
    seed : int, optional
        Of this layer's draws; default: the model's.
    **kwargs
        `name`, `trainable`, `dtype`, `activity_regularizer`.
    """

    def __init__(self, rate: float, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.rate = self._rate(rate)
        self.seed = self._seed(seed)

    def _emit(self, b: Builder, t: Tensor, x: Any, y: Any, draw: dict[str, int]) -> None:
        deviation = math.sqrt(self.rate / (1 - self.rate))
        b.emit("gaussian", x=x, y=y, B=t.batch, O=t.columns, factor=1, std=deviation, **draw)


_DROPPED = -1.6732632423543772 * 1.0507009873554805  # what selu tends to at minus infinity


class AlphaDropout(Dropout):
    """In training, each element is `d = -1.7581` with probability `rate`, and all are then scaled to keep the mean at 0
    and the variance at 1: `y = a * x + c` of what is kept. Else `y = x`. For selu. Klambauer et al. 2017.

    Parameters
    ----------
    rate : float
        In [0, 1).
    noise_shape : tuple of int or None, optional
        As for `Dropout`.
    seed : int, optional
        Of this layer's draws; default: the model's.
    **kwargs
        `name`, `trainable`, `dtype`, `activity_regularizer`.
    """

    def _emit(self, b: Builder, t: Tensor, x: Any, y: Any, draw: dict[str, int]) -> None:
        sizes = {"B": t.batch, "O": t.columns}
        b.emit("affine", x=x, y=y, a=1.0, c=-_DROPPED, **sizes)  # so that what is dropped is d, where dropout has 0
        super()._emit(b, t, y, y, draw)
        scale = self._scale
        b.emit("affine", x=y, y=y, a=scale * (1 - self.rate), c=scale * _DROPPED * (1 - self.rate), **sizes)

    def _emit_slope(self, b: Builder, t: Tensor, dy: Any, draw: dict[str, int]) -> None:
        super()._emit(b, t, dy, dy, draw)
        b.emit("affine", x=dy, y=dy, B=t.batch, O=t.columns, a=self._scale * (1 - self.rate), c=0.0)

    @property
    def _scale(self) -> float:
        """By which deviations grow that dropping leaves too small."""
        return float(((1 - self.rate) * (1 + self.rate * _DROPPED**2)) ** -0.5)


class _SpatialDropout(Dropout):
    """Dropout of whole features: all positions of one are kept or dropped together. Tompson et al. 2015.

    Parameters
    ----------
    rate : float
        In [0, 1).
    data_format : {"channels_last", "channels_first"}, optional
        Where the axis of features is: last, or behind the batch. Not of `SpatialDropout1D`.
    seed : int, optional
        Of this layer's draws; default: the model's.
    **kwargs
        `name`, `trainable`, `dtype`.
    """

    positions: int  # how many axes of positions there are

    def __init__(self, rate: float, data_format: str | None = None, seed: int | None = None, **kwargs: Any) -> None:
        formats = ("channels_last", "channels_first")
        self.data_format = one_of(type(self).__name__, "data_format", data_format or formats[0], formats)
        ones = (1,) * self.positions
        super().__init__(rate, (None, *ones, None) if self.data_format == formats[0] else (None, None, *ones), seed,
                         **kwargs)  # fmt: skip

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments as plain JSON values."""
        config = super().get_config()
        del config["noise_shape"]
        return config

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        if len(input_shape) != self.positions + 2:
            raise ValueError(
                f'{type(self).__name__} "{self.name}": expected input of rank {self.positions + 2}, got '
                f"{tuple(input_shape)}"
            )
        return tuple(input_shape)


class SpatialDropout1D(_SpatialDropout):
    __doc__ = _SpatialDropout.__doc__
    positions = 1

    def __init__(self, rate: float, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(rate, seed=seed, **kwargs)


class SpatialDropout2D(_SpatialDropout):
    __doc__ = _SpatialDropout.__doc__
    positions = 2


class SpatialDropout3D(_SpatialDropout):
    __doc__ = _SpatialDropout.__doc__
    positions = 3
