"""A layer called on arrays: a model of one layer, run once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pydl._base import check
from pydl._engine.graph import SymbolicTensor
from pydl._engine.masked_array import with_mask
from pydl._engine.tracing import Graph, leaves, packed
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
    listed = list(inputs) if isinstance(inputs, list | tuple) else [inputs]
    arrays = [check.numeric(f'layer "{layer.name}"', "inputs", x) for x in listed]
    tensors = [SymbolicTensor((None, *a.shape[1:]), layer.dtype, f"input_{i}") for i, a in enumerate(arrays)]
    masks = [] if mask is None else mask if isinstance(inputs, list | tuple) else [mask]
    given = _masked(layer, tensors, arrays, masks)
    call = layer.connect(given if isinstance(inputs, list | tuple) else given[0])
    model = _with_masks(layer, tensors, call.outputs)
    model._runner.draws = layer.draws
    found = predict_at_once(model, "call", arrays if len(arrays) > 1 else arrays[0], None, training=training)
    layer.draws = model._runner.draws
    outputs = _marked(call.outputs, leaves(found))
    return packed(call.keys, outputs) if call.keys is not None or not call.several else outputs


def call_masked(model: Any, inputs: Any, training: bool, masks: Any) -> Any:
    """`model(x)` where outputs have masks, or inputs, then a list of arrays, bring some."""
    if masks is None:
        twin, outputs, given = _twin(model), model.outputs, inputs
    else:
        arrays = [np.asarray(x) for x in inputs]
        tensors = [SymbolicTensor((None, *a.shape[1:]), t.dtype, t.name)
                   for a, t in zip(arrays, model.inputs, strict=True)]  # fmt: skip
        fresh = _masked(model, tensors, arrays, masks)
        outputs = Graph(model.inputs, model.outputs, model.calls).again(fresh, None)
        twin, given = _with_masks(model, tensors, outputs), arrays if len(arrays) > 1 else arrays[0]
    twin._runner.draws = model._runner.draws
    found = predict_at_once(twin, "call", given, None, training=training)
    model._runner.draws = twin._runner.draws
    return model.packed(_marked(outputs, leaves(found)))


def _twin(model: Any) -> Any:
    """The model, with the masks of its outputs as further ones; made once."""
    known = model._runner.twin
    if known is None or [id(t) for t in known[0]] != [id(t) for t in model.outputs]:
        twin = _with_masks(model, model.inputs, model.outputs)
        twin.input_keys = model.input_keys
        known = model._runner.twin = list(model.outputs), twin
    return known[1]


def _with_masks(layer: Layer, inputs: Sequence[SymbolicTensor], outputs: Sequence[SymbolicTensor]) -> Any:
    """A model of a layer whose outputs are followed by the masks of those that have one."""
    from pydl.models import Model

    paths = [v.path for v in layer.weights]
    masks = [MaskOf(dtype=t.dtype)(t) for t in outputs if t.masked]
    model = Model(list(inputs), [*outputs, *masks], name="eager")
    for v, path in zip(layer.weights, paths, strict=True):  # it may be part of another model, which named them
        v.path = path
    return model


def _masked(layer: Layer, tensors: list[SymbolicTensor], arrays: list[np.ndarray], masks: Sequence[Any]) -> list[Any]:
    """The tensors with their masks, which become further inputs."""
    given: list[Any] = list(tensors)
    for i, mask in enumerate(masks):
        if mask is not None:
            steps = _steps_of(layer, mask, arrays[i])
            arrays.append(steps)
            tensors.append(SymbolicTensor((None, *steps.shape[1:]), layer.dtype, f"mask_{i}"))
            given[i] = GivenMask(dtype=layer.dtype)([given[i], tensors[-1]])
    return given


def _marked(outputs: Sequence[SymbolicTensor], found: Sequence[np.ndarray]) -> list[np.ndarray]:
    """The arrays for some tensors, each with its mask, which are those behind."""
    masks = iter(found[len(outputs) :])
    return [with_mask(y, next(masks) if t.masked else None) for t, y in zip(outputs, found, strict=False)]


def _steps_of(layer: Layer, mask: Any, x: np.ndarray) -> np.ndarray:
    """A mask as numbers, 1 for each step of x that counts."""
    m = np.asarray(mask)
    if m.ndim == x.ndim - 1 and all(n in (1, size) for n, size in zip(m.shape, x.shape, strict=False)):
        m = np.broadcast_to(m, x.shape[:-1])
    if m.shape != x.shape[:-1]:
        raise ValueError(
            f'layer "{layer.name}": expected a mask of shape {x.shape[:-1]}, a number for each step of the input, got '
            f"{m.shape}"
        )
    return (m != 0).astype(layer.dtype)
