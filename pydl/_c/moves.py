"""Layers in Python that only move elements: the file holds where each element of the output comes from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pydl._c.unit import Call, In, Out
from pydl._engine.builder import Buffer
from pydl._engine.layout import array_of
from pydl._engine.record import Record

if TYPE_CHECKING:
    from pydl._c.unit import Unit

#: Records that copy elements of their input or write zeros.
MOVES = {
    "Permute.call", "RepeatVector.call", "Cropping1D.call", "Cropping2D.call", "Cropping3D.call", "ZeroPadding1D.call",
    "ZeroPadding2D.call", "ZeroPadding3D.call", "UpSampling1D.call", "UpSampling2D.call", "UpSampling3D.call",
    "moveaxis", "Reshape.call", "Flatten.call",
}  # fmt: skip
#: Whole numbers up to it are exact in float32.
MOST = 2**24


def moved(unit: Unit, record: Record) -> list[Call]:
    """The record as a list of places, found by running it on numbers that say where they stand, from 1 on."""
    [x], [y] = record.reads, record.writes
    assert record.function is not None
    if x.size >= MOST:
        raise unit.refuse(f"it moves more than {MOST} elements")
    numbers = np.arange(1, x.size + 1, dtype=unit.dtype)
    found = _run(unit, record, x, y, numbers)
    at = found.astype(np.int64) - 1
    again = _run(unit, record, x, y, numbers[::-1] * -1)  # something else that moves in the same way
    if not np.array_equal(again, np.where(at < 0, 0, (numbers[::-1] * -1)[at])) or not np.array_equal(found, at + 1):
        raise unit.refuse("it computes in Python")
    return [Call("pick", (In(x), unit.constant("places", at.astype(np.int32)), Out(y), y.size))]


def _run(unit: Unit, record: Record, x: Buffer, y: Buffer, values: np.ndarray) -> np.ndarray:
    unit.bound()
    array_of(x).ravel()[:] = values
    record.function()  # type: ignore[misc]
    return array_of(y).ravel().copy()
