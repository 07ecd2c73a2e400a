"""The network of a multilayer perceptron: built from an estimator's parameters, with scikit-learn's first weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

import pydl

ACTIVATIONS = {"identity": "linear", "logistic": "sigmoid", "tanh": "tanh", "relu": "relu", "softmax": "softmax"}
OUTPUTS = ACTIVATIONS | {"exp": "exponential"}  # scikit-learn has "exp" for outputs alone


class SharedL2(pydl.regularizers.Regularizer):
    """l2 * sum(x^2) over a batch as a whole, like scikit-learn's penalty: each of its samples has a share.

    Parameters
    ----------
    l2 : float, default 0.0
    rows : int, optional
        Samples that share it, where a batch is only a part of what a step looks at.
    """

    def __init__(self, l2: float = 0.0, rows: int | None = None) -> None:
        self.l2, self.rows = l2, rows

    def factors(self, batch: int) -> tuple[float, float]:
        return 0.0, self.l2 / (self.rows or batch)


def hidden_sizes(sizes: Any) -> list[int]:
    """Units of the hidden layers: a number or a sequence of them."""
    found = list(sizes) if hasattr(sizes, "__iter__") else [sizes]
    if any(n <= 0 for n in found):
        raise ValueError(f"hidden_layer_sizes must be > 0, got {found}.")
    return [int(n) for n in found]


def hidden_activations(activation: Any, layers: int) -> list[Any]:
    """The activation of each hidden layer: one for all, or a sequence with one for each.

    Raises
    ------
    ValueError
        When a sequence has another length than there are hidden layers.
    """
    if isinstance(activation, str) or callable(activation):
        activation = [activation] * layers
    if len(activation) != layers:
        raise ValueError(f"activation: expected one for each of {layers} hidden layers, got {len(activation)}")
    return [ACTIVATIONS.get(a, a) if isinstance(a, str) else a for a in activation]


def build(
    inputs: int, hidden: Sequence[int], outputs: int, activations: Sequence[Any], out_activation: str, dropout: float,
    batch_norm: bool, dtype: str,
) -> pydl.Model:  # fmt: skip
    """Dense layers, each but the last followed by batch normalisation and dropout where these are wanted."""
    layers = pydl.layers
    x = h = pydl.Input((inputs,), dtype=dtype)
    for k, (units, activation) in enumerate(zip(hidden, activations, strict=True)):
        name = f"hidden_{k + 1}"
        if batch_norm:
            h = _dense(units, "linear", name, dtype)(h)
            h = layers.BatchNormalization(name=f"normalization_{k + 1}", dtype=dtype)(h)
            h = layers.Activation(activation, name=f"activation_{k + 1}", dtype=dtype)(h)
        else:
            h = _dense(units, activation, name, dtype)(h)
        if dropout:
            h = layers.Dropout(dropout, name=f"dropout_{k + 1}", dtype=dtype)(h)
    return pydl.Model(x, _dense(outputs, OUTPUTS[out_activation], "output", dtype)(h))


def _dense(units: int, activation: Any, name: str, dtype: str) -> pydl.layers.Dense:
    return pydl.layers.Dense(units, activation=activation, name=name, dtype=dtype, kernel_regularizer=SharedL2())


def dense_layers(model: pydl.Model) -> list[pydl.layers.Dense]:
    """The layers with coefficients and intercepts, first to last."""
    return [layer for layer in model.layers if isinstance(layer, pydl.layers.Dense)]


def initialize(model: pydl.Model, activation: Any, random: np.random.RandomState) -> None:
    """scikit-learn's first weights, draw for draw: uniform within sqrt(6 / (fan_in + fan_out)), 2 for logistic.

    References
    ----------
    X. Glorot, Y. Bengio: Understanding the difficulty of training deep feedforward neural networks, AISTATS 2010.
    """
    factor = 2.0 if activation == "logistic" else 6.0
    for layer in dense_layers(model):
        kernel, bias = layer.get_weights()
        bound = np.sqrt(factor / sum(kernel.shape))
        layer.set_weights([random.uniform(-bound, bound, kernel.shape), random.uniform(-bound, bound, bias.shape)])


def set_penalty(model: pydl.Model, l2: float, rows: int | None) -> bool:
    """Penalise each kernel by `SharedL2(l2, rows)`; returns whether that is another penalty."""
    changed = False
    for layer in dense_layers(model):
        regularizer = layer.kernel_regularizer
        assert isinstance(regularizer, SharedL2)
        changed |= (regularizer.l2, regularizer.rows) != (l2, rows)
        regularizer.l2, regularizer.rows = l2, rows
    return changed
