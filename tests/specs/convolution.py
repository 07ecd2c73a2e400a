"""Convolutions. Operands are eighths of small whole numbers, as those of products are: any wrong term shows."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from pydl import _core
from pydl._engine.windows import windows

from .draw import blank
from .gemm import FORWARD, SHARES, bound, eighths, in_panels
from .gemm import unpack as unpack_panels
from .spec import Fields, Spec

Array = np.ndarray[Any, Any]
BAND, PACKED = 128 * 1024, 256 * 32 * 4  # bytes of images, and elements of dy, that kernels take at a time


class Geometry(NamedTuple):
    """An image of H x W x C and the windows on it; 0 stands for n."""

    B: int = 2
    H: int = 6
    W: int = 7
    C: int = 4
    O: int = 5
    kernel: tuple[int, int] = (3, 3)
    strides: tuple[int, int] = (1, 1)
    dilation: tuple[int, int] = (1, 1)
    padding: str = "same"
    G: int = 1

    def sizes(self, n: int) -> dict[str, int]:
        """The integer fields of a record."""
        B, H, W, C, O = (size or max(n, 1) for size in self[:5])
        C, O = C * self.G, O * self.G
        rows, columns = (
            windows(size, k, s, d, self.padding)
            for size, k, s, d in zip((H, W), self.kernel, self.strides, self.dilation, strict=True)
        )
        return {"B": B, "H": H, "W": W, "C": C, "OH": rows.out, "OW": columns.out, "O": O, "KH": rows.taps,
                "KW": columns.taps, "SH": rows.stride, "SW": columns.stride, "DH": rows.dilation,
                "DW": columns.dilation, "top": rows.before, "left": columns.before, "G": self.G}  # fmt: skip


GEOMETRIES = {
    "images": Geometry(B=0),
    "channels": Geometry(C=0),
    "outputs": Geometry(O=0, padding="valid"),
    "columns": Geometry(B=1, H=3, W=0, strides=(2, 2)),
    "rows": Geometry(B=1, H=0, W=4, C=1, kernel=(2, 4), dilation=(2, 1)),
    "holes": Geometry(H=7, W=0, C=2, kernel=(3, 2), dilation=(1, 3)),
    "groups": Geometry(C=0, O=3, G=2, strides=(1, 2)),
    "wide groups": Geometry(C=2, O=0, G=3, kernel=(1, 2), dilation=(1, 2)),
    "apart": Geometry(B=2, H=9, W=0, kernel=(2, 2), strides=(3, 4)),
    "one pixel": Geometry(C=0, kernel=(1, 1), strides=(2, 1)),
}


def taps(a: Fields) -> list[tuple[int, int, slice, slice]]:
    """Each tap (u, v) with the rows and columns of the image, padded by `around`, that windows read through it."""
    return [
        (u, v, *(
            slice(first, first + (count - 1) * stride + 1, stride)
            for first, count, stride in ((u * a["DH"], a["OH"], a["SH"]), (v * a["DW"], a["OW"], a["SW"]))
        ))
        for u in range(a["KH"]) for v in range(a["KW"])
    ]  # fmt: skip


def around(a: Fields) -> tuple[tuple[int, int], ...]:
    """Zeros that windows read around the images."""
    below = max(0, (a["OH"] - 1) * a["SH"] + (a["KH"] - 1) * a["DH"] + 1 - a["top"] - a["H"])
    right = max(0, (a["OW"] - 1) * a["SW"] + (a["KW"] - 1) * a["DW"] + 1 - a["left"] - a["W"])
    return (0, 0), (a["top"], below), (a["left"], right), (0, 0)


def pack(kernel: Array, groups: int, width: int) -> Array:
    """A kernel (KH, KW, C / G, O) in panels by group."""
    matrix = kernel.reshape(-1, kernel.shape[-1])
    return np.concatenate([in_panels(part, width) for part in np.split(matrix, groups, axis=1)])


def unpack(a: Fields, panels: Array) -> Array:
    """The kernel (KH, KW, C / G, O) that `pack` packed."""
    units = a["O"] // a["G"]
    matrix = np.concatenate([unpack_panels(part, units) for part in np.split(panels, a["G"])], axis=1)
    return matrix.reshape(a["KH"], a["KW"], -1, a["O"])


def packed(rng: np.random.Generator, dtype: str, a: Fields) -> Array:
    """A kernel drawn, in panels."""
    return pack(kernel_of(rng, dtype, a), a["G"], _core.panel_width(a["O"] // a["G"], dtype))


def kernel_of(rng: np.random.Generator, dtype: str, a: Fields) -> Array:
    return eighths(rng, dtype, a["KH"], a["KW"], a["C"] // a["G"], a["O"])


def by_group(a: Fields, x: Array) -> Array:
    return x.reshape(*x.shape[:-1], a["G"], -1)


def forward(a: Fields, x: Array, kernel: Array) -> Array:
    """The convolution, without a bias."""
    x = by_group(a, np.pad(x, around(a)))
    y = sum(np.einsum("bhwgc,cgo->bhwgo", x[:, r, c], by_group(a, kernel)[u, v]) for u, v, r, c in taps(a))
    return np.asarray(y).reshape(a["B"], a["OH"], a["OW"], a["O"])


def input_gradient(a: Fields, dy: Array, kernel: Array) -> Array:
    shape = [size + sum(edge) for size, edge in zip((a["B"], a["H"], a["W"], a["C"]), around(a), strict=True)]
    dx, dy = by_group(a, np.zeros(shape)), by_group(a, dy)
    for u, v, r, c in taps(a):
        dx[:, r, c] += np.einsum("bhwgo,cgo->bhwgc", dy, by_group(a, kernel)[u, v])
    return dx.reshape(shape)[:, a["top"] :, a["left"] :][:, : a["H"], : a["W"]]


def kernel_gradient(a: Fields, x: Array, dy: Array) -> Array:
    x, dy = by_group(a, np.pad(x, around(a))), by_group(a, dy)
    dw = np.stack([np.einsum("bhwgc,bhwgo->cgo", x[:, r, c], dy) for _, _, r, c in taps(a)])
    return dw.reshape(a["KH"], a["KW"], -1, a["O"])


def turn(a: Fields, kernel: Array, width: int) -> Array:
    """What conv_turn writes: by set of pixels the taps that read it, last first, as panels of a kernel (.., O, C)."""
    parts = []
    for r in range(a["SH"]):
        for c in range(a["SW"]):
            rows = range((r + a["top"]) % a["SH"], a["KH"], a["SH"])
            columns = range((c + a["left"]) % a["SW"], a["KW"], a["SW"])
            if rows and columns:
                read = by_group(a, kernel[list(rows)][:, list(columns)][::-1, ::-1])  # (taps, taps, C / G, G, O / G)
                parts.append(pack(read.transpose(0, 1, 4, 3, 2).reshape(*read.shape[:2], -1, a["C"]), a["G"], width))
    return np.concatenate([part.reshape(-1, width) for part in parts])


def turned(rng: np.random.Generator, dtype: str, a: Fields) -> Array:
    return turn(a, kernel_of(rng, dtype, a), _core.panel_width(a["C"] // a["G"], dtype))


def unturn(a: Fields, t: Array) -> Array:
    """The kernel (KH, KW, C / G, O) that `turn` turned."""
    shape = (a["KH"], a["KW"], a["C"] // a["G"], a["O"])
    numbers = turn(a, np.arange(1, np.prod(shape) + 1).reshape(shape), t.shape[1])
    kernel = np.empty(shape)
    kernel.flat[numbers[numbers > 0] - 1] = t[numbers > 0]
    return kernel


def scratch(dtype: str, a: Fields, *, turned: bool = False, more: int = 0) -> Fields:
    """`pad`: so many bytes of images, or what one row of windows reads."""
    if turned:
        rows, columns = (
            (a["KH"] - 1) * a["DH"] // a["SH"] + 2,
            (a["W"] - 1) // a["SW"] + (a["KW"] - 1) * a["DW"] // a["SW"] + 2,
        )
        line = rows * columns * a["O"]
    else:
        line = ((a["KH"] - 1) * a["DH"] + 1) * ((a["OW"] - 1) * a["SW"] + (a["KW"] - 1) * a["DW"] + 1) * a["C"]
    elements = max(BAND // np.dtype(dtype).itemsize, line) + more
    return {"pad": blank(dtype, SHARES, elements), "pad_stride": elements}


def padded(rng: np.random.Generator, dtype: str, units: int, groups: int) -> Array:
    """Biases, and zeros as far as the panels of the last group reach."""
    width = _core.panel_width(units // groups, dtype)
    return np.concatenate([eighths(rng, dtype, units), np.zeros(-(units // groups) % width, dtype)])


def conv_fwd(name: str, act: str | None = None, bias: bool = True, keep: bool = False) -> Spec:
    def args(rng: np.random.Generator, dtype: str, n: int) -> Fields:
        a = GEOMETRIES[name].sizes(n)
        out = (a["B"], a["OH"], a["OW"], a["O"])
        return {
            "x": eighths(rng, dtype, a["B"], a["H"], a["W"], a["C"]), "w": packed(rng, dtype, a),
            "b": padded(rng, dtype, a["O"], a["G"]) if bias else None, "y": blank(dtype, *out),
            "z": blank(dtype, *out) if keep else None, "act": act, **a, **scratch(dtype, a),
        }  # fmt: skip

    def reference(a: Fields) -> Fields:
        z = forward(a, a["x"], unpack(a, a["w"]))
        if bias:
            z = z + a["b"][: a["O"]]
        return {"y": FORWARD[act](z), "z": z if keep else None}

    return Spec("conv_fwd", args, ("y", "z"), reference, bound(act))


def conv_dx(name: str, act: str | None = None, bias: bool = False, keep: bool = False, add: int = 0) -> Spec:
    def args(rng: np.random.Generator, dtype: str, n: int) -> Fields:
        a = GEOMETRIES[name].sizes(n)
        image = (a["B"], a["H"], a["W"], a["C"])
        return {
            "dy": eighths(rng, dtype, a["B"], a["OH"], a["OW"], a["O"]), "t": turned(rng, dtype, a),
            "dx": eighths(rng, dtype, *image) if add else blank(dtype, *image),
            "b": padded(rng, dtype, a["C"], a["G"]) if bias else None, "z": blank(dtype, *image) if keep else None,
            "s": eighths(rng, dtype, *image) if act in ("act_tanh_bwd", "act_relu_bwd") else None, "act": act,
            "add": add, **a, **scratch(dtype, a, turned=True),
        }  # fmt: skip

    def reference(a: Fields) -> Fields:
        z = input_gradient(a, a["dy"], unturn(a, a["t"]))
        if bias:
            z = z + a["b"][: a["C"]]
        if a["s"] is None:
            return {"dx": FORWARD[act](z) + (a["dx"] if add else 0), "z": z if keep else None}
        return {"dx": z * (1 - a["s"] ** 2 if act == "act_tanh_bwd" else a["s"] > 0)}

    return Spec("conv_dx", args, ("dx", "z"), reference, bound(act))


def conv_turn(name: str) -> Spec:
    def args(rng: np.random.Generator, dtype: str, n: int) -> Fields:
        a = GEOMETRIES[name].sizes(n)
        names = ("C", "O", "KH", "KW", "SH", "SW", "top", "left", "G")
        return {
            "w": packed(rng, dtype, a),
            "t": np.full_like(turned(rng, dtype, a), np.nan),
            **{k: a[k] for k in names},
        }

    def reference(a: Fields) -> Fields:
        return {"t": turn(a, unpack(a, a["w"]), a["t"].shape[1])}

    return Spec("conv_turn", args, ("t",), reference, 0.0)


def conv_dw(name: str, slices: int = 1, bias: bool = True, add: int = 0) -> Spec:
    def args(rng: np.random.Generator, dtype: str, n: int) -> Fields:
        a = GEOMETRIES[name].sizes(n)
        S = min(slices, a["B"])
        old = np.stack([packed(rng, dtype, a) for _ in range(S)])
        db = np.stack([padded(rng, dtype, a["O"], a["G"]) for _ in range(S)])
        return {
            "x": eighths(rng, dtype, a["B"], a["H"], a["W"], a["C"]),
            "dy": eighths(rng, dtype, a["B"], a["OH"], a["OW"], a["O"]),
            "dw": old if add else np.full_like(old, np.nan),
            "db": db if bias else None, "ldb": db.shape[1], "S": S, "add": add, **a,
            **scratch(dtype, a, more=PACKED),
        }  # fmt: skip

    def reference(a: Fields) -> Fields:
        dw, db, edges = np.zeros_like(a["dw"]), a["db"], np.arange(a["S"] + 1) * a["B"] // a["S"]
        for s, (first, last) in enumerate(pairwise(edges)):
            dy = a["dy"][first:last]
            gradient = pack(kernel_gradient(a, a["x"][first:last], dy), a["G"], dw.shape[-1])
            dw[s] = gradient + a["dw"][s] if add else gradient
            if bias:
                total = dy.sum((0, 1, 2))
                db[s, : a["O"]] = total + db[s, : a["O"]] if add else total
        return {"dw": dw, "db": db}

    return Spec("conv_dw", args, ("dw", "db"), reference, 0.0)


def sum_slices(slices: int, add: int) -> Spec:
    def args(rng: np.random.Generator, dtype: str, n: int) -> Fields:
        y = eighths(rng, dtype, n) if add else blank(dtype, n)
        ld = n + 3
        return {"x": eighths(rng, dtype, (slices - 1) * ld + n), "y": y, "n": n, "S": slices, "ld": ld, "add": add}

    def reference(a: Fields) -> Fields:
        total = sum(a["x"][s * a["ld"] :][: a["n"]] for s in range(slices))
        return {"y": total + a["y"] if add else total}

    return Spec("sum_slices", args, ("y",), reference, 0.0)


SPECS = [
    *(conv_fwd(name) for name in GEOMETRIES),
    conv_fwd("images", "act_relu_fwd", bias=False),
    conv_fwd("channels", "act_gelu_fwd", keep=True),
    conv_fwd("outputs", "act_softmax_fwd"),
    *(conv_turn(name) for name in GEOMETRIES),
    *(conv_dx(name) for name in GEOMETRIES),
    *(conv_dx(name, add=1) for name in ("images", "apart")),
    conv_dx("channels", "act_tanh_bwd"),
    conv_dx("holes", "act_relu_bwd"),
    *(conv_dx(name, "act_tanh_fwd", bias=True) for name in ("outputs", "apart")),
    conv_dx("columns", "act_gelu_fwd", bias=True, keep=True),
    *(conv_dw(name) for name in GEOMETRIES),
    *(conv_dw(name, slices=3) for name in ("images", "groups")),
    conv_dw("channels", bias=False),
    conv_dw("holes", add=1),
    *(sum_slices(slices, add) for slices in (1, 3) for add in (0, 1)),
]
