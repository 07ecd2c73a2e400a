"""A layer called on arrays: a model of one layer, run once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pydl._base import check
from pydl._engine.graph import SymbolicTensor
from pydl._engine.masked_array import with_mask
from pydl._engine.tracing import packed
from pydl._training.on_tape import apply_on_tape
from pydl._training.passes import predict_at_once
from pydl.layers.base import Layer
from pydl.layers.masking import GivenMask, MaskOf


def apply_layer(layer: Layer, inputs: Any, training: bool, mask: Any = None, tape: Any = None) -> Any:
    """`layer(x)` for an array, or a list of them; `mask`: which steps count, or a list of that.

    `tape`: what notes how the result came about. The result says which of its steps count, where layers do.
    """
    if tape is not None:
        return apply_on_tape(layer, inputs, training, tape)
    from pydl.models import Model

    listed = list(inputs) if isinstance(inputs, list | tuple) else [inputs]
    arrays = [check.numeric(f'layer "{layer.name}"', "inputs", x) for x in listed]
    tensors = [SymbolicTensor((None, *a.shape[1:]), layer.dtype, f"input_{i}") for i, a in enumerate(arrays)]
    given = list(tensors)
    for i, m in enumerate([] if mask is None else mask if isinstance(inputs, list | tuple) else [mask]):
        if m is not None:
            steps = _steps_of(layer, m, arrays[i])
            arrays.append(steps)
            tensors.append(SymbolicTensor((None, *steps.shape[1:]), layer.dtype, f"mask_{i}"))
            given[i] = GivenMask(dtype=layer.dtype)([given[i], tensors[-1]])
    call = layer.connect(given if isinstance(inputs, list | tuple) else given[0])
    paths = [v.path for v in layer.weights]
    model = Model(tensors, call.outputs + masks_of(call.outputs), name="eager")
    for v, path in zip(layer.weights, paths, strict=True):  # it may be part of another model, which named them
        v.path = path
    model._runner.draws = layer.draws
    found = predict_at_once(model, "call", arrays if len(arrays) > 1 else arrays[0], None, training=training)
    layer.draws = model._runner.draws
    outputs = marked(call.outputs, found if isinstance(found, list) else [found])
    return packed(call.keys, outputs) if call.keys is not None or not call.several else outputs


def masks_of(outputs: Sequence[SymbolicTensor]) -> list[SymbolicTensor]:
    """The masks of those that have one, to be computed with them."""
    return [MaskOf(dtype=t.dtype)(t) for t in outputs if t.masked]


def marked(outputs: Sequence[SymbolicTensor], found: Sequence[np.ndarray]) -> list[np.ndarray]:
    """The arrays for some tensors, each with its mask, which are those behind."""
    masks = iter(found[len(outputs) :])
    return [with_mask(y, next(masks) if t.masked else None) for t, y in zip(outputs, found, strict=False)]


def _steps_of(layer: Layer, mask: Any, x: np.ndarray) -> np.ndarray:
    """A mask as numbers, 1 for each step of x that counts."""
    m = np.asarray(mask)
    if m.shape != x.shape[:-1]:
        raise ValueError(
            f'layer "{layer.name}": expected a mask of shape {x.shape[:-1]}, a number for each step of the input, got '
            f"{m.shape}"
        )
    return (m != 0).astype(layer.dtype)
