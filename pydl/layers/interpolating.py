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
