"""Rows of products: dense layers and convolutions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from pydl._c.elements import activation
from pydl._c.unit import Call, In, Out, Unit, Windows
from pydl._engine.layout import Panels

WINDOWS = ("H", "W", "C", "OH", "OW", "O", "KH", "KW", "SH", "SW", "DH", "DW", "top", "left", "G")


def windows(f: Any, **others: int) -> Windows:
    """The sizes in the order of the library's struct; those that an op does not have are 1."""
    return Windows(tuple(int(others.get(name, getattr(f, name, 1))) for name in WINDOWS))


def kernel(unit: Unit, w: Any, shape: tuple[int, ...], groups: int = 1) -> np.ndarray:
    """The values of a kernel that is stored in panels, by the axes that users see."""
    layout = Panels(shape, unit.dtype, groups)
    return layout.unpack(unit.value(w).reshape(layout.storage))


def bias(unit: Unit, b: Any, n: int) -> np.ndarray | None:
    return None if b is None else unit.constant("bias", unit.value(b).ravel()[:n])


def dense(unit: Unit, f: Any) -> Iterator[Call]:
    w = unit.constant("kernel", kernel(unit, f.w, (f.I, f.O)))
    rows = f.B
    yield Call("dense", (In(f.x), w, bias(unit, f.b, f.O), Out(f.y), rows, f.I, f.O), rows * f.I * f.O)
    yield from activation(f.act, f.alpha, f.y, rows, f.O)


def conv(unit: Unit, f: Any) -> Iterator[Call]:
    taps = f.KH * f.KW
    stored = unit.constant("kernel", kernel(unit, f.w, (f.KH, f.KW, f.C // f.G, f.O), f.G))
    b, pixels = bias(unit, f.b, f.O), f.OH * f.OW
    for i in range(f.B):
        images = In(f.x, i * f.H * f.W * f.C), stored, b, Out(f.y, i * pixels * f.O)
        yield Call("conv", (*images, windows(f)), pixels * taps * f.C // f.G * f.O)
    yield from activation(f.act, f.alpha, f.y, f.B * pixels, f.O)


def turn(unit: Unit, f: Any) -> Iterator[Call]:
    """Weights in another order, which the file holds as its own function wants them."""
    unit.notes[id(f.t)] = f.w
    return iter(())


def conv_transposed(unit: Unit, f: Any) -> Iterator[Call]:
    if f.s is not None or f.add:
        raise unit.refuse("a gradient")
    taps, inputs, n = f.KH * f.KW, f.O // f.G, f.C // f.G
    w = kernel(unit, unit.notes[id(f.t)], (f.KH, f.KW, n, f.O), f.G).reshape(taps, n, f.G, inputs)
    stored = unit.constant("kernel", w.transpose(0, 2, 3, 1))
    b, pixels = bias(unit, f.b, f.C), f.H * f.W
    for i in range(f.B):
        images = In(f.dy, i * f.OH * f.OW * f.O), stored, b, Out(f.dx, i * pixels * f.C)
        yield Call("conv_transposed", (*images, windows(f)), f.OH * f.OW * f.O * taps * n)
    yield from activation(f.act, f.alpha, f.dx, f.B * pixels, f.C)


def depthwise(unit: Unit, f: Any) -> Iterator[Call]:
    stored, b = unit.constant("kernel", unit.value(f.w)), bias(unit, f.b, f.O)
    pixels = f.OH * f.OW
    for i in range(f.B):
        images = In(f.x, i * f.H * f.W * f.O), stored, b, Out(f.y, i * pixels * f.O)
        yield Call("depthwise", (*images, windows(f, C=f.O)), pixels * f.KH * f.KW * f.O)
    yield from activation(f.act, f.alpha, f.y, f.B * pixels, f.O)


ROWS = {
    "gemm_fwd": dense, "gemm_fwd_panels": dense, "conv_fwd": conv, "conv_turn": turn, "conv_dx": conv_transposed,
    "depthwise_fwd": depthwise,
}  # fmt: skip
