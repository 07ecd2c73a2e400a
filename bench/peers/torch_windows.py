"""Layers over windows in torch, with the weights and arguments of Keras's layers; values to compare, no speed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch.nn import functional as F

from bench.nets import Array

Config = Mapping[str, Any]
Pads = list[tuple[int, int]]


def evaluated(
    name: str, config: Config, x: Array, weights: Sequence[Array], target: Array
) -> tuple[Array, list[Array]]:
    """What a layer makes of x in training, and gradients of the mean squared error: of x, then of trained weights.

    All in the dtype of x.
    """
    image, goal = (torch.from_numpy(a).movedim(-1, 1).contiguous() for a in (x, target))
    given = [torch.from_numpy(w).clone() for w in weights]
    trained = given[:2] if name == "BatchNormalization" else given
    for each in (image, *trained):
        each.requires_grad_()
    y = _apply(name, config, image, given)
    ((y - goal) ** 2).mean().backward()
    return _last(y), [_last(image.grad), *(w.grad.numpy() for w in trained)]


def _last(t: Any) -> Array:
    """With channels as the last axis."""
    found: Array = t.detach().movedim(1, -1).numpy()
    return found


def _apply(name: str, config: Config, x: Any, weights: list[Any]) -> Any:
    axes = x.ndim - 2
    if name == "BatchNormalization":
        return F.batch_norm(x, None, None, weights[0], weights[1], training=True, eps=config["epsilon"])
    if name.startswith("Global"):
        return (torch.amax if "Max" in name else torch.mean)(x, dim=tuple(range(2, x.ndim)))
    if "Pooling" in name:
        return _pooled(name, config, x)
    strides = config["strides"]
    if name.endswith("Transpose"):
        return _transposed(config, x, *weights)
    dilation = config["dilation_rate"]
    if name.startswith("Conv"):
        kernel, bias = weights
        return _product(x, _first(kernel, -1, -2), bias, config["padding"], strides, dilation, config["groups"])
    kernel, *others = weights
    by_channel = _first(kernel, -2, -1).reshape(-1, 1, *kernel.shape[:axes])
    groups, bias = x.shape[1], others[-1]
    if name.startswith("Depthwise"):
        return _product(x, by_channel, bias, config["padding"], strides, dilation, groups)
    between = _product(x, by_channel, None, config["padding"], strides, dilation, groups)
    return _product(between, _first(others[0], -1, -2), bias, "valid", [1] * axes, [1] * axes, 1)


def _first(kernel: Any, *axes: int) -> Any:
    """The kernel with two of its axes in front."""
    return kernel.movedim(axes, (0, 1)).contiguous()


def _product(
    x: Any, kernel: Any, bias: Any, padding: str, strides: Sequence[int], dilation: Sequence[int], groups: int
) -> Any:
    if padding != "valid":
        x = _padded(x, _pads(padding, x.shape[2:], kernel.shape[2:], strides, dilation), 0.0)
    conv = F.conv1d if x.ndim == 3 else F.conv2d
    return conv(x, kernel, bias, tuple(strides), 0, tuple(dilation), groups)


def _pads(
    padding: str, sizes: Sequence[int], kernel: Sequence[int], strides: Sequence[int], dilation: Sequence[int]
) -> Pads:
    pads = []
    for n, k, s, d in zip(sizes, kernel, strides, dilation, strict=True):
        reach = (k - 1) * d + 1
        if padding == "causal":
            pads.append((reach - 1, 0))
        else:
            total = max((-(-n // s) - 1) * s + reach - n, 0)
            pads.append((total // 2, total - total // 2))
    return pads


def _padded(x: Any, pads: Pads, value: float) -> Any:
    return F.pad(x, [n for both in reversed(pads) for n in both], value=value)


def _pooled(name: str, config: Config, x: Any) -> Any:
    size, strides = tuple(config["pool_size"]), tuple(config["strides"])
    ones = (1,) * len(size)
    pads = [(0, 0)] * len(size)
    if config["padding"] == "same":
        pads = _pads("same", x.shape[2:], size, strides, ones)
    if name.startswith("Max"):
        pool = F.max_pool1d if len(size) == 1 else F.max_pool2d
        return pool(_padded(x, pads, -torch.inf), size, strides)
    pool = F.avg_pool1d if len(size) == 1 else F.avg_pool2d
    inside = _padded(torch.ones_like(x), pads, 0.0)
    return pool(_padded(x, pads, 0.0), size, strides) / pool(inside, size, strides)


def _transposed(config: Config, x: Any, kernel: Any, bias: Any) -> Any:
    conv = F.conv_transpose1d if x.ndim == 3 else F.conv_transpose2d
    strides, dilation = config["strides"], config["dilation_rate"]
    full = conv(x, _first(kernel, -1, -2), None, tuple(strides), dilation=tuple(dilation))
    edges: Pads = []
    for k, s, d in zip(kernel.shape[:-2], strides, dilation, strict=True):
        reach, more = (k - 1) * d + 1, config["output_padding"]
        if config["padding"] == "valid":
            edges.append((0, max(s - reach, 0) if more is None else more))
        else:
            total = s + reach - 2 if more is None else reach + reach % 2 - 2 + more
            left = min(-(-total // 2), reach - 1)
            edges.append((left + 1 - reach, total - left + 1 - reach))
    y = _padded(full, edges, 0.0)  # what is negative is cut off
    return y + bias.reshape(-1, *[1] * len(strides))
