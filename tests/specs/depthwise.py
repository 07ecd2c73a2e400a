"""Depthwise convolution, and channels that are repeated for it."""

from __future__ import annotations

from itertools import product
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pydl._engine.windows import Windows, windows

from .draw import Shape, blank, normal, tall, wide
from .spec import Fields, Spec


class Geometry(NamedTuple):
    """Rows and columns of everything."""

    size: tuple[int, int]
    taps: tuple[int, int]
    stride: tuple[int, int] = (1, 1)
    dilation: tuple[int, int] = (1, 1)
    padding: str = "valid"

    @property
    def axes(self) -> tuple[Windows, Windows]:
        rows, columns = (windows(*of, self.padding) for of in zip(*self[:4], strict=True))
        return rows, columns


GEOMETRIES = [
    Geometry((5, 12), (3, 3), padding="same"),
    Geometry((4, 13), (2, 3)),
    Geometry((7, 9), (3, 5), (2, 3), padding="same"),
    Geometry((9, 11), (3, 2), (2, 3), (3, 2)),  # both
    Geometry((6, 8), (1, 2), (2, 4)),  # pixels that no window reads
    Geometry((2, 3), (5, 7), padding="same"),  # windows larger than images
    Geometry((2, 60), (3, 3), padding="same"),  # few channels: those of several pixels in a vector
    Geometry((3, 40), (2, 5), (1, 1), (1, 2), padding="same"),
    Geometry((1, 140), (1, 4), (1, 1), (1, 2), padding="same"),  # bands of less than a row
]


def draw_channels(g: Geometry, n: int) -> tuple[int, int]:
    """Images and channels: many of the latter where images are small."""
    return (3, max(n, 1)) if n < 50 else (max(n // 100, 2), 3)


def fields(g: Geometry, B: int, O: int) -> Fields:
    (rows, columns) = g.axes
    pairs = {"H": g.size, "K": g.taps, "S": g.stride, "D": g.dilation}
    found = {"B": B, "O": O, "H": g.size[0], "W": g.size[1], "OH": rows.out, "OW": columns.out}
    found |= {f"{k}{axis}": v for k, both in pairs.items() if k != "H" for axis, v in zip("HW", both, strict=True)}
    return found | {"top": rows.before, "left": columns.before}


def pixels_of(g: Geometry) -> list[tuple[int, int, slice, slice, slice, slice]]:
    """For each tap: the windows that have a pixel for it, and these pixels."""
    found = []
    for k, l in product(range(g.taps[0]), range(g.taps[1])):
        at = []
        for axis, tap in zip(g.axes, (k, l), strict=True):
            offset = tap * axis.dilation - axis.before
            there = [i for i in range(axis.out) if 0 <= i * axis.stride + offset < axis.size]
            first, last = (there[0], there[-1]) if there else (0, -1)
            start = first * axis.stride + offset if there else 0
            pixels = slice(start, start + (last - first) * axis.stride + 1 if there else 0, axis.stride)
            at.append((slice(first, last + 1), pixels))
        found.append((k, l, at[0][0], at[1][0], at[0][1], at[1][1]))
    return found


def convolved(g: Geometry, x: NDArray, w: NDArray) -> NDArray:
    rows, columns = g.axes
    y = np.zeros((len(x), rows.out, columns.out, x.shape[-1]))
    for k, l, i, j, p, q in pixels_of(g):
        y[:, i, j] += x[:, p, q] * w[k, l]
    return y


def depthwise_fwd(g: Geometry, bias: bool, act: bool, keep: bool = False) -> Spec:
    def args(rng: np.random.Generator, dtype: str, n: int) -> Fields:
        B, O = draw_channels(g, n)
        a = fields(g, B, O)
        shape = (B, a["OH"], a["OW"], O)
        return a | {
            "x": normal(rng, dtype, B, *g.size, O), "w": normal(rng, dtype, *g.taps, O), "y": blank(dtype, *shape),
            "b": normal(rng, dtype, O) if bias else None, "z": blank(dtype, *shape) if keep else None,
            "act": "act_relu_fwd" if act else None,
        }  # fmt: skip

    def reference(a: Fields) -> Fields:
        z = convolved(g, a["x"], a["w"]) + (a["b"] if bias else 0)
        return {"y": np.maximum(z, 0) if act else z, "z": z}

    # a chain of up to 35 products that reach 10
    return Spec("depthwise_fwd", args, ("y", "z") if keep else ("y",), reference, scale=64.0)


def depthwise_dx(g: Geometry, act: bool) -> Spec:
    def args(rng: np.random.Generator, dtype: str, n: int) -> Fields:
        B, O = draw_channels(g, n)
        a = fields(g, B, O)
        return a | {
            "dy": normal(rng, dtype, B, a["OH"], a["OW"], O), "w": normal(rng, dtype, *g.taps, O),
            "dx": blank(dtype, B, *g.size, O), "s": normal(rng, dtype, B, *g.size, O) if act else None,
            "act": "act_relu_bwd" if act else None,
        }  # fmt: skip

    def reference(a: Fields) -> Fields:
        dx = np.zeros((a["B"], *g.size, a["O"]))
        for k, l, i, j, p, q in pixels_of(g):
            dx[:, p, q] += a["dy"][:, i, j] * a["w"][k, l]
        return {"dx": dx * (a["s"] > 0) if act else dx}

    return Spec("depthwise_dx", args, ("dx",), reference, scale=64.0)  # as depthwise_fwd


def depthwise_dw(g: Geometry, slices: int) -> Spec:
    def args(rng: np.random.Generator, dtype: str, n: int) -> Fields:
        B, O = draw_channels(g, n)
        a = fields(g, B, O)
        return a | {
            "x": normal(rng, dtype, B, *g.size, O), "dy": normal(rng, dtype, B, a["OH"], a["OW"], O), "S": slices,
            "parts": blank("float64", slices, g.taps[0] * g.taps[1] + 1, O),
        }  # fmt: skip

    def reference(a: Fields) -> Fields:
        cuts = [a["B"] * s // slices for s in range(slices + 1)]
        parts = np.zeros((slices, g.taps[0] * g.taps[1] + 1, a["O"]))
        for s in range(slices):
            x, dy = (a[name][cuts[s] : cuts[s + 1]] for name in ("x", "dy"))
            for k, l, i, j, p, q in pixels_of(g):
                parts[s, k * g.taps[1] + l] = (x[:, p, q] * dy[:, i, j]).sum((0, 1, 2))
            parts[s, -1] = dy.sum((0, 1, 2))
        return {"parts": parts}

    return Spec("depthwise_dw", args, ("parts",), reference, scale=256.0)  # up to 1400 products, whose sum reaches 50


def repeat(shape: Shape, times: int) -> Spec:
    def args(rng: np.random.Generator, dtype: str, n: int) -> Fields:
        B, O = shape(n)
        return {"x": normal(rng, dtype, B, O), "y": blank(dtype, B, O * times), "B": B, "O": O, "M": times}

    return Spec("repeat", args, ("y",), lambda a: {"y": np.repeat(a["x"], times, 1)}, ulps=0.0)


def sum_repeats(shape: Shape, times: int, add: int) -> Spec:
    def args(rng: np.random.Generator, dtype: str, n: int) -> Fields:
        B, O = shape(n)
        dx = normal(rng, dtype, B, O) if add else blank(dtype, B, O)
        return {"dy": normal(rng, dtype, B, O * times), "dx": dx, "B": B, "O": O, "M": times, "add": add}

    def reference(a: Fields) -> Fields:
        total = a["dy"].reshape(a["B"], a["O"], times).sum(2)
        return {"dx": total + a["dx"] if add else total}

    return Spec("sum_repeats", args, ("dx",), reference, scale=4.0)  # partial sums


SPECS = [
    *(depthwise_fwd(g, i % 2 == 0, i % 3 == 0, i == 0) for i, g in enumerate(GEOMETRIES)),
    *(depthwise_dx(g, i % 2 == 0) for i, g in enumerate(GEOMETRIES)),
    *(depthwise_dw(g, 1 + i % 3) for i, g in enumerate(GEOMETRIES)),
    *(repeat(shape, 3) for shape in (wide, tall)),
    *(sum_repeats(shape, 3, add) for shape in (wide, tall) for add in (0, 1)),
]
