"""Dropout, batch and layer normalization."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .draw import Shape, blank, normal, tall, uniform, wide
from .spec import Fields, Spec

EPS = 1e-3


def columns(n: int) -> tuple[int, int]:
    """Few rows, n columns (none is allowed): kernels that split columns."""
    return 5, n


def rows(n: int) -> tuple[int, int]:
    """About n rows, at least one: kernels that average over rows."""
    return max(n, 1), 3


def parameters(rng: np.random.Generator, dtype: str, O: int, given: bool) -> Fields:
    return {
        "gamma": uniform(rng, dtype, 0.5, 2, O) if given else None, "beta": normal(rng, dtype, O) if given else None,
    }  # fmt: skip


def scaled(a: Fields, x: NDArray) -> NDArray:
    y = x if a.get("gamma") is None else x * a["gamma"]
    return y if a.get("beta") is None else y + a["beta"]


def normalized_backward(g: NDArray, x: NDArray, rstd: NDArray, axis: int) -> NDArray:
    return rstd * (g - g.mean(axis, keepdims=True) - x * (g * x).mean(axis, keepdims=True))


def parts(x: NDArray, mean: NDArray) -> tuple[NDArray, NDArray]:
    """A mean as kernels keep it: rounded to their dtype (float32 if x is of such numbers), and what is left."""
    high = mean.astype(np.float32 if np.array_equal(x, x.astype(np.float32)) else np.float64).astype(np.float64)
    return high, mean - high


def scattered(rng: np.random.Generator, dtype: str, far: bool, *shape: int) -> NDArray:
    """Numbers 1 apart. Far from zero, an ulp of float32 is a tenth of that, and so may be what rounding does to a mean;
    float64, in which sums are taken, has nothing finer."""
    return normal(rng, dtype, *shape) + (2.0**20 if far and dtype == "float32" else 0.5)


EXTRA = 1e-7  # what is added to the number of rows where there is a mask


def mask(rng: np.random.Generator, dtype: str, share: float | None, B: int) -> NDArray | None:
    """1 for that share of the rows, 0 for the others."""
    return None if share is None else (rng.random(B) < share).astype(dtype)


def row_weights(a: Fields) -> tuple[NDArray, float]:
    """What each row weighs in means, and what their sum is divided by."""
    m = np.ones(a["B"]) if a["mask"] is None else a["mask"]
    return m[:, None], m.sum() + (0 if a["mask"] is None else EXTRA)


def bn_fwd(shape: Shape, given: bool, far: bool = False, share: float | None = None) -> Spec:
    def args(rng: np.random.Generator, dtype: str, n: int) -> Fields:
        B, O = shape(n)
        return {
            "x": scattered(rng, dtype, far, B, O), "y": blank(dtype, B, O), "mean": normal(rng, dtype, O),
            "var": uniform(rng, dtype, 1, 2, O), "bmean": blank(dtype, O), "bmean_low": blank(dtype, O),
            "brstd": blank(dtype, O), "mask": mask(rng, dtype, share, B),
            "n": O, "B": B, "momentum": 0.9, "eps": EPS,
        } | parameters(rng, dtype, O, given)  # fmt: skip

    def reference(a: Fields) -> Fields:
        m, rows = row_weights(a)
        mean = (m * a["x"]).sum(0) / rows
        var = (m * (a["x"] - mean) ** 2).sum(0) / rows
        rstd = 1 / np.sqrt(var + EPS)
        high, low = parts(a["x"], mean)
        return {
            "y": scaled(a, (a["x"] - mean) * rstd), "bmean": high, "bmean_low": low, "brstd": rstd,
            "mean": 0.9 * a["mean"] + 0.1 * mean, "var": 0.9 * a["var"] + 0.1 * var,
        }  # fmt: skip

    # brstd reaches 30 where two rows nearly agree, and an error of half an ulp in mean is as many in y
    outputs = ("y", "mean", "var", "bmean", "bmean_low", "brstd")
    return Spec("bn_fwd", args, outputs, reference, scale=32.0, in_place=(("x", "y"),))


def bn_infer(shape: Shape, given: bool, act: str | None = None) -> Spec:
    def args(rng: np.random.Generator, dtype: str, n: int) -> Fields:
        B, O = shape(n)
        return {
            "x": normal(rng, dtype, B, O), "y": blank(dtype, B, O), "mean": normal(rng, dtype, O),
            "var": uniform(rng, dtype, 1, 2, O), "B": B, "O": O, "eps": EPS, "act": act and f"act_{act}_fwd",
        } | parameters(rng, dtype, O, given)  # fmt: skip

    def reference(a: Fields) -> Fields:
        y = scaled(a, (a["x"] - a["mean"]) / np.sqrt(a["var"] + EPS))
        return {"y": np.maximum(y, 0) if act else y}

    return Spec("bn_infer", args, ("y",), reference, scale=4.0, in_place=(("x", "y"),))  # terms of y reach 4


def bn_bwd(shape: Shape, given: bool, add: int = 0, share: float | None = None) -> Spec:
    def args(rng: np.random.Generator, dtype: str, n: int) -> Fields:
        B, O = shape(n)
        return {
            "x": normal(rng, dtype, B, O), "dy": normal(rng, dtype, B, O), "dx": blank(dtype, B, O),
            "gamma": uniform(rng, dtype, 0.5, 2, O) if given else None, "bmean": normal(rng, dtype, O),
            "brstd": uniform(rng, dtype, 0.5, 2, O), "dgamma": normal(rng, dtype, O), "dbeta": normal(rng, dtype, O),
            "bmean_low": 0.125 * uniform(rng, dtype, -1, 1, O), "mask": mask(rng, dtype, share, B),
            "n": O, "B": B, "add": add,
        }  # fmt: skip

    def reference(a: Fields) -> Fields:
        x = (a["x"] - a["bmean"] - a["bmean_low"]) * a["brstd"]
        m, rows = row_weights(a)
        # by way of the mean, of the variance, and of the mean in it, from which rows that count differ by EXTRA * mean
        of_mean, of_var = a["dy"].sum(0) / rows, (a["dy"] * x).sum(0) / rows
        of_both = 0 if a["mask"] is None else of_var * EXTRA * a["bmean"] * a["brstd"] / rows
        dx = a["brstd"] * (a["dy"] - m * (of_mean + x * of_var - of_both))
        return {
            "dx": dx if a["gamma"] is None else dx * a["gamma"],
            "dgamma": add * a["dgamma"] + (a["dy"] * x).sum(0), "dbeta": add * a["dbeta"] + a["dy"].sum(0),
        }  # fmt: skip

    # Products dy x^ reach 30, and x^ times their mean as much; dgamma sums up to 1000 of them, each rounded.
    return Spec("bn_bwd", args, ("dx", "dgamma", "dbeta"), reference, scale=32.0, in_place=(("dy", "dx"),))


def ln_fwd(shape: Shape, given: bool, far: bool = False) -> Spec:
    def args(rng: np.random.Generator, dtype: str, n: int) -> Fields:
        B, O = shape(n)
        return {
            "x": scattered(rng, dtype, far, B, O), "y": blank(dtype, B, O), "mean": blank(dtype, B),
            "mean_low": blank(dtype, B), "rstd": blank(dtype, B), "B": B, "O": O, "eps": EPS,
        } | parameters(rng, dtype, O, given)  # fmt: skip

    def reference(a: Fields) -> Fields:
        mean, rstd = a["x"].mean(1), 1 / np.sqrt(a["x"].var(1) + EPS)
        high, low = parts(a["x"], mean)
        y = scaled(a, (a["x"] - mean[:, None]) * rstd[:, None])
        return {"y": y, "mean": high, "mean_low": low, "rstd": rstd}

    outputs = ("y", "mean", "mean_low", "rstd")
    return Spec("ln_fwd", args, outputs, reference, scale=32.0, in_place=(("x", "y"),))  # as bn_fwd


def rms_fwd(shape: Shape, given: bool) -> Spec:
    def args(rng: np.random.Generator, dtype: str, n: int) -> Fields:
        return ln_fwd(shape, given).args(rng, dtype, n)

    def reference(a: Fields) -> Fields:
        rstd, zero = 1 / np.sqrt((a["x"] ** 2).mean(1) + EPS), np.zeros(a["B"])
        return {"y": scaled(a, a["x"] * rstd[:, None]), "mean": zero, "mean_low": zero, "rstd": rstd}

    return Spec("rms_fwd", args, ("y", "mean", "mean_low", "rstd"), reference, scale=32.0, in_place=(("x", "y"),))


def layer_args(rng: np.random.Generator, dtype: str, B: int, O: int) -> Fields:
    return {
        "x": normal(rng, dtype, B, O), "dy": normal(rng, dtype, B, O), "mean": normal(rng, dtype, B),
        "rstd": uniform(rng, dtype, 0.5, 2, B), "mean_low": 0.125 * uniform(rng, dtype, -1, 1, B), "B": B,
    }  # fmt: skip


def layer_normal(a: Fields) -> NDArray:
    return (a["x"] - (a["mean"] + a["mean_low"])[:, None]) * a["rstd"][:, None]


def ln_bwd(shape: Shape, given: bool) -> Spec:
    def args(rng: np.random.Generator, dtype: str, n: int) -> Fields:
        B, O = shape(n)
        gamma = parameters(rng, dtype, O, given)["gamma"]
        return layer_args(rng, dtype, B, O) | {"dx": blank(dtype, B, O), "gamma": gamma, "O": O}

    def reference(a: Fields) -> Fields:
        g = a["dy"] if a["gamma"] is None else a["dy"] * a["gamma"]
        return {"dx": normalized_backward(g, layer_normal(a), a["rstd"][:, None], 1)}

    return Spec("ln_bwd", args, ("dx",), reference, scale=32.0, in_place=(("dy", "dx"),))  # as bn_bwd


def ln_grad(shape: Shape, add: int) -> Spec:
    def args(rng: np.random.Generator, dtype: str, n: int) -> Fields:
        B, O = shape(n)
        grads = {"dgamma": normal(rng, dtype, O), "dbeta": normal(rng, dtype, O), "n": O, "add": add}
        return layer_args(rng, dtype, B, O) | grads

    def reference(a: Fields) -> Fields:
        x = layer_normal(a)
        return {
            "dgamma": add * a["dgamma"] + (a["dy"] * x).sum(0), "dbeta": add * a["dbeta"] + a["dy"].sum(0),
        }  # fmt: skip

    return Spec("ln_grad", args, ("dgamma", "dbeta"), reference, scale=32.0)  # as bn_bwd


def rms_bwd(shape: Shape, given: bool) -> Spec:
    def args(rng: np.random.Generator, dtype: str, n: int) -> Fields:
        return ln_bwd(shape, given).args(rng, dtype, n)

    def reference(a: Fields) -> Fields:
        g = a["dy"] if a["gamma"] is None else a["dy"] * a["gamma"]
        x = a["x"] * a["rstd"][:, None]
        return {"dx": a["rstd"][:, None] * (g - x * (g * x).mean(1, keepdims=True))}

    return Spec("rms_bwd", args, ("dx",), reference, scale=32.0, in_place=(("dy", "dx"),))  # as bn_bwd


def philox(counter: list[int], key: list[int]) -> list[int]:
    """One block of Philox4x32-10, written from the paper."""
    c, (k0, k1), mask = counter, key, 0xFFFFFFFF
    for _ in range(10):
        p0, p1 = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [p1 >> 32 ^ c[1] ^ k0, p1 & mask, p0 >> 32 ^ c[3] ^ k1, p0 & mask]
        k0, k1 = (k0 + 0x9E3779B9) & mask, (k1 + 0xBB67AE85) & mask
    return c


def random_words(n: int, seed: int, stream: int, count: int) -> NDArray:
    """The first n words of a draw, as rng.h defines it."""
    low, high = (lambda v: v & 0xFFFFFFFF), (lambda v: v >> 32)
    blocks = [philox([i, stream, low(count), high(count)], [low(seed), high(seed)]) for i in range(-(-n // 4))]
    return np.array(blocks, np.uint64).reshape(-1)[:n]


STEP = {"seed": 0x123456789ABCDEF, "count": 2**32 + 5}


def dropout(shape: Shape, rate: float, seed: int = 0) -> Spec:
    step = STEP

    def args(rng: np.random.Generator, dtype: str, n: int) -> Fields:
        B, O = shape(n)
        return {
            "x": normal(rng, dtype, B, O), "y": blank(dtype, B, O), "B": B, "O": O, "stream": 3, "rate": rate,
            "step": step, "seed": seed,
        }  # fmt: skip

    def reference(a: Fields) -> Fields:
        keep = random_words(a["B"] * a["O"], seed or step["seed"], 3, step["count"]) >= np.uint64(round(rate * 2**32))
        return {"y": np.where(keep.reshape(a["x"].shape), a["x"] / (1 - rate), 0)}

    return Spec("dropout", args, ("y",), reference, in_place=(("x", "y"),))


def dropout_maps(shape: Shape, L: int, rate: float, seed: int = 0) -> Spec:
    def args(rng: np.random.Generator, dtype: str, n: int) -> Fields:
        B, O = shape(n)
        return {
            "x": normal(rng, dtype, B * L, O), "y": blank(dtype, B * L, O), "B": B * L, "O": O, "L": L, "stream": 3,
            "rate": rate, "step": STEP, "seed": seed,
        }  # fmt: skip

    def reference(a: Fields) -> Fields:
        B, O = a["B"] // L, a["O"]
        keep = random_words(B * O, seed or STEP["seed"], 3, STEP["count"]) >= np.uint64(round(rate * 2**32))
        kept = np.repeat(keep.reshape(B, O), L, axis=0)
        return {"y": np.where(kept, a["x"] / (1 - rate), 0)}

    return Spec("dropout_maps", args, ("y",), reference, in_place=(("x", "y"),))


def normal_numbers(n: int, seed: int, stream: int, count: int) -> NDArray:
    """The first n numbers of a draw of standard normal ones, as gaussian.c defines them (Box and Muller)."""
    words = random_words(-(-n // 64) * 64, seed, stream, count).reshape(-1, 2, 32)
    u, place = ((words[:, 0] >> np.uint64(8)) + 1) / 2**24, (words[:, 1] >> np.uint64(6)) & np.uint64(0xFFFFFF)
    angle = np.pi / 2 * ((words[:, 1] >> np.uint64(30)) + (2 * place + 1) / 2**25 - 0.5)
    r = np.sqrt(-2 * np.log(u))
    return np.stack([r * np.cos(angle), r * np.sin(angle)], axis=1).reshape(-1)[:n]


def gaussian(shape: Shape, factor: int, seed: int = 0) -> Spec:
    def args(rng: np.random.Generator, dtype: str, n: int) -> Fields:
        B, O = shape(n)
        return {
            "x": normal(rng, dtype, B, O), "y": blank(dtype, B, O), "B": B, "O": O, "stream": 3, "std": 0.5,
            "factor": factor, "step": STEP, "seed": seed,
        }  # fmt: skip

    def reference(a: Fields) -> Fields:
        z = normal_numbers(a["B"] * a["O"], seed or STEP["seed"], 3, STEP["count"]).reshape(a["x"].shape)
        return {"y": a["x"] * (1 + 0.5 * z) if factor else a["x"] + 0.5 * z}

    return Spec("gaussian", args, ("y",), reference, scale=16.0, in_place=(("x", "y"),))  # x (1 + std z) reaches that


SPECS = [
    *(
        bn_fwd(*case)
        for case in (
            (columns, True),
            (rows, True),
            (columns, False),
            (rows, True, True),
            (rows, True, False, 0.5),
            (columns, False, False, 0.5),
            (rows, True, False, 0.0),
        )
    ),
    *(
        bn_infer(*case)
        for case in ((wide, True), (tall, True), (wide, False), (wide, True, "relu"), (tall, True, "relu"))
    ),
    *(
        bn_bwd(*case)
        for case in (
            (columns, True),
            (rows, True),
            (columns, False),
            (columns, True, 1),
            (rows, True, 0, 0.5),
            (columns, False, 1, 0.5),
        )
    ),
    *(ln_fwd(*case) for case in ((wide, True), (tall, True), (wide, False), (wide, True, True))),
    *(ln_bwd(*case) for case in ((wide, True), (tall, True), (wide, False))),
    *(ln_grad(*case) for case in ((columns, 0), (rows, 0), (columns, 1))),
    *(rms_fwd(*case) for case in ((wide, True), (tall, True), (wide, False))),
    *(rms_bwd(*case) for case in ((wide, True), (tall, True), (wide, False))),
    *(dropout(*case) for case in ((wide, 0.3), (tall, 0.5), (wide, 0.0), (wide, 0.3, 77))),
    *(dropout_maps(*case) for case in ((wide, 3, 0.3), (tall, 4, 0.5), (wide, 1, 0.0), (tall, 3, 0.3, 77))),
    *(gaussian(*case) for case in ((wide, 0), (tall, 1), (wide, 1, 77))),
]
