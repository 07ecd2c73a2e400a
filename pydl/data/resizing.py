"""Pillow's images as arrays of another size, as Keras's resizing makes them."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from pydl._base.interpolation import weights

Array = NDArray[Any]
Aspect = Literal["stretch", "crop", "pad"]

INTERPOLATIONS = (
    "bilinear", "nearest", "bicubic", "area", "lanczos3", "lanczos5", "gaussian", "mitchellcubic",
)  # fmt: skip


def resized(picture: Any, size: tuple[int, int], interpolation: str, aspect: Aspect) -> Array:
    """The image in `size` (height, width), as an array `(height, width)` or `(height, width, channels)`.

    Parameters
    ----------
    interpolation : one of INTERPOLATIONS
        All but "area" look at the pixels around one point, so that others are passed over where an image shrinks: what
        Keras does, whose values they give.
    aspect : {"stretch", "crop", "pad"}
        For other shapes: each axis by a factor of its own; the largest part of the shape, from the middle; or the whole
        image with black on both sides.
    """
    high, wide = size
    w, h = picture.size
    if aspect == "crop":
        across, down = max(1, min(w, h * wide // high)), max(1, min(h, w * high // wide))
        left, top = (w - across) // 2, (h - down) // 2
        if (across, down) != (w, h):
            picture = picture.crop((left, top, left + across, top + down))
    if aspect != "pad":
        return _stretched(picture, size, interpolation)
    down, across = (max(1, h * wide // w), wide) if w * high >= h * wide else (high, max(1, w * high // h))
    inner = _stretched(picture, (down, across), interpolation)
    framed = np.zeros((*size, *inner.shape[2:]), inner.dtype)
    # half of what the exact size leaves, not of what the rounded one does
    top, left = (high * w - h * wide) // (2 * w), (wide * h - w * high) // (2 * h)
    top, left = max(0, min(top, high - down)), max(0, min(left, wide - across))
    framed[top : top + down, left : left + across] = inner
    return framed


def _stretched(picture: Any, size: tuple[int, int], interpolation: str) -> Array:
    high, wide = size
    if picture.size == (wide, high):
        return np.asarray(picture)
    pixels = np.asarray(picture)
    if interpolation not in ("bilinear", "nearest"):
        of_rows, of_columns = (
            weights(n, m, interpolation, antialias=False).astype(np.float32)
            for n, m in zip(pixels.shape, size, strict=False)
        )
        down = np.tensordot(of_rows, pixels.astype(np.float32), 1)
        return np.moveaxis(np.tensordot(of_columns, down, axes=([1], [1])), 0, 1)
    if interpolation == "nearest":
        rows, columns = (_points(n, m).astype(np.intp) for n, m in zip(size, pixels.shape, strict=False))
        return pixels[rows[:, None], columns]
    return _between(_between(pixels, high, 0), wide, 1)


def _points(out: int, size: int) -> Array:
    """Where the middles of `out` pixels lie along an axis of so many; whole numbers are the edges of its own."""
    return (np.arange(out) + 0.5) * (size / out)


def _between(pixels: Array, out: int, axis: int) -> Array:
    """Values at the middles of `out` pixels along an axis, between those of its own."""
    at = np.clip(_points(out, pixels.shape[axis]) - 0.5, 0, pixels.shape[axis] - 1)
    low = at.astype(np.intp)
    share = (at - low).astype(np.float32).reshape([-1 if i == axis else 1 for i in range(pixels.ndim)])
    first = np.take(pixels, low, axis).astype(np.float32)
    second = np.take(pixels, np.minimum(low + 1, pixels.shape[axis] - 1), axis)
    first += (second - first) * share
    return first
