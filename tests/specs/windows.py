"""Windows over images: pooling, and images set into others."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .draw import blank, normal
from .gemm import eighths
from .spec import Fields, Spec


@dataclass(frozen=True)
class Lay:
    """Sizes of images and of the windows over them; -1 stands for about n of them."""

    B: int
    H: int
    W: int
    C: int
    KH: int
    KW: int
    SH: int
    SW: int
    top: int = 0
    left: int = 0
    bottom: int = 0
    right: int = 0

    def fields(self, n: int) -> Fields:
        """The sizes of a record."""
        sizes = {name: getattr(self, name) for name in ("B", "H", "W", "C", "KH", "KW", "SH", "SW", "top", "left")}
        sizes = {name: n if value == -1 else value for name, value in sizes.items()}
        for axis, size, behind in (("H", self.H, self.bottom), ("W", sizes["W"], self.right)):
            before, k, s = (sizes[key] for key in (("top", "KH", "SH") if axis == "H" else ("left", "KW", "SW")))
            sizes["O" + axis] = (size + before + behind - k) // s + 1
        return sizes


LAYS = [
    Lay(2, 4, 4, -1, 2, 2, 2, 2),  # the usual one, on every number of channels
    Lay(3, 3, 5, -1, 3, 2, 2, 1, 1, 0, 1, 1),  # SAME, with overlap
    Lay(-1, 2, 3, 3, 2, 2, 1, 2, 0, 0, 0, 1),  # many images
    Lay(2, 1, -1, 1, 1, 3, 1, 2, 0, 1, 0, 1),  # sequences of one channel: vectors of several windows
    Lay(1, 3, -1, 2, 2, 1, 3, 3),  # positions between windows
    Lay(2, 4, 5, 3, 7, 6, 2, 3, 3, 2, 3, 3),  # windows larger than the image
]


def usable(lay: Lay, n: int) -> Fields:
    """The sizes, of axes that have a window at least."""
    sizes = lay.fields(max(n, lay.KW) if lay.W == -1 else n if lay.B == -1 else max(n, 1))
    assert min(sizes["OH"], sizes["OW"]) >= 1
    return sizes


def shapes(a: Fields) -> tuple[tuple[int, ...], tuple[int, ...]]:
    return (a["B"], a["H"], a["W"], a["C"]), (a["B"], a["OH"], a["OW"], a["C"])


def taps(a: Fields, x: np.ndarray, missing: float) -> np.ndarray:
    """(B, OH, OW, C, KH * KW): what each window reads."""
    B, H, W, C = x.shape
    bottom = (a["OH"] - 1) * a["SH"] + a["KH"]
    right = (a["OW"] - 1) * a["SW"] + a["KW"]
    whole = np.full((B, max(bottom, a["top"] + H), max(right, a["left"] + W), C), missing, np.float64)
    whole[:, a["top"] : a["top"] + H, a["left"] : a["left"] + W] = x
    found = np.lib.stride_tricks.sliding_window_view(whole, (a["KH"], a["KW"]), (1, 2))
    found = found[:, :: a["SH"], :: a["SW"]][:, : a["OH"], : a["OW"]]
    return found.reshape(B, a["OH"], a["OW"], C, a["KH"] * a["KW"])


def scattered(a: Fields, parts: np.ndarray) -> np.ndarray:
    """(B, H, W, C): the sum over windows of what each (B, OH, OW, C, KH * KW) sends to its taps."""
    B, OH, OW, C, _ = parts.shape
    whole = np.zeros((B, a["top"] + a["H"] + a["KH"], a["left"] + a["W"] + a["KW"], C))
    for k in range(a["KH"] * a["KW"]):
        h, w = divmod(k, a["KW"])
        rows, cols = slice(h, h + (OH - 1) * a["SH"] + 1, a["SH"]), slice(w, w + (OW - 1) * a["SW"] + 1, a["SW"])
        whole[:, rows, cols] += parts[..., k]
    return whole[:, a["top"] : a["top"] + a["H"], a["left"] : a["left"] + a["W"]]


def there(a: Fields) -> np.ndarray:
    """Which taps of which windows exist, of one image and channel."""
    one = {**a, "B": 1, "C": 1}
    return taps(one, np.ones((1, a["H"], a["W"], 1)), 0)


def tap_buffer(wide: int, shape: tuple[int, ...]) -> np.ndarray:
    return np.full(shape, 255, np.uint32 if wide else np.uint8)


def max_fwd(lay: Lay, keep: bool, wide: int = 0, nans: bool = False) -> Spec:
    def args(rng: np.random.Generator, dtype: str, n: int) -> Fields:
        sizes = usable(lay, n)
        inner, outer = shapes(sizes)
        x = rng.integers(-3, 3, inner).astype(dtype)  # many of them are equal
        if nans:
            x[rng.random(inner) < 0.2] = np.nan
        return {
            "x": x,
            "y": blank(dtype, *outer),
            "at": tap_buffer(wide, outer) if keep else None,
            "wide": wide,
            **sizes,
        }

    def reference(a: Fields) -> Fields:
        found = taps(a, a["x"], -np.inf)
        return {"y": found.max(-1)} | ({"at": found.argmax(-1)} if keep else {})  # the first NaN, or of the largest

    return Spec("pool_max_fwd", args, ("y", "at") if keep else ("y",), reference, ulps=0.0)


def max_bwd(lay: Lay, add: int, wide: int = 0) -> Spec:
    def args(rng: np.random.Generator, dtype: str, n: int) -> Fields:
        sizes = usable(lay, n)
        inner, outer = shapes(sizes)
        at = tap_buffer(wide, outer)
        # any tap that exists, as numbers that follow the forward pass would leave many out
        at[...] = (rng.random((*outer, lay.KH * lay.KW)) * there(sizes)).argmax(-1)
        dx = eighths(rng, dtype, *inner) if add else blank(dtype, *inner)
        return {"dy": eighths(rng, dtype, *outer), "at": at, "dx": dx, "wide": wide, "add": add, **sizes}

    def reference(a: Fields) -> Fields:
        chosen = np.arange(a["KH"] * a["KW"]) == a["at"][..., None].astype(np.int64)
        dx = scattered(a, chosen * a["dy"][..., None])
        return {"dx": dx + a["dx"] if add else dx}

    return Spec("pool_max_bwd", args, ("dx",), reference, ulps=0.0)


def mean_fwd(lay: Lay, total: int, add: int) -> Spec:
    def args(rng: np.random.Generator, dtype: str, n: int) -> Fields:
        sizes = usable(lay, n)
        inner, outer = shapes(sizes)
        y = normal(rng, dtype, *outer) if add else blank(dtype, *outer)
        return {"x": eighths(rng, dtype, *inner), "y": y, "sum": total, "add": add, **sizes}

    def reference(a: Fields) -> Fields:
        y = taps(a, a["x"], 0).sum(-1)
        y = y if total else y / there(a).sum(-1)
        return {"y": y + a["y"] if add else y}

    return Spec("pool_mean_fwd", args, ("y",), reference)


def mean_bwd(lay: Lay, total: int, add: int) -> Spec:
    def args(rng: np.random.Generator, dtype: str, n: int) -> Fields:
        sizes = usable(lay, n)
        inner, outer = shapes(sizes)
        dx = normal(rng, dtype, *inner) if add else blank(dtype, *inner)
        return {"dy": normal(rng, dtype, *outer), "dx": dx, "sum": total, "add": add, **sizes}

    def reference(a: Fields) -> Fields:
        part = a["dy"] if total else a["dy"] / there(a).sum(-1)
        dx = scattered(a, there(a) * part[..., None])
        return {"dx": dx + a["dx"] if add else dx}

    return Spec("pool_mean_bwd", args, ("dx",), reference)


def place(B: int, C: int, edges: tuple[tuple[int, int], tuple[int, int]], add: int) -> Spec:
    """Edges of the rows and of the columns, in front and behind: below 0 so many are cut off."""
    (top, bottom), (left, right) = edges

    def args(rng: np.random.Generator, dtype: str, n: int) -> Fields:
        batch, H, W, channels = n if B == -1 else B, 3, 4, max(n, 1) if C == -1 else C
        inner, outer = (batch, H, W, channels), (batch, H + top + bottom, W + left + right, channels)
        y = normal(rng, dtype, *outer) if add else blank(dtype, *outer)
        return {"x": normal(rng, dtype, *inner), "y": y, "B": batch, "H": H, "W": W, "C": channels, "OH": outer[1],
                "OW": outer[2], "top": top, "left": left, "add": add}  # fmt: skip

    def reference(a: Fields) -> Fields:
        around = [(0, 0), *((max(v, 0), max(w, 0)) for v, w in edges), (0, 0)]
        (t, b), (le, r) = ((max(-v, 0), max(-w, 0)) for v, w in edges)
        whole = np.pad(a["x"], around)
        y = whole[:, t : whole.shape[1] - b, le : whole.shape[2] - r]
        return {"y": y + a["y"] if add else y}

    return Spec("place", args, ("y",), reference)


PADDED, CUT, BOTH, BESIDE = ((1, 2), (0, 3)), ((-1, 0), (-2, -1)), ((2, -1), (-1, 2)), ((-4, 2), (0, 0))

SPECS = [
    *(max_fwd(lay, keep) for lay in LAYS for keep in (True, False)),
    *(max_fwd(lay, True, wide=1, nans=True) for lay in LAYS),
    *(max_bwd(lay, add, wide) for lay in LAYS for add, wide in ((0, 0), (1, 1))),
    *(mean_fwd(lay, total, add) for lay in LAYS for total, add in ((0, 0), (1, 1))),
    *(mean_bwd(lay, total, add) for lay in LAYS for total, add in ((0, 0), (1, 1))),
    *(
        place(*size, edges, add)
        for size in ((2, -1), (-1, 3))
        for edges in (PADDED, CUT, BOTH, BESIDE)
        for add in (0, 1)
    ),
]
