"""The forward pass of a model, layer by layer, in NumPy: what predict has to give."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from pydl import layers as L
from tests.specs.activations import SPECS, Forward

Array = np.ndarray[Any, Any]

ACTIVATIONS: dict[str, Callable[[Array, float], Array]] = {
    "linear": lambda x, alpha: x,
    **{spec.name: spec.f for spec in SPECS if isinstance(spec, Forward)},
}


def activate(activation: Any, x: Array) -> Array:
    return ACTIVATIONS[activation.name](x, activation.alpha)


def apply(layer: Any, xs: list[Array]) -> Array:
    """The output of one layer in inference mode."""
    x, w = xs[0], {v.name: v.numpy() for v in getattr(layer, "_variables", ())}
    match layer:
        case L.Dense():
            return activate(layer.activation, x @ w["kernel"] + w.get("bias", 0))
        case L.Activation():
            return activate(layer.activation, x)
        case L.BatchNormalization():
            scaled = (x - w["moving_mean"]) / np.sqrt(w["moving_variance"] + layer.epsilon)
            return scaled * w.get("gamma", 1) + w.get("beta", 0)
        case L.LayerNormalization():
            centred = x - x.mean(axis=-1, keepdims=True)
            scaled = centred / np.sqrt(x.var(axis=-1, keepdims=True) + layer.epsilon)
            return scaled * w.get("gamma", 1) + w.get("beta", 0)
        case L.Embedding():
            return w["embeddings"][x.astype(int)]
        case L.Rescaling():
            return layer.scale * x + layer.offset
        case L.Flatten():
            return x.reshape(len(x), -1)
        case L.Reshape():
            return x.reshape(len(x), *layer.target_shape)
        case L.Dropout():
            return x
        case L.Add():
            return sum(xs[1:], x)
        case L.Multiply():
            return np.prod(xs, axis=0)
        case L.Concatenate():
            return np.concatenate(xs, axis=-1)
    if hasattr(layer, "calls"):
        return forward(layer, xs)[0]
    return layer.call(*xs)


def forward(model: Any, xs: list[Array]) -> list[Array]:
    """The outputs of a model."""
    tensors = {id(t): x for t, x in zip(model.inputs, xs, strict=True)}
    for call in model.calls:
        tensors[id(call.outputs[0])] = apply(call.layer, [tensors[id(t)] for t in call.inputs])
    return [tensors[id(t)] for t in model.outputs]
