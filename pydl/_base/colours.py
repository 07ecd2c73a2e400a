"""Colours: pictures of red, green and blue as gray ones, and as hue, saturation and value."""

from __future__ import annotations

import numpy as np

Array = np.ndarray


def gray(x: Array) -> Array:
    """Pictures of three channels as of one."""
    return (x @ np.array([0.2989, 0.587, 0.114], x.dtype))[..., None]


def hsv(x: Array) -> tuple[Array, Array, Array]:
    """Hue as a part of a turn, saturation, and value, which is the largest of the three."""
    r, g, b = np.moveaxis(x, -1, 0)
    v = x.max(axis=-1)
    spread = v - x.min(axis=-1)
    safe = np.where(spread > 0, spread, 1)
    sixths = np.where(v == r, (g - b) / safe, np.where(v == g, (b - r) / safe + 2, (r - g) / safe + 4))
    return (sixths / 6) % 1, np.where(v > 0, spread / np.where(v > 0, v, 1), 0), v


def rgb(h: Array, s: Array, v: Array) -> Array:
    """The colours of hues, saturations and values."""
    at = [(n + h * 6) % 6 for n in (5, 3, 1)]
    return np.stack([v - v * s * np.clip(np.minimum(k, 4 - k), 0, 1) for k in at], axis=-1)
