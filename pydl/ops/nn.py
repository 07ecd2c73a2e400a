"""Functions of networks: normalization and cross-entropies; activations are those of `pydl.activations`."""

from __future__ import annotations

from typing import Any

import numpy as np

from pydl import activations, config
from pydl.ops.creation import one_hot
from pydl.ops.elementwise import clip, divide, log, maximum, multiply, negative, subtract
from pydl.ops.reductions import norm, sum
from pydl.ops.shapes import shape, squeeze

Array = np.ndarray


def gelu(x: Any, approximate: bool = True) -> Any:
    """x * P(X <= x), X standard normal, or, by default as in Keras, its approximation by tanh.

    `pydl.activations.gelu` and the layers' "gelu" are exact by default, as in Keras too.
    """
    return activations.gelu(x, approximate)


def normalize(x: Any, axis: int = -1, order: int = 2, epsilon: float | None = None) -> Any:
    """x divided by its norm along an axis, which counts as epsilon at least."""
    epsilon = config.epsilon() if epsilon is None else epsilon
    return divide(x, maximum(norm(x, ord=order, axis=axis, keepdims=True), epsilon))


def binary_crossentropy(target: Any, output: Any, from_logits: bool = False) -> Any:
    """-t log(p) - (1 - t) log(1 - p) of each element, p at least epsilon from 0 and 1."""
    p = _probability(activations.sigmoid(output) if from_logits else output)
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
