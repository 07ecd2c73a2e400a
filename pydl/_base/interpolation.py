"""What pixels of an axis add to those of another number: the kernels of resizing."""

from __future__ import annotations

from typing import Any

import numpy as np


def weights(size: int, out: int, interpolation: str, antialias: bool) -> np.ndarray:
    """What each of `size` pixels along an axis adds to each of `out`: a matrix of `out` rows.

    The centres of pixels are at halves; what lies beyond the edge does not count, and the weights of each row add up to
    1. `antialias`: where there will be fewer pixels, each is made of as many more.
    """
    if size == out:
        return np.eye(size)
    return weights_at(size, (np.arange(out) + 0.5) * (size / out), size / out, interpolation, antialias)


def weights_at(size: int, at: np.ndarray, step: float, interpolation: str, antialias: bool) -> np.ndarray:
    """The same for pixels whose centres come from places, a step apart."""
    if interpolation == "nearest":
        return np.eye(size)[np.floor(at).astype(int)]
    if interpolation == "area":  # what they have in common
        low, high = at - step / 2, at + step / 2
        common = np.minimum(high[:, None], np.arange(1, size + 1)) - np.maximum(low[:, None], np.arange(size))
        return np.maximum(common, 0) / step
    spread = max(step, 1.0) if antialias else 1.0
    found = _KERNELS[interpolation](np.abs(at[:, None] - 0.5 - np.arange(size)) / spread)
    total = found.sum(axis=1, keepdims=True)
    return np.asarray(found / np.where(total == 0, 1, total))


def _cubic(x: np.ndarray) -> np.ndarray:
    """Keys's kernel, a = -1/2."""
    near, far = ((1.5 * x - 2.5) * x) * x + 1, ((-0.5 * x + 2.5) * x - 4) * x + 2
    return np.where(x < 1, near, np.where(x < 2, far, 0))


def _mitchell(x: np.ndarray) -> np.ndarray:
    """The kernel of Mitchell and Netravali, B = C = 1/3."""
    near, far = (7 / 6 * x - 2) * x * x + 8 / 9, ((-7 / 18 * x + 2) * x - 10 / 3) * x + 16 / 9
    return np.where(x < 1, near, np.where(x < 2, far, 0))


def _lanczos(radius: int) -> Any:
    return lambda x: np.where(x <= radius, np.sinc(x) * np.sinc(x / radius), 0)


_KERNELS: dict[str, Any] = {
    "bilinear": lambda x: np.maximum(1 - x, 0),
    "bicubic": _cubic,
    "lanczos3": _lanczos(3),
    "lanczos5": _lanczos(5),
    "gaussian": lambda x: np.where(x <= 1.5, np.exp(-2 * x * x), 0),
    "mitchellcubic": _mitchell,
}
