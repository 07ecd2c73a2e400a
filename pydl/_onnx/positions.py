"""Layers that cut, pad, enlarge or resize."""

from __future__ import annotations

from typing import Any

import numpy as np

from pydl._base.interpolation import weights
from pydl._onnx.graph import Graph, Value
from pydl._onnx.writers import Writers
from pydl.layers import positions, upsampling
from pydl.layers.coloring import AutoContrast
from pydl.layers.resizing import CenterCrop, RandomCrop, Resizing

writers = Writers()


def _at_hand(g: Graph, layer: Any, x: Value) -> tuple[str, int, bool]:
    """The name of a value in the order of axes that is at hand, its first axis of positions, whether channels are
    behind the batch where pydl has them last."""
    if layer.data_format == "channels_last" and x.last is None:
        return g.first(x), 2, True
    return g.last(x), int(layer._first), False


def _out(name: str, first: bool) -> Value:
    return Value(first=name) if first else Value(name)


@writers.of(positions.Cropping1D, positions.Cropping2D, positions.Cropping3D)
def cropping(g: Graph, layer: Any, x: Value) -> Value:
    name, axis, first = _at_hand(g, layer, x)
    axes = range(axis, axis + layer.axes)
    ends = [2**31 - 1 if not behind else -behind for _, behind in layer._cut]
    starts = [front for front, _ in layer._cut]
    return _out(g.add("Slice", name, g.ints(*starts), g.ints(*ends), g.ints(*axes)), first)


@writers.of(positions.ZeroPadding1D, positions.ZeroPadding2D, positions.ZeroPadding3D)
def zero_padding(g: Graph, layer: Any, x: Value) -> Value:
    name, axis, first = _at_hand(g, layer, x)
    around = [(0, 0)] * axis + list(layer._added) + [(0, 0)] * (x.rank - axis - layer.axes)
    return _out(g.add("Pad", name, _pads(g, around)), first)


def _pads(g: Graph, around: list[tuple[int, int]]) -> str:
    return g.ints(*(front for front, _ in around), *(behind for _, behind in around))


@writers.of(upsampling.UpSampling1D, upsampling.UpSampling2D, upsampling.UpSampling3D)
def up_sampling(g: Graph, layer: Any, x: Value) -> Value:
    if getattr(layer, "interpolation", "nearest") != "nearest":
        sizes = _known(g, x.shape[layer._first :][:2], x)
        along = [weights(n, n * k, layer.interpolation, False) for n, k in zip(sizes, layer._times, strict=True)]
        if layer.data_format == "channels_first":
            return Value(_by_matrices(g, g.last(x), along))
        return Value(first=_by_matrices(g, g.first(x), along))
    if layer.data_format == "channels_first":
        return Value(_repeated(g, g.last(x), layer._times))
    return Value(first=_repeated(g, g.first(x), layer._times))


def _repeated(g: Graph, x: str, times: tuple[int, ...]) -> str:
    scales = g.constant([1.0, 1.0, *times], "float32")
    return g.add(
        "Resize", x, "", scales, mode="nearest", coordinate_transformation_mode="asymmetric", nearest_mode="floor"
    )


def _by_matrices(g: Graph, x: str, along: list[np.ndarray]) -> str:
    """What a matrix makes of the rows of images, with channels behind the batch, and another one of their columns."""
    rows, columns = along
    y = x if _is_one(columns) else g.add("MatMul", x, g.constant(columns.T))
    return y if _is_one(rows) else g.add("MatMul", g.constant(rows), y)


def _is_one(matrix: np.ndarray) -> bool:
    return matrix.shape[0] == matrix.shape[1] and bool((matrix == np.eye(len(matrix))).all())


def _known(g: Graph, sizes: Any, x: Value) -> list[int]:
    if None in sizes:
        raise g.refuse(f"expected known sizes of images, got input {x.shape}")
    return [int(n) for n in sizes]


@writers.of(CenterCrop, RandomCrop, Resizing)
def resized(g: Graph, layer: Any, x: Value) -> Value:
    """A box of each image, which may reach beyond it, in another size."""
    height, width = _known(g, x.shape[1:3], x)
    box, name = layer._box(height, width), g.first(x)
    around = [
        (max(-front, 0), max(front + part - size, 0))
        for front, part, size in zip(box[:2], box[2:], (height, width), strict=True)
    ]
    if any(n for pair in around for n in pair):
        name = g.add("Pad", name, _pads(g, [(0, 0), (0, 0), *around]), g.constant(layer.fill_value))
    for axis, front, part, size, (before, behind) in zip(
        (2, 3), box[:2], box[2:], (height, width), around, strict=True
    ):
        if part != size + before + behind:
            name = g.slice(name, max(front, 0), max(front, 0) + part, axis)
    sizes = zip(box[2:], (layer.height, layer.width), strict=True)
    return Value(first=_by_matrices(g, name, [weights(n, m, layer.interpolation, layer.antialias) for n, m in sizes]))


@writers.of(AutoContrast)
def auto_contrast(g: Graph, layer: AutoContrast, x: Value) -> Value:
    name, (low, high) = g.last(x), layer.value_range
    least, most = (g.reduce(op, name, [1, 2], keepdims=True) for op in ("ReduceMin", "ReduceMax"))
    spread = g.add("Sub", most, least)
    flat = g.add("Equal", spread, g.constant(0.0))
    factor = g.add("Div", g.constant(float(high - low)), g.add("Where", flat, g.constant(1.0), spread))
    stretched = g.add("Add", g.add("Mul", g.add("Sub", name, least), factor), g.constant(float(low)))
    return Value(g.add("Where", flat, name, stretched))
