"""Pictures seen through a small kernel: blurred, their edges, how alike two are."""

from __future__ import annotations

from typing import Any

import numpy as np

from pydl import config
from pydl._base.args import each_axis, real, whole
from pydl._base.tapers import bell
from pydl.ops.channels import as_given, channels_behind, pictures
from pydl.ops.convolutions import depthwise_conv
from pydl.ops.elementwise import add, cast, divide, multiply, subtract
from pydl.ops.reductions import mean
from pydl.ops.shapes import expand_dims, moveaxis, pad, shape, squeeze, stack


def _float(images: Any) -> str:
    return "float64" if str(images.dtype) == "float64" else config.floatx()


def _each(kernel: Any, channels: int | None, kind: str) -> Any:
    """A kernel for each channel alone."""
    return np.broadcast_to(kernel[..., None, None], (*kernel.shape, int(channels or 0), 1)).astype(kind)


@channels_behind
def gaussian_blur(images: Any, kernel_size: Any = (3, 3), sigma: Any = (1.0, 1.0), data_format: Any = None) -> Any:
    """Pictures blurred by a Gaussian kernel of these sizes and deviations, across and down; zeros around."""
    sizes = pictures("gaussian_blur", images)
    if len(sizes) == 3:
        return squeeze(gaussian_blur(expand_dims(images, 0), kernel_size, sigma), 0)
    taps = each_axis("gaussian_blur", "kernel_size", kernel_size, 2)
    deviations = sigma if isinstance(sigma, list | tuple) else (sigma, sigma)
    columns, rows = (bell(n, real("gaussian_blur", "sigma", s, above=0)) for n, s in zip(taps, deviations, strict=True))
    kind = _float(images)
    kernel = _each(np.outer(rows, columns), sizes[-1], kind)
    return as_given(depthwise_conv(cast(images, kind), kernel, padding="same"), images)


def sobel_edges(images: Any, data_format: Any = None) -> Any:
    """How much pictures, `(batch, height, width, channels)`, change downwards and to the right, by Sobel's kernels.

    Returns
    -------
    The shape of the pictures, and 2; beyond the edge they are mirrored.
    """
    first = data_format == "channels_first"
    x = moveaxis(images, -3, -1) if first else images
    sizes = pictures("sobel_edges", x)
    if len(sizes) != 4:
        raise ValueError(f"sobel_edges: expected pictures (batch, height, width, channels), got {sizes}")
    kind = _float(x)
    x = pad(cast(x, kind), [(0, 0), (1, 1), (1, 1), (0, 0)], mode="symmetric")
    down = np.outer([-1, 0, 1], [1, 2, 1])
    edges = [depthwise_conv(x, _each(kernel, sizes[-1], kind), padding="valid") for kernel in (down, down.T)]
    found = stack([moveaxis(y, -1, -3) if first else y for y in edges], axis=-1)
    return as_given(found, images)


def ssim(
    image1: Any,
    image2: Any,
    max_val: float = 1.0,
    filter_size: int = 11,
    filter_sigma: float = 1.5,
    k1: float = 0.01,
    k2: float = 0.03,
    data_format: Any = None,
) -> Any:
    """How alike pictures are in brightness, contrast and structure, at most 1: a number for each pair.

    `(2 m1 m2 + c1) (2 s12 + c2) / ((m1^2 + m2^2 + c1) (s1 + s2 + c2))`, averaged over windows and channels: means,
    variances and the covariance under a Gaussian kernel, `c = (k * max_val)^2`.

    Parameters
    ----------
    image1, image2 : array or tensor, shape (batch, height, width, channels) or (height, width, channels)
    max_val : float
        The highest value of a pixel.
    filter_size : int
        Odd.
    filter_sigma, k1, k2 : float
    data_format : {"channels_last", "channels_first"}, optional

    References
    ----------
    Wang, Bovik, Sheikh, Simoncelli 2004.
    """
    kind = _float(image1)
    x, y = (cast(image, kind) for image in (image1, image2))
    if data_format == "channels_first":
        x, y = moveaxis(x, -3, -1), moveaxis(y, -3, -1)
    sizes = pictures("ssim", x)
    if tuple(shape(y)) != sizes:
        raise ValueError(f"ssim: expected two pictures of the same shape, got {sizes} and {tuple(shape(y))}")
    if len(sizes) == 3:
        found = ssim(expand_dims(x, 0), expand_dims(y, 0), max_val, filter_size, filter_sigma, k1, k2)
        return squeeze(found, 0)
    taps = whole("ssim", "filter_size", filter_size, at_least=1)
    if taps % 2 == 0:
        raise ValueError(f"ssim: filter_size must be odd, got {filter_size}")
    row = bell(taps, real("ssim", "filter_sigma", filter_sigma, above=0))
    kernel = _each(np.outer(row, row), sizes[-1], kind)

    def seen(values: Any) -> Any:
        return depthwise_conv(values, kernel, padding="valid")

    c1, c2 = (k1 * max_val) ** 2, (k2 * max_val) ** 2
    m1, m2 = seen(x), seen(y)
    squares, both = add(multiply(m1, m1), multiply(m2, m2)), multiply(m1, m2)
    variances = subtract(add(seen(multiply(x, x)), seen(multiply(y, y))), squares)
    covariance = subtract(seen(multiply(x, y)), both)
    above = multiply(add(multiply(2.0, both), c1), add(multiply(2.0, covariance), c2))
    below = multiply(add(squares, c1), add(variances, c2))
    return mean(divide(above, below), axis=(1, 2, 3))
