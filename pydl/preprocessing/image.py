"""Where Keras 2 had these."""

from __future__ import annotations

from typing import Any

from pydl._base.later import Later
from pydl.utils import array_to_img, img_to_array, load_img, save_img

__all__ = [
    "ImageDataGenerator", "array_to_img", "img_to_array", "load_img", "save_img", "smart_resize",  # noqa: F822
]  # fmt: skip


def smart_resize(
    x: Any, size: Any, interpolation: str = "bilinear", data_format: str = "channels_last", backend_module: Any = None
) -> Any:
    """Images in another size, `(height, width)`, of which the largest part of that shape in the middle is taken.

    `ops.image.resize` with `crop_to_aspect_ratio`; `backend_module` has no effect.
    """
    from pydl.ops import image  # many, and most programs use none

    return image.resize(x, size, interpolation, crop_to_aspect_ratio=True, data_format=data_format)


__getattr__ = Later(__name__, {"..data.generating": "ImageDataGenerator"})
