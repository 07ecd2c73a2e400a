"""Layers of products, of single elements and of shapes."""

from __future__ import annotations

from typing import Any

import numpy as np

from pydl._onnx.activations import activate
from pydl._onnx.graph import Graph, Value
from pydl._onnx.writers import Writers
from pydl.layers.activating import ELU, LeakyReLU, PReLU, ReLU, Softmax
from pydl.layers.core import Activation, Flatten, Rescaling, Reshape
from pydl.layers.dense import Dense
from pydl.layers.embedding import Embedding
from pydl.layers.masking import Masking
from pydl.layers.reshaping import Permute, RepeatVector

writers = Writers()


@writers.of(Dense)
def dense(g: Graph, layer: Dense, x: Value) -> Value:
    kernel = g.kernel(layer)
    bias = [] if layer.bias is None else [g.weight(layer.bias)]
    if x.rank == 2:
        y = g.add("Gemm", g.last(x), kernel, *bias)
    else:
        y = g.add("MatMul", g.last(x), kernel)
        y = g.add("Add", y, *bias) if bias else y
    return activate(g, Value(y, shape=(*x.shape[:-1], layer.units)), layer.activation)


@writers.of(Embedding)
def embedding(g: Graph, layer: Embedding, x: Value) -> Value:
    codes = g.whole(x)
    mask = g.cast(codes, "bool") if layer.mask_zero else None
    table = g.kernel(layer)
    return Value(g.add("Gather", table, codes, axis=0), mask=mask)


@writers.of(Masking)
def masking(g: Graph, layer: Masking, x: Value) -> Value:
    differs = g.add("Not", g.add("Equal", g.last(x), g.constant(layer.mask_value)))
    counts = g.reduce("ReduceMax", g.cast(differs, "int32"), [-1])
    mask = g.cast(counts, "bool")
    kept = g.add("Where", g.unsqueeze(mask, -1), g.last(x), g.constant(0.0))
    return Value(kept, mask=mask)


# -- single elements --------------------------------------------------------------------------------------------------


@writers.of(Activation, ELU, LeakyReLU)
def activation(g: Graph, layer: Any, x: Value) -> Value:
    return activate(g, x, layer.activation)


@writers.of(ReLU)
def relu(g: Graph, layer: ReLU, x: Value) -> Value:
    if not layer.threshold and not (layer.negative_slope and layer.max_value is not None):
        return activate(g, x, layer.activation)
    threshold = g.constant(layer.threshold)

    def make(name: str) -> str:
        below = g.add("Mul", g.add("Sub", name, threshold), g.constant(layer.negative_slope))
        y = g.add("Where", g.add("Greater", name, threshold), name, below)
        return y if layer.max_value is None else g.add("Min", y, g.constant(layer.max_value))

    return g.by_element(x, make)


@writers.of(PReLU)
def prelu(g: Graph, layer: PReLU, x: Value) -> Value:
    return Value(g.add("PRelu", g.last(x), g.weight(layer.alpha)))


@writers.of(Softmax)
def softmax(g: Graph, layer: Softmax, x: Value, *masks: Value) -> Value:
    name, axes = g.last(x), [a % x.rank for a in layer._axes]
    keep = g.add("Greater", g.last(masks[0]), g.constant(0.5)) if masks else ""
    if masks:
        name = g.add("Where", keep, name, g.constant(-1e9))
    if len(axes) == 1:
        name = g.add("Softmax", name, axis=axes[0])
    else:
        e = g.add("Exp", g.add("Sub", name, g.reduce("ReduceMax", name, axes, keepdims=True)))
        name = g.add("Div", e, g.reduce("ReduceSum", e, axes, keepdims=True))
    return Value(g.add("Where", keep, name, g.constant(0.0)) if masks else name)


@writers.of(Rescaling)
def rescaling(g: Graph, layer: Rescaling, x: Value) -> Value:
    if np.ndim(layer.scale) or np.ndim(layer.offset):
        g.last(x)
    scaled = g.by_element(x, lambda name: g.add("Mul", name, g.constant(layer.scale)))
    if not np.any(layer.offset):
        return scaled
    return g.by_element(scaled, lambda name: g.add("Add", name, g.constant(layer.offset)))


# -- shapes -----------------------------------------------------------------------------------------------------------


@writers.of(Flatten, Reshape)
def view(g: Graph, layer: Flatten | Reshape, x: Value) -> Value:
    """At most one of the sizes is what data decide: what is left."""
    sizes = layer.compute_output_shape(x.shape)[1:]
    return Value(g.reshape(g.last(x), 0, *(-1 if d is None else d for d in sizes)), dtype=x.dtype)


@writers.of(Permute)
def permute(g: Graph, layer: Permute, x: Value) -> Value:
    axes = [0, *layer.dims]
    if x.last is None:  # where pydl's axes stand
        places = [0, *range(2, x.rank), 1]
        return Value(g.transpose(g.first(x), [places[a] for a in axes]))
    if axes == [0, *range(2, x.rank), 1]:  # what comes in is what comes out with channels behind the batch
        return Value(first=x.last)
    return Value(g.transpose(x.last, axes))


@writers.of(RepeatVector)
def repeat_vector(g: Graph, layer: RepeatVector, x: Value) -> Value:
    return Value(g.add("Tile", g.unsqueeze(g.last(x), 1), g.ints(1, layer.n, 1)))
