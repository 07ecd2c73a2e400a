"""Rows of ops on images other than products."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from pydl._c.products import windows
from pydl._c.unit import Call, In, Number, Out, Scratch, Unit


def _each(f: Any, function: str, x: Any, y: Any, *others: Any, small: bool = True) -> Iterator[Call]:
    """A call for each of the record's images; `small`: y has windows, x pixels, else the other way round."""
    sizes = f.H * f.W * f.C, f.OH * f.OW * f.C
    read, written = sizes if small else sizes[::-1]
    for i in range(f.B):
        yield Call(function, (In(x, i * read), Out(y, i * written), *others))


def pool_max(unit: Unit, f: Any) -> Iterator[Call]:
    yield from _each(f, "pool_max", f.x, f.y, windows(f))


def pool_mean(unit: Unit, f: Any) -> Iterator[Call]:
    if f.sum or f.add:
        raise unit.refuse("a gradient")
    yield from _each(f, "pool_mean", f.x, f.y, windows(f))


def upsample(unit: Unit, f: Any) -> Iterator[Call]:
    if not f.sum or f.add or f.top or f.left or (f.KH, f.KW) != (f.SH, f.SW):
        raise unit.refuse("a gradient")
    yield from _each(f, "upsample", f.dy, f.dx, windows(f), small=False)


def place(unit: Unit, f: Any) -> Iterator[Call]:
    if f.add:
        raise unit.refuse("a gradient")
    yield from _each(f, "place", f.x, f.y, windows(f), Number(0))


def cut(unit: Unit, f: Any) -> Iterator[Call]:
    if f.tops > 1 or f.lefts > 1 or f.back or f.flip:
        raise unit.refuse("it draws random numbers")
    yield from _each(f, "place", f.x, f.y, windows(f, top=-f.top, left=-f.left), Number(f.fill))


def resize(unit: Unit, f: Any) -> Iterator[Call]:
    tables = []
    for what, table, taps, size in (("rows", f.rows, f.KH, f.H), ("columns", f.columns, f.KW, f.W)):
        values = unit.value(table).reshape(-1, 1 + taps).copy()
        values[:, 0] = np.clip(np.trunc(values[:, 0]), 0, size - taps)
        tables.append(unit.constant(what, values))
    for i in range(f.B):
        y = Out(f.y, i * f.OH * f.OW * f.C)
        yield Call("resize", (In(f.x, i * f.H * f.W * f.C), *tables, y, Out(Scratch(f.W * f.C)), windows(f)))


ROWS = {
    "pool_max_fwd": pool_max, "pool_mean_fwd": pool_mean, "pool_mean_bwd": upsample, "place": place, "image_copy": cut,
    "image_resize": resize,
}  # fmt: skip
