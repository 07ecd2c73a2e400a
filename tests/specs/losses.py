"""Losses: value, gradient and, for the fused kernels, probabilities of each row."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from .draw import Shape, blank, normal, single, tall, uniform, wide
from .spec import Fields, Spec

EPSILON = 1e-7
Draw = Callable[[np.random.Generator, str, int, int], NDArray]
Formula = Callable[[NDArray, NDArray], tuple[NDArray, NDArray, NDArray | None]]  # (y, t) -> loss [B], dloss/dy, p


def reals(rng: np.random.Generator, dtype: str, B: int, O: int) -> NDArray:
    return normal(rng, dtype, B, O)


def logits(rng: np.random.Generator, dtype: str, B: int, O: int) -> NDArray:
    return 4 * normal(rng, dtype, B, O)


def probabilities(rng: np.random.Generator, dtype: str, B: int, O: int) -> NDArray:
    return uniform(rng, dtype, 0.01, 0.99, B, O)


def shares(rng: np.random.Generator, dtype: str, B: int, O: int) -> NDArray:
    return rng.dirichlet(np.ones(O), B).astype(dtype).reshape(B, O)


def classes(rng: np.random.Generator, dtype: str, B: int, O: int) -> NDArray:
    return rng.integers(0, O, B).astype(dtype)


def mse(y: NDArray, t: NDArray) -> tuple[NDArray, NDArray, None]:
    return ((y - t) ** 2).mean(1), 2 * (y - t) / y.shape[1], None


def mae(y: NDArray, t: NDArray) -> tuple[NDArray, NDArray, None]:
    return np.abs(y - t).mean(1), np.sign(y - t) / y.shape[1], None


def bce(y: NDArray, t: NDArray) -> tuple[NDArray, NDArray, None]:
    c = np.clip(y, EPSILON, 1 - EPSILON)
    loss = -(t * np.log(c) + (1 - t) * np.log(1 - c)).mean(1)
    return loss, np.where(c == y, (c - t) / (c * (1 - c)), 0) / y.shape[1], None


def bce_logits(y: NDArray, t: NDArray) -> tuple[NDArray, NDArray, NDArray]:
    p = 1 / (1 + np.exp(-y))
    return (np.logaddexp(0, y) - y * t).mean(1), (p - t) / y.shape[1], p


def cce(y: NDArray, t: NDArray) -> tuple[NDArray, NDArray, None]:
    total = y.sum(1, keepdims=True)
    q = y / total
    c = np.clip(q, EPSILON, 1 - EPSILON)
    g = np.where(c == q, -t / c, 0)
    return -(t * np.log(c)).sum(1), (g - (g * q).sum(1, keepdims=True)) / total, None


def cce_logits(y: NDArray, t: NDArray) -> tuple[NDArray, NDArray, NDArray]:
    z = y - y.max(1, keepdims=True)
    total = np.exp(z).sum(1, keepdims=True)
    p = np.exp(z) / total
    return (t * (np.log(total) - z)).sum(1), p * t.sum(1, keepdims=True) - t, p


def loss(
    op: str,
    formula: Formula,
    y: Draw,
    t: Draw,
    shape: Shape,
    *,
    smooth: float = 0.0,
    group: int = 1,
    weighted: bool = True,
) -> Spec:
    """The spec of a loss kernel in one shape."""
    fused, sparse, scale = op.endswith("logits"), "sparse" in op, 0.25

    def args(rng: np.random.Generator, dtype: str, n: int) -> Fields:
        B, O = shape(n)
        a = {
            "y": y(rng, dtype, B, O), "t": t(rng, dtype, B, O),
            "w": uniform(rng, dtype, 0.5, 2, -(-B // group)) if weighted else None,
            "loss": blank(dtype, B), "dy": blank(dtype, B, O),
            "B": B, "O": O, "group": group, "scale": scale, "smooth": smooth,
        }  # fmt: skip
        return a | {"p": blank(dtype, B, O)} if fused else a

    def reference(a: Fields) -> Fields:
        B, O = a["B"], a["O"]
        target = np.eye(O)[a["t"].astype(int)] if sparse else a["t"]
        if not sparse:
            target = target * (1 - smooth) + smooth / (2 if "bce" in op else O)
        w = np.repeat(a["w"], group)[:B] if weighted else np.ones(B)
        value, slope, p = formula(a["y"], target)
        out = {"loss": w * value, "dy": scale * w[:, None] * slope}
        return out | {"p": p} if fused else out

    outputs = ("loss", "dy", "p") if fused else ("loss", "dy")
    in_place = (("y", "p" if fused and shape is wide else "dy"),)
    # 8: in float64 the sums of up to 1000 terms and the reference itself round as the kernel does.
    return Spec(op, args, outputs, reference, in_place=in_place, ulps=8.0)


SPECS = [
    *(
        loss(op, formula, y, t, shape, group=group, weighted=weighted)
        for op, formula, y, t in (
            ("loss_mse", mse, reals, reals),
            ("loss_mae", mae, reals, reals),
            ("loss_bce", bce, probabilities, probabilities),
            ("loss_bce_logits", bce_logits, logits, probabilities),
            ("loss_cce", cce, probabilities, shares),
            ("loss_cce_logits", cce_logits, logits, shares),
            ("loss_sparse_cce", cce, probabilities, classes),
            ("loss_sparse_cce_logits", cce_logits, logits, classes),
        )
        for shape, group, weighted in ((wide, 1, True), (tall, 3, True), (single, 2, True), (wide, 1, False))
        if shape is not single or "cce" not in op  # one class leaves nothing to choose
    ),
    loss("loss_bce", bce, probabilities, probabilities, wide, smooth=0.2),
    loss("loss_bce_logits", bce_logits, logits, probabilities, wide, smooth=0.2),
    loss("loss_cce", cce, probabilities, shares, wide, smooth=0.2),
    loss("loss_cce_logits", cce_logits, logits, shares, wide, smooth=0.2),
]
