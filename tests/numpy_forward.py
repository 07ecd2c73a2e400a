"""The forward pass of a model, layer by layer, in NumPy: what predict has to give."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
from scipy import special

from pydl import layers as L
from tests.specs.activations import SPECS, Forward

Array = np.ndarray[Any, Any]

ACTIVATIONS: dict[str, Callable[[Array, float], Array]] = {
    "linear": lambda x, alpha: x,
    **{spec.name: spec.f for spec in SPECS if isinstance(spec, Forward)},
}


def activate(activation: Any, x: Array) -> Array:
    return ACTIVATIONS[activation.name](x, activation.alpha)


EINSUM: dict[str, Callable[[Array, Array], Array]] = {
    "ab,bc->ac": lambda x, w: x @ w,
    "abc,cd->abd": lambda x, w: x @ w,
    "abc,bd->adc": lambda x, w: w.T @ x,
    "...x,xyz->...yz": lambda x, w: np.tensordot(x, w, 1),
}


def group_normalized(layer: Any, x: Array, w: dict[str, Array]) -> Array:
    """Group by group and row by row."""
    last = np.moveaxis(x, layer.axis, -1)
    y = np.empty_like(last)
    size = 1 if layer.groups == -1 else last.shape[-1] // layer.groups
    for row, out in zip(last, y, strict=True):
        for at in range(0, last.shape[-1], size):
            group = row[..., at : at + size]
            out[..., at : at + size] = (group - group.mean()) / np.sqrt(group.var() + layer.epsilon)
    return np.moveaxis(y * w.get("gamma", 1) + w.get("beta", 0), -1, layer.axis)


def dotted(layer: Any, a: Array, b: Array) -> Array:
    """Row by row of the batch."""
    p, q = layer.axes if isinstance(layer.axes, list) else (layer.axes, layer.axes)
    if layer.normalize:
        a, b = (t / np.linalg.norm(t, axis=axis, keepdims=True) for t, axis in ((a, p), (b, q)))
    rows = [np.tensordot(r, s, ([p - 1 if p > 0 else p], [q - 1 if q > 0 else q])) for r, s in zip(a, b, strict=True)]
    return np.stack(rows).reshape(len(a), *(rows[0].shape or (1,)))


def interpolated(x: Array, axis: int, out: int) -> Array:
    """Linearly along an axis, between the centres of pixels."""
    size = x.shape[axis]
    at = (np.arange(out) + 0.5) * size / out - 0.5
    return np.apply_along_axis(lambda v: np.interp(at, np.arange(size), v), axis, x)


def edges(layer: Any, given: Any) -> list[tuple[int, int]]:
    """What is cut off, or added, at the ends of all axes."""
    pairs = [given] if isinstance(given[0], int) else list(given)
    first = layer.data_format == "channels_first"
    return [(0, 0), (0, 0), *pairs] if first else [(0, 0), *pairs, (0, 0)]


def convolved(layer: Any, x: Array, kernel: Array) -> Array:
    """Window by window, with the positions that windows begin at from Keras's rules for padding."""
    k, s, d = (np.array(getattr(layer, name)) for name in ("kernel_size", "strides", "dilation_rate"))
    sizes, reach = np.array(x.shape[1:-1]), (k - 1) * d + 1
    out = -(-sizes // s) if layer.padding == "same" else (sizes - reach) // s + 1
    around = np.maximum((out - 1) * s + reach - sizes, 0) if layer.padding == "same" else 0 * out
    before = around // 2
    if layer.padding == "causal":
        before, around, out = reach - 1, reach - 1, (sizes - 1) // s + 1
    x = np.pad(x, [(0, 0), *zip(before, around - before, strict=True), (0, 0)])
    y = np.empty((len(x), *out, layer.filters))
    groups = [np.split(t, layer.groups, axis=-1) for t in (x, kernel, y)]
    for part, weights, into in zip(*groups, strict=True):
        for at in np.ndindex(*out):
            read = tuple(slice(i * a, i * a + n, b) for i, a, n, b in zip(at, s, reach, d, strict=True))
            into[(slice(None), *at)] = np.tensordot(part[(slice(None), *read)], weights, len(out) + 1)
    return np.concatenate(groups[2], axis=-1)


def channelwise(layer: Any, x: Array, kernel: Array) -> Array:
    """A convolution of as many groups as there are channels."""
    names = ("kernel_size", "strides", "dilation_rate", "padding")
    sizes = {name: getattr(layer, name) for name in names}
    *taps, channels, times = kernel.shape
    as_groups = SimpleNamespace(**sizes, groups=channels, filters=channels * times)
    return convolved(as_groups, x, kernel.reshape(*taps, 1, channels * times))


def spread(layer: Any, x: Array, kernel: Array) -> Array:
    """Each position of the input adds to a window of the output, which is then cut to its size."""
    k, s, d = (np.array(getattr(layer, name)) for name in ("kernel_size", "strides", "dilation_rate"))
    sizes, reach = np.array(x.shape[1:-1]), (k - 1) * d + 1
    out = np.array(layer.compute_output_shape(x.shape)[1:-1])
    whole = np.zeros((len(x), *((sizes - 1) * s + reach + s + out), layer.filters))
    for at in np.ndindex(*sizes):
        window = tuple(slice(i * a, i * a + n, b) for i, a, n, b in zip(at, s, reach, d, strict=True))
        whole[(slice(None), *window)] += np.tensordot(x[(slice(None), *at)], kernel, ([-1], [-1]))
    first = 0 * out
    if layer.padding == "same":
        more = layer.output_padding
        around = s + reach - 2 if more is None else reach + reach % 2 - 2 + np.array(more)
        first = reach - 1 - np.minimum(-(-around // 2), reach - 1)
    return whole[(slice(None), *(slice(i, i + n) for i, n in zip(first, out, strict=True)))]


def merged(layer: Any, xs: list[Array]) -> Array:
    rank = max(x.ndim for x in xs)
    shown = np.broadcast_arrays(*(x.reshape(len(x), *(1,) * (rank - x.ndim), *x.shape[1:]) for x in xs))
    functions: dict[str, Callable[[Array], Array]] = {
        "Add": lambda a: a.sum(0), "Average": lambda a: a.mean(0), "Maximum": lambda a: a.max(0),
        "Minimum": lambda a: a.min(0), "Multiply": lambda a: a.prod(0), "Subtract": lambda a: a[0] - a[1],
    }  # fmt: skip
    return functions[type(layer).__name__](np.stack(shown))


def apply(layer: Any, xs: list[Array], penalties: list[float] | None = None) -> Array:
    """The output of one layer in inference mode."""
    x, w = xs[0], {v.name: v.numpy() for v in getattr(layer, "_variables", ())}
    match layer:
        case L.Dense():
            return activate(layer.activation, x @ w["kernel"] + w.get("bias", 0))
        case L.Conv1DTranspose() | L.Conv2DTranspose():
            return activate(layer.activation, spread(layer, x, w["kernel"]) + w.get("bias", 0))
        case L.Conv1D() | L.Conv2D():
            return activate(layer.activation, convolved(layer, x, w["kernel"]) + w.get("bias", 0))
        case L.DepthwiseConv1D() | L.DepthwiseConv2D():
            return activate(layer.activation, channelwise(layer, x, w["kernel"]) + w.get("bias", 0))
        case L.SeparableConv1D() | L.SeparableConv2D():
            across = w["pointwise_kernel"].reshape(-1, layer.filters)
            return activate(layer.activation, channelwise(layer, x, w["depthwise_kernel"]) @ across + w.get("bias", 0))
        case L.Activation() | L.LeakyReLU() | L.ELU():
            return activate(layer.activation, x)
        case L.ReLU():
            y = np.where(x <= layer.threshold, layer.negative_slope * (x - layer.threshold), x)
            return y if layer.max_value is None else np.minimum(y, layer.max_value)
        case L.PReLU():
            return np.maximum(x, 0) + w["alpha"] * np.minimum(x, 0)
        case L.Parametric():
            sides = (w["weight"], x) if layer.reflected else (x, w["weight"])
            return {"multiply": np.multiply, "subtract": np.subtract}[layer.op](*sides)
        case L.Softmax():
            axis = tuple(layer.axis) if isinstance(layer.axis, list) else layer.axis
            return special.softmax(x, axis=axis)
        case L.RMSNormalization():
            axis = tuple(layer.axis) if isinstance(layer.axis, list) else layer.axis
            return w["scale"] * x / np.sqrt((x**2).mean(axis=axis, keepdims=True) + layer.epsilon)
        case L.UnitNormalization():
            return x / np.linalg.norm(x, axis=layer.axis, keepdims=True)
        case L.GroupNormalization():
            return group_normalized(layer, x, w)
        case L.BatchNormalization():
            last = np.moveaxis(x, layer.axis, -1)
            scaled = (last - w["moving_mean"]) / np.sqrt(w["moving_variance"] + layer.epsilon)
            return np.moveaxis(scaled * w.get("gamma", 1) + w.get("beta", 0), -1, layer.axis)
        case L.LayerNormalization():
            given = layer.axis if isinstance(layer.axis, list) else [layer.axis]
            axes = tuple(sorted(a % x.ndim for a in given))
            centred = x - x.mean(axis=axes, keepdims=True)
            scaled = centred / np.sqrt(x.var(axis=axes, keepdims=True) + layer.epsilon)
            shape = [n if a in axes else 1 for a, n in enumerate(x.shape)]
            for name, apply in (("gamma", np.multiply), ("beta", np.add)):
                scaled = apply(scaled, w[name].reshape(shape)) if name in w else scaled
            return scaled
        case L.Embedding():
            return w["embeddings"][x.astype(int)]
        case L.Rescaling():
            return layer.scale * x + layer.offset
        case L.Flatten():
            return x.reshape(len(x), -1)
        case L.Reshape():
            return x.reshape(len(x), *layer.target_shape)
        case L.Dropout() | L.GaussianDropout() | L.GaussianNoise() | L.Identity():
            return x
        case (L.RandomFlip() | L.RandomTranslation() | L.RandomRotation() | L.RandomZoom() | L.RandomContrast()
              | L.RandomBrightness()):  # fmt: skip
            return x
        case L.RandomCrop() | L.CenterCrop():
            top, left = (n - m for n, m in zip(x.shape[1:3], (layer.height, layer.width), strict=True))
            return x[:, top // 2 :][:, : layer.height, left // 2 :][:, :, : layer.width]
        case L.Resizing():
            return interpolated(interpolated(x, 1, layer.height), 2, layer.width)
        case L.Cropping1D() | L.Cropping2D() | L.Cropping3D():
            ends = zip(x.shape, edges(layer, layer.cropping), strict=True)
            return x[tuple(slice(a, size - b) for size, (a, b) in ends)]
        case L.ZeroPadding1D() | L.ZeroPadding2D() | L.ZeroPadding3D():
            return np.pad(x, edges(layer, layer.padding))
        case L.MaxPooling1D() | L.MaxPooling2D():
            return pooled(layer, x, np.nanmax)
        case L.AveragePooling1D() | L.AveragePooling2D():
            return pooled(layer, x, np.nanmean)
        case L.GlobalMaxPooling1D() | L.GlobalMaxPooling2D() | L.GlobalMaxPooling3D():
            return x.max(axis=tuple(range(1, x.ndim - 1)), keepdims=layer.keepdims)
        case L.GlobalAveragePooling1D() | L.GlobalAveragePooling2D() | L.GlobalAveragePooling3D():
            return x.mean(axis=tuple(range(1, x.ndim - 1)), keepdims=layer.keepdims)
        case L.UpSampling1D():
            return np.kron(x, np.ones((1, layer.size, 1)))
        case L.UpSampling2D(interpolation="bilinear"):
            rows = 1 if layer.data_format == "channels_last" else 2
            return between(between(x, rows, layer.size[0]), rows + 1, layer.size[1])
        case L.UpSampling2D() | L.UpSampling3D():
            ones = (1, *layer.size, 1) if layer.data_format == "channels_last" else (1, 1, *layer.size)
            return np.kron(x, np.ones(ones))
        case L.RepeatVector():
            return np.stack([x] * layer.n, axis=1)
        case L.Permute():
            return np.moveaxis(x, layer.dims, range(1, x.ndim))
        case L.EinsumDense():
            return activate(layer.activation, EINSUM[layer.equation](x, w["kernel"]) + w.get("bias", 0))
        case L.Dot():
            return dotted(layer, *xs)
        case L.Average() | L.Add() | L.Subtract() | L.Maximum() | L.Minimum() | L.Multiply():
            return merged(layer, xs)
        case L.Concatenate():
            return np.concatenate(xs, axis=layer.axis)
    if hasattr(layer, "calls"):
        return forward(layer, xs, penalties)[0]
    return layer.call(*xs)


def between(x: Array, axis: int, times: int) -> Array:
    """Along an axis, `times` as many numbers, each on the line between two of those there are."""
    n = x.shape[axis]
    at = np.clip((np.arange(n * times) + 0.5) / times - 0.5, 0, n - 1)
    return np.apply_along_axis(lambda v: np.interp(at, np.arange(n), v), axis, x)


def pooled(layer: Any, x: Array, reduce: Any) -> Array:
    """Windows of a layer, of which what lies outside is NaN."""
    axes = tuple(range(1, x.ndim - 1))
    for axis, (size, step) in zip(axes, zip(layer.pool_size, layer.strides, strict=True), strict=True):
        n = x.shape[axis]
        missing = max((-(-n // step) - 1) * step + size - n, 0) if layer.padding == "same" else 0
        around = [(0, 0)] * x.ndim
        around[axis] = (missing // 2, missing - missing // 2)
        x = np.pad(x, around, constant_values=np.nan)
    windows = np.lib.stride_tricks.sliding_window_view(x, layer.pool_size, axes)
    kept = windows[(slice(None), *(slice(None, None, s) for s in layer.strides))]
    return reduce(kept, axis=tuple(range(x.ndim, kept.ndim)))


def forward(model: Any, xs: list[Array], penalties: list[float] | None = None) -> list[Array]:
    """The outputs of a model; to `penalties` goes what regularizers of outputs say, per row."""
    tensors = {id(t): x for t, x in zip(model.inputs, xs, strict=True)}
    for call in model.calls:
        y = tensors[id(call.outputs[0])] = apply(call.layer, [tensors[id(t)] for t in call.inputs], penalties)
        regularizer = call.layer.activity_regularizer
        if regularizer is not None and penalties is not None:
            penalties.append(regularizer(y) / len(y))
    return [tensors[id(t)] for t in model.outputs]
