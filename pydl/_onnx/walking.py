"""From the calls of a model's graph to nodes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from pydl._base.errors import of_memory
from pydl._engine import own_masks
from pydl._engine.graph import Call, SymbolicTensor
from pydl._engine.tracing import leaves, trace_call
from pydl._onnx.graph import Graph, Value
from pydl._onnx.operations import operation
from pydl._onnx.table import REASONS, WRITERS
from pydl.layers.base import Layer
from pydl.layers.embedding import Embedding
from pydl.layers.host import HostLayer
from pydl.layers.operation import Operation

#: Layers that take values of any dtype as they are.
_OF_ANY_DTYPE = ("Concatenate", "Flatten", "Identity", "Reshape")


def walk(g: Graph, inputs: Sequence[SymbolicTensor], outputs: Sequence[SymbolicTensor], calls: Sequence[Call],
         given: Sequence[Value]) -> list[Value]:  # fmt: skip
    """Write the calls that the outputs depend on; returns the outputs."""
    needed = {id(t) for t in outputs}
    wanted = []
    for call in reversed(calls):
        if any(id(t) in needed for t in call.outputs):
            wanted.append(call)
            needed.update(id(t) for t in call.inputs)
    values = {id(t): value for t, value in zip(inputs, given, strict=True)}
    for call in reversed(wanted):
        found = _written(g, call, [values[id(t)] for t in call.inputs])
        values |= {id(t): value for t, value in zip(call.outputs, found, strict=True)}
    return [values[id(t)] for t in outputs]


def _written(g: Graph, call: Call, x: list[Value]) -> list[Value]:
    """The outputs of a call."""
    layer: Any = call.layer
    if call.training:
        g.layer = layer.name
        raise g.refuse("it was called with training=True, so that it always behaves as in training")
    if own_masks.says(layer):
        g.layer = layer.name
        raise g.refuse("its compute_mask is code, and says which steps count")
    write, graph = WRITERS.get(type(layer)), layer._graph
    if graph is not None:  # a model, or a layer of layers
        return walk(g, graph.inputs, graph.outputs, graph.calls, x)
    g.layer = layer.name
    if not isinstance(layer, Embedding | HostLayer) and type(layer).__name__ not in _OF_ANY_DTYPE:
        x = [g.number(v) for v in x]
    shapes = layer.output_shapes([v.shape for v in x] if call.listed else x[0].shape)
    if isinstance(layer, Operation):
        return [_completed(g, layer, operation(g, layer, x, tuple(shapes[0])), shapes[0], x)]
    if write is not None:
        return [_completed(g, layer, write(g, layer, *x), shapes[0], x)]
    if type(layer).__name__ in REASONS:
        raise g.refuse(REASONS[type(layer).__name__])
    return _traced(g, layer, x, call.listed)


def _completed(g: Graph, layer: Any, y: Value, shape: Any, x: list[Value]) -> Value:
    """An output with what follows from the layer where it was not given."""
    mask = x[0].mask if y.mask is None and layer.supports_masking and len(x) == 1 else y.mask
    return replace(y, shape=tuple(shape), dtype=y.dtype or g.dtype, mask=mask)


def _traced(g: Graph, layer: Layer, x: list[Value], listed: bool) -> list[Value]:
    """A layer of a user's own, written with `pydl.ops`: the graph that its `call` amounts to."""
    inputs = [SymbolicTensor(v.shape, layer.dtype, layer.name) for v in x]
    try:
        outputs, calls, _ = trace_call(f'layer "{layer.name}"', layer.call, inputs, listed)
    except (TypeError, ValueError, AttributeError, NotImplementedError) as error:
        if of_memory(error):
            raise
        raise g.refuse(
            f"{type(layer).__name__} is a layer of your own; its call is written if it uses pydl.ops alone: {error}"
        ) from error
    return walk(g, inputs, leaves(outputs), calls, x)
