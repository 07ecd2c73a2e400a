"""A layer that changes pictures in ways that it draws from a list, in NumPy: RandAugment."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from pydl._base.args import one_of, whole
from pydl.layers.coloring import AutoContrast, OfColours, RandomColorDegeneration, RandomPosterization, Solarization
from pydl.layers.distorting import INTERPOLATIONS, RandomShear, grid, read
from pydl.layers.equalizing import Equalization
from pydl.layers.filtering import RandomSharpness
from pydl.layers.images import NumPyImageLayer, up_to, values_of, within

Array = np.ndarray
Way = Callable[[Array, Array], Array]  # pictures, and the numbers that are drawn for each

_NUMBERS = 3  # at most, that a way takes


class RandAugment(OfColours):
    """In training, all pictures of a batch are changed in some ways, drawn from a list for each batch; else nothing.

    `num_ops` times one of eleven: shear, shift, rotate, brighten, make paler, raise contrast, sharpen, solarize,
    posterize, stretch contrast, equalize (E. Cubuk et al.: RandAugment, 2019). How much is drawn for each picture.
    Pictures are `(batch, height, width, 3)`. Called on an array, `layer(x)`, it works as in training unless
    `training=False`, and takes one picture without the batch as well. In NumPy; gives no gradient to its input.

    Parameters
    ----------
    value_range : (float, float)
        Of pixels: (0, 1) where they are scaled.
    num_ops : int
        How many, one after the other.
    factor : float or (float, float)
        In [0, 1]: what the layers that are called like the ways take; f stands for (0, f).
    interpolation : {"bilinear", "nearest"}
        Of those that move pixels, which mirror pictures at their edges.
    seed : int, optional
        Of this layer's draws; default: the model's.
    data_format : {"channels_last"}, optional
    **kwargs
        `name`, `trainable`, `dtype`.
    """

    def __init__(
        self, value_range: Any = (0, 255), num_ops: int = 2, factor: Any = 0.5, interpolation: str = "bilinear",
        seed: int | None = None, data_format: str | None = None, **kwargs: Any,
    ) -> None:  # fmt: skip
        super().__init__(seed, data_format, **kwargs)
        self.value_range = values_of("RandAugment", value_range)
        self.num_ops = whole("RandAugment", "num_ops", num_ops, at_least=1)
        self.factor = up_to("RandAugment", "factor", factor)
        self.interpolation = one_of("RandAugment", "interpolation", interpolation, INTERPOLATIONS)
        self.numbers = self.num_ops * (1 + _NUMBERS)
        limits, f = self.value_range, self.factor
        self._ways: list[NumPyImageLayer | Way] = [
            RandomShear(f, f, interpolation), self._shifted, self._rotated, self._brightened,
            RandomColorDegeneration(f, limits), self._contrasted, RandomSharpness(f, limits),
            Solarization(f, f, limits), RandomPosterization(max(1, int(8 * f[1])), limits),
            AutoContrast(limits), Equalization(limits),
        ]  # fmt: skip

    def change(self, x: Array, u: Array, *z: Array) -> Array:
        if not len(x):
            return x
        for which, *numbers in np.split(u, self.num_ops):
            way = self._ways[min(int(which.flat[0] * len(self._ways)), len(self._ways) - 1)]
            if isinstance(way, NumPyImageLayer):
                y = way.change(x, np.stack(numbers)[: way.numbers])
            else:
                y = way(x, np.stack(numbers))
            x = y.astype(x.dtype, copy=False)
        return x

    def _shifted(self, x: Array, u: Array) -> Array:
        down, across = (within(n, self.factor)[..., 0] for n in u[:2])
        rows, columns = grid(x)
        return self._moved(x, rows - down * x.shape[1], columns - across * x.shape[2])

    def _rotated(self, x: Array, u: Array) -> Array:
        angle = 2 * np.pi * within(u[0], self.factor)[..., 0]
        middle = (x.shape[1] - 1) / 2, (x.shape[2] - 1) / 2
        rows, columns = (at - half for at, half in zip(grid(x), middle, strict=True))
        sin, cos = np.sin(angle), np.cos(angle)
        return self._moved(x, sin * columns + cos * rows + middle[0], cos * columns - sin * rows + middle[1])

    def _moved(self, x: Array, rows: Array, columns: Array) -> Array:
        return read(x, rows, columns, "reflect", 0.0, self.interpolation)

    def _brightened(self, x: Array, u: Array) -> Array:
        low, high = self.value_range
        return np.clip(x + within(u[0], self.factor) * (high - low), low, high)

    def _contrasted(self, x: Array, u: Array) -> Array:
        mean = x.mean(axis=(1, 2), keepdims=True)
        less, more = self.factor
        return np.clip((x - mean) * within(u[0], (1 - less, 1 + more)) + mean, *self.value_range)
