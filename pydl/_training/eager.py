"""A layer called on arrays: a model of one layer, run once."""

from __future__ import annotations

from typing import Any

from pydl._base import check
from pydl._engine.graph import SymbolicTensor
from pydl.layers.base import Layer


def apply_layer(layer: Layer, inputs: Any, training: bool) -> Any:
    """`layer(x)` for an array, or a list of them."""
    from pydl.models import Model

    listed = list(inputs) if isinstance(inputs, list | tuple) else [inputs]
    arrays = [check.numeric(f'layer "{layer.name}"', "inputs", x) for x in listed]
    tensors = [SymbolicTensor((None, *a.shape[1:]), layer.dtype, f"input_{i}") for i, a in enumerate(arrays)]
    call = layer.connect(tensors if isinstance(inputs, list | tuple) else tensors[0])
    paths = [v.path for v in layer.weights]
    model = Model(tensors, call.output, name="eager")
    for v, path in zip(layer.weights, paths, strict=True):  # it may be part of another model, which named them
        v.path = path
    return model(arrays if len(arrays) > 1 else arrays[0], training=training)
