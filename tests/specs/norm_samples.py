"""Batch normalization by samples of several rows, and the sums in double that such records leave to others."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from .draw import blank, normal, uniform
from .gemm import SHARES
from .norms import EPS, EXTRA, mask, parameters, parts, row_weights, scaled, scattered
from .spec import Fields, Spec

Sizes = Callable[[int], tuple[int, int, int]]  # samples, rows of each, columns


def wide(n: int) -> tuple[int, int, int]:
    return 2, 3, max(n, 1)


def tall(n: int) -> tuple[int, int, int]:
    return n // 2 + 1, 2, 3


def deep(n: int) -> tuple[int, int, int]:
    """Two samples of n rows, in several blocks."""
    return 2, max(n, 2), 7


def drawn(rng: np.random.Generator, dtype: str, sizes: Sizes, n: int, far: bool = False) -> Fields:
    S, L, O = sizes(n)
    return {"x": scattered(rng, dtype, far, S * L, O), "B": S * L, "O": O, "L": L}


def scratch(dtype: str, elements: int) -> Fields:
    return {"own": blank(dtype, SHARES, elements), "own_stride": elements}


def by_sample(a: Fields, x: NDArray) -> NDArray:
    return x.reshape(-1, a["L"], *x.shape[1:])


def moments(a: Fields) -> NDArray:
    """Mean, M2 and number of rows that count, of each sample."""
    m, x = by_sample(a, row_weights(a)[0] * np.ones((a["B"], 1))), by_sample(a, a["x"])
    n = m.sum(1)
    mean = (m * x).sum(1) / np.maximum(n, 1)
    return np.concatenate([mean, (m * (x - mean[:, None]) ** 2).sum(1), n], 1)


def bn_parts(sizes: Sizes, far: bool = False, share: float | None = None) -> Spec:
    def args(rng: np.random.Generator, dtype: str, n: int) -> Fields:
        a = drawn(rng, dtype, sizes, n, far)
        return a | {
            "mask": mask(rng, dtype, share, a["B"]),
            "parts": blank("float64", a["B"] // a["L"], 2 * a["O"] + 1),
        }

    # of deep ones 1000 additions, each of which rounds a sum of squares: M2 is about 1000, and where the first row,
    # about which they are taken, is two deviations out, five times that
    scale = 2.0**15 if sizes is deep else 32.0
    return Spec("bn_parts", args, ("parts",), lambda a: {"parts": moments(a)}, scale=scale)


def bn_apply(sizes: Sizes, given: bool, act: str | None = None, share: float | None = None) -> Spec:
    def args(rng: np.random.Generator, dtype: str, n: int) -> Fields:
        a = drawn(rng, dtype, sizes, n)
        B, O = a["B"], a["O"]
        a["mask"] = mask(rng, dtype, share, B)
        return a | {
            "parts": moments(a | {"x": a["x"].astype(np.float64)}), "y": blank(dtype, B, O),
            "z": blank(dtype, B, O) if act and given else None, "act": act and f"act_{act}_fwd",
            "mean": normal(rng, dtype, O), "var": uniform(rng, dtype, 1, 2, O),
            **{name: blank(dtype, O) for name in ("bmean", "bmean_low", "brstd")}, "momentum": 0.9, "eps": EPS,
            **scratch(dtype, 4 * O),
        } | parameters(rng, dtype, O, given)  # fmt: skip

    def reference(a: Fields) -> Fields:
        m, rows = row_weights(a)
        mean = (m * a["x"]).sum(0) / rows
        var = (m * (a["x"] - mean) ** 2).sum(0) / rows
        rstd = 1 / np.sqrt(var + EPS)
        high, low = parts(a["x"], mean)
        z = scaled(a, (a["x"] - mean) * rstd)
        return {
            "y": np.maximum(z, 0) if act else z, "z": z, "bmean": high, "bmean_low": low, "brstd": rstd,
            "mean": 0.9 * a["mean"] + 0.1 * mean, "var": 0.9 * a["var"] + 0.1 * var,
        }  # fmt: skip

    outputs = ("y", "mean", "var", "bmean", "bmean_low", "brstd", *(("z",) if act and given else ()))
    return Spec("bn_apply", args, outputs, reference, scale=32.0, in_place=(("x", "y"),))  # as bn_fwd


def statistics(rng: np.random.Generator, dtype: str, O: int) -> Fields:
    return {
        "bmean": normal(rng, dtype, O), "bmean_low": 0.125 * uniform(rng, dtype, -1, 1, O),
        "brstd": uniform(rng, dtype, 0.5, 2, O),
    }  # fmt: skip


def normals(a: Fields) -> NDArray:
    return (a["x"] - a["bmean"] - a["bmean_low"]) * a["brstd"]


def slopes(a: Fields, dy: NDArray) -> NDArray:
    """Sums of dy and dy x^ of each sample."""
    return np.concatenate([by_sample(a, dy).sum(1), by_sample(a, dy * normals(a)).sum(1)], 1)


def bn_slopes(sizes: Sizes, act: bool) -> Spec:
    def args(rng: np.random.Generator, dtype: str, n: int) -> Fields:
        a = drawn(rng, dtype, sizes, n)
        B, O = a["B"], a["O"]
        return a | statistics(rng, dtype, O) | {
            "dy": normal(rng, dtype, B, O), "s": normal(rng, dtype, B, O) if act else None,
            "act": "act_relu_bwd" if act else None, "parts": blank("float64", B // a["L"], 2 * O),
        }  # fmt: skip

    def reference(a: Fields) -> Fields:
        dy = a["dy"] * (a["s"] > 0) if act else a["dy"]
        return {"dy": dy, "parts": slopes(a, dy)}

    # as bn_bwd; of deep ones 1000 additions, each of which rounds, by eps / 2, a sum that reaches 200: 100,000 eps
    return Spec("bn_slopes", args, ("dy", "parts"), reference, scale=2.0**15 if sizes is deep else 32.0)


def bn_dx(sizes: Sizes, given: bool, share: float | None = None) -> Spec:
    def args(rng: np.random.Generator, dtype: str, n: int) -> Fields:
        a = drawn(rng, dtype, sizes, n)
        B, O = a["B"], a["O"]
        a |= statistics(rng, dtype, O) | {"dy": normal(rng, dtype, B, O), "dx": blank(dtype, B, O)}
        a["parts"] = slopes({k: np.asarray(v, float) if np.ndim(v) else v for k, v in a.items()}, a["dy"].astype(float))
        gamma = parameters(rng, dtype, O, given)["gamma"]
        return a | {"gamma": gamma, "mask": mask(rng, dtype, share, B)} | scratch(dtype, 5 * O)

    def reference(a: Fields) -> Fields:
        m, rows = row_weights(a)
        total, x = a["parts"].sum(0).reshape(2, -1), normals(a)
        of_mean, of_var = total / rows
        of_both = 0 if a["mask"] is None else of_var * EXTRA * a["bmean"] * a["brstd"] / rows
        dx = a["brstd"] * (a["dy"] - m * (of_mean + x * of_var - of_both))
        return {"dx": dx if a["gamma"] is None else dx * a["gamma"]}

    return Spec("bn_dx", args, ("dx",), reference, scale=32.0, in_place=(("dy", "dx"),))  # as bn_bwd


def sum_wide(add: int) -> Spec:
    def args(rng: np.random.Generator, dtype: str, n: int) -> Fields:
        return {
            "parts": normal(rng, "float64", 4, n + 3), "y": normal(rng, dtype, n), "n": n, "S": 4, "ld": n + 3,
            "xo": 2, "add": add,
        }  # fmt: skip

    def reference(a: Fields) -> Fields:
        return {"y": a["parts"][:, 2 : 2 + a["n"]].sum(0) + add * a["y"]}

    return Spec("sum_wide", args, ("y",), reference)


SPECS = [
    *(bn_parts(sizes, far) for sizes in (wide, tall, deep) for far in (False, True)),
    *(bn_parts(sizes, share=0.6) for sizes in (wide, tall)),
    *(bn_apply(sizes, given) for sizes in (wide, tall, deep) for given in (True, False)),
    *(bn_apply(sizes, given, "relu") for sizes in (wide, deep) for given in (True, False)),
    *(bn_apply(tall, True, share=share) for share in (0.6, 0.0)),
    *(bn_slopes(sizes, act) for sizes in (wide, tall, deep) for act in (True, False)),
    *(bn_dx(sizes, given) for sizes in (wide, tall, deep) for given in (True, False)),
    *(bn_dx(tall, True, share) for share in (0.6, 0.0)),
    *(sum_wide(add) for add in (0, 1)),
]
