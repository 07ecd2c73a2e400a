"""Images as arrays and back, with Pillow."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from pydl import config
from pydl._base.args import one_of

_MODES = {"grayscale": "L", "rgb": "RGB", "rgba": "RGBA"}


def _pillow() -> Any:
    try:
        from PIL import Image
    except ImportError as error:
        raise ImportError('images need Pillow: pip install "pydl[image]"') from error
    return Image


INTERPOLATIONS = ("nearest", "bilinear", "bicubic", "lanczos", "box", "hamming")


def load_img(
    path: Any,
    color_mode: str = "rgb",
    target_size: tuple[int, int] | None = None,
    interpolation: str = "nearest",
    keep_aspect_ratio: bool = False,
) -> Any:
    """A Pillow image from a file.

    Parameters
    ----------
    path : str, path-like or binary file
    color_mode : "grayscale", "rgb" or "rgba"
    target_size : (height, width), optional
        The size to bring it to.
    interpolation : "nearest", "bilinear", "bicubic", "lanczos", "box" or "hamming"
    keep_aspect_ratio : bool
        Whether to cut off, around the middle, what the other shape has no room for, rather than to distort.
    """
    pillow = _pillow()
    mode = _MODES[one_of("load_img", "color_mode", color_mode, tuple(_MODES))]
    one_of("load_img", "interpolation", interpolation, INTERPOLATIONS)
    with pillow.open(path) as file:
        image = file.copy() if mode == "L" and is_wide(file) else file.convert(mode)
    return image if target_size is None else brought_to(image, target_size, interpolation, keep_aspect_ratio)


def is_wide(image: Any) -> bool:
    """Whether a Pillow image has grey values of more than a byte: they stay where grey ones are wanted, as in Keras."""
    return bool(image.mode == "I" or image.mode.startswith("I;16"))


def brought_to(image: Any, size: tuple[int, int], interpolation: str, keep_aspect_ratio: bool) -> Any:
    """A Pillow image in a size (height, width); see `load_img`."""
    height, width = size
    box = None
    if keep_aspect_ratio:
        w, h = min(image.width, image.height * width // height), min(image.height, image.width * height // width)
        left, top = (image.width - w) // 2, (image.height - h) // 2
        box = (left, top, left + w, top + h)
    return image.resize((width, height), _pillow().Resampling[interpolation.upper()], box=box)


def img_to_array(img: Any, data_format: str | None = None, dtype: Any = None) -> np.ndarray:
    """A Pillow image as an array `(height, width, channels)`, or channels first; dtype `pydl.config.floatx()`."""
    first = _channels_first("img_to_array", data_format)
    array = np.asarray(img, dtype or config.floatx())
    if array.ndim not in (2, 3):
        raise ValueError(f"img_to_array: expected an image, got an array of shape {array.shape}")
    array = array if array.ndim == 3 else array[..., None]
    return array.transpose(2, 0, 1) if first else array


def array_to_img(x: Any, data_format: str | None = None, scale: bool = True, dtype: Any = None) -> Any:
    """An array `(height, width, channels)` of 1, 3 or 4 channels as a Pillow image.

    `scale`: the least of its values becomes 0, the largest 255; else values are taken as they are.
    """
    first = _channels_first("array_to_img", data_format)
    array = np.asarray(x, dtype or config.floatx())
    if array.ndim != 3 or array.shape[0 if first else 2] not in (1, 3, 4):
        raise ValueError(f"array_to_img: expected (height, width, 1, 3 or 4), got {array.shape}")
    array = array.transpose(1, 2, 0) if first else array
    if scale:
        array = array - array.min()
        array = array / (array.max() or 1) * 255
    if array.shape[2] == 1:  # what eight bits do not hold takes more
        return _pillow().fromarray(array[..., 0].astype(np.int32 if array.max(initial=0) > 255 else np.uint8))
    return _pillow().fromarray(array.astype(np.uint8))


def save_img(
    path: str | os.PathLike[str], x: Any, data_format: str | None = None, file_format: str | None = None,
    scale: bool = True, **kwargs: Any,
) -> None:  # fmt: skip
    """Write an array, as `array_to_img` takes it, to an image file; `kwargs` are for Pillow's `save`."""
    image = array_to_img(x, data_format, scale)
    name = os.fspath(path).lower()
    if image.mode == "RGBA" and (file_format or name).endswith(("jpg", "jpeg")):
        image = image.convert("RGB")
    image.save(path, format=file_format, **kwargs)


def _channels_first(owner: str, data_format: str | None) -> bool:
    formats = (None, "channels_last", "channels_first")
    return bool(one_of(owner, "data_format", data_format, formats) == "channels_first")
