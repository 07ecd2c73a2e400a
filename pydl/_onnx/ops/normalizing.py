"""Normalizations; statistics of batches are kept, and not trained."""

from __future__ import annotations

import math
from functools import reduce
from typing import Any

import numpy as np

from pydl import layers, ops
from pydl._onnx.building import Building, axis_of
from pydl._onnx.ops.table import handles
from pydl._onnx.parsing import Node
from pydl._onnx.values import Value

Array = np.ndarray

_TINY = 1e-30  # in place of an epsilon of 0


@handles("BatchNormalization")
def batch_normalization(g: Building, node: Node, x: Value, gamma: Array, beta: Array, mean: Array, var: Array) -> Any:
    given = node.attributes.get
    if given("training_mode", 0) or any(name in g.readers or name in g.outputs for name in node.outputs[1:] if name):
        raise ValueError("expected a BatchNormalization that is not in training")
    if not given("spatial", 1) and x.rank > 2:
        raise ValueError("spatial=0 is not known: expected one mean for each channel")
    momentum = min(max(given("momentum", 0.9), 0.0), 1.0)
    layer = g.layer(layers.BatchNormalization, momentum=momentum, epsilon=given("epsilon", 1e-5) or _TINY)
    return _by_channels(x, g.connect(layer, g.images(x), [gamma, beta, mean, var]))


def _by_channels(x: Value, y: Any) -> Value:
    return Value(y, (0, *range(2, x.rank), 1))


@handles("InstanceNormalization")
def instance_normalization(g: Building, node: Node, x: Value, gamma: Array, beta: Array) -> Any:
    layer = g.layer(layers.GroupNormalization, groups=-1, epsilon=node.attributes.get("epsilon", 1e-5) or _TINY)
    return _by_channels(x, g.connect(layer, g.images(x), [gamma, beta]))


@handles("GroupNormalization", since=18)
def group_normalization(g: Building, node: Node, x: Value, gamma: Array, beta: Array) -> Any:
    """In version 18, weights are those of groups, later of channels."""
    groups, channels = node.attributes["num_groups"], x.shape[1] or 1
    if g.opset < 21 and gamma.size == groups:
        gamma, beta = (np.repeat(w, channels // max(groups, 1)) for w in (gamma, beta))
    layer = g.layer(layers.GroupNormalization, groups=groups, epsilon=node.attributes.get("epsilon", 1e-5) or _TINY)
    return _by_channels(x, g.connect(layer, g.images(x), [gamma, beta]))


@handles("LayerNormalization", "RMSNormalization", since=17)
def layer_normalization(g: Building, node: Node, x: Value, gamma: Array, beta: Any = None) -> Any:
    """Over all axes from one on, which are seen as one."""
    if any(name in g.readers or name in g.outputs for name in node.outputs[1:] if name):
        raise ValueError("the mean and the deviation are not given out")
    axis = axis_of(node.attributes.get("axis", -1), x.rank)
    shape = x.shape
    own = [d or 0 for d in shape[axis:]]
    if axis == 0 or 0 in own:
        raise ValueError(f"axis {axis} of shape {shape}: samples would meet, or sizes are open")
    seen = g.reshaped(x, [*shape[:axis], math.prod(own)]) if axis < x.rank - 1 else x
    kind, centred = (layers.LayerNormalization, True) if node.op[0] == "L" else (layers.RMSNormalization, False)
    options = {"center": beta is not None} if centred else {}
    weights = [np.broadcast_to(w, own).reshape(-1) for w in (gamma, beta) if w is not None]
    layer = g.layer(kind, epsilon=node.attributes.get("epsilon", 1e-5) or _TINY, **options)
    y = Value(g.connect(layer, g.plain(seen), weights))
    return g.reshaped(y, shape) if axis < x.rank - 1 else y


@handles("LRN")
def local_response(g: Building, node: Node, x: Value) -> Any:
    """`x / (bias + alpha / size * sum of x^2 over neighbouring channels)^beta`."""
    given = node.attributes.get
    size, channels = node.attributes["size"], x.shape[1]
    if channels is None or not 1 <= size <= 2 * channels:
        raise ValueError(f"expected a size for {channels} channels, got {size}")
    place = x.place(1)
    before = (size - 1) // 2
    borders = [(before, size - 1 - before) if i == place else (0, 0) for i in range(x.rank)]
    squares = ops.pad(x.tensor * x.tensor, borders)
    ahead = (slice(None),) * place
    total = reduce(ops.add, [ops.get_item(squares, (*ahead, slice(i, i + channels))) for i in range(size)])
    return x.like(x.tensor * (total * (given("alpha", 1e-4) / size) + given("bias", 1.0)) ** -given("beta", 0.75))


@handles("LpNormalization")
def lp_normalization(g: Building, node: Node, x: Value) -> Any:
    axis, p = axis_of(node.attributes.get("axis", -1), x.rank), node.attributes.get("p", 2)
    if axis == 0 or p not in (1, 2):
        raise ValueError(f"axis {axis}, p={p}: expected an axis behind the batch and p of 1 or 2")
    return x.like(ops.divide_no_nan(x.tensor, ops.norm(x.tensor, ord=p, axis=x.place(axis), keepdims=True)))
