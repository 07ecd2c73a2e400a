"""Layers that shift, turn or zoom pictures by chance in training."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from pydl._base.args import one_of, real
from pydl._engine.builder import Builder
from pydl._engine.tensor import Tensor
from pydl.layers.images import RandomImageLayer, Range, given, image_sizes, spread, within

Array = np.ndarray


class _Affine(RandomImageLayer):
    """A layer that reads each picture at other places, which two numbers say that are drawn for it.

    Attributes
    ----------
    kind : int
        What the kernel, image_affine.c, does with them.
    first, second : (float, float)
        Their ranges; `second` None: the second number is the first.
    """

    moves_pixels = True
    numbers = 2

    kind: int
    first: Range
    second: Range | None = None

    def __init__(
        self, fill_mode: str, interpolation: str, seed: int | None, fill_value: float, data_format: str | None,
        **kwargs: Any,
    ) -> None:  # fmt: skip
        super().__init__(seed, data_format, **kwargs)
        self.fill_mode = one_of(type(self).__name__, "fill_mode", fill_mode, tuple(_FILLS))
        self.interpolation = one_of(type(self).__name__, "interpolation", interpolation, ("bilinear", "nearest"))
        self.fill_value = real(type(self).__name__, "fill_value", fill_value)

    def both(self, u: Array) -> tuple[Array, Array]:
        """The two numbers of each picture, `(batch, 1)`."""
        first = within(u[0, :, :, 0, 0], self.first)
        return first, first if self.second is None else within(u[1, :, :, 0, 0], self.second)

    def _emit(self, b: Builder, t: Tensor, x: Any, y: Any, draw: dict[str, int], op: str = "image_affine_fwd") -> None:
        (lo, hi), (lo2, hi2) = self.first, self.second or (0.0, 0.0)
        b.emit(
            op, x=x, y=y, kind=self.kind, mode=_FILLS[self.fill_mode], nearest=int(self.interpolation == "nearest"),
            same=int(self.second is None), lo=lo, hi=hi, lo2=lo2, hi2=hi2, fill=self.fill_value,
            **image_sizes(t.shape), **draw,
        )  # fmt: skip

    def _emit_slope(self, b: Builder, t: Tensor, dy: Any, dx: Any, draw: dict[str, int]) -> None:
        self._emit(b, t, dy, dx, draw, "image_affine_bwd")


_FILLS = {"constant": 0, "nearest": 1, "reflect": 2, "wrap": 3}  # the modes of the kernel


class RandomTranslation(_Affine):
    """In training, each picture is shifted, down and to the right by fractions of its size; else nothing changes.

    Pictures are `(batch, height, width, channels)`. Called on an array, `layer(x)`, it shifts as in training unless
    `training=False`, and takes one picture without the batch as well.

    Parameters
    ----------
    height_factor, width_factor : float or (float, float)
        In [-1, 1]: the range of the fractions; f stands for (-f, f). Positive: down, to the right.
    fill_mode : {"reflect", "wrap", "constant", "nearest"}
        What comes in: the picture mirrored at its edge, `d c b a | a b c d | d c b a`; repeated; `fill_value`; its last
        pixel.
    interpolation : {"bilinear", "nearest"}
    seed : int, optional
        Of this layer's draws; default: the model's.
    fill_value : float
    data_format : {"channels_last", "channels_first"}, optional
    **kwargs
        `bounding_box_format`, `name`, `trainable`, `dtype`.
    """

    kind = 0

    def __init__(
        self, height_factor: Any, width_factor: Any, fill_mode: str = "reflect", interpolation: str = "bilinear",
        seed: int | None = None, fill_value: float = 0.0, data_format: str | None = None, **kwargs: Any,
    ) -> None:  # fmt: skip
        super().__init__(fill_mode, interpolation, seed, fill_value, data_format, **kwargs)
        self.first = spread("RandomTranslation", "height_factor", height_factor, at_least=-1)
        self.second = spread("RandomTranslation", "width_factor", width_factor, at_least=-1)
        self.height_factor, self.width_factor = given(height_factor), given(width_factor)

    def drawn(self, u: Array, size: tuple[int, int]) -> dict[str, Any]:
        down, across = self.both(u)
        return {"translations": np.concatenate([across * size[1], down * size[0]], axis=1)}

    def moved(self, points: Array, transformation: Mapping[str, Any], size: tuple[int, int]) -> Array:
        return np.asarray(points + np.asarray(transformation["translations"])[:, None])


class RandomRotation(_Affine):
    """In training, each picture is turned about its centre, by a fraction of a whole turn; else nothing changes.

    Pictures are `(batch, height, width, channels)`. Called on an array, `layer(x)`, it turns as in training unless
    `training=False`, and takes one picture without the batch as well.

    Parameters
    ----------
    factor : float or (float, float)
        In [-1, 1]: the range of the fractions; f stands for (-f, f). Positive: counter-clockwise.
    fill_mode : {"reflect", "wrap", "constant", "nearest"}
        What is beyond the edge: the picture mirrored there, `d c b a | a b c d | d c b a`; repeated; `fill_value`; its
        last pixel.
    interpolation : {"bilinear", "nearest"}
    seed : int, optional
        Of this layer's draws; default: the model's.
    fill_value : float
    data_format : {"channels_last", "channels_first"}, optional
    **kwargs
        `bounding_box_format`, `name`, `trainable`, `dtype`.
    """

    kind = 1

    def __init__(
        self, factor: Any, fill_mode: str = "reflect", interpolation: str = "bilinear", seed: int | None = None,
        fill_value: float = 0.0, data_format: str | None = None, **kwargs: Any,
    ) -> None:  # fmt: skip
        super().__init__(fill_mode, interpolation, seed, fill_value, data_format, **kwargs)
        self.factor = self.first = spread("RandomRotation", "factor", factor, at_least=-1)

    def drawn(self, u: Array, size: tuple[int, int]) -> dict[str, Any]:
        return {"angle": 360 * self.both(u)[0][:, 0]}

    def moved(self, points: Array, transformation: Mapping[str, Any], size: tuple[int, int]) -> Array:
        angle = np.deg2rad(np.asarray(transformation["angle"]).reshape(-1, 1))
        middle = np.array([size[1], size[0]]) / 2
        (x, y), cos, sin = np.moveaxis(points - middle, -1, 0), np.cos(angle), np.sin(angle)
        return np.asarray(np.stack([cos * x + sin * y, cos * y - sin * x], axis=-1) + middle)


class RandomZoom(_Affine):
    """In training, each picture is zoomed about its centre; else nothing changes.

    Pictures are `(batch, height, width, channels)`. Called on an array, `layer(x)`, it zooms as in training unless
    `training=False`, and takes one picture without the batch as well.

    Parameters
    ----------
    height_factor : float or (float, float)
        In (-1, 1]: the range of what is drawn; f stands for (-f, f). Positive zooms out: 0.2 shows 1.2 times as much.
    width_factor : float or (float, float), optional
        Likewise, along the other axis. Default: the same as drawn for the height, which keeps the aspect.
    fill_mode : {"reflect", "wrap", "constant", "nearest"}
        What is beyond the edge: the picture mirrored there, `d c b a | a b c d | d c b a`; repeated; `fill_value`; its
        last pixel.
    interpolation : {"bilinear", "nearest"}
    seed : int, optional
        Of this layer's draws; default: the model's.
    fill_value : float
    data_format : {"channels_last", "channels_first"}, optional
    **kwargs
        `bounding_box_format`, `name`, `trainable`, `dtype`.
    """

    kind = 2

    def __init__(
        self, height_factor: Any, width_factor: Any = None, fill_mode: str = "reflect",
        interpolation: str = "bilinear", seed: int | None = None, fill_value: float = 0.0,
        data_format: str | None = None, **kwargs: Any,
    ) -> None:  # fmt: skip
        super().__init__(fill_mode, interpolation, seed, fill_value, data_format, **kwargs)
        self.first = spread("RandomZoom", "height_factor", height_factor, above=-1)
        self.height_factor, self.width_factor = given(height_factor), None
        if width_factor is not None:
            self.second = spread("RandomZoom", "width_factor", width_factor, above=-1)
            self.width_factor = given(width_factor)

    def drawn(self, u: Array, size: tuple[int, int]) -> dict[str, Any]:
        down, across = self.both(u)
        return {"height_zoom": 1 + down, "width_zoom": 1 + across}

    def moved(self, points: Array, transformation: Mapping[str, Any], size: tuple[int, int]) -> Array:
        zooms = [np.asarray(transformation[name]).reshape(-1, 1, 1) for name in ("width_zoom", "height_zoom")]
        middle = np.array([size[1], size[0]]) / 2
        return np.asarray((points - middle) / np.concatenate(zooms, axis=-1) + middle)
