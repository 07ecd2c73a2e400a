"""Shapes of the inputs of a model that is built from its first data."""

from __future__ import annotations

from typing import Any

import numpy as np

from pydl._base import check
from pydl._base.frames import array_of_any
from pydl._engine.graph import SymbolicTensor


def open_shape(shape: Any) -> Any:
    """The shape of a batch of any size."""
    return (None, *shape[1:])


class Text(tuple[Any, ...]):
    """The shape of what holds text."""


def shape_of_tensor(t: SymbolicTensor) -> Any:
    return Text(t.shape) if t.dtype == "string" else t.shape


def shape_of_batch(method: str, x: Any) -> Any:
    """The shape of an array of rows, None for their number."""
    if isinstance(x, np.ndarray) and x.dtype.kind in "OSTU" and array_of_any(x).dtype.kind == "U":
        return Text((None, *(x.shape[1:] or (1,))))
    shape = check.numeric(method, "x", x).shape
    if not shape:
        raise ValueError(f"{method}: x: expected rows (batch, ...), got a single number")
    return (None, *(shape[1:] or (1,)))
