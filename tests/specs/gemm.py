"""Matrix products. Operands are eighths of small whole numbers: every sum is exact, so any wrong term shows."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import special

from pydl import _core

from .draw import blank
from .spec import Fields, Spec

Array = np.ndarray[Any, Any]
SHARES = 7  # the most threads that tests split a call among
PANEL = 32  # the widest panel
ROWS = 256  # rows of dy that gemm_dw packs at a time

SHAPES = {"rows": (0, 3, 5), "inner": (5, 0, 3), "columns": (3, 5, 0)}  # B, I, O; n takes the place of 0


def sizes(kind: str, n: int) -> tuple[int, int, int]:
    B, I, O = (size or max(n, 1) for size in SHAPES[kind])
    return B, I, O


def eighths(rng: np.random.Generator, dtype: str, *shape: int) -> Array:
    """Multiples of 1/8 in [-1, 1]: products are multiples of 1/64, and a thousand of them stay below 2^24 / 64."""
    x = rng.integers(-8, 9, shape)
    if x.size > 100:
        assert len(np.unique(x)) > 10
    return (x / 8).astype(dtype)


def in_panels(matrix: Array, width: int) -> Array:
    """A matrix [I][O] in panels [ceil(O / width)][I][width], the last one padded with zeros."""
    inputs, units = matrix.shape
    panels = -(-units // width)
    padded = np.zeros((inputs, panels * width), matrix.dtype)
    padded[:, :units] = matrix
    return np.ascontiguousarray(padded.reshape(inputs, panels, width).transpose(1, 0, 2))


def pack(matrix: Array, dtype: str) -> Array:
    """The same in the width that kernels want."""
    return in_panels(matrix, _core.panel_width(matrix.shape[1], dtype))


def unpack(panels: Array, units: int) -> Array:
    """The matrix [I][O] that `pack` packed."""
    return np.ascontiguousarray(panels.transpose(1, 0, 2)).reshape(panels.shape[1], -1)[:, :units]


def padded(rng: np.random.Generator, dtype: str, O: int) -> Array:
    """A bias as long as the panels, zero where there is no column."""
    return pack(eighths(rng, dtype, 1, O), dtype).reshape(-1)


def scratch(dtype: str, elements: int) -> Fields:
    return {"pack": blank(dtype, SHARES, elements), "pack_stride": elements}


def dx_scratch(B: int, padded: int) -> int:
    """Elements that gemm_dx packs: 128 rows, or all in groups of 32, times 512 outputs or all."""
    return min(-(-B // PANEL) * PANEL, 128) * min(padded, 512)


def dw_scratch(B: int, padded: int, dtype: str) -> int:
    """Elements of dy that gemm_dw packs: of a block of rows all panels, or 256 KB of them."""
    return min(min(B, ROWS) * padded, (256 << 10) // np.dtype(dtype).itemsize)


EXACT = (None, "act_relu_fwd", "act_relu_bwd")


def bound(act: str | None) -> float:
    """ulps of a spec: products are exact, so only activations may round."""
    return 0.0 if act in EXACT else 4.0


def placed(rng: np.random.Generator, dtype: str, B: int, I: int, place: str) -> Fields:
    """Rows of x in the buffer, or else in a source: read from there, listed or not, where its dtype is the kernel's."""
    if place == "buffer":
        return {"x": eighths(rng, dtype, B, I)}
    source_dtype = {"float32": "float64", "float64": "float32"}[dtype] if place == "other dtype" else dtype
    source, listed = eighths(rng, source_dtype, B + 9, I), rng.permutation(B + 9)[:B]
    step = {"src": [np.zeros((1, 1)), source], "row0": 4, "next": listed, "rows": None if place == "run" else listed}
    x = source[listed].astype(dtype) if place == "other dtype" else blank(dtype, B, I)
    return {"x": x, "step": step, "in_place": 1, "k": 1}


def rows_of(a: Fields) -> Array:
    """x of `placed`."""
    if np.isfinite(a["x"]).all():
        return a["x"]
    step = a["step"]
    return step["src"][1][step["row0"] + np.arange(a["B"]) if step["rows"] is None else step["rows"]]


FORWARD = {
    None: lambda z: z,
    "act_relu_fwd": lambda z: np.maximum(z, 0),
    "act_tanh_fwd": np.tanh,
    "act_gelu_fwd": lambda z: z * special.ndtr(z),
    "act_softmax_fwd": lambda z: special.softmax(z, axis=-1),
}


def gemm_fwd(
    kind: str,
    act: str | None = None,
    bias: bool = True,
    keep: bool = False,
    op: str = "gemm_fwd",
    place: str = "buffer",
) -> Spec:
    def args(rng: np.random.Generator, dtype: str, n: int) -> Fields:
        B, I, O = sizes(kind, n)
        return {
            **placed(rng, dtype, B, I, place), "w": pack(eighths(rng, dtype, I, O), dtype),
            "b": padded(rng, dtype, O) if bias else None, "y": blank(dtype, B, O),
            "z": blank(dtype, B, O) if keep else None, "act": act, "B": B, "I": I, "O": O,
        }  # fmt: skip

    def reference(a: Fields) -> Fields:
        z = rows_of(a) @ unpack(a["w"], a["O"])
        if bias:
            z = z + a["b"][: a["O"]]
        return {"y": FORWARD[act](z), "z": z if keep else None}

    return Spec(op, args, ("y", "z"), reference, bound(act))


def gemm_dx(kind: str, act: str | None = None, add: int = 0) -> Spec:
    def args(rng: np.random.Generator, dtype: str, n: int) -> Fields:
        B, I, O = sizes(kind, n)
        w = pack(eighths(rng, dtype, I, O), dtype)
        return {
            "dy": eighths(rng, dtype, B, O), "w": w, "dx": eighths(rng, dtype, B, I) if add else blank(dtype, B, I),
            "s": eighths(rng, dtype, B, I) if act else None, "act": act, "B": B, "I": I, "O": O, "add": add,
            **scratch(dtype, dx_scratch(B, w.size // I)),
        }  # fmt: skip

    def reference(a: Fields) -> Fields:
        dx = a["dy"] @ unpack(a["w"], a["O"]).T
        if act:  # the derivative of tanh by its output, and of relu
            dx = dx * (1 - a["s"] ** 2 if act == "act_tanh_bwd" else a["s"] > 0)
        return {"dx": dx + a["dx"] if add else dx}

    return Spec("gemm_dx", args, ("dx",), reference, bound(act))


def gemm_dw(kind: str, add: int = 0, place: str = "buffer") -> Spec:
    def args(rng: np.random.Generator, dtype: str, n: int) -> Fields:
        B, I, O = sizes(kind, n)
        old = pack(eighths(rng, dtype, I, O), dtype)
        dw = old if add else np.full_like(old, np.nan)
        return {
            **placed(rng, dtype, B, I, place), "dy": eighths(rng, dtype, B, O), "dw": dw, "n": dw.size, "B": B, "I": I,
            "O": O, "add": add, **scratch(dtype, dw_scratch(B, dw.size // I, dtype)),
        }  # fmt: skip

    def reference(a: Fields) -> Fields:
        panels, _, width = a["dw"].shape
        dw = np.zeros((a["I"], panels * width))
        dw[:, : a["O"]] = rows_of(a).T @ a["dy"]
        dw = dw.reshape(a["I"], panels, width).transpose(1, 0, 2)
        return {"dw": dw + a["dw"] if add else dw}

    return Spec("gemm_dw", args, ("dw",), reference, bound(None))


def matmul(
    kind: str, flip_x: bool = False, flip_w: bool = False, act: str | None = None, bias: bool = True, room: bool = False
) -> Spec:
    """`flip_x`, `flip_w`: stored as its transpose. Rows of w and y are further apart than they are long. `room`: for
    panels of w."""

    def args(rng: np.random.Generator, dtype: str, n: int) -> Fields:
        B, I, O = sizes(kind, n)
        x = eighths(rng, dtype, *((I, B) if flip_x else (B, I)))
        w = eighths(rng, dtype, *((O, I + 2) if flip_w else (I, O + 2)))
        strides = {"rs": 1, "cs": B} if flip_x else {"rs": I, "cs": 1}
        return {
            "x": x, "w": w, "b": eighths(rng, dtype, O) if bias else None, "y": eighths(rng, dtype, B, O + 3),
            "act": act, "B": B, "I": I, "O": O, "ldb": w.shape[1], "transposed": int(flip_w), "ldy": O + 3, **strides,
            **(scratch(dtype, I * -(-O // PANEL) * PANEL) if room else {}),
        }  # fmt: skip

    def reference(a: Fields) -> Fields:
        w = a["w"].T if flip_w else a["w"]
        z = (a["x"].T if flip_x else a["x"]) @ w[: a["I"], : a["O"]]
        y = a["y"].copy()
        y[:, : a["O"]] = FORWARD[act](z + a["b"] if bias else z)
        return {"y": y}

    return Spec("matmul", args, ("y",), reference, bound(act))


PLACES = ("listed", "run", "other dtype")
SPECS = [
    *(gemm_fwd(kind) for kind in SHAPES),
    gemm_fwd("columns", "act_gelu_fwd", keep=True),
    gemm_fwd("columns", "act_softmax_fwd"),
    gemm_fwd("rows", "act_tanh_fwd", bias=False),
    gemm_fwd("inner", "act_relu_fwd"),
    *(gemm_fwd(kind, op="gemm_fwd_panels") for kind in SHAPES),
    gemm_fwd("columns", "act_gelu_fwd", keep=True, op="gemm_fwd_panels"),
    gemm_fwd("rows", "act_tanh_fwd", bias=False, op="gemm_fwd_panels"),
    *(gemm_dx(kind) for kind in SHAPES),
    *(gemm_dx(kind, add=1) for kind in ("rows", "columns")),
    gemm_dx("inner", "act_tanh_bwd"),
    gemm_dx("rows", "act_relu_bwd"),
    *(gemm_dw(kind, add) for kind in SHAPES for add in (0, 1)),
    *(spec(kind, place=place) for spec in (gemm_fwd, gemm_dw) for kind in SHAPES for place in PLACES),
    gemm_fwd("columns", op="gemm_fwd_panels", place="listed"),
    *(matmul(kind, flip_x, flip_w) for kind in SHAPES for flip_x in (False, True) for flip_w in (False, True)),
    matmul("columns", act="act_tanh_fwd", bias=False),
    matmul("rows", flip_x=True, act="act_relu_fwd"),
    *(matmul(kind, flip_w=kind == "inner", room=True) for kind in SHAPES),
]
