"""Convolutions and pooling of any rank, with kernels that are given. In NumPy; pooling by the layers' kernels in C."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pydl import config
from pydl._base.args import each_axis, one_of
from pydl._base.registry import tables
from pydl._engine.tape import differentiable
from pydl._engine.windows import Windows, each_tap, enlarged, windows
from pydl.ops.shapes import ndim, reshape, shape

Array = np.ndarray


def _rank(owner: str, inputs: Any, data_format: Any) -> int:
    """Axes of positions; images have their channels last."""
    one_of(f"pydl.ops.{owner}", "data_format", data_format or "channels_last", ("channels_last",))
    axes = ndim(inputs) - 2
    if axes < 1:
        raise ValueError(
            f"pydl.ops.{owner}: expected inputs (batch, ..., channels) with an axis of positions at least, got shape "
            f"{tuple(shape(inputs))}"
        )
    return axes


def _by_groups(k: Array, groups: int) -> Array:
    """One tap of a kernel, `(channels of a group, outputs)`, as `(groups, channels, outputs of a group)`."""
    return k.reshape(len(k), groups, -1).swapaxes(0, 1)


def _product(x: Array, parts: Array) -> Array:
    """The channels of x, those of each group times the part that is its own, `(channels, outputs)`."""
    groups, channels, outputs = parts.shape
    grouped = x.reshape(-1, groups, channels)
    y = grouped * parts[:, 0] if channels == 1 else (grouped.swapaxes(0, 1) @ parts).swapaxes(0, 1)
    return y.reshape(*x.shape[:-1], groups * outputs)


def _padded(x: Array, along: Sequence[Windows]) -> Array:
    """With the positions that windows reach and that do not exist."""
    return np.pad(x, [(0, 0), *((w.before, w.after) for w in along), (0, 0)])


def _read(x: Array, kernel: Array, along: Sequence[Windows]) -> Array:
    """The convolution."""
    padded, groups = _padded(x, along), x.shape[-1] // kernel.shape[-2]
    y: Any = 0.0
    for at, seen in each_tap(along):
        y = y + _product(padded[:, *seen], _by_groups(kernel[at], groups))
    return np.asarray(y)


def _written(dy: Array, kernel: Array, along: Sequence[Windows], groups: int = 1) -> Array:
    """What gives dy to each position that a window reads: the gradient of the input, and the transposed convolution."""
    sizes = [w.before + w.size + w.after for w in along]
    dx = np.zeros((len(dy), *sizes, kernel.shape[-2] * groups), np.result_type(dy, kernel))
    for at, seen in each_tap(along):
        dx[:, *seen] += _product(dy, _by_groups(kernel[at], groups).swapaxes(1, 2))
    return dx[:, *(slice(w.before, w.before + w.size) for w in along)]


def _kernel_slope(x: Array, dy: Array, kernel: Array, along: Sequence[Windows]) -> Array:
    padded, groups = _padded(x, along), x.shape[-1] // kernel.shape[-2]
    dk = np.zeros(kernel.shape, dy.dtype)
    outer = dy.reshape(-1, groups, dy.shape[-1] // groups).swapaxes(0, 1)
    for at, seen in each_tap(along):
        inner = padded[:, *seen].reshape(-1, groups, kernel.shape[-2]).transpose(1, 2, 0)
        dk[at] = (inner @ outer).swapaxes(0, 1).reshape(kernel.shape[-2:])
    return dk


def _along(x: Array, kernel: Array, strides: Any, padding: str, dilation: Any) -> list[Windows]:
    axes = zip(x.shape[1:-1], kernel.shape[:-2], strides, dilation, strict=True)
    found = [windows(n, k, s, d, padding) for n, k, s, d in axes]
    if min(w.out for w in found) < 1:
        raise ValueError(f"pydl.ops.conv: windows {kernel.shape[:-2]} are larger than inputs of shape {x.shape}")
    return found


def _conv_slope(dy: Array, y: Array, x: Array, kernel: Array, strides: Any, padding: str, dilation: Any) -> list[Array]:
    along, groups = _along(x, kernel, strides, padding, dilation), x.shape[-1] // kernel.shape[-2]
    return [_written(dy, kernel, along, groups), _kernel_slope(x, dy, kernel, along)]


@differentiable(_conv_slope, tensors=2)
def _conv(x: Any, kernel: Any, strides: Any, padding: str, dilation: Any) -> Any:
    return _read(x, kernel, _along(x, kernel, strides, padding, dilation))


def conv(
    inputs: Any, kernel: Any, strides: Any = 1, padding: str = "valid", data_format: Any = None, dilation_rate: Any = 1
) -> Any:
    """The convolution of inputs `(batch, positions ..., channels)` with a kernel `(taps ..., channels, filters)`.

    `y[i, f] = sum_tk inputs[i strides + t dilation_rate, k] kernel[t, k, f]`; a kernel of fewer channels, which divide
    those of the inputs, convolves each group of so many with its part of the filters.

    Parameters
    ----------
    inputs, kernel : array, tensor
    strides, dilation_rate : int, or one for each axis of positions
    padding : {"valid", "same", "causal"}
        See `Conv1D`.
    data_format : {"channels_last"}, optional

    Raises
    ------
    ValueError
        Another rank or `data_format`, channels that do not fit, inputs smaller than a window.
    """
    axes = _rank("conv", inputs, data_format)
    sizes, taps = shape(inputs), shape(kernel)
    if len(taps) != axes + 2 or sizes[-1] is None or taps[-2] is None or sizes[-1] % taps[-2]:
        raise ValueError(
            f"pydl.ops.conv: expected a kernel (taps ..., channels, filters) of {axes + 2} axes, whose channels divide "
            f"those of the inputs, got {tuple(taps)} for {tuple(sizes)}"
        )
    how = one_of("pydl.ops.conv", "padding", str(padding).lower(), ("valid", "same", "causal"))
    strides, dilation = (
        each_axis("pydl.ops.conv", name, value, axes)
        for name, value in (("strides", strides), ("dilation_rate", dilation_rate))
    )
    return _conv(inputs, kernel, strides, how, dilation)


def depthwise_conv(
    inputs: Any, kernel: Any, strides: Any = 1, padding: str = "valid", data_format: Any = None, dilation_rate: Any = 1
) -> Any:
    """As `conv`, each channel by kernels of its own: the kernel is `(taps ..., channels, multiplier)`.

    Filter m of channel k is number `k multiplier + m` of what comes out.
    """
    *taps, channels, multiplier = (int(n or 0) for n in shape(kernel))
    grouped = reshape(kernel, (*taps, 1, channels * multiplier))
    return conv(inputs, grouped, strides, padding, data_format, dilation_rate)


def separable_conv(
    inputs: Any,
    depthwise_kernel: Any,
    pointwise_kernel: Any,
    strides: Any = 1,
    padding: str = "valid",
    data_format: Any = None,
    dilation_rate: Any = 1,
) -> Any:
    """`depthwise_conv`, and `conv` of that with the pointwise kernel, `(1 ..., channels, filters)`."""
    y = depthwise_conv(inputs, depthwise_kernel, strides, padding, data_format, dilation_rate)
    return conv(y, pointwise_kernel, 1, "valid", data_format)


def _back(x: Array, kernel: Array, strides: Any, padding: str, more: Any, dilation: Any) -> list[Windows]:
    axes = zip(x.shape[1:-1], kernel.shape[:-2], strides, dilation, more, strict=True)
    found = [enlarged(n, k, s, d, m, padding) for n, k, s, d, m in axes]
    for w in found:
        if w.size < 1:
            raise ValueError(f"pydl.ops.conv_transpose: nothing would come out of inputs of shape {x.shape}")
    # A window may reach beyond what comes out.
    return [w._replace(after=max((w.out - 1) * w.stride + w.reach - w.before - w.size, 0)) for w in found]


def _transpose_slope(
    dy: Array, y: Array, x: Array, kernel: Array, strides: Any, padding: str, more: Any, dilation: Any
) -> list[Array]:
    along = _back(x, kernel, strides, padding, more, dilation)
    return [_read(dy, kernel, along), _kernel_slope(dy, x, kernel, along)]


@differentiable(_transpose_slope, tensors=2)
def _conv_transpose(x: Any, kernel: Any, strides: Any, padding: str, more: Any, dilation: Any) -> Any:
    return _written(x, kernel, _back(x, kernel, strides, padding, more, dilation))


def conv_transpose(
    inputs: Any,
    kernel: Any,
    strides: Any = 1,
    padding: str = "valid",
    output_padding: Any = None,
    data_format: Any = None,
    dilation_rate: Any = 1,
) -> Any:
    """The transposed convolution with a kernel `(taps ..., filters, channels)`; see `Conv2DTranspose` for the sizes."""
    axes = _rank("conv_transpose", inputs, data_format)
    if ndim(kernel) != axes + 2 or shape(kernel)[-1] != shape(inputs)[-1]:
        raise ValueError(
            f"pydl.ops.conv_transpose: expected a kernel (taps ..., filters, channels) of {axes + 2} axes, got "
            f"{tuple(shape(kernel))} for {tuple(shape(inputs))}"
        )
    how = one_of("pydl.ops.conv_transpose", "padding", str(padding).lower(), ("valid", "same"))
    strides, dilation = (
        each_axis("pydl.ops.conv_transpose", name, value, axes)
        for name, value in (("strides", strides), ("dilation_rate", dilation_rate))
    )
    more = (
        (None,) * axes
        if output_padding is None
        else each_axis("pydl.ops.conv_transpose", "output_padding", output_padding, axes, at_least=0)
    )
    return _conv_transpose(inputs, kernel, strides, how, more, dilation)


def _pooled(owner: str, inputs: Any, data_format: Any, kind: str, **options: Any) -> Any:
    """What the layer of that kind makes of inputs."""
    axes = _rank(owner, inputs, data_format)
    if axes > 2 and not kind.startswith("Adaptive"):
        raise ValueError(f"pydl.ops.{owner}: expected one or two axes of positions, got shape {tuple(shape(inputs))}")
    return layer_of(f"{kind}{axes}D", inputs, **options)(inputs)


def layer_of(kind: str, inputs: Any, **options: Any) -> Any:
    """A layer by the name of its class, which computes in the dtype of inputs."""
    dtype = "float64" if str(getattr(inputs, "dtype", "")) == "float64" else config.floatx()
    return tables["layer"].deserialize({"class_name": kind, "config": {**options, "dtype": dtype}})


def max_pool(inputs: Any, pool_size: Any, strides: Any = None, padding: str = "valid", data_format: Any = None) -> Any:
    """The largest value of each window; see `MaxPooling2D`."""
    windows_of = {"pool_size": pool_size, "strides": strides, "padding": padding}
    return _pooled("max_pool", inputs, data_format, "MaxPooling", **windows_of)


def average_pool(
    inputs: Any, pool_size: Any, strides: Any = None, padding: str = "valid", data_format: Any = None
) -> Any:
    """The mean of each window; see `AveragePooling2D`."""
    windows_of = {"pool_size": pool_size, "strides": strides, "padding": padding}
    return _pooled("average_pool", inputs, data_format, "AveragePooling", **windows_of)


def adaptive_max_pool(inputs: Any, output_size: Any, data_format: Any = None) -> Any:
    """The largest value of each of so many windows; see `AdaptiveMaxPooling2D`."""
    return _pooled("adaptive_max_pool", inputs, data_format, "AdaptiveMaxPooling", output_size=output_size)


def adaptive_average_pool(inputs: Any, output_size: Any, data_format: Any = None) -> Any:
    """The mean of each of so many windows; see `AdaptiveAveragePooling2D`."""
    return _pooled("adaptive_average_pool", inputs, data_format, "AdaptiveAveragePooling", output_size=output_size)
