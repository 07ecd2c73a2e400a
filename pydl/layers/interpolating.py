"""Pictures in another size: what their pixels are made of, by several kernels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pydl._engine.builder import Builder
from pydl._engine.layout import array_of

INTERPOLATIONS = ("bilinear", "nearest", "bicubic", "lanczos3", "lanczos5")


def emit_resize(b: Builder, shape: tuple[int, ...], x: Any, y: Any, matrices: Sequence[np.ndarray]) -> None:
    """y = what a matrix makes of the rows of x, `(batch, rows, columns, channels)`, and another one of its columns."""
    tables = [_table(matrix) for matrix in matrices]
    rows, columns = (b.zeros(table.shape) for table in tables)
    array_of(rows)[...], array_of(columns)[...] = tables
    b.emit(
        "image_resize", x=x, y=y, rows=rows, columns=columns, OH=len(matrices[0]), OW=len(matrices[1]),
        KH=rows.shape[1] - 1, KW=columns.shape[1] - 1, **dict(zip("BHWC", shape, strict=True)),
    )  # fmt: skip


def _table(dense: np.ndarray) -> np.ndarray:
    """For each row of a matrix, the column from which on it is not zero, and its values there, as many for all rows."""
    used = dense != 0
    first = np.where(used.any(axis=1), used.argmax(axis=1), 0)
    end = np.where(used.any(axis=1), dense.shape[1] - used[:, ::-1].argmax(axis=1), 1)
    n = int((end - first).max())
    first = np.minimum(first, dense.shape[1] - n)
    return np.column_stack([first, np.take_along_axis(dense, first[:, None] + np.arange(n), axis=1)])


def weights(size: int, out: int, interpolation: str, antialias: bool) -> np.ndarray:
    """What each of `size` pixels along an axis adds to each of `out`: a matrix of `out` rows.

    The centres of pixels are at halves; what lies beyond the edge does not count, and the weights of each row add up to
    1. `antialias`: where there will be fewer pixels, each is made of as many more.
    """
    if size == out:
        return np.eye(size)
    at = (np.arange(out) + 0.5) * (size / out)
    if interpolation == "nearest":
        return np.eye(size)[np.floor(at).astype(int)]
    spread = max(size / out, 1.0) if antialias else 1.0
    found = _KERNELS[interpolation](np.abs(at[:, None] - 0.5 - np.arange(size)) / spread)
    return found / found.sum(axis=1, keepdims=True)


def _cubic(x: np.ndarray) -> np.ndarray:
    """Keys's kernel, a = -1/2."""
    near, far = ((1.5 * x - 2.5) * x) * x + 1, ((-0.5 * x + 2.5) * x - 4) * x + 2
    return np.where(x < 1, near, np.where(x < 2, far, 0))


def _lanczos(radius: int) -> Any:
    return lambda x: np.where(x <= radius, np.sinc(x) * np.sinc(x / radius), 0)


_KERNELS: dict[str, Any] = {
    "bilinear": lambda x: np.maximum(1 - x, 0),
    "bicubic": _cubic,
    "lanczos3": _lanczos(3),
    "lanczos5": _lanczos(5),
}
