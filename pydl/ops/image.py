"""Functions of pictures, by the names of `keras.ops.image`."""

from __future__ import annotations

from typing import Any

import numpy as np

from pydl import config
from pydl._base import colours
from pydl._base.args import each_axis, one_of, optional_whole
from pydl._engine.tape import UNKNOWN, differentiable
from pydl._engine.windows import each_tap, windows
from pydl.ops.channels import as_given, channels_behind, pictures
from pydl.ops.convolutions import layer_of
from pydl.ops.elementwise import multiply
from pydl.ops.image_filters import gaussian_blur, sobel_edges, ssim
from pydl.ops.reductions import sum as total
from pydl.ops.shapes import concatenate, expand_dims, get_item, ndim, pad, shape, squeeze
from pydl.ops.warps import affine_transform, elastic_transform, perspective_transform, scale_and_translate

__all__ = [
    "affine_transform", "crop_images", "elastic_transform", "extract_patches", "gaussian_blur", "hsv_to_rgb",
    "pad_images", "perspective_transform", "resize", "rgb_to_grayscale", "rgb_to_hsv", "scale_and_translate",
    "sobel_edges", "ssim",
]  # fmt: skip


@channels_behind
def extract_patches(
    images: Any, size: Any, strides: Any = None, dilation_rate: Any = 1, padding: str = "valid", data_format: Any = None
) -> Any:
    """The windows of pictures, each as one row of channels: `y[b, i, j] = x[b, i s : i s + h, j s : j s + w].ravel()`.

    Parameters
    ----------
    images : array or tensor, shape (batch, height, width, channels) or (height, width, channels)
    size : int or (int, int)
        Height and width of a window.
    strides : int or (int, int), optional
        From a window to the next one; default `size`: they do not overlap.
    dilation_rate : int or (int, int)
        From a pixel of a window to the next one.
    padding : {"valid", "same"}
        "same": with zeros around, so that there is a window for each `strides` pixels.
    data_format : {"channels_last", "channels_first"}, optional

    Returns
    -------
    Shape (batch, rows, columns, h * w * channels), without the batch if there was none.

    Raises
    ------
    ValueError
        Another rank; sizes that are not known.
    """
    if ndim(images) == 3:
        return squeeze(extract_patches(expand_dims(images, 0), size, strides, dilation_rate, padding), 0)
    owner = "extract_patches"
    one_of(owner, "padding", padding, ("valid", "same"))
    sizes = shape(images)
    if len(sizes) != 4 or None in sizes[1:3]:
        raise ValueError(f"{owner}: expected pictures (batch, height, width, channels) of known size, got {sizes}")
    window = each_axis(owner, "size", size, 2)
    steps = window if strides is None else each_axis(owner, "strides", strides, 2)
    axes = zip(sizes[1:3], window, steps, each_axis(owner, "dilation_rate", dilation_rate, 2), strict=True)
    along = [windows(int(n or 0), k, s, d, padding) for n, k, s, d in axes]
    if min(w.out for w in along) < 1:
        raise ValueError(f"{owner}: windows {window} are larger than the pictures {sizes}")
    if any(w.before or w.after for w in along):
        images = pad(images, [(0, 0), *((w.before, w.after) for w in along), (0, 0)])
    all_of = slice(None)
    return concatenate([get_item(images, (all_of, *seen, all_of)) for _, seen in each_tap(along)], axis=-1)


@channels_behind
def resize(
    images: Any,
    size: Any,
    interpolation: str = "bilinear",
    antialias: bool = False,
    crop_to_aspect_ratio: bool = False,
    pad_to_aspect_ratio: bool = False,
    fill_mode: str = "constant",
    fill_value: float = 0.0,
    data_format: Any = None,
) -> Any:
    """Pictures in another size, `(height, width)`; see `layers.Resizing`. Whole numbers are rounded, and stay such."""
    pictures("resize", images)
    kind = str(getattr(images, "dtype", ""))
    height, width = each_axis("resize", "size", size, 2)
    layer = layer_of(
        "Resizing", images, height=height, width=width, interpolation=interpolation, fill_mode=fill_mode,
        crop_to_aspect_ratio=crop_to_aspect_ratio, pad_to_aspect_ratio=pad_to_aspect_ratio, fill_value=fill_value,
        antialias=antialias,
    )  # fmt: skip
    y = layer(images)
    return as_given(np.round(y) if isinstance(y, np.ndarray) and kind.startswith(("int", "uint")) else y, images)


@channels_behind
def rgb_to_grayscale(images: Any, data_format: Any = None) -> Any:
    """Pictures of one channel, `0.2989 red + 0.587 green + 0.114 blue`; whole numbers are cut off, and stay such."""
    if pictures("rgb_to_grayscale", images)[-1] != 3:
        raise ValueError(f"rgb_to_grayscale: expected pictures of 3 channels, got shape {tuple(shape(images))}")
    weights = np.array([0.2989, 0.587, 0.114], "float64" if str(images.dtype) == "float64" else config.floatx())
    return as_given(total(multiply(images, weights), axis=-1, keepdims=True), images)


@differentiable(UNKNOWN)
def _to_hsv(x: Any) -> Any:
    return np.stack(colours.hsv(x), axis=-1).astype(x.dtype)


@differentiable(UNKNOWN)
def _from_hsv(x: Any) -> Any:
    return colours.rgb(*np.moveaxis(x, -1, 0)).astype(x.dtype)


def _floats(owner: str, images: Any) -> Any:
    sizes = pictures(owner, images)
    if sizes[-1] != 3 or not str(images.dtype).startswith("float"):
        raise ValueError(f"{owner}: expected pictures of floats of 3 channels, got {images.dtype} of shape {sizes}")
    return images


@channels_behind
def rgb_to_hsv(images: Any, data_format: Any = None) -> Any:
    """Hue, as a part of a turn, saturation and value, of pictures of floats in [0, 1]; without a gradient."""
    return _to_hsv(_floats("rgb_to_hsv", images))


@channels_behind
def hsv_to_rgb(images: Any, data_format: Any = None) -> Any:
    """The pictures of which `rgb_to_hsv` gives these; without a gradient."""
    return _from_hsv(_floats("hsv_to_rgb", images))


def _ends(owner: str, size: int | None, given: list[Any], names: list[str], sign: int) -> tuple[int, int]:
    """What is cut off, or added, in front and behind, of which two of the three say the third."""
    first, last, target = (optional_whole(owner, name, v) for name, v in zip(names, given, strict=True))
    if size is None or [first, last, target].count(None) != 1:
        raise ValueError(f"{owner}: give two of {', '.join(names)}, for pictures of known size")
    missing = sign * (target - size) if target is not None else 0
    first, last = missing - (last or 0) if first is None else first, missing - (first or 0) if last is None else last
    if min(first, last) < 0 or size + sign * (first + last) < 1:
        raise ValueError(f"{owner}: {', '.join(names)} do not fit pictures of {size}")
    return first, last


_NAMES = (("top_{0}", "bottom_{0}", "target_height"), ("left_{0}", "right_{0}", "target_width"))


@channels_behind
def crop_images(
    images: Any,
    top_cropping: int | None = None,
    left_cropping: int | None = None,
    bottom_cropping: int | None = None,
    right_cropping: int | None = None,
    target_height: int | None = None,
    target_width: int | None = None,
    data_format: Any = None,
) -> Any:
    """A part of pictures: of top, bottom and target height two are given, of left, right and target width two."""
    owner, sizes = "crop_images", pictures("crop_images", images)
    rows, columns = _both(owner, "cropping", sizes, top_cropping, bottom_cropping, target_height, left_cropping,
                          right_cropping, target_width, -1)  # fmt: skip
    parts = [slice(a, int(n or 0) - b) for (a, b), n in zip((rows, columns), sizes[-3:-1], strict=True)]
    return get_item(images, (Ellipsis, *parts, slice(None)))


@channels_behind
def pad_images(
    images: Any,
    top_padding: int | None = None,
    left_padding: int | None = None,
    bottom_padding: int | None = None,
    right_padding: int | None = None,
    target_height: int | None = None,
    target_width: int | None = None,
    data_format: Any = None,
) -> Any:
    """Pictures with zeros around them: of top, bottom and target height two are given, of left, right and width two."""
    owner, sizes = "pad_images", pictures("pad_images", images)
    rows, columns = _both(owner, "padding", sizes, top_padding, bottom_padding, target_height, left_padding,
                          right_padding, target_width, 1)  # fmt: skip
    return pad(images, [*[(0, 0)] * (len(sizes) - 3), rows, columns, (0, 0)])


def _both(owner: str, what: str, sizes: Any, *given: Any) -> list[Any]:
    *ends, sign = given
    return [
        _ends(owner, sizes[axis], ends[at : at + 3], [name.format(what) for name in names], sign)
        for at, axis, names in zip((0, 3), (-3, -2), _NAMES, strict=True)
    ]
