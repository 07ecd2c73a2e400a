"""Layers that change pictures in ways that they draw from a list, in NumPy: RandAugment, AugMix."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from pydl._base.args import one_of, real, whole
from pydl._base.sampling import INTERPOLATIONS, grid, read
from pydl.layers.coloring import AutoContrast, OfColours, RandomColorDegeneration, RandomPosterization, Solarization
from pydl.layers.distorting import RandomShear
from pydl.layers.equalizing import Equalization
from pydl.layers.filtering import RandomSharpness
from pydl.layers.images import NumPyImageLayer, up_to, values_of, within

Array = np.ndarray
Way = Callable[[Array, Array], Array]  # pictures, and the numbers that are drawn for each

_NUMBERS = 3  # at most, that a way takes
_OF_TONE = range(3, 7)  # brightness, colour, contrast and sharpness, which `all_ops=False` leaves out


class _OfWays(OfColours):
    """A layer that changes pictures in some of eleven ways."""

    moves_pixels = None

    def __init__(
        self, value_range: Any, factor: Any, interpolation: str, seed: int | None, data_format: str | None,
        **kwargs: Any,
    ) -> None:  # fmt: skip
        super().__init__(seed, data_format, **kwargs)
        owner = type(self).__name__
        self.value_range = values_of(owner, value_range)
        self.factor = up_to(owner, "factor", factor)
        self.interpolation = one_of(owner, "interpolation", interpolation, INTERPOLATIONS)
        limits, f = self.value_range, self.factor
        self._ways: list[NumPyImageLayer | Way] = [
            RandomShear(f, f, interpolation), self._shifted, self._rotated, self._brightened,
            RandomColorDegeneration(f, limits), self._contrasted, RandomSharpness(f, limits),
            Solarization(f, f, limits), RandomPosterization(max(1, int(8 * f[1])), limits),
            AutoContrast(limits), Equalization(limits),
        ]  # fmt: skip

    def _changed(self, x: Array, k: int, u: Array) -> Array:
        """Pictures in the k-th way; u: the numbers that are drawn for each."""
        way = self._ways[k]
        y = way.change(x, u[: way.numbers]) if isinstance(way, NumPyImageLayer) else way(x, u)
        return y.astype(x.dtype, copy=False)

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


class RandAugment(_OfWays):
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
    data_format : {"channels_last", "channels_first"}, optional
    **kwargs
        `bounding_box_format`, `name`, `trainable`, `dtype`.
    """

    def __init__(
        self, value_range: Any = (0, 255), num_ops: int = 2, factor: Any = 0.5, interpolation: str = "bilinear",
        seed: int | None = None, data_format: str | None = None, **kwargs: Any,
    ) -> None:  # fmt: skip
        super().__init__(value_range, factor, interpolation, seed, data_format, **kwargs)
        self.num_ops = whole("RandAugment", "num_ops", num_ops)
        self.numbers = self.num_ops * (1 + _NUMBERS)

    def change(self, x: Array, u: Array, *z: Array) -> Array:
        if not len(x):
            return x
        for which, *numbers in np.split(u, self.num_ops) if self.num_ops else ():
            x = self._changed(x, min(int(which.flat[0] * len(self._ways)), len(self._ways) - 1), np.stack(numbers))
        return x


class AugMix(_OfWays):
    """In training, pictures become the mean of themselves and of what chains of changes make of them; else nothing.

    `y = w x + (1 - w) (c_1 chain_1(x) + c_2 chain_2(x) + ...)`, cut off at `value_range`; w is from Beta(alpha, alpha),
    c from the Dirichlet distribution of alpha, both drawn for each batch (D. Hendrycks et al.: AugMix, 2020). A
    chain is `chain_depth` times a way of `RandAugment` or none, drawn for each batch; how much is drawn for each
    picture. Pictures are `(batch, height, width, 3)`. Called on an array, `layer(x)`, it works as in training unless
    `training=False`, and takes one picture without the batch as well. In NumPy; gives no gradient to its input.

    Parameters
    ----------
    value_range : (float, float)
        Of pixels: (0, 1) where they are scaled.
    num_chains, chain_depth : int
        How many chains, and of how many changes at most.
    factor : float or (float, float)
        In [0, 1]: what the layers that are called like the ways take; f stands for (0, f).
    alpha : float
        Above 0. Small: nearly one of the chains, or nearly the picture or what the chains make of it.
    all_ops : bool
        False: without those that change brightness, contrast, sharpness and how colourful a picture is.
    interpolation : {"bilinear", "nearest"}
        Of those that move pixels, which mirror pictures at their edges.
    seed : int, optional
        Of this layer's draws; default: the model's.
    data_format : {"channels_last", "channels_first"}, optional
    **kwargs
        `bounding_box_format`, `name`, `trainable`, `dtype`.
    """

    def __init__(
        self, value_range: Any = (0, 255), num_chains: int = 3, chain_depth: int = 3, factor: Any = 0.3,
        alpha: float = 1.0, all_ops: bool = True, interpolation: str = "bilinear", seed: int | None = None,
        data_format: str | None = None, **kwargs: Any,
    ) -> None:  # fmt: skip
        super().__init__(value_range, factor, interpolation, seed, data_format, **kwargs)
        self.num_chains = whole("AugMix", "num_chains", num_chains, at_least=1)
        self.chain_depth = whole("AugMix", "chain_depth", chain_depth, at_least=1)
        self.alpha = real("AugMix", "alpha", alpha, above=0)
        self.all_ops = bool(all_ops)
        self.numbers = 1 + self.num_chains * self.chain_depth * (1 + _NUMBERS)
        self._taken = [k for k in range(len(self._ways)) if self.all_ops or k not in _OF_TONE]

    def change(self, x: Array, u: Array, *z: Array) -> Array:
        if not len(x):
            return x
        rng = np.random.default_rng(int(u[0].flat[0] * 2.0**32))
        own, shares = rng.beta(self.alpha, self.alpha), rng.dirichlet([self.alpha] * self.num_chains)
        mixed = np.zeros_like(x)
        for share, chain in zip(shares, np.split(u[1:], self.num_chains), strict=True):
            y = x
            for which, *numbers in np.split(chain, self.chain_depth):
                place = int(which.flat[0] * (len(self._taken) + 1))
                if place < len(self._taken):  # else none
                    y = self._changed(y, self._taken[place], np.stack(numbers))
            mixed += x.dtype.type(share) * y
        return np.clip(x.dtype.type(own) * x + x.dtype.type(1 - own) * mixed, *self.value_range)
