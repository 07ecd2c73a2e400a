"""Layers that blur, sharpen or blot out parts of pictures by chance in training, in NumPy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pydl._base.args import real, whole
from pydl._base.sampling import filtered
from pydl._base.tapers import bell
from pydl.layers.images import NumPyImageLayer, up_to, values_of, within

Array = np.ndarray


class RandomSharpness(NumPyImageLayer):
    """In training, pictures are blurred or sharpened; else nothing changes.

    `y = x + (1 - 2 f) (s - x)`, limited to `value_range`: f is drawn from `factor`, s is x smoothed by a 3 x 3 kernel
    of 1/13 with 5/13 in the middle. 0 blurs, 0.5 changes nothing, 1 sharpens. Pictures are `(batch, height, width,
    channels)`. Called on an array, `layer(x)`, it works as in training unless `training=False`, and takes one picture
    without the batch as well. In NumPy; gives no gradient to its input.

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

    numbers = 1

    def __init__(
        self, factor: Any, value_range: Any = (0, 255), data_format: str | None = None, seed: int | None = None,
        **kwargs: Any,
    ) -> None:  # fmt: skip
        super().__init__(seed, data_format, **kwargs)
        self.factor = up_to("RandomSharpness", "factor", factor)
        self.value_range = values_of("RandomSharpness", value_range)

    def change(self, x: Array, u: Array, *z: Array) -> Array:
        kernel = np.full((3, 3), 1 / 13)
        kernel[1, 1] = 5 / 13
        return np.clip(x + (1 - 2 * within(u[0], self.factor)) * (filtered(x, kernel) - x), *self.value_range)


class RandomGaussianBlur(NumPyImageLayer):
    """In training, some pictures are blurred by a Gaussian kernel; else nothing changes.

    For each picture a probability is drawn from `factor`, for all of a batch two standard deviations, along columns
    and rows, from `sigma`. Beyond the edge there are zeros. Pictures are `(batch, height, width, channels)`. Called on
    an array, `layer(x)`, it works as in training unless `training=False`, and takes one picture without the batch as
    well. In NumPy; gives no gradient to its input.

    Parameters
    ----------
    factor : float or (float, float)
        In [0, 1]: the range of the probability; f stands for (0, f).
    kernel_size : int or (int, int)
        Width and height of the kernel, odd.
    sigma : float or (float, float)
        In [0, 1], in pixels: the range of the deviations; s stands for (0, s).
    value_range : (float, float)
        What comes out is limited to it: (0, 1) where pixels are scaled.
    data_format : {"channels_last", "channels_first"}, optional
    seed : int, optional
        Of this layer's draws; default: the model's.
    **kwargs
        `bounding_box_format`, `name`, `trainable`, `dtype`.
    """

    numbers = 4

    def __init__(
        self, factor: Any = 1.0, kernel_size: Any = 3, sigma: Any = 1.0, value_range: Any = (0, 255),
        data_format: str | None = None, seed: int | None = None, **kwargs: Any,
    ) -> None:  # fmt: skip
        super().__init__(seed, data_format, **kwargs)
        owner = "RandomGaussianBlur"
        self.factor = up_to(owner, "factor", factor)
        self.sigma = up_to(owner, "sigma", sigma)
        self.value_range = values_of(owner, value_range)
        sizes = kernel_size if isinstance(kernel_size, list | tuple) else (kernel_size, kernel_size)
        self.kernel_size = tuple(whole(owner, "kernel_size", n, at_least=1) for n in sizes)
        if len(self.kernel_size) != 2 or any(n % 2 == 0 for n in self.kernel_size):
            raise ValueError(f"{owner}: kernel_size must be an odd number or two of them, got {kernel_size!r}")

    def change(self, x: Array, u: Array, *z: Array) -> Array:
        of_columns, of_rows = (
            bell(size, float(within(number[0], self.sigma).item()) + 1e-6)
            for size, number in zip(self.kernel_size, u[2:], strict=True)
        )
        blurred = filtered(x, np.outer(of_rows, of_columns))
        return np.clip(np.where(u[1] < within(u[0], self.factor), blurred, x), *self.value_range)


class RandomErasing(NumPyImageLayer):
    """In training, a box of some pictures is overwritten; else nothing changes.

    For each picture a probability is drawn from `factor`, height and width of the box as square roots of two numbers
    from `scale`, which are fractions of the picture, and where it lies. Pictures are `(batch, height, width,
    channels)`. Called on an array, `layer(x)`, it works as in training unless `training=False`, and takes one picture
    without the batch as well. In NumPy; gives no gradient to its input.

    Parameters
    ----------
    factor : float or (float, float)
        In [0, 1]: the range of the probability; f stands for (0, f).
    scale : float or (float, float)
        In [0, 1]: the range of the fractions; s stands for (0, s).
    fill_value : float or sequence of float, optional
        What the box is filled with, one number or one for each channel, limited to `value_range`. Default: for each
        value a normal one times the upper limit.
    value_range : (float, float)
        Of pixels: (0, 1) where they are scaled.
    seed : int, optional
        Of this layer's draws; default: the model's.
    data_format : {"channels_last", "channels_first"}, optional
    **kwargs
        `bounding_box_format`, `name`, `trainable`, `dtype`.
    """

    numbers = 6

    def __init__(
        self, factor: Any = 1.0, scale: Any = (0.02, 0.33), fill_value: float | Sequence[float] | None = None,
        value_range: Any = (0, 255), seed: int | None = None, data_format: str | None = None, **kwargs: Any,
    ) -> None:  # fmt: skip
        super().__init__(seed, data_format, **kwargs)
        self.factor = up_to("RandomErasing", "factor", factor)
        self.scale = up_to("RandomErasing", "scale", scale)
        self.value_range = values_of("RandomErasing", value_range)
        if isinstance(fill_value, list | tuple):
            self.fill_value: Any = [real("RandomErasing", "fill_value", v) for v in fill_value]
        else:
            self.fill_value = None if fill_value is None else real("RandomErasing", "fill_value", fill_value)

    def normals(self, shape: tuple[int, ...]) -> tuple[int, ...] | None:
        return shape if self.fill_value is None else None

    def change(self, x: Array, u: Array, *z: Array) -> Array:
        fill = z[0] * self.value_range[1] if z else np.asarray(self.fill_value, x.dtype)
        inside: Any = u[5] < within(u[4], self.factor)
        for axis, size, start in ((2, u[0], u[1]), (1, u[2], u[3])):  # columns, then rows
            length = np.sqrt(within(size, self.scale)) * x.shape[axis]
            first = start * (x.shape[axis] - length)
            place = np.arange(x.shape[axis]).reshape([-1 if k == axis else 1 for k in range(4)])
            inside = inside & (place >= first) & (place < first + length)
        return np.where(inside, np.clip(fill, *self.value_range), x)
