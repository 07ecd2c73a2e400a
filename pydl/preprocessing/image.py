"""Where Keras 2 had these."""

from __future__ import annotations

from pydl._base.later import Later
from pydl.utils import array_to_img, img_to_array, load_img, save_img

__all__ = ["ImageDataGenerator", "array_to_img", "img_to_array", "load_img", "save_img"]  # noqa: F822, by __getattr__

__getattr__ = Later(__name__, {"..data.generating": "ImageDataGenerator"})
