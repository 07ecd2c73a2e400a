"""Pictures: copies by whole pixels, affine maps, contrast and brightness, other sizes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .draw import blank, normal, uniform
from .norms import STEP, random_words
from .spec import Fields, Spec

H, C = 3, 3  # rows and channels of a picture
MODES = {"fill": 0, "edge": 1, "mirror": 2, "repeat": 3}
PADS = {"edge": "edge", "mirror": "symmetric", "repeat": "wrap"}  # what NumPy calls them


def numbers(n: int, seed: int) -> NDArray:
    """The first n numbers of a draw, in [0, 1)."""
    return random_words(n, seed or STEP["seed"], 3, STEP["count"]) / 2**32


def batch(n: int, wide: bool) -> tuple[int, int]:
    """Pictures, and their width: the tails of vectors along a row, or the split of pictures."""
    return (3, max(n // C, 1)) if wide else (n, 2)


def copy(wide: bool, channels: int = C, seed: int = 0, **fields: int) -> Spec:
    def args(rng: np.random.Generator, dtype: str, n: int) -> Fields:
        B, W = batch(n, wide)
        grown = {"OH": H + fields.get("taller", 0), "OW": max(W + fields.get("wider", 0), 1)}
        given = {k: v for k, v in fields.items() if k not in ("taller", "wider")}
        sizes = {"B": B, "H": H, "W": W, "C": channels, **grown}
        return {
            "x": normal(rng, dtype, B, H, W, channels), "y": blank(dtype, B, grown["OH"], grown["OW"], channels),
            "top": 0, "left": 0, "tops": 0, "lefts": 0, "back": 0, "flip": 0, "stream": 3, "seed": seed, "fill": 0.5,
            **sizes, **given, "step": STEP,
        }  # fmt: skip

    def reference(a: Fields) -> Fields:
        u = numbers(max(a["B"], 2), seed)
        top, left = (a[k] + int(u[i] * max(a[f"{k}s"], 1)) for i, k in enumerate(("top", "left")))
        top, left = (-top, -left) if a["back"] else (top, left)
        turned = a["x"][:, :: -1 if a["flip"] & 1 else 1, :: -1 if a["flip"] & 2 else 1]
        x = np.where((u[: a["B"]] < 0.5)[:, None, None, None], turned, a["x"])
        far = 6
        x = np.pad(x, ((0, 0), (far, far), (far, far), (0, 0)), constant_values=a["fill"])
        top, left = top + far, left + far
        return {"y": x[:, top : top + a["OH"], left : left + a["OW"]]}

    return Spec("image_copy", args, ("y",), reference, ulps=0.0)


def matrices(a: Fields) -> NDArray:
    """For each picture, the map from (column, row, 1) of what comes out to (column, row) of what is read."""
    u = numbers(2 * a["B"], a["seed"]).reshape(-1, 2)
    s = a["lo"] + u[:, 0] * (a["hi"] - a["lo"])
    t = s if a["same"] else a["lo2"] + u[:, 1] * (a["hi2"] - a["lo2"])
    h, w, one, zero = (a["H"] - 1) / 2, (a["W"] - 1) / 2, np.ones(a["B"]), np.zeros(a["B"])
    if a["kind"] == 0:
        rows = [[one, zero, -t * a["W"]], [zero, one, -s * a["H"]]]
    elif a["kind"] == 1:
        c, d = np.cos(2 * np.pi * s), np.sin(2 * np.pi * s)
        rows = [[c, -d, w - c * w + d * h], [d, c, h - d * w - c * h]]
    else:
        rows = [[1 + t, zero, -t * w], [zero, 1 + s, -s * h]]
    return np.moveaxis(np.array(rows), -1, 0)


def reading(a: Fields) -> NDArray:
    """For each picture, the matrix [pixels out][pixels in, and one that is `fill`] of its map."""
    height, width = a["H"], a["W"]
    pixels = np.arange(height * width).reshape(height, width)
    i, j = np.meshgrid(np.arange(height), np.arange(width), indexing="ij")
    far = 4 * (height + width)
    mode = {v: k for k, v in MODES.items()}[a["mode"]]
    if mode == "fill":
        placed = np.pad(pixels, far, constant_values=height * width)
    else:
        placed = np.pad(pixels, far, mode=PADS[mode])  # type: ignore[call-overload]
    found = np.zeros((a["B"], height * width, height * width + 1))
    out = np.arange(height * width)
    for b, m in enumerate(matrices(a)):
        u, v = (m @ np.stack([j.ravel(), i.ravel(), np.ones(i.size)])) + far
        if a["nearest"]:
            found[b, out, placed[np.floor(v + 0.5).astype(int), np.floor(u + 0.5).astype(int)]] = 1
            continue
        row, column = np.floor(v).astype(int), np.floor(u).astype(int)
        for k, down in enumerate((1 - (v - row), v - row)):
            for n, right in enumerate((1 - (u - column), u - column)):
                np.add.at(found[b], (out, placed[row + k, column + n]), down * right)
    return found


def affine(
    wide: bool, kind: int, mode: str, *, back: bool = False, channels: int = C, seed: int = 0, **fields: int
) -> Spec:
    def args(rng: np.random.Generator, dtype: str, n: int) -> Fields:
        B, W = batch(min(n, 100), wide)
        x = normal(rng, dtype, B, H, W, channels)
        return {
            "x": x, "y": blank(dtype, *x.shape), "B": B, "H": H, "W": W, "C": channels, "kind": kind,
            "mode": MODES[mode], "nearest": 0, "same": 0, "stream": 3, "seed": seed, "lo": -0.31, "hi": 0.4,
            "lo2": -0.2, "hi2": 0.37, "fill": 0.5, **fields, "step": STEP,
        }  # fmt: skip

    def reference(a: Fields) -> Fields:
        m = reading(a)
        x = a["x"].reshape(a["B"], H * a["W"], a["C"])
        if back:
            y = np.einsum("boi,boc->bic", m[..., :-1], x)
        else:
            y = np.einsum("boi,bic->boc", m[..., :-1], x) + m[..., -1:] * a["fill"]
        return {"y": y.reshape(a["x"].shape)}

    # A place is known to some eps times the size of the picture, up to 33, and neighbours differ by 3 or so; a
    # gradient is a sum of values for as many pixels as were read from one.
    return Spec(f"image_affine_{'bwd' if back else 'fwd'}", args, ("y",), reference, ulps=8.0, scale=100.0)


def tone(op: str, wide: bool, channels: int = C, seed: int = 0) -> Spec:
    def args(rng: np.random.Generator, dtype: str, n: int) -> Fields:
        B, W = batch(n, wide)
        O = H * W * channels
        return {
            "x": uniform(rng, dtype, -0.2, 1.2, B, O), "y": blank(dtype, B, O), "B": B, "O": O, "C": channels,
            "stream": 3, "seed": seed, "lo": -0.4, "hi": 1.7, "low": 0.1, "high": 0.9,
            "means": np.zeros((7, 16 * channels), dtype), "means_stride": 16 * channels, "step": STEP,
        }  # fmt: skip

    def reference(a: Fields) -> Fields:
        f = (a["lo"] + numbers(a["B"], seed) * (a["hi"] - a["lo"]))[:, None, None]
        x = a["x"].reshape(a["B"], a["O"] // a["C"], a["C"])
        mean = x.mean(axis=1, keepdims=True)
        y = (x - mean) * f + mean if op == "image_contrast" else x + f * (a["high"] - a["low"])
        return {"y": np.clip(y, a["low"], a["high"]).reshape(a["x"].shape)}

    return Spec(op, args, ("y",), reference, in_place=(("x", "y"),))


def resize(wide: bool, KH: int, KW: int, channels: int = C) -> Spec:
    """Sums of KH x KW pixels, with any weights, from any place on."""

    def args(rng: np.random.Generator, dtype: str, n: int) -> Fields:
        B, W = batch(n, wide)
        k = min(KW, W)
        out = {"OH": 4, "OW": W + 2}
        rows = np.column_stack([rng.integers(0, H - KH + 1, 4), rng.normal(size=(4, KH))]).astype(dtype)
        columns = np.column_stack([rng.integers(0, W - k + 1, W + 2), rng.normal(size=(W + 2, k))]).astype(dtype)
        if KH == 1:
            rows[::2, 1] = 1  # lines that are read where they lie
        return {
            "x": normal(rng, dtype, B, H, W, channels), "y": blank(dtype, B, 4, W + 2, channels), "rows": rows,
            "columns": columns, "B": B, "H": H, "W": W, "C": channels, **out, "KH": KH, "KW": k,
            "line": np.zeros((7, W * channels), dtype), "line_stride": W * channels, "step": STEP,
        }  # fmt: skip

    def dense(table: NDArray, size: int) -> NDArray:
        found = np.zeros((len(table), size))
        for row, (first, *values) in zip(found, table, strict=True):
            row[int(first) : int(first) + len(values)] = values
        return found

    def reference(a: Fields) -> Fields:
        rows, columns = dense(a["rows"], a["H"]), dense(a["columns"], a["W"])
        return {"y": np.einsum("ih,jw,bhwc->bijc", rows, columns, a["x"])}

    # sums of KH * KW terms, whose weights are up to 4 and pixels up to 4
    return Spec("image_resize", args, ("y",), reference, scale=float(8 * KH * KW))


SPECS = [
    *(copy(wide, flip=flip, channels=c) for wide in (True, False) for flip, c in ((1, 3), (2, 3), (2, 1), (3, 4))),
    copy(True, top=1, left=-2, taller=1, wider=3),
    copy(True, top=-2, left=2, taller=-1, wider=-1, seed=9),
    copy(False, taller=-1, wider=-1, tops=2, lefts=2),
    copy(False, taller=2, wider=1, tops=3, lefts=2, back=1),
    *(affine(wide, kind, mode) for wide in (True, False) for kind in (0, 1, 2) for mode in MODES),
    *(affine(False, kind, "mirror", nearest=1) for kind in (0, 1, 2)),
    *(affine(True, 1, "fill", channels=c) for c in (1, 5)),
    affine(True, 2, "edge", same=1, seed=9),
    *(affine(wide, kind, mode, back=True) for wide in (True, False) for kind, mode in ((0, "fill"), (1, "mirror"))),
    affine(False, 1, "edge", back=True, nearest=1),
    *(tone(op, wide) for op in ("image_contrast", "image_brightness") for wide in (True, False)),
    *(tone("image_contrast", True, c, 9) for c in (1, 20)),
    *(resize(wide, *k) for wide in (True, False) for k in ((1, 1), (2, 2), (3, 4))),
    resize(True, 2, 2, 1),
    resize(False, 1, 2, 7),
]
