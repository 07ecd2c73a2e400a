"""Layers that change the colours of pictures, in NumPy: grey, hue, saturation, inversion, bits, solarization."""

from __future__ import annotations

from typing import Any

import numpy as np

from pydl._base.args import real, whole
from pydl._base.colours import gray, hsv, rgb
from pydl._engine.graph import Shape
from pydl.layers.images import NumPyImageLayer, UndrawnImageLayer, up_to, values_of, within

Array = np.ndarray


class OfColours(NumPyImageLayer):
    """A layer over pictures of three channels: red, green, blue."""

    channels: tuple[int, ...] = (3,)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        shape = super().compute_output_shape(input_shape)
        if self._channels(shape) not in self.channels:
            wanted = " or ".join(map(str, self.channels))
            raise ValueError(f"{self._owner}: expected pictures of {wanted} channels, got {tuple(input_shape)}")
        return shape


class RandomGrayscale(OfColours):
    """In training, pictures lose their colours with probability `factor`; else nothing changes.

    All channels become `0.2989 R + 0.587 G + 0.114 B`. Pictures are `(batch, height, width, 3)`, or of one channel,
    which stays. Called on an array, `layer(x)`, it works as in training unless `training=False`, and takes one picture
    without the batch as well. In NumPy; gives no gradient to its input.

    Parameters
    ----------
    factor : float
        In [0, 1].
    data_format : {"channels_last", "channels_first"}, optional
    seed : int, optional
        Of this layer's draws; default: the model's.
    **kwargs
        `bounding_box_format`, `name`, `trainable`, `dtype`.
    """

    numbers = 1
    channels = (1, 3)

    def __init__(
        self, factor: float = 0.5, data_format: str | None = None, seed: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(seed, data_format, **kwargs)
        self.factor = real("RandomGrayscale", "factor", factor, at_least=0, at_most=1)

    def change(self, x: Array, u: Array, *z: Array) -> Array:
        if x.shape[-1] == 1:
            return x
        return np.where(u[0] < self.factor, gray(x), x)


class RandomColorDegeneration(OfColours):
    """In training, colours get paler: `y = x + f (g - x)`, limited to `value_range`; else nothing changes.

    g is `0.2989 R + 0.587 G + 0.114 B`, f is drawn for each picture. Pictures are `(batch, height, width, 3)`. Called
    on an array, `layer(x)`, it works as in training unless `training=False`, and takes one picture without the batch as
    well. In NumPy; gives no gradient to its input.

    Parameters
    ----------
    factor : float or (float, float)
        The range of f, in [-1, 1]; one number, in [0, 1], stands for (0, factor).
    value_range : (float, float)
        Of pixels: (0, 1) where they are scaled.
    data_format : {"channels_last", "channels_first"}, optional
    seed : int, optional
        Of this layer's draws; default: the model's.
    **kwargs
        `bounding_box_format`, `name`, `trainable`, `dtype`.
    """

    numbers = 1

    def __init__(
        self, factor: Any, value_range: Any = (0, 255), data_format: str | None = None, seed: int | None = None,
        **kwargs: Any,
    ) -> None:  # fmt: skip
        super().__init__(seed, data_format, **kwargs)
        self.factor = up_to("RandomColorDegeneration", "factor", factor, at_least=-1)
        self.value_range = values_of("RandomColorDegeneration", value_range)

    def change(self, x: Array, u: Array, *z: Array) -> Array:
        return np.clip(x + within(u[0], self.factor) * (gray(x) - x), *self.value_range)


class RandomInvert(NumPyImageLayer):
    """In training, `y = high - x` for some pictures, `value_range` being `(low, high)`; else nothing changes.

    For each picture a probability is drawn from `factor`. Pictures are `(batch, height, width, channels)`. Called on an
    array, `layer(x)`, it works as in training unless `training=False`, and takes one picture without the batch as well.
    In NumPy; gives no gradient to its input.

    Parameters
    ----------
    factor : float or (float, float)
        In [0, 1]: the range of the probability; f stands for (0, f).
    value_range : (float, float)
        Of pixels: (0, 1) where they are scaled.
    seed : int, optional
        Of this layer's draws; default: the model's.
    data_format : {"channels_last", "channels_first"}, optional
    **kwargs
        `bounding_box_format`, `name`, `trainable`, `dtype`.
    """

    numbers = 2

    def __init__(
        self, factor: Any = 1.0, value_range: Any = (0, 255), seed: int | None = None, data_format: str | None = None,
        **kwargs: Any,
    ) -> None:  # fmt: skip
        super().__init__(seed, data_format, **kwargs)
        self.factor = up_to("RandomInvert", "factor", factor)
        self.value_range = values_of("RandomInvert", value_range)

    def change(self, x: Array, u: Array, *z: Array) -> Array:
        return np.where(u[1] < within(u[0], self.factor), self.value_range[1] - x, x)


class RandomSaturation(OfColours):
    """In training, colours become paler or stronger; else nothing changes.

    The saturation of a picture is multiplied by `f / (1 - f)`, f drawn from `factor`, and limited to 1: 0 makes it
    grey, 0.5 changes nothing, 1 leaves pure colours. Pictures are `(batch, height, width, 3)`, of values from 0 on.
    Called on an array, `layer(x)`, it works as in training unless `training=False`, and takes one picture without the
    batch as well. In NumPy; gives no gradient to its input. (Keras limits the saturation to `value_range`, which lets
    it exceed 1.)

    Parameters
    ----------
    factor : float or (float, float)
        The range of f, in [-1, 1]; one number, in [0, 1], stands for (0, factor).
    value_range : (float, float)
        Of pixels; changes nothing here.
    data_format : {"channels_last", "channels_first"}, optional
    seed : int, optional
        Of this layer's draws; default: the model's.
    **kwargs
        `bounding_box_format`, `name`, `trainable`, `dtype`.
    """

    numbers = 1

    def __init__(
        self, factor: Any, value_range: Any = (0, 255), data_format: str | None = None, seed: int | None = None,
        **kwargs: Any,
    ) -> None:  # fmt: skip
        super().__init__(seed, data_format, **kwargs)
        self.factor = up_to("RandomSaturation", "factor", factor, at_least=-1)
        self.value_range = values_of("RandomSaturation", value_range)

    def change(self, x: Array, u: Array, *z: Array) -> Array:
        f = within(u[0], self.factor)[..., 0]
        h, s, v = hsv(x)
        return rgb(h, np.clip(s * (f / (1 - f + 1e-7)), 0, 1), v)


class RandomHue(OfColours):
    """In training, all colours of a picture are turned around the colour wheel; else nothing changes.

    By `f / 2` of a whole turn, one way or the other, f drawn from `factor`. Pictures are `(batch, height, width, 3)`.
    Called on an array, `layer(x)`, it works as in training unless `training=False`, and takes one picture without the
    batch as well. In NumPy; gives no gradient to its input.

    Parameters
    ----------
    factor : float or (float, float)
        In [0, 1]: the range of f; one number stands for (0, factor).
    value_range : (float, float)
        Of pixels: (0, 1) where they are scaled.
    data_format : {"channels_last", "channels_first"}, optional
    seed : int, optional
        Of this layer's draws; default: the model's.
    **kwargs
        `bounding_box_format`, `name`, `trainable`, `dtype`.
    """

    numbers = 2

    def __init__(
        self, factor: Any, value_range: Any = (0, 255), data_format: str | None = None, seed: int | None = None,
        **kwargs: Any,
    ) -> None:  # fmt: skip
        super().__init__(seed, data_format, **kwargs)
        self.factor = up_to("RandomHue", "factor", factor)
        self.value_range = values_of("RandomHue", value_range)

    def change(self, x: Array, u: Array, *z: Array) -> Array:
        low, high = self.value_range
        turn = np.where(u[0] > 0.5, -0.5, 0.5) * within(u[1], self.factor)
        h, s, v = hsv((x - low) / (high - low))
        return np.clip(rgb((h + turn[..., 0]) % 1, s, v), 0, 1) * (high - low) + low


class RandomPosterization(NumPyImageLayer):
    """In training, each value keeps some of its 8 bits only, the upper ones; else nothing changes.

    Pictures are `(batch, height, width, channels)`. Called on an array, `layer(x)`, it works as in training unless
    `training=False`, and takes one picture without the batch as well. In NumPy; gives no gradient to its input.

    Parameters
    ----------
    factor : int or (int, int)
        From 1 to 8: how many bits; of `(a, b)`, one of a to b - 1 is drawn for each picture. (Keras documents one
        number likewise, but draws one of 1 to factor - 1.)
    value_range : (float, float)
        Of pixels, which stands for 0 to 255: (0, 1) where they are scaled.
    data_format : {"channels_last", "channels_first"}, optional
    seed : int, optional
        Of this layer's draws; default: the model's.
    **kwargs
        `bounding_box_format`, `name`, `trainable`, `dtype`.
    """

    numbers = 1

    def __init__(
        self, factor: Any, value_range: Any = (0, 255), data_format: str | None = None, seed: int | None = None,
        **kwargs: Any,
    ) -> None:  # fmt: skip
        super().__init__(seed, data_format, **kwargs)
        both = sorted(
            whole("RandomPosterization", "factor", f, at_least=1, below=9)
            for f in (factor if isinstance(factor, list | tuple) else (factor, factor))
        )
        if len(both) != 2:
            raise ValueError(f"RandomPosterization: factor must be an integer or two of them, got {factor!r}")
        self.factor = (both[0], both[1])
        self.value_range = values_of("RandomPosterization", value_range)

    def change(self, x: Array, u: Array, *z: Array) -> Array:
        low, high = self.value_range
        least, end = self.factor
        bits = least + np.minimum((u[0] * (end - least)).astype(np.uint8), max(end - least - 1, 0))
        step = 2.0 ** (8 - bits)
        values = np.floor(np.clip((x - low) * (255 / (high - low)), 0, 255))
        return np.floor(values / step) * step * ((high - low) / 255) + low


class Solarization(NumPyImageLayer):
    """In training, values from a threshold on are inverted; else nothing changes.

    `y = x + a`, limited to `value_range`, and `low + high - y` where that is at least the threshold t. a and t are
    fractions of the range, drawn for each picture. Pictures are `(batch, height, width, channels)`. Called on an array,
    `layer(x)`, it works as in training unless `training=False`, and takes one picture without the batch as well. In
    NumPy; gives no gradient to its input.

    Parameters
    ----------
    addition_factor, threshold_factor : float or (float, float)
        In [0, 1]: the ranges of both; f stands for (0, f).
    value_range : (float, float)
        Of pixels: (0, 1) where they are scaled.
    seed : int, optional
        Of this layer's draws; default: the model's.
    **kwargs
        `bounding_box_format`, `data_format`, `name`, `trainable`, `dtype`.
    """

    numbers = 2

    def __init__(
        self, addition_factor: Any = 0.0, threshold_factor: Any = 0.0, value_range: Any = (0, 255),
        seed: int | None = None, **kwargs: Any,
    ) -> None:  # fmt: skip
        super().__init__(seed, kwargs.pop("data_format", None), **kwargs)
        self.addition_factor = up_to("Solarization", "addition_factor", addition_factor)
        self.threshold_factor = up_to("Solarization", "threshold_factor", threshold_factor)
        self.value_range = values_of("Solarization", value_range)

    def change(self, x: Array, u: Array, *z: Array) -> Array:
        low, high = self.value_range
        more, threshold = (
            within(n, f) * (high - low) for n, f in zip(u, (self.addition_factor, self.threshold_factor), strict=True)
        )
        y = np.clip(x + more, low, high)
        return np.where(y - low < threshold, y, low + high - y)


class AutoContrast(UndrawnImageLayer):
    """Each channel of each picture is stretched over `value_range`, in training and outside alike.

    `y = low + (x - min) / (max - min) * (high - low)`; a channel of one value stays. Pictures are `(batch, height,
    width, channels)`; called on an array, it takes one without the batch as well. In NumPy; gives no gradient to its
    input.

    Parameters
    ----------
    value_range : (float, float)
        Of pixels: (0, 1) where they are scaled.
    **kwargs
        `bounding_box_format`, `data_format`, `name`, `trainable`, `dtype`.
    """

    only_in_training = False

    def __init__(self, value_range: Any = (0, 255), **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.value_range = values_of("AutoContrast", value_range)

    def change(self, x: Array, u: Array, *z: Array) -> Array:
        low, high = self.value_range
        least, most = x.min(axis=(1, 2), keepdims=True), x.max(axis=(1, 2), keepdims=True)
        flat = most == least
        return np.where(flat, x, low + (x - least) * ((high - low) / np.where(flat, 1, most - least)))
