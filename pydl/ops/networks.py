"""Functions of networks: normalization, cross-entropies, attention; activations are those of `pydl.activations`."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from pydl import activations, config
from pydl.ops.creation import one_hot
from pydl.ops.elementwise import (
    add,
    clip,
    divide,
    log,
    log10,
    maximum,
    multiply,
    negative,
    rsqrt,
    sqrt,
    square,
    subtract,
)
from pydl.ops.logic import where
from pydl.ops.products import einsum
from pydl.ops.reductions import mean, norm, sum
from pydl.ops.shapes import reshape, shape, squeeze

Array = np.ndarray


def gelu(x: Any, approximate: bool = True) -> Any:
    """x * P(X <= x), X standard normal, or, by default as in Keras, its approximation by tanh.

    `pydl.activations.gelu` and the layers' "gelu" are exact by default, as in Keras too.
    """
    return activations.gelu(x, approximate)


def normalize(x: Any, axis: int | tuple[int, ...] = -1, order: int = 2, epsilon: float | None = None) -> Any:
    """x divided by its norm along an axis, which counts as epsilon at least."""
    epsilon = config.epsilon() if epsilon is None else epsilon
    if order == 2 and isinstance(axis, tuple | list):  # the length of all, which `norm` takes of none but vectors
        x = multiply(x, 1.0)  # whole numbers would overflow
        return divide(x, sqrt(maximum(sum(square(x), axis=tuple(axis), keepdims=True), epsilon**2)))
    return divide(x, maximum(norm(x, ord=order, axis=axis, keepdims=True), epsilon))


def binary_crossentropy(target: Any, output: Any, from_logits: bool = False) -> Any:
    """-t log(p) - (1 - t) log(1 - p) of each element, p at least epsilon from 0 and 1.

    From logits z exactly, whatever their size: softplus(z) - t z.
    """
    if from_logits:
        return subtract(activations.softplus(output), multiply(target, output))
    p = _probability(output)
    other = subtract(1.0, target)
    return negative(multiply(target, log(p)) + multiply(other, log(subtract(1.0, p))))


def categorical_crossentropy(target: Any, output: Any, from_logits: bool = False, axis: int = -1) -> Any:
    """The sum of -t log(p) over the classes along an axis; probabilities are divided by their sum."""
    if from_logits:
        logs = activations.log_softmax(output, axis)
    else:
        logs = log(_probability(divide(output, sum(output, axis=axis, keepdims=True))))
    return negative(sum(multiply(target, logs), axis=axis))


def sparse_categorical_crossentropy(target: Any, output: Any, from_logits: bool = False, axis: int = -1) -> Any:
    """-log of the probability of the class whose number is the target."""
    if len(shape(target)) == len(shape(output)) and shape(target)[-1] == 1:
        target = squeeze(target, -1)
    classes = shape(output)[axis]
    hot = one_hot(target, classes, axis=axis)
    return categorical_crossentropy(hot, output, from_logits, axis)


def _probability(p: Any) -> Any:
    epsilon = config.epsilon()
    return clip(p, epsilon, 1.0 - epsilon)


def _along(values: Any, rank: int, axes: tuple[int, ...]) -> Any:
    """Values of some axes, in a shape that repeats along the others."""
    if len(shape(values)) == rank or axes == (rank - 1,):
        return values
    sizes = iter(shape(values))
    return reshape(values, [next(sizes) if i in axes else 1 for i in range(rank)])


def _normalized(x: Any, centre: bool, gamma: Any, beta: Any, axis: Any, epsilon: float | None) -> Any:
    axes = tuple(sorted(a % len(shape(x)) for a in (axis if isinstance(axis, list | tuple) else [axis])))
    epsilon = config.epsilon() if epsilon is None else epsilon
    if centre:
        x = subtract(x, mean(x, axes, True))
    y = multiply(x, rsqrt(add(mean(square(x), axes, True), epsilon)))
    y = y if gamma is None else multiply(y, _along(gamma, len(shape(x)), axes))
    return y if beta is None else add(y, _along(beta, len(shape(x)), axes))


def layer_normalization(
    x: Any, gamma: Any = None, beta: Any = None, axis: Any = -1, epsilon: float | None = None
) -> Any:
    """gamma * (x - mean) / sqrt(variance + epsilon) + beta, over axes of each sample."""
    return _normalized(x, True, gamma, beta, axis, epsilon)


def rms_normalization(x: Any, scale: Any = None, axis: Any = -1, epsilon: float | None = None) -> Any:
    """scale * x / sqrt(mean(x^2) + epsilon), over axes of each sample."""
    return _normalized(x, False, scale, None, axis, epsilon)


def batch_normalization(
    x: Any, mean: Any, variance: Any, axis: int, offset: Any = None, scale: Any = None, epsilon: float = 1e-3
) -> Any:
    """scale * (x - mean) / sqrt(variance + epsilon) + offset, of statistics along an axis that are given."""
    rank = len(shape(x))
    mean, variance, scale, offset = (
        None if v is None else _along(v, rank, (axis % rank,)) for v in (mean, variance, scale, offset)
    )
    y = multiply(subtract(x, mean), rsqrt(add(variance, epsilon)))
    y = y if scale is None else multiply(y, scale)
    return y if offset is None else add(y, offset)


def dot_product_attention(
    query: Any, key: Any, value: Any, bias: Any = None, mask: Any = None, scale: float | None = None,
    is_causal: bool = False, flash_attention: bool | None = None, attn_logits_soft_cap: float | None = None,
) -> Any:  # fmt: skip
    """softmax(scale * query key^T + bias) value, for each head. Vaswani et al. 2017.

    Parameters
    ----------
    query : array, shape (batch, T, heads, size)
    key, value : array, shape (batch, S, heads, size)
    bias : array, shape (batch, heads, T, S), optional
    mask : array of bool, shape (batch, heads, T, S), optional
        Whether a step of the query sees one of the key.
    scale : float, optional
        Default: 1 / sqrt(size).
    is_causal : bool
        Whether a step sees none behind its own place.
    flash_attention : bool, optional
        Changes nothing here.
    attn_logits_soft_cap : float, optional
        c: products x become c * tanh(x / c).
    """
    scale = float(shape(query)[-1] or 1) ** -0.5 if scale is None else scale
    logits = multiply(einsum("bthd,bshd->bhts", query, key), scale)
    if attn_logits_soft_cap is not None:
        logits = multiply(activations.tanh(divide(logits, attn_logits_soft_cap)), attn_logits_soft_cap)
    logits = logits if bias is None else add(logits, bias)
    if is_causal:
        sees = np.tri(shape(query)[1] or 0, shape(key)[1], dtype=bool)[None, None]
        logits = where(sees, logits, -1e9)
    logits = logits if mask is None else where(mask, logits, -1e9)
    return einsum("bhts,bshd->bthd", activations.softmax(logits), value)


def psnr(x1: Any, x2: Any, max_val: float) -> Any:
    """The peak signal-to-noise ratio, in dB: 20 log10(max_val) - 10 log10(mean((x1 - x2)^2))."""
    return subtract(20 * math.log10(max_val), multiply(log10(mean(square(subtract(x1, x2)))), 10.0))
