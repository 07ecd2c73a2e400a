"""Pooling of windows and of all positions."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from pydl import layers, ops
from pydl._engine.graph import SymbolicTensor
from pydl._onnx.building import Building
from pydl._onnx.ops.table import handles
from pydl._onnx.ops.windowed import Grid, grid, of_images, positions, zeros_around
from pydl._onnx.parsing import Node
from pydl._onnx.values import Value

_LAYER_AXES = (1, 2)  # for which there are layers; over others, windows are taken apart


@handles("GlobalAveragePool", "GlobalMaxPool")
def global_pool(g: Building, node: Node, x: Value) -> Any:
    axes = len(positions(x))
    name = "Average" if node.op == "GlobalAveragePool" else "Max"
    if axes > 3:
        function = ops.mean if name == "Average" else ops.max
        return x.like(function(x.tensor, axis=tuple(x.place(a) for a in range(2, x.rank)), keepdims=True))
    return of_images(g.connect(g.layer(getattr(layers, f"Global{name}Pooling{axes}D"), keepdims=True), g.images(x)))


@handles("MaxPool")
def max_pool(g: Building, node: Node, x: Value) -> Any:
    if any(name in g.readers or name in g.outputs for name in node.outputs[1:] if name):
        raise ValueError("the places of the largest values are not given out")
    if not node.attributes.get("kernel_shape"):
        raise ValueError("expected a kernel_shape")
    where = grid(node, (), positions(x))
    t, axes, same = g.images(x), len(positions(x)), where.as_same(positions(x))
    if axes in _LAYER_AXES and max(where.dilations) == 1:
        if not same:
            t = _infinite_around(g, t, where)
        padding = "same" if same and where.padded else "valid"
        layer = g.layer(getattr(layers, f"MaxPooling{axes}D"), where.taps, where.strides, padding)
        return of_images(g.connect(layer, t))
    return of_images(_over_taps(g, _infinite_around(g, t, where), where, ops.max))


def _infinite_around(g: Building, t: SymbolicTensor, where: Grid) -> SymbolicTensor:
    """Images with what is never the largest where windows reach beyond them: zeros, where nothing is below."""
    if not where.padded:
        return t
    layer = t.call.layer if t.call is not None else None
    if getattr(getattr(layer, "activation", None), "name", "") in ("relu", "relu6", "sigmoid") and t.ndim in (3, 4):
        return zeros_around(g, t, where)
    pairs = where.around()
    g.fits([(d or 0) + sum(p) for d, p in zip(t.shape[1:-1], pairs, strict=True)] + [t.shape[-1]])
    return ops.pad(t, [(0, 0), *pairs, (0, 0)], constant_values=-math.inf)


def _over_taps(g: Building, t: SymbolicTensor, where: Grid, function: Any) -> SymbolicTensor:
    """A function of what each window reads, along one axis of positions after the other."""
    none = (0,) * len(where.taps)
    inside = Grid(where.taps, where.strides, where.dilations, none, none)
    for i, out in enumerate(inside.out([d or 0 for d in t.shape[1:-1]])):
        taps, stride, dilation = where.taps[i], where.strides[i], where.dilations[i]
        if out < 1 or taps > 1024:
            raise ValueError(f"windows of {where.taps} over {t.shape[1:-1]}")
        g.fits([taps, *(d or 1 for k, d in enumerate(t.shape) if k not in (0, i + 1)), out])
        starts = [tap * dilation for tap in range(taps)]
        ahead = (slice(None),) * (i + 1)
        parts = [ops.get_item(t, (*ahead, slice(n, n + (out - 1) * stride + 1, stride))) for n in starts]
        t = function(ops.stack(parts, axis=1), axis=1)
    return t


@handles("AveragePool")
def average_pool(g: Building, node: Node, x: Value) -> Any:
    """Positions that are missing do not count, or with `count_include_pad` those of `pads`, as zeros."""
    if not node.attributes.get("kernel_shape"):
        raise ValueError("expected a kernel_shape")
    sizes = positions(x)
    where = grid(node, (), sizes)
    t, axes, include = g.images(x), len(sizes), bool(node.attributes.get("count_include_pad", 0))
    kernels = axes in _LAYER_AXES and max(where.dilations) == 1
    same = kernels and where.as_same(sizes) and not include
    if kernels and (same or not where.padded):
        padding = "same" if same and where.padded else "valid"
        return of_images(g.connect(_averages(g, axes, where, padding), t))
    padded = zeros_around(g, t, where) if axes <= 3 else None
    if padded is None or (None in sizes and where.padded):
        raise ValueError(f"pads with open sizes or more than 3 axes of positions: {x.shape}")
    y = g.connect(_averages(g, axes, where, "valid"), padded) if kernels else _over_taps(g, padded, where, ops.mean)
    if not where.padded:
        return of_images(y)
    shares = _shares(node, where, [n or 0 for n in sizes], include)
    return of_images(y if np.all(shares == 1) else ops.multiply(y, 1 / shares[None, ..., None]))


def _averages(g: Building, axes: int, where: Grid, padding: str) -> Any:
    return g.layer(getattr(layers, f"AveragePooling{axes}D"), where.taps, where.strides, padding)


def _shares(node: Node, where: Grid, sizes: list[int], include: bool) -> np.ndarray:
    """Of each window, how much of it counts."""
    shares = np.ones(())
    exact = {k: v for k, v in node.attributes.items() if k != "ceil_mode"}
    pads = grid(Node(node.op, "", "", [], [], exact), (), sizes)
    for i, n in enumerate(sizes):
        counts = np.zeros(where.before[i] + n + where.after[i])
        front = where.before[i]
        first, last = (front - pads.before[i], front + n + pads.after[i]) if include else (front, front + n)
        counts[first:last] = 1
        taps = np.arange(where.taps[i]) * where.dilations[i]
        starts = np.arange(where.out(sizes)[i]) * where.strides[i]
        shares = shares[..., None] * counts[starts[:, None] + taps].mean(axis=1)
    return shares


@handles("LpPool", since=2)
def lp_pool(g: Building, node: Node, x: Value) -> Any:
    where, p = grid(node, (), positions(x)), node.attributes.get("p", 2)
    t = zeros_around(g, g.images(x), where)
    if p not in (1, 2):
        raise ValueError(f"p={p}: expected 1 or 2")
    powers = _over_taps(g, ops.abs(t) if p == 1 else t * t, where, ops.sum)
    return of_images(powers if p == 1 else ops.sqrt(powers))
