"""Losses: value, gradient and, for the fused kernels, probabilities of each row."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray
from scipy import special

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


def rates(rng: np.random.Generator, dtype: str, B: int, O: int) -> NDArray:
    return uniform(rng, dtype, 0.1, 4, B, O)


def counts(rng: np.random.Generator, dtype: str, B: int, O: int) -> NDArray:
    return rng.poisson(1.5, (B, O)).astype(dtype)


def signs(rng: np.random.Generator, dtype: str, B: int, O: int) -> NDArray:
    return rng.choice([-1, 0, 1], (B, O)).astype(dtype)


def shares(rng: np.random.Generator, dtype: str, B: int, O: int) -> NDArray:
    return rng.dirichlet(np.ones(O), B).astype(dtype).reshape(B, O)


def numbers(rng: np.random.Generator, dtype: str, B: int, O: int) -> NDArray:
    return normal(rng, dtype, B)


def away(rng: np.random.Generator, dtype: str, B: int, O: int) -> NDArray:
    """Numbers of either sign that are not close to 0."""
    return uniform(rng, dtype, 0.5, 2, B, O) * rng.choice([-1, 1], (B, O)).astype(dtype)


def one_hot(rng: np.random.Generator, dtype: str, B: int, O: int) -> NDArray:
    return np.eye(O, dtype=dtype)[rng.integers(0, O, B)]


def classes(rng: np.random.Generator, dtype: str, B: int, O: int) -> NDArray:
    return rng.integers(0, O, B).astype(dtype)


def mse(y: NDArray, t: NDArray) -> tuple[NDArray, NDArray, None]:
    return ((y - t) ** 2).mean(1), 2 * (y - t) / y.shape[1], None


def mae(y: NDArray, t: NDArray) -> tuple[NDArray, NDArray, None]:
    return np.abs(y - t).mean(1), np.sign(y - t) / y.shape[1], None


def msle(y: NDArray, t: NDArray) -> tuple[NDArray, NDArray, None]:
    c = np.maximum(y, EPSILON)
    d = np.log1p(c) - np.log1p(np.maximum(t, EPSILON))
    return (d**2).mean(1), np.where(c == y, 2 * d / (1 + c), 0) / y.shape[1], None


def huber(y: NDArray, t: NDArray, delta: float) -> tuple[NDArray, NDArray, None]:
    e = y - t
    value = np.where(np.abs(e) <= delta, e**2 / 2, delta * np.abs(e) - delta**2 / 2)
    return value.mean(1), np.clip(e, -delta, delta) / y.shape[1], None


def log_cosh(y: NDArray, t: NDArray) -> tuple[NDArray, NDArray, None]:
    e = y - t
    return (np.logaddexp(e, -e) - np.log(2)).mean(1), np.tanh(e) / y.shape[1], None


def poisson(y: NDArray, t: NDArray) -> tuple[NDArray, NDArray, None]:
    rate = y + EPSILON
    return (y - t * np.log(rate)).mean(1), (1 - t / rate) / y.shape[1], None


def half_deviance(y: NDArray, t: NDArray) -> tuple[NDArray, NDArray, None]:
    value, slope, _ = poisson(y, t)
    return value + (special.xlogy(t, t) - t).mean(1), slope, None


def poisson_log(y: NDArray, t: NDArray) -> tuple[NDArray, NDArray, NDArray]:
    p = np.exp(y)
    return (p - t * y).mean(1), (p - t) / y.shape[1], p


def half_deviance_log(y: NDArray, t: NDArray) -> tuple[NDArray, NDArray, NDArray]:
    value, slope, p = poisson_log(y, t)
    return value + (special.xlogy(t, t) - t).mean(1), slope, p


def quantile(y: NDArray, t: NDArray, q: float) -> tuple[NDArray, NDArray, None]:
    e = t - y
    return np.maximum(q * e, (q - 1) * e).mean(1), (np.sign(-e) / 2 + (0.5 - q) * (e != 0)) / y.shape[1], None


def hinge(y: NDArray, t: NDArray) -> tuple[NDArray, NDArray, None]:
    s = np.where(t == 0, -1, t)
    gap = np.maximum(1 - s * y, 0)
    return gap.mean(1), np.where(gap > 0, -s, 0) / y.shape[1], None


def squared_hinge(y: NDArray, t: NDArray) -> tuple[NDArray, NDArray, None]:
    s = np.where(t == 0, -1, t)
    gap = np.maximum(1 - s * y, 0)
    return (gap**2).mean(1), -2 * s * gap / y.shape[1], None


def categorical_hinge(y: NDArray, t: NDArray) -> tuple[NDArray, NDArray, None]:
    others = (1 - t) * y
    gap = others.max(1) - (t * y).sum(1) + 1
    reached = others == others.max(1, keepdims=True)
    slope = (1 - t) * reached / reached.sum(1, keepdims=True) - t
    return np.maximum(gap, 0), np.where(gap[:, None] > 0, slope, 0), None


def mape(y: NDArray, t: NDArray) -> tuple[NDArray, NDArray, None]:
    size = np.maximum(np.abs(t), EPSILON)
    return 100 * (np.abs(y - t) / size).mean(1), 100 * np.sign(y - t) / size / y.shape[1], None


def kl(y: NDArray, t: NDArray) -> tuple[NDArray, NDArray, None]:
    c, s = np.clip(y, EPSILON, 1), np.clip(t, EPSILON, 1)
    return (s * np.log(s / c)).sum(1), np.where(c == y, -s / c, 0), None


def cosine(y: NDArray, t: NDArray) -> tuple[NDArray, NDArray, None]:
    ysize = np.maximum(np.sqrt((y**2).sum(1, keepdims=True)), EPSILON)
    t = t / np.maximum(np.sqrt((t**2).sum(1, keepdims=True)), EPSILON)
    s = (t * y).sum(1, keepdims=True) / ysize
    return -s[:, 0], (s * y / ysize - t) / ysize, None


def gaussian(y: NDArray, t: NDArray) -> tuple[NDArray, NDArray, None]:
    mean, s = y.T
    square = (mean - t) ** 2 * np.exp(-s)
    slope = np.stack([(mean - t) * np.exp(-s), (1 - square) / 2], axis=1)
    return (s + square + np.log(2 * np.pi)) / 2, slope, None


def focal_bce(y: NDArray, t: NDArray, gamma: float, alpha: float) -> tuple[NDArray, NDArray, None]:
    balance = t * alpha + (1 - t) * (1 - alpha) if alpha >= 0 else 1.0
    missing = t * (1 - y) + (1 - t) * y
    c = np.clip(y, EPSILON, 1 - EPSILON)
    entropy = -(t * np.log(c) + (1 - t) * np.log(1 - c))
    slope = missing**gamma * (c - t) / (c * (1 - c)) + gamma * missing ** (gamma - 1) * (1 - 2 * t) * entropy
    return (balance * missing**gamma * entropy).mean(1), balance * slope / y.shape[1], None


def focal_bce_logits(y: NDArray, t: NDArray, gamma: float, alpha: float) -> tuple[NDArray, NDArray, NDArray]:
    p = special.expit(y)
    value, slope, _ = focal_bce(p, t, gamma, alpha)
    return value, slope * p * (1 - p), p


def focal_cce(y: NDArray, t: NDArray, gamma: float, alpha: float) -> tuple[NDArray, NDArray, None]:
    total = y.sum(1, keepdims=True)
    q = y / total
    c = np.clip(q, EPSILON, 1 - EPSILON)
    g = alpha * t * (gamma * (1 - c) ** (gamma - 1) * np.log(c) - (1 - c) ** gamma / c) * (c == q)
    value = -alpha * (t * (1 - c) ** gamma * np.log(c)).sum(1)
    return value, (g - (g * q).sum(1, keepdims=True)) / total, None


def focal_cce_logits(y: NDArray, t: NDArray, gamma: float, alpha: float) -> tuple[NDArray, NDArray, NDArray]:
    log_p = special.log_softmax(y, axis=1)
    p, rest = np.exp(log_p), -np.expm1(log_p)
    h = alpha * t * (gamma * rest ** (gamma - 1) * p * log_p - rest**gamma)
    return -alpha * (t * rest**gamma * log_p).sum(1), h - p * h.sum(1, keepdims=True), p


def gce(y: NDArray, t: NDArray, q: float) -> tuple[NDArray, NDArray, None]:
    p = (y * t).sum(1)
    return (1 - p**q) / q, -t * p[:, None] ** (q - 1), None


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
    parameter: float = 0.0,
    second: float = 0.0,
    term: float = 1.0,
    kinks: tuple[float, ...] = (),
) -> Spec:
    """The spec of a loss kernel in one shape; `parameter` is its a, `second` its b, `term` the largest term's size."""
    fused, sparse, scale = op.endswith(("logits", "_log")), "sparse" in op, 0.25

    def args(rng: np.random.Generator, dtype: str, n: int) -> Fields:
        B, O = shape(n)
        a = {
            "y": y(rng, dtype, B, O), "t": t(rng, dtype, B, O),
            "w": uniform(rng, dtype, 0.5, 2, -(-B // group)) if weighted else None,
            "loss": blank(dtype, B), "dy": blank(dtype, B, O),
            "B": B, "O": O, "L": group, "scale": scale, "a": parameter, "b": second, "smooth": smooth,
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
    return Spec(op, args, outputs, reference, in_place=in_place, ulps=8.0, scale=term, kinks=kinks)


def pair(n: int) -> tuple[int, int]:
    """n rows of two columns: a mean and a variance."""
    return n, 2


DELTA, SHARE = 0.7, 0.8
FOCUS, SOFT, ALPHA = 2.0, 0.5, 0.3

SPECS = [
    *(
        loss(op, formula, y, t, shape, group=3 if shape is tall else 1, parameter=parameter, kinks=kinks)
        for op, formula, y, t, parameter, kinks in (
            ("loss_mae", mae, reals, reals, 0.0, (0.0,)),
            ("loss_msle", msle, rates, counts, 0.0, ()),
            ("loss_huber", partial(huber, delta=DELTA), reals, reals, DELTA, (-DELTA, DELTA)),
            ("loss_log_cosh", log_cosh, reals, reals, 0.0, ()),
            ("loss_poisson", poisson, rates, counts, 0.0, ()),
            ("loss_poisson_log", poisson_log, reals, counts, 0.0, ()),
            ("loss_quantile", partial(quantile, q=SHARE), reals, reals, SHARE, (0.0,)),
            ("loss_hinge", hinge, reals, signs, 0.0, (-1.0, 0.0)),
            ("loss_squared_hinge", squared_hinge, reals, signs, 0.0, ()),
            ("loss_kl", kl, probabilities, probabilities, 0.0, ()),
        )
        for shape in (wide, tall, single)
    ),
    *(
        loss(op, formula, y, t, shape, group=group, weighted=weighted)
        for op, formula, y, t in (
            ("loss_mse", mse, reals, reals),
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
    *(
        loss(
            op,
            partial(formula, gamma=gamma, alpha=b),
            y,
            t,
            shape,
            group=3 if shape is tall else 1,
            smooth=smooth,
            parameter=gamma,
            second=b,
        )
        for op, formula, y, t in (
            ("loss_focal_bce", focal_bce, probabilities, probabilities),
            ("loss_focal_bce_logits", focal_bce_logits, reals, probabilities),
            ("loss_focal_cce", focal_cce, rates, shares),
            ("loss_focal_cce_logits", focal_cce_logits, reals, shares),
        )
        for shape, gamma, b, smooth in (
            (wide, FOCUS, ALPHA, 0.0),
            (wide, FOCUS, ALPHA, 0.2),
            (tall, SOFT, ALPHA, 0.0),
            (single, FOCUS, -1.0, 0.0),
        )
        if shape is not single or "bce" in op
    ),
    *(
        loss(op, formula, y, t, shape, group=3 if shape is tall else 1, parameter=parameter, term=term)
        for op, formula, y, t, parameter, term in (
            ("loss_mape", mape, reals, away, 0.0, 1000.0),  # of 100 |y - t| / |t|
            ("loss_cosine", cosine, reals, reals, 0.0, 1.0),
            ("loss_categorical_hinge", categorical_hinge, reals, one_hot, 0.0, 1.0),
            ("loss_sparse_gce", partial(gce, q=SHARE), probabilities, classes, SHARE, 1.0),
        )
        for shape in (wide, tall)
    ),
    loss("loss_gaussian", gaussian, reals, numbers, pair, group=3),
    # Where the terms w t log(t) and w t log(m) nearly cancel; w is up to 2, t up to 8.
    loss("loss_poisson", half_deviance, rates, counts, single, parameter=1.0, term=30.0),
    loss("loss_poisson_log", half_deviance_log, reals, counts, single, parameter=1.0, term=30.0),
    loss("loss_bce", bce, probabilities, probabilities, wide, smooth=0.2),
    loss("loss_bce_logits", bce_logits, logits, probabilities, wide, smooth=0.2),
    loss("loss_cce", cce, probabilities, shares, wide, smooth=0.2),
    loss("loss_cce_logits", cce_logits, logits, shares, wide, smooth=0.2),
]
