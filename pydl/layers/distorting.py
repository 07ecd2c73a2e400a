"""Layers that shear, tilt or stir pictures by chance in training, in NumPy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from pydl._base.args import one_of, real
from pydl._base.sampling import FILLS, INTERPOLATIONS, filtered, grid, perspective, read
from pydl._base.tapers import bell
from pydl.layers.images import NumPyImageLayer, Range, given, up_to, values_of, within

Array = np.ndarray


class RandomShear(NumPyImageLayer):
    """In training, rows of each picture are shifted by their number times a factor, and columns alike; else nothing.

    The pixel in row i and column j is that at row `i + b j`, column `j + a i` of the picture, a and b drawn for each
    picture. Pictures are `(batch, height, width, channels)`. Called on an array, `layer(x)`, it works as in training
    unless `training=False`, and takes one picture without the batch as well. In NumPy; gives no gradient to its input.

    Parameters
    ----------
    x_factor, y_factor : float or (float, float)
        The ranges of a and b, in [-1, 1]; f, in [0, 1], stands for (-f, f). Both change their sign for half of the
        pictures.
    interpolation : {"bilinear", "nearest"}
    fill_mode : {"reflect", "wrap", "constant", "nearest"}
        What is beyond the edge: the picture mirrored there, `d c b a | a b c d | d c b a`; repeated; `fill_value`; its
        last pixel.
    fill_value : float
    data_format : {"channels_last", "channels_first"}, optional
    seed : int, optional
        Of this layer's draws; default: the model's.
    **kwargs
        `bounding_box_format`, `name`, `trainable`, `dtype`.
    """

    moves_pixels = True

    numbers = 3

    def __init__(
        self, x_factor: Any = 0.0, y_factor: Any = 0.0, interpolation: str = "bilinear", fill_mode: str = "reflect",
        fill_value: float = 0.0, data_format: str | None = None, seed: int | None = None, **kwargs: Any,
    ) -> None:  # fmt: skip
        super().__init__(seed, data_format, **kwargs)
        self._across, self._down = (
            _both_ways(name, factor) for name, factor in (("x_factor", x_factor), ("y_factor", y_factor))
        )
        self.x_factor, self.y_factor = given(x_factor), given(y_factor)
        self.interpolation = one_of("RandomShear", "interpolation", interpolation, INTERPOLATIONS)
        self.fill_mode = one_of("RandomShear", "fill_mode", fill_mode, FILLS)
        self.fill_value = real("RandomShear", "fill_value", fill_value)

    def drawn(self, u: Array, size: tuple[int, int]) -> dict[str, Any]:
        sign, a, b = u[:, :, 0, 0]
        both = [within(a, self._across), within(b, self._down)]
        return {"shear_factor": np.where(sign > 0.5, -1, 1) * np.concatenate(both, axis=1)}

    def moved(self, points: Array, transformation: Mapping[str, Any], size: tuple[int, int]) -> Array:
        a, b = np.moveaxis(np.asarray(transformation["shear_factor"]), -1, 0)[..., None]
        x, y = np.moveaxis(points - 0.5, -1, 0)
        area = 1 - a * b
        area = np.where(np.abs(area) < 1e-9, 1e-9, area)  # all of the picture is one line
        return np.stack([(x - a * y) / area, (y - b * x) / area], axis=-1) + 0.5

    def change(self, x: Array, u: Array, *z: Array) -> Array:
        across, down = self.drawn(u, x.shape[1:3])["shear_factor"].T[..., None, None]
        rows, columns = grid(x)
        return read(
            x, rows + down * columns, columns + across * rows, self.fill_mode, self.fill_value, self.interpolation
        )


def _both_ways(name: str, factor: Any) -> Range:
    low, high = up_to("RandomShear", name, factor, at_least=-1)
    return (low, high) if isinstance(factor, list | tuple) else (-high, high)


class RandomPerspective(NumPyImageLayer):
    """In training, the corners of some pictures are moved, and the picture with them; else nothing changes.

    For each picture a probability is drawn from `factor`, and for each coordinate of a corner how far it moves, up to
    half of `scale` of itself; the picture is seen in the perspective that this gives, `fill_value` around it. The
    corner at the origin stays. Pictures are `(batch, height, width, channels)`. Called on an array, `layer(x)`, it
    works as in training unless `training=False`, and takes one picture without the batch as well. In NumPy; gives no
    gradient to its input.

    Parameters
    ----------
    factor : float or (float, float)
        In [0, 1]: the range of the probability; f stands for (0, f).
    scale : float
        In [0, 1].
    interpolation : {"bilinear", "nearest"}
    fill_value : float
    seed : int, optional
        Of this layer's draws; default: the model's.
    data_format : {"channels_last", "channels_first"}, optional
    **kwargs
        `bounding_box_format`, `name`, `trainable`, `dtype`.
    """

    moves_pixels = True

    numbers = 10

    def __init__(
        self, factor: Any = 1.0, scale: float = 1.0, interpolation: str = "bilinear", fill_value: float = 0.0,
        seed: int | None = None, data_format: str | None = None, **kwargs: Any,
    ) -> None:  # fmt: skip
        super().__init__(seed, data_format, **kwargs)
        self.factor = up_to("RandomPerspective", "factor", factor)
        self.scale = real("RandomPerspective", "scale", scale, at_least=0, at_most=1)
        self.interpolation = one_of("RandomPerspective", "interpolation", interpolation, INTERPOLATIONS)
        self.fill_value = real("RandomPerspective", "fill_value", fill_value)

    def drawn(self, u: Array, size: tuple[int, int]) -> dict[str, Any]:
        high, wide = size
        corners = np.array([[0, 0], [wide - 1, 0], [0, high - 1], [wide - 1, high - 1]], np.float64)
        moves = within(u[2:].reshape(4, 2, -1).transpose(2, 0, 1), (-0.5 * self.scale, 0.5 * self.scale))
        return {
            "apply_perspective": (u[1] < within(u[0], self.factor)).reshape(-1),
            "start_points": np.broadcast_to(corners, moves.shape), "end_points": corners * (1 + moves),
        }  # fmt: skip

    def moved(self, points: Array, transformation: Mapping[str, Any], size: tuple[int, int]) -> Array:
        to = perspective(np.asarray(transformation["end_points"]), np.asarray(transformation["start_points"]))
        a, b, c, d, e, f, g, h = to.T[..., None]
        x, y = np.moveaxis(points - 0.5, -1, 0)
        seen = np.stack([a * x + b * y + c, d * x + e * y + f], axis=-1) / (g * x + h * y + 1)[..., None] + 0.5
        return np.where(np.reshape(transformation["apply_perspective"], (-1, 1, 1)), seen, points)

    def change(self, x: Array, u: Array, *z: Array) -> Array:
        drawn = self.drawn(u, x.shape[1:3])
        a, b, c, d, e, f, g, h = perspective(drawn["start_points"], drawn["end_points"]).T[..., None, None]
        rows, columns = grid(x)
        depth = g * columns + h * rows + 1
        seen = read(
            x, (d * columns + e * rows + f) / depth, (a * columns + b * rows + c) / depth, "constant",
            self.fill_value, self.interpolation,
        )  # fmt: skip
        return np.where(drawn["apply_perspective"].reshape(-1, 1, 1, 1), seen, x)


class RandomElasticTransform(NumPyImageLayer):
    """In training, some pictures are stirred: each pixel is read from somewhere near; else nothing changes.

    For each picture a probability is drawn from `factor`, for all of a batch a number f from `scale`. Pixels are moved
    by normal noise of the standard deviation `s = 0.05 f min(height, width)`, along rows and columns each,
    smoothed by a Gaussian kernel of that deviation, times `0.1 f max(height, width)`. Values are limited to
    `value_range`. Pictures are `(batch, height, width, channels)`. Called on an array, `layer(x)`, it works as in
    training unless `training=False`, and takes one picture without the batch as well. In NumPy; gives no gradient to
    its input.

    Parameters
    ----------
    factor : float or (float, float)
        In [0, 1]: the range of the probability; f stands for (0, f).
    scale : float or (float, float)
        In [0, 1]; s stands for (0, s).
    interpolation : {"bilinear", "nearest"}
    fill_mode : {"reflect", "wrap", "constant", "nearest"}
        What is beyond the edge, see `RandomShear`.
    fill_value : float
    value_range : (float, float)
        Of pixels: (0, 1) where they are scaled.
    seed : int, optional
        Of this layer's draws; default: the model's.
    data_format : {"channels_last", "channels_first"}, optional
    **kwargs
        `bounding_box_format`, `name`, `trainable`, `dtype`.

    References
    ----------
    Simard, Steinkraus, Platt 2003.
    """

    moves_pixels = True

    numbers = 3

    def __init__(
        self, factor: Any = 1.0, scale: Any = 1.0, interpolation: str = "bilinear", fill_mode: str = "reflect",
        fill_value: float = 0.0, value_range: Any = (0, 255), seed: int | None = None, data_format: str | None = None,
        **kwargs: Any,
    ) -> None:  # fmt: skip
        super().__init__(seed, data_format, **kwargs)
        owner = "RandomElasticTransform"
        self.factor = up_to(owner, "factor", factor)
        self.scale = up_to(owner, "scale", scale)
        self.interpolation = one_of(owner, "interpolation", interpolation, INTERPOLATIONS)
        self.fill_mode = one_of(owner, "fill_mode", fill_mode, FILLS)
        self.fill_value = real(owner, "fill_value", fill_value)
        self.value_range = values_of(owner, value_range)

    def normals(self, shape: tuple[int, ...]) -> tuple[int, ...] | None:
        return (*shape[:3], 2)

    def change(self, x: Array, u: Array, *z: Array) -> Array:
        size = float(within(u[2].reshape(-1)[:1], self.scale)[0]) if len(x) else 0.0
        if size == 0 or self.factor[1] == 0:
            return x
        high, wide = x.shape[1:3]
        deviation = 0.05 * size * min(high, wide)
        kernel = bell(int(6 * deviation) | 1, deviation)
        moves = filtered(filtered(z[0].astype(np.float64), kernel[:, None]), kernel[None])
        moves *= deviation * 0.1 * size * max(high, wide)
        rows, columns = grid(x)
        seen = read(
            x, rows + moves[..., 0], columns + moves[..., 1], self.fill_mode, self.fill_value, self.interpolation
        )
        return np.clip(np.where(u[1] < within(u[0], self.factor), seen, x), *self.value_range)
