"""Activations, forward and backward. References avoid cancellation, so that most bounds can be relative."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import special

from pydl._engine import facts
from tests.specs.spec import Fields, Spec

Array = np.ndarray[Any, np.dtype[np.float64]]
SELU_SCALE, SELU_ALPHA = 1.0507009873554804934193349852946, 1.6732632423543772848170429916717


def shape(n: int, rowwise: bool) -> tuple[int, int]:
    """Three rows of n for ops that reduce over a row; else n elements, several to a row where n allows it."""
    if rowwise:
        return 3, n
    return (n // 8, 8) if n >= 64 and n % 8 == 0 else (n, 1)


def logits(rng: np.random.Generator, dtype: str, B: int, O: int) -> Array:
    """About half within [-1, 1], where curvature is, the others spread over [-12, 12]; zeros among them."""
    x = np.where(rng.random((B, O)) < 0.5, rng.uniform(-1, 1, (B, O)), rng.uniform(-12, 12, (B, O))).astype(dtype)
    x.flat[::11] = 0
    if x.size > 100:
        assert x.std() > 3
        assert np.abs(x).min() == 0
    return x


@dataclass(frozen=True)
class Forward(Spec):
    """An activation: its name, the function of x and its parameter, and its limits at minus and plus infinity."""

    name: str = ""
    f: Callable[[Array, float], Array] = lambda x, alpha: x
    limits: tuple[float, float] = (0.0, np.inf)


def forward(name: str, f: Callable[[Array, float], Array], ulps: float, *, alpha: float = 0.0, scale: float = 0.0,
            kinks: tuple[float, ...] = (), limits: tuple[float, float] = (0.0, np.inf)) -> Forward:  # fmt: skip
    rowwise = facts.of(f"act_{name}_fwd")["rowwise"]

    def args(rng: np.random.Generator, dtype: str, n: int) -> Fields:
        B, O = shape(n, rowwise)
        return {"x": logits(rng, dtype, B, O), "y": np.full((B, O), np.nan, dtype), "B": B, "O": O, "alpha": alpha}

    reference = lambda a: {"y": f(a["x"], a["alpha"])}  # noqa: E731
    return Forward(f"act_{name}_fwd", args, ("y",), reference, ulps, scale, (("x", "y"),), kinks, name, f, limits)


def backward(name: str, df: Callable[[Array, Array, float], Array], *, stored: Callable[[Array, float], Array],
             ulps: float = 4.0, alpha: float = 0.0, scale: float = 1.0) -> Spec:  # fmt: skip
    """`stored` makes what the kernel reads out of logits: y = f(x), or x itself."""
    rowwise = facts.of(f"act_{name}_bwd")["rowwise"]

    def args(rng: np.random.Generator, dtype: str, n: int) -> Fields:
        B, O = shape(n, rowwise)
        s = stored(logits(rng, dtype, B, O).astype(np.float64), alpha).astype(dtype)
        dy = rng.uniform(-1, 1, (B, O)).astype(dtype)
        return {"s": s, "dy": dy, "dx": np.full((B, O), np.nan, dtype), "B": B, "O": O, "alpha": alpha}

    reference = lambda a: {"dx": df(a["s"], a["dy"], a["alpha"])}  # noqa: E731
    return Spec(f"act_{name}_bwd", args, ("dx",), reference, ulps, scale, (("dy", "dx"),))


def the_input(x: Array, alpha: float) -> Array:
    return x


# ---- forward ---------------------------------------------------------------------------------------------------------
def relu(x: Array, alpha: float) -> Array:
    return np.maximum(x, 0)


def leaky_relu(x: Array, alpha: float) -> Array:
    return np.where(x > 0, x, alpha * x)


def elu(x: Array, alpha: float) -> Array:
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0)))


def selu(x: Array, alpha: float) -> Array:
    return SELU_SCALE * elu(x, SELU_ALPHA)


def normal_cdf(x: Array) -> Array:
    """erfcx(-x / sqrt(2)) e^(-x^2/2) / 2 below zero, x^2 in two parts: erfc itself rounds it, up to x^2 / 2 eps."""
    a = np.abs(x)
    head = a.astype(np.float32).astype(np.float64)
    bell = np.exp(-head * head / 2) * np.exp(-(a - head) * (a + head) / 2)
    tail = special.erfcx(a / np.sqrt(2)) * bell / 2
    return np.where(x < 0, tail, 1 - tail)


def erf(x: Array, alpha: float) -> Array:
    return special.erf(x)


def gelu(x: Array, alpha: float) -> Array:
    return x * normal_cdf(x)


def gelu_tanh(x: Array, alpha: float) -> Array:
    return x * special.expit(2 * np.sqrt(2 / np.pi) * (x + 0.044715 * x**3))


def sigmoid(x: Array, alpha: float) -> Array:
    return special.expit(x)


def tanh(x: Array, alpha: float) -> Array:
    return np.tanh(x)


def softplus(x: Array, alpha: float) -> Array:
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


def exponential(x: Array, alpha: float) -> Array:
    return np.exp(x)


def softsign(x: Array, alpha: float) -> Array:
    return x / (1 + np.abs(x))


def silu(x: Array, alpha: float) -> Array:
    return x * special.expit(x)


def mish(x: Array, alpha: float) -> Array:
    return x * np.tanh(softplus(x, 0))


def hard_sigmoid(x: Array, alpha: float) -> Array:
    return np.clip(x + 3, 0, 6) / 6


def squareplus(x: Array, b: float) -> Array:
    larger = (np.abs(x) + np.sqrt(x * x + b)) / 2
    return np.where(x < 0, b / 4 / larger, larger)


def celu(x: Array, alpha: float) -> Array:
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0) / alpha))


def relu6(x: Array, alpha: float) -> Array:
    return np.clip(x, 0, alpha)


def hard_tanh(x: Array, alpha: float) -> Array:
    return np.clip(x, -1, 1)


def hard_silu(x: Array, alpha: float) -> Array:
    return x * hard_sigmoid(x, 0)


def hard_shrink(x: Array, alpha: float) -> Array:
    return np.where(np.abs(x) > alpha, x, 0)


def soft_shrink(x: Array, alpha: float) -> Array:
    return np.sign(x) * np.maximum(np.abs(x) - alpha, 0)


def tanh_shrink(x: Array, alpha: float) -> Array:
    return x - np.tanh(x)


def log_sigmoid(x: Array, alpha: float) -> Array:
    return -softplus(-x, 0)


def sparse_plus(x: Array, alpha: float) -> Array:
    return np.where(x >= 1, x, (np.clip(x, -1, 1) + 1) ** 2 / 4)


def sparse_sigmoid(x: Array, alpha: float) -> Array:
    return np.clip((x + 1) / 2, 0, 1)


def sparsemax(x: Array, alpha: float) -> Array:
    """From the sorted numbers: the last k for which 1 + k z_k exceeds the sum of the first k (Martins, Astudillo)."""
    if not x.size:
        return x
    z = np.sort(x, axis=-1)[..., ::-1]
    sums, k = z.cumsum(axis=-1), np.arange(1, x.shape[-1] + 1)
    last = (1 + k * z > sums).sum(axis=-1, keepdims=True)
    t = (np.take_along_axis(sums, last - 1, axis=-1) - 1) / last
    return np.maximum(x - t, 0)


def softmax(x: Array, alpha: float) -> Array:
    return special.softmax(x, axis=-1) if x.size else x


def log_softmax(x: Array, alpha: float) -> Array:
    """(x - max) - log1p(sum of the other terms): exact next to zero, too."""
    if not x.size:
        return x
    top = x.argmax(axis=-1)[..., None]
    z = x - np.take_along_axis(x, top, axis=-1)
    others = np.exp(z)
    np.put_along_axis(others, top, 0, axis=-1)
    return z - np.log1p(others.sum(axis=-1, keepdims=True))


# ---- backward: dy * f', from what the kernel reads -------------------------------------------------------------------
def d_relu(y: Array, dy: Array, alpha: float) -> Array:
    return dy * (y > 0)


def d_leaky_relu(y: Array, dy: Array, alpha: float) -> Array:
    return dy * np.where(y > 0, 1, alpha)


def d_elu(y: Array, dy: Array, alpha: float) -> Array:
    return dy * np.where(y >= 0, 1, y + alpha)


def d_selu(y: Array, dy: Array, alpha: float) -> Array:
    return dy * np.where(y >= 0, SELU_SCALE, y + SELU_SCALE * SELU_ALPHA)


def d_erf(x: Array, dy: Array, alpha: float) -> Array:
    return dy * 2 / np.sqrt(np.pi) * np.exp(-x * x)


def d_gelu(x: Array, dy: Array, alpha: float) -> Array:
    return dy * (normal_cdf(x) + x * np.exp(-x * x / 2) / np.sqrt(2 * np.pi))


def d_gelu_tanh(x: Array, dy: Array, alpha: float) -> Array:
    c = 2 * np.sqrt(2 / np.pi)
    u = c * (x + 0.044715 * x**3)
    return dy * (special.expit(u) + x * special.expit(u) * special.expit(-u) * c * (1 + 3 * 0.044715 * x**2))


def d_sigmoid(y: Array, dy: Array, alpha: float) -> Array:
    return dy * y * (1 - y)


def d_tanh(y: Array, dy: Array, alpha: float) -> Array:
    return dy * (1 - y) * (1 + y)


def d_softplus(y: Array, dy: Array, alpha: float) -> Array:
    return dy * -np.expm1(-y)


def d_exponential(y: Array, dy: Array, alpha: float) -> Array:
    return dy * y


def d_softsign(x: Array, dy: Array, alpha: float) -> Array:
    return dy / (1 + np.abs(x)) ** 2


def d_silu(x: Array, dy: Array, alpha: float) -> Array:
    return dy * (special.expit(x) + x * special.expit(x) * special.expit(-x))


def d_mish(x: Array, dy: Array, alpha: float) -> Array:
    t = np.tanh(softplus(x, 0))
    return dy * (t + x * special.expit(x) / np.cosh(softplus(x, 0)) ** 2)


def d_hard_sigmoid(y: Array, dy: Array, alpha: float) -> Array:
    return dy / 6 * ((y > 0) & (y < 1))


def d_squareplus(y: Array, dy: Array, b: float) -> Array:
    return dy * y / (y + b / 4 / y)


def d_celu(y: Array, dy: Array, alpha: float) -> Array:
    return dy * np.where(y >= 0, 1, y / alpha + 1)


def d_relu6(y: Array, dy: Array, alpha: float) -> Array:
    return dy * ((y > 0) & (y < alpha))


def d_hard_tanh(y: Array, dy: Array, alpha: float) -> Array:
    return dy * (np.abs(y) < 1)


def d_hard_silu(x: Array, dy: Array, alpha: float) -> Array:
    return dy * np.where(np.abs(x) < 3, (2 * x + 3) / 6, x > 0)


def d_shrink(y: Array, dy: Array, alpha: float) -> Array:
    return dy * (y != 0)


def d_tanh_shrink(x: Array, dy: Array, alpha: float) -> Array:
    return dy * np.tanh(x) ** 2


def d_log_sigmoid(y: Array, dy: Array, alpha: float) -> Array:
    return dy * -np.expm1(y)


def d_sparse_plus(y: Array, dy: Array, alpha: float) -> Array:
    return dy * np.sqrt(np.minimum(y, 1))


def d_sparse_sigmoid(y: Array, dy: Array, alpha: float) -> Array:
    return dy / 2 * ((y > 0) & (y < 1))


def d_sparsemax(y: Array, dy: Array, alpha: float) -> Array:
    on = y > 0
    return on * (dy - (on * dy).sum(axis=1, keepdims=True) / np.maximum(on.sum(axis=1, keepdims=True), 1))


def d_softmax(y: Array, dy: Array, alpha: float) -> Array:
    return y * (dy - (dy * y).sum(axis=1, keepdims=True))


def d_log_softmax(y: Array, dy: Array, alpha: float) -> Array:
    return dy - np.exp(y) * dy.sum(axis=1, keepdims=True)


SPECS: list[Spec] = [
    forward("relu", relu, 0, kinks=(0.0,)),
    backward("relu", d_relu, stored=relu, ulps=0),
    forward("leaky_relu", leaky_relu, 1, alpha=0.3, kinks=(0.0,), limits=(-np.inf, np.inf)),
    backward("leaky_relu", d_leaky_relu, stored=leaky_relu, ulps=1, alpha=0.3, scale=0),
    forward("elu", elu, 4, alpha=0.7, kinks=(0.0,), limits=(-0.7, np.inf)),
    backward("elu", d_elu, stored=elu, alpha=0.7),
    forward("selu", selu, 4, kinks=(0.0,), limits=(-SELU_SCALE * SELU_ALPHA, np.inf)),
    backward("selu", d_selu, stored=selu),
    forward("erf", erf, 3, limits=(-1, 1)),  # verf's 2, and the reference's
    backward("erf", d_erf, stored=the_input, ulps=5),
    forward("gelu", gelu, 8),  # vnormal's 5, a product, and the reference's 2
    backward("gelu", d_gelu, stored=the_input, ulps=6),  # vnormal's 5 and a product
    # x = -12 makes 2 u = -142, whose rounding is an error of 142 eps in e^(2 u); the bound for |x| < 3 is tested apart
    forward("gelu_tanh", gelu_tanh, 300, scale=1e-30),
    backward("gelu_tanh", d_gelu_tanh, stored=the_input, ulps=16),  # x 2 u' s (1 - s): seven roundings, up to 1.4
    forward("sigmoid", sigmoid, 4, limits=(0, 1)),
    backward("sigmoid", d_sigmoid, stored=sigmoid, scale=0),
    forward("tanh", tanh, 4, limits=(-1, 1)),
    backward("tanh", d_tanh, stored=tanh, scale=0),
    forward("softplus", softplus, 4),
    backward("softplus", d_softplus, stored=softplus, scale=0),
    forward("exponential", exponential, 3),  # vexp's 2, and the reference's
    backward("exponential", d_exponential, stored=exponential, ulps=1, scale=0),
    forward("softsign", softsign, 4, limits=(-1, 1)),
    backward("softsign", d_softsign, stored=the_input, scale=0),
    forward("silu", silu, 4),
    backward("silu", d_silu, stored=the_input),
    forward("mish", mish, 6),  # w and w + 2 add to the error of exp
    backward("mish", d_mish, stored=the_input, ulps=6),  # likewise
    forward("hard_sigmoid", hard_sigmoid, 1, scale=1, kinks=(-3.0, 3.0), limits=(0, 1)),
    backward("hard_sigmoid", d_hard_sigmoid, stored=hard_sigmoid, scale=0),
    forward("squareplus", squareplus, 4, alpha=4),
    backward("squareplus", d_squareplus, stored=squareplus, alpha=4, scale=0),
    # exp's argument is a difference of up to 24 that rounds to 24/2 eps
    forward("celu", celu, 4, alpha=0.7, kinks=(0.0,), limits=(-0.7, np.inf)),
    backward("celu", d_celu, stored=celu, alpha=0.7),
    forward("relu6", relu6, 0, alpha=6.0, kinks=(0.0, 6.0), limits=(0, 6)),
    backward("relu6", d_relu6, stored=relu6, ulps=0, alpha=6.0),
    forward("hard_tanh", hard_tanh, 0, kinks=(-1.0, 1.0), limits=(-1, 1)),
    backward("hard_tanh", d_hard_tanh, stored=hard_tanh, ulps=0),
    forward("hard_silu", hard_silu, 4, scale=1, kinks=(-3.0, 3.0)),
    backward("hard_silu", d_hard_silu, stored=the_input),
    forward("hard_shrink", hard_shrink, 0, alpha=0.5, kinks=(-0.5, 0.5), limits=(-np.inf, np.inf)),
    backward("hard_shrink", d_shrink, stored=hard_shrink, ulps=0, alpha=0.5),
    forward("soft_shrink", soft_shrink, 1, alpha=0.3, kinks=(-0.3, 0.3), scale=1, limits=(-np.inf, np.inf)),
    backward("soft_shrink", d_shrink, stored=soft_shrink, ulps=0, alpha=0.3),
    forward("tanh_shrink", tanh_shrink, 4, scale=1, limits=(-np.inf, np.inf)),
    backward("tanh_shrink", d_tanh_shrink, stored=the_input, ulps=8, scale=0),  # twice tanh's 3, and two products
    forward("log_sigmoid", log_sigmoid, 4, limits=(-np.inf, 0)),
    backward("log_sigmoid", d_log_sigmoid, stored=log_sigmoid, scale=0),
    forward("sparse_plus", sparse_plus, 4, kinks=(-1.0, 1.0)),
    backward("sparse_plus", d_sparse_plus, stored=sparse_plus, scale=0),
    forward("sparse_sigmoid", sparse_sigmoid, 1, scale=1, kinks=(-1.0, 1.0), limits=(0, 1)),
    backward("sparse_sigmoid", d_sparse_sigmoid, stored=sparse_sigmoid, ulps=0),
    forward("sparsemax", sparsemax, 4, scale=24, limits=(0, 1)),  # x - max x, which reaches 24, is rounded
    backward("sparsemax", d_sparsemax, stored=sparsemax, scale=2),  # of dy less a mean
    forward("softmax", softmax, 16),
    backward("softmax", d_softmax, stored=softmax),
    forward("log_softmax", log_softmax, 4, scale=1),
    # scale: the sum of dy, about 20 for a row of 1,000
    backward("log_softmax", d_log_softmax, stored=log_softmax, scale=20),
]
