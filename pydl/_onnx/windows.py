"""Convolutions and pooling, which ONNX computes with channels behind the batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydl._engine.windows import Windows
from pydl._onnx.activations import activate
from pydl._onnx.graph import Graph, Value
from pydl._onnx.writers import Writers
from pydl.layers import adaptive_pooling, global_pooling
from pydl.layers.convolution import Conv1D, Conv2D
from pydl.layers.convolution_transpose import Conv1DTranspose, Conv2DTranspose
from pydl.layers.depthwise import DepthwiseConv1D, DepthwiseConv2D
from pydl.layers.pooling import AveragePooling1D, AveragePooling2D, MaxPooling1D, MaxPooling2D
from pydl.layers.separable import SeparableConv1D, SeparableConv2D
from pydl.layers.spatial import Windowed

writers = Writers()


def _fields(layer: Windowed, x: Value) -> dict[str, Any]:
    """How windows lie: explicitly where the padding is known, which some programs insist on."""
    fields: dict[str, Any] = {"kernel_shape": list(layer.taps), "strides": list(layer.strides)}
    if max(layer.dilations) > 1:
        fields["dilations"] = list(layer.dilations)
    sizes = x.shape[1:-1]
    if layer.padding == "same" and None in sizes and max(layer.strides) > 1:
        return {**fields, "auto_pad": "SAME_UPPER"}
    # Whatever an open size is, what is missing is the same: with strides of 1 all but one position of a window.
    found = layer.along([10**6 if n is None else n for n in sizes])
    return {**fields, "pads": [w.before for w in found] + [w.after for w in found]}


def _turned(axes: int) -> list[int]:
    """Kernels `(positions, inputs, outputs)` as `(outputs, inputs, positions)`."""
    return [axes + 1, axes, *range(axes)]


@writers.of(Conv1D, Conv2D)
def convolution(g: Graph, layer: Any, x: Value) -> Value:
    kernel = g.kernel(layer, _turned(layer.axes))
    y = g.add("Conv", g.first(x), kernel, *_bias(g, layer), group=layer.groups, **_fields(layer, x))
    return activate(g, _positions(x, y), layer.activation)


def _bias(g: Graph, layer: Any) -> list[str]:
    return [] if layer.bias is None else [g.weight(layer.bias)]


def _positions(x: Value, y: str) -> Value:
    """What comes out, of the rank of x; the walk knows its sizes."""
    return Value(first=y, shape=x.shape)


@writers.of(Conv1DTranspose, Conv2DTranspose)
def transposed_convolution(g: Graph, layer: Any, x: Value) -> Value:
    """An output of n positions begins `before` positions into what was added to, and may end behind it."""
    found: Sequence[Windows] = layer._enlarged([n or 10**6 for n in x.shape[1:-1]])
    behind = [(w.out - 1) * w.stride + w.reach - w.before - w.size for w in found]
    fields: dict[str, Any] = {
        "kernel_shape": list(layer.kernel_size), "strides": list(layer.strides), "dilations": list(layer.dilation_rate),
        "pads": [w.before for w in found] + [max(n, 0) for n in behind], "output_padding": [max(-n, 0) for n in behind],
    }  # fmt: skip
    kernel = g.weight(layer.kernel, _turned(layer.axes))
    y = g.add("ConvTranspose", g.first(x), kernel, *_bias(g, layer), **fields)
    return activate(g, _positions(x, y), layer.activation)


def _by_channel(g: Graph, layer: Any, x: Value, variable: Any, bias: list[str]) -> str:
    """The convolution of each channel by itself: as many groups as channels."""
    channels = int(x.shape[-1] or 0)
    axes = [layer.axes, layer.axes + 1, *range(layer.axes)]
    kernel = g.weight(variable, axes, (channels * layer.depth_multiplier, 1, *layer.kernel_size))
    return g.add("Conv", g.first(x), kernel, *bias, group=channels, **_fields(layer, x))


@writers.of(DepthwiseConv1D, DepthwiseConv2D)
def depthwise_convolution(g: Graph, layer: Any, x: Value) -> Value:
    y = _by_channel(g, layer, x, layer.kernel, _bias(g, layer))
    return activate(g, _positions(x, y), layer.activation)


@writers.of(SeparableConv1D, SeparableConv2D)
def separable_convolution(g: Graph, layer: Any, x: Value) -> Value:
    apart = _by_channel(g, layer, x, layer.depthwise_kernel, [])
    kernel = g.weight(layer.pointwise_kernel, _turned(layer.axes))
    y = g.add("Conv", apart, kernel, *_bias(g, layer), kernel_shape=[1] * layer.axes)
    return activate(g, _positions(x, y), layer.activation)


# -- pooling ----------------------------------------------------------------------------------------------------------


@writers.of(MaxPooling1D, MaxPooling2D)
def max_pooling(g: Graph, layer: Any, x: Value) -> Value:
    return Value(first=g.add("MaxPool", g.first(x), **_fields(layer, x)))


@writers.of(AveragePooling1D, AveragePooling2D)
def average_pooling(g: Graph, layer: Any, x: Value) -> Value:
    """Positions that are missing do not count, which is the default of the node."""
    return Value(first=g.add("AveragePool", g.first(x), **_fields(layer, x)))


_MAX = (global_pooling.GlobalMaxPooling1D, global_pooling.GlobalMaxPooling2D, global_pooling.GlobalMaxPooling3D)
_MEAN = (
    global_pooling.GlobalAveragePooling1D, global_pooling.GlobalAveragePooling2D, global_pooling.GlobalAveragePooling3D,
)  # fmt: skip


@writers.of(*_MAX, *_MEAN)
def global_pooled(g: Graph, layer: Any, x: Value, *masks: Value) -> Value:
    """Of the order of axes that is at hand; with a mask, the mean of the steps that count, 0 of none."""
    mask = g.not_zero(g.last(masks[0]), masks[0].dtype) if masks else x.mask
    if mask is not None and isinstance(layer, global_pooling.GlobalAveragePooling1D):
        counts = g.unsqueeze(g.cast(mask, g.dtype), -1)
        total = g.reduce("ReduceSum", g.add("Mul", g.last(x), counts), [1], layer.keepdims)
        number = g.reduce("ReduceSum", counts, [1], layer.keepdims)
        return Value(g.add("Div", total, g.add("Max", number, g.constant(1.0))))
    op = "ReduceMax" if isinstance(layer, _MAX) else "ReduceMean"
    if x.last is not None:
        return Value(g.reduce(op, x.last, range(1, x.rank - 1), layer.keepdims))
    pooled = g.reduce(op, g.first(x), range(2, x.rank), layer.keepdims)
    return Value(first=pooled) if layer.keepdims else Value(pooled)


_ADAPTIVE_MAX = (
    adaptive_pooling.AdaptiveMaxPooling1D, adaptive_pooling.AdaptiveMaxPooling2D, adaptive_pooling.AdaptiveMaxPooling3D,
)  # fmt: skip
_ADAPTIVE_MEAN = (
    adaptive_pooling.AdaptiveAveragePooling1D, adaptive_pooling.AdaptiveAveragePooling2D,
    adaptive_pooling.AdaptiveAveragePooling3D,
)  # fmt: skip


@writers.of(*_ADAPTIVE_MAX, *_ADAPTIVE_MEAN)
def adaptive_pooling_of(g: Graph, layer: Any, x: Value) -> Value:
    """Window by window along one axis after the other."""
    op, y = "ReduceMax" if isinstance(layer, _ADAPTIVE_MAX) else "ReduceMean", g.last(x)
    for axis, m in zip(layer._positions(), layer.output_size, strict=True):
        n = x.shape[axis]
        if n is None:
            raise g.refuse(f"expected known sizes, as windows differ in size, got input {x.shape}")
        ends = [(i * n // m, -(-(i + 1) * n // m)) for i in range(m)]
        parts = [g.reduce(op, g.slice(y, *end, axis), [axis], keepdims=True) for end in ends]
        y = g.add("Concat", *parts, axis=axis)
    return Value(y)
