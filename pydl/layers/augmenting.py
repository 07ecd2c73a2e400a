"""Layers that mirror pictures, or change their contrast or brightness, by chance in training."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from pydl._base.args import one_of, real
from pydl._engine.builder import Builder
from pydl._engine.tensor import Tensor
from pydl.layers.images import Box, RandomImageLayer, Range, between, emit_copy, spread, values_of, within


class RandomFlip(RandomImageLayer):
    """In training, each picture is mirrored with probability 1/2; else nothing changes.

    Pictures are `(batch, height, width, channels)`. Called on an array, `layer(x)`, it mirrors as in training unless
    `training=False`, and takes one picture without the batch as well. Of floats and whole numbers it makes floats.

    Parameters
    ----------
    mode : {"horizontal_and_vertical", "horizontal", "vertical"}
        "horizontal": left and right change places; "vertical": top and bottom. For both, there is one draw: a
        picture is turned by half a turn, or not at all.
    seed : int, optional
        Of this layer's draws; default: the model's.
    data_format : {"channels_last", "channels_first"}, optional
    **kwargs
        `bounding_box_format`, `name`, `trainable`, `dtype`.
    """

    moves_pixels = True
    numbers = 1

    def __init__(
        self, mode: str = "horizontal_and_vertical", seed: int | None = None, data_format: str | None = None,
        **kwargs: Any,
    ) -> None:  # fmt: skip
        super().__init__(seed, data_format, **kwargs)
        self.mode = one_of("RandomFlip", "mode", mode, tuple(_FLIPS))

    def drawn(self, u: np.ndarray, size: tuple[int, int]) -> dict[str, Any]:
        return {"flips": u[0, :, :, 0, 0] < 0.5}

    def moved(self, points: np.ndarray, transformation: Mapping[str, Any], size: tuple[int, int]) -> np.ndarray:
        turned = [bool(_FLIPS[self.mode] & axis) for axis in (2, 1)]
        flips = np.asarray(transformation["flips"]).reshape(-1, 1, 1) & turned
        return np.where(flips, [size[1], size[0]] - points, points)

    def _emit(self, b: Builder, t: Tensor, x: Any, y: Any, draw: dict[str, int]) -> None:
        emit_copy(b, t.shape, x, y, Box(0, 0, *t.shape[1:3]), flip=_FLIPS[self.mode], **draw)

    def _emit_slope(self, b: Builder, t: Tensor, dy: Any, dx: Any, draw: dict[str, int]) -> None:
        self._emit(b, t, dy, dx, draw)


_FLIPS = {"vertical": 1, "horizontal": 2, "horizontal_and_vertical": 3}


class _Tone(RandomImageLayer):
    """A layer that changes the values of pixels, by a number that is drawn for each picture, within `value_range`.

    Attributes
    ----------
    op : str
        The record.
    number : str
        The number's name in what `get_random_transformation` returns.
    """

    op: str
    number: str
    numbers = 1

    def __init__(self, value_range: Any, seed: int | None, data_format: str | None, **kwargs: Any) -> None:
        super().__init__(seed, data_format, **kwargs)
        self.value_range = values_of(type(self).__name__, value_range)

    def _range(self) -> Range:
        """Of what is drawn."""
        raise NotImplementedError

    def drawn(self, u: np.ndarray, size: tuple[int, int]) -> dict[str, Any]:
        return {self.number: within(u[0], self._range())}

    def _emit(self, b: Builder, t: Tensor, x: Any, y: Any, draw: dict[str, int]) -> None:
        (lo, hi), (low, high) = self._range(), self.value_range
        b.emit(self.op, x=x, y=y, B=t.batch, O=t.columns, C=t.shape[-1], lo=lo, hi=hi, low=low, high=high, **draw)


class RandomContrast(_Tone):
    """In training, `y = (x - mean) * f + mean`, limited to `value_range`; else `y = x`.

    `mean` is that of the picture's channel, f one number for each picture. Pictures are `(batch, height, width,
    channels)`. Called on an array, `layer(x)`, it changes contrast as in training unless `training=False`, and takes
    one picture without the batch as well. Gives no gradient to its input.

    Parameters
    ----------
    factor : float or (float, float)
        In [0, 1]: f is drawn from [1 - lower, 1 + upper) of `(lower, upper)`; one number is both. (Keras documents
        this, but draws from [1, 1 + factor) where one number is given, and takes the smaller one of two for the lower.)
    value_range : (float, float)
        Of pixels: (0, 1) where they are scaled.
    seed : int, optional
        Of this layer's draws; default: the model's.
    data_format : {"channels_last", "channels_first"}, optional
    **kwargs
        `bounding_box_format`, `name`, `trainable`, `dtype`.
    """

    op, number = "image_contrast", "contrast_factor"

    def __init__(
        self, factor: Any, value_range: Any = (0, 255), seed: int | None = None, data_format: str | None = None,
        **kwargs: Any,
    ) -> None:  # fmt: skip
        super().__init__(value_range, seed, data_format, **kwargs)
        both = factor if isinstance(factor, list | tuple) else (factor, factor)
        if len(both) != 2:
            raise ValueError(f"RandomContrast: factor must be a number or two of them, got {factor!r}")
        lower = real("RandomContrast", "factor", both[0], at_least=0, at_most=1)
        upper = real("RandomContrast", "factor", both[1], at_least=0, **({} if both is factor else {"at_most": 1}))
        self.factor = (lower, upper)

    def _range(self) -> Range:
        return 1 - self.factor[0], 1 + self.factor[1]


class RandomBrightness(_Tone):
    """In training, `y = x + f * (high - low)`, limited to `value_range`, which is `(low, high)`; else `y = x`.

    f is one number for each picture. Pictures are `(batch, height, width, channels)`. Called on an array, `layer(x)`,
    it changes brightness as in training unless `training=False`, and takes one picture without the batch as well. Gives
    no gradient to its input.

    Parameters
    ----------
    factor : float or (float, float)
        In [-1, 1]: the range of f; one number stands for (-factor, factor).
    value_range : (float, float)
        Of pixels: (0, 1) where they are scaled.
    seed : int, optional
        Of this layer's draws; default: the model's.
    data_format : {"channels_last", "channels_first"}, optional
    **kwargs
        `bounding_box_format`, `name`, `trainable`, `dtype`.
    """

    op, number = "image_brightness", "brightness_factor"

    def __init__(
        self, factor: Any, value_range: Any = (0, 255), seed: int | None = None, data_format: str | None = None,
        **kwargs: Any,
    ) -> None:  # fmt: skip
        super().__init__(value_range, seed, data_format, **kwargs)
        if isinstance(factor, list | tuple):
            self.factor = between("RandomBrightness", "factor", factor, -1, 1)
        else:
            self.factor = spread("RandomBrightness", "factor", factor, at_least=-1)

    def _range(self) -> Range:
        return self.factor
