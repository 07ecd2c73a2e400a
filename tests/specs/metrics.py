"""Metrics: one weighted figure per row; and the sums they end in."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from .draw import Shape, blank, normal, single, tall, uniform, wide
from .losses import Draw, classes, reals, shares
from .spec import Fields, Spec

THRESHOLD = 0.3


def grades(rng: np.random.Generator, dtype: str, B: int, O: int) -> NDArray:
    """Whole numbers that often tie."""
    return rng.integers(0, 5, (B, O)).astype(dtype)


def sides(rng: np.random.Generator, dtype: str, B: int, O: int) -> NDArray:
    return rng.integers(0, 2, (B, O)).astype(dtype)


def top_k(y: NDArray, c: NDArray, k: int) -> NDArray:
    if k == 1:
        return y.argmax(1) == c
    return (y > np.take_along_axis(y, c[:, None], 1)).sum(1) < k


Formula = Callable[[NDArray, NDArray, int], NDArray]


def metric(op: str, formula: Formula, y: Draw, t: Draw, shape: Shape, *, group: int = 1, k: int = 1) -> Spec:
    """The spec of a metric kernel in one shape."""

    def args(rng: np.random.Generator, dtype: str, n: int) -> Fields:
        B, O = shape(n)
        return {
            "y": y(rng, dtype, B, O), "t": t(rng, dtype, B, O), "w": uniform(rng, dtype, 0.5, 2, -(-B // group)),
            "m": blank(dtype, B), "B": B, "O": O, "L": group, "k": k, "a": THRESHOLD,
        }  # fmt: skip

    def reference(a: Fields) -> Fields:
        return {"m": np.repeat(a["w"], group)[: a["B"]] * formula(a["y"], a["t"], k)}

    return Spec(op, args, ("m",), reference, ulps=8.0)  # as losses


def accumulated(a: Fields) -> Fields:
    sums = a["step"]["sums"].copy()
    sums[1] += 0.0 if a["x"] is None else a["factor"] * a["x"].sum()
    sums[2] += a["n"] if a["w"] is None else a["L"] * a["w"].sum()
    return {"sums": sums}


def total(group: int, *, x: bool = True, w: bool = True) -> Spec:
    def args(rng: np.random.Generator, dtype: str, n: int) -> Fields:
        n -= n % group
        return {
            "x": normal(rng, dtype, n) if x else None, "w": uniform(rng, dtype, 0.5, 2, n // group) if w else None,
            "n": n, "L": group, "slot": 1, "factor": 0.5, "step": {"sums": rng.uniform(1, 2, 4)},
        }  # fmt: skip

    # Partial sums reach sqrt(1000), and n terms of one lane round n times in the dtype of the result.
    return Spec("sum", args, ("sums",), accumulated, scale=32.0)


def mask_weights(weighted: bool, normalize: int) -> Spec:
    """Weights of rows, two to a sample, from a mask in which most count."""

    def args(rng: np.random.Generator, dtype: str, n: int) -> Fields:
        n -= n % 2
        mask = (rng.random(n) < 0.8).astype(dtype)
        return {
            "mask": mask, "w": uniform(rng, dtype, 0.5, 2, n // 2) if weighted else None, "r": blank(dtype, n), "B": n,
            "L": 2, "normalize": normalize, "scale": 0.25,
        }  # fmt: skip

    def reference(a: Fields) -> Fields:
        rows = a["mask"] * (1.0 if a["w"] is None else np.repeat(a["w"], 2))
        whole = {0: len(rows), 1: a["mask"].sum(), 2: rows.sum()}[normalize]
        return {"r": 0.25 * rows * (len(rows) / whole if whole else 1)}

    return Spec("mask_weights", args, ("r",), reference, in_place=(("mask", "r"),))


SPECS = [
    *(mask_weights(weighted, normalize) for weighted in (False, True) for normalize in (0, 1, 2)),
    *(
        metric(op, formula, y, t, shape, group=group, k=k)
        for op, formula, y, t, k in (
            ("metric_accuracy", lambda y, t, k: (y == t).mean(1), grades, grades, 1),
            ("metric_binary_accuracy", lambda y, t, k: ((y > THRESHOLD) == t).mean(1), reals, sides, 1),
            ("metric_categorical_accuracy", lambda y, t, k: top_k(y, t.argmax(1), k), grades, shares, 1),
            ("metric_categorical_accuracy", lambda y, t, k: top_k(y, t.argmax(1), k), grades, grades, 2),
            ("metric_sparse_categorical_accuracy", lambda y, t, k: top_k(y, t.astype(int), k), grades, classes, 1),
            ("metric_sparse_categorical_accuracy", lambda y, t, k: top_k(y, t.astype(int), k), grades, classes, 3),
            ("metric_mse", lambda y, t, k: ((y - t) ** 2).mean(1), reals, reals, 1),
            ("metric_mae", lambda y, t, k: np.abs(y - t).mean(1), reals, reals, 1),
        )
        for shape, group in ((wide, 1), (tall, 3), (single, 2))
    ),
    *(total(3), total(1, w=False), total(1, x=False)),
]
