"""Normalizations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pydl._engine.variable import Variable
from pydl._onnx.graph import Graph, Value
from pydl._onnx.writers import Writers
from pydl.layers.adapting import Normalization
from pydl.layers.normalization import BatchNormalization, LayerNormalization
from pydl.layers.normalizing import GroupNormalization, RMSNormalization, UnitNormalization

writers = Writers()


@writers.of(BatchNormalization)
def batch_normalization(g: Graph, layer: BatchNormalization, x: Value) -> Value:
    """The node of this name, which wants its features behind the batch, so that it can go on being trained."""
    n, axis = layer.moving_mean.size, layer._axes(x.rank)[0]
    weights = [
        _weight(g, layer.gamma, np.ones(n)), _weight(g, layer.beta, np.zeros(n)),
        g.weight(layer.moving_mean), g.weight(layer.moving_variance),
    ]  # fmt: skip

    def normal(name: str) -> str:
        return g.add("BatchNormalization", name, *weights, epsilon=layer.epsilon, momentum=layer.momentum)

    if x.rank == 2 or axis == 1 != x.rank - 1:
        return Value(normal(g.last(x)))
    if axis == x.rank - 1:
        return Value(first=normal(g.first(x)))
    others = [a for a in range(1, x.rank) if a != axis]
    moved = normal(g.transpose(g.last(x), [0, axis, *others]))
    return Value(g.transpose(moved, _back([0, axis, *others])))


def _back(order: Sequence[int]) -> list[int]:
    """The order that undoes this one."""
    return sorted(range(len(order)), key=lambda i: order[i])


def _weight(g: Graph, variable: Variable | None, otherwise: Any) -> str:
    return g.constant(otherwise) if variable is None else g.weight(variable)


@writers.of(LayerNormalization)
def layer_normalization(g: Graph, layer: LayerNormalization, x: Value) -> Value:
    """Over the last axes, to which others are moved."""
    axes = layer._axes(x.rank)
    order = [*(a for a in range(x.rank) if a not in axes), *axes]
    name = g.last(x) if order == sorted(order) else g.transpose(g.last(x), order)
    y = _over_last(g, layer, name, [int(x.shape[a] or 0) for a in axes])
    return Value(y if order == sorted(order) else g.transpose(y, _back(order)))


def _over_last(g: Graph, layer: LayerNormalization, name: str, sizes: list[int]) -> str:
    if g.opset >= 17 and g.dtype == "float32":
        bias = [] if layer.beta is None else [g.weight(layer.beta)]
        gamma = _weight(g, layer.gamma, np.ones(sizes))
        return g.add(
            "LayerNormalization", name, gamma, *bias, axis=-len(sizes), epsilon=layer.epsilon, stash_type=1
        )  # fmt: skip
    y = _standard(g, name, list(range(-len(sizes), 0)), layer.epsilon)
    if layer.gamma is not None:
        y = g.add("Mul", y, g.weight(layer.gamma))
    return y if layer.beta is None else g.add("Add", y, g.weight(layer.beta))


def _standard(g: Graph, x: str, axes: Sequence[int], epsilon: float) -> str:
    """(x - mean) / sqrt(variance + epsilon), along some axes."""
    centred = g.add("Sub", x, g.reduce("ReduceMean", x, axes, keepdims=True))
    return g.add("Mul", centred, _inverse(g, centred, axes, epsilon))


def _inverse(g: Graph, x: str, axes: Sequence[int], epsilon: float) -> str:
    """1 / sqrt(mean of squares + epsilon), along some axes."""
    squares = g.reduce("ReduceMean", g.add("Mul", x, x), axes, keepdims=True)
    return g.add("Reciprocal", g.add("Sqrt", g.add("Add", squares, g.constant(epsilon))))


@writers.of(RMSNormalization)
def rms_normalization(g: Graph, layer: RMSNormalization, x: Value) -> Value:
    name, axes = g.last(x), list(range(-len(layer.scale.shape), 0))
    return Value(g.add("Mul", g.add("Mul", name, _inverse(g, name, axes, layer.epsilon)), g.weight(layer.scale)))


@writers.of(UnitNormalization)
def unit_normalization(g: Graph, layer: UnitNormalization, x: Value) -> Value:
    """x / length, where the length is not below 1e-12: what is zero stays zero."""
    name, axes = g.last(x), [a % x.rank for a in (layer.axis if isinstance(layer.axis, list) else [layer.axis])]
    length = g.add("Sqrt", g.reduce("ReduceSumSquare", name, axes, keepdims=True))
    return Value(g.add("Div", name, g.add("Max", length, g.constant(1e-12))))


@writers.of(GroupNormalization)
def group_normalization(g: Graph, layer: GroupNormalization, x: Value) -> Value:
    axis = layer.axis % x.rank
    order = [0, axis, *(a for a in range(1, x.rank) if a != axis)]
    name = g.first(x) if axis == x.rank - 1 else g.transpose(g.last(x), order)
    n = int(x.shape[axis] or 0)
    parted = g.reshape(name, 0, layer._groups(n), -1)
    y = g.add("Reshape", _standard(g, parted, [2], layer.epsilon), g.add("Shape", name))
    for op, v in (("Mul", layer.gamma), ("Add", layer.beta)):
        if v is not None:
            y = g.add(op, y, g.unsqueeze(g.weight(v), *range(1, x.rank - 1)))
    return Value(first=y) if axis == x.rank - 1 else Value(g.transpose(y, _back(order)))


@writers.of(Normalization)
def normalization(g: Graph, layer: Normalization, x: Value) -> Value:
    assert layer._mean is not None
    assert layer._variance is not None
    own = layer._own_axes(x.shape)
    behind = [a - own[0] for a in range(own[0], x.rank) if a not in own] if own else []

    def repeated(v: Variable) -> str:
        return g.unsqueeze(g.weight(v), *behind)

    name, deviation = g.last(x), g.add("Sqrt", repeated(layer._variance))
    if layer.invert:
        return Value(g.add("Add", g.add("Mul", name, deviation), repeated(layer._mean)))
    assert layer._rest is not None
    centred = g.add("Sub", g.add("Sub", name, repeated(layer._mean)), repeated(layer._rest))
    return Value(g.add("Div", centred, deviation))
