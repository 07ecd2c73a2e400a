"""Pictures read at other places than their pixels, and the places that a perspective gives."""

from __future__ import annotations

import numpy as np

Array = np.ndarray

FILLS = ("reflect", "wrap", "constant", "nearest")
INTERPOLATIONS = ("bilinear", "nearest")


def perspective(before: Array, after: Array) -> Array:
    """The numbers a to h of `(a x + b y + c, d x + e y + f) / (g x + h y + 1)`, which takes four points back.

    before, after: (batch, 4, 2); each a column and a row.
    """
    lines = np.zeros((len(after), 8, 8))
    for axis in (0, 1):
        lines[:, axis::2, 3 * axis : 3 * axis + 2] = after
        lines[:, axis::2, 3 * axis + 2] = 1
        lines[:, axis::2, 6:] = -before[:, :, axis, None] * after
    return np.linalg.solve(lines, before.reshape(-1, 8, 1))[..., 0]


def grid(x: Array) -> tuple[Array, Array]:
    """Numbers of rows and columns, to be broadcast to (batch, height, width)."""
    return np.arange(x.shape[1], dtype=np.float64)[:, None], np.arange(x.shape[2], dtype=np.float64)


def read(x: Array, rows: Array, columns: Array, fill_mode: str, fill_value: float, interpolation: str) -> Array:
    """Pictures at places (batch, height, width), between pixels as the mean of the four around."""
    pictures = np.arange(len(x))[:, None, None]
    y = np.zeros(np.broadcast_shapes(pictures.shape, rows.shape, columns.shape) + x.shape[3:], x.dtype)
    for row, down in _around(rows, interpolation):
        for column, across in _around(columns, interpolation):
            (i, here), (j, there) = _inside(row, x.shape[1], fill_mode), _inside(column, x.shape[2], fill_mode)
            value = np.where((here & there)[..., None], x[pictures, i, j], x.dtype.type(fill_value))
            y += (down * across)[..., None].astype(x.dtype) * value
    return y


def read_slope(dy: Array, x: Array, rows: Array, columns: Array, fill_mode: str, interpolation: str) -> Array:
    """The gradient of `read` for the pictures: each value goes back to the pixels that it was made of."""
    pictures, dx = np.arange(len(x))[:, None, None], np.zeros(x.shape, dy.dtype)
    for row, down in _around(rows, interpolation):
        for column, across in _around(columns, interpolation):
            (i, here), (j, there) = _inside(row, x.shape[1], fill_mode), _inside(column, x.shape[2], fill_mode)
            np.add.at(dx, (pictures, i, j), (down * across * (here & there))[..., None] * dy)
    return dx


def _around(at: Array, interpolation: str) -> list[tuple[Array, Array]]:
    """The whole numbers around places, and how much each counts."""
    if interpolation == "nearest":
        return [(np.floor(at + 0.5).astype(np.intp), np.ones_like(at))]
    low = np.floor(at)
    return [(low.astype(np.intp), 1 - (at - low)), (low.astype(np.intp) + 1, at - low)]


def _inside(at: Array, size: int, fill_mode: str) -> tuple[Array, Array]:
    """Which pixel of an axis stands for each place, and where it is none but the value to fill with."""
    known = np.ones_like(at, bool) if fill_mode != "constant" else (at >= 0) & (at < size)
    if fill_mode == "wrap":
        return at % size, known
    if fill_mode == "reflect":
        at = at % (2 * size)
        return np.minimum(at, 2 * size - 1 - at), known
    return np.clip(at, 0, size - 1), known


def filtered(x: Array, kernel: Array) -> Array:
    """Each channel by a kernel of odd sizes about each pixel; beyond the edge there are zeros."""
    rows, columns = kernel.shape
    padded = np.pad(x, ((0, 0), (rows // 2, rows // 2), (columns // 2, columns // 2), (0, 0)))
    y = np.zeros_like(x)
    for i in range(rows):
        for j in range(columns):
            y += x.dtype.type(kernel[i, j]) * padded[:, i : i + x.shape[1], j : j + x.shape[2]]
    return y
