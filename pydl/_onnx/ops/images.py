"""Convolutions, over steps and images; kernels are turned to channels last once."""

from __future__ import annotations

from typing import Any

import numpy as np

from pydl import layers, ops
from pydl._engine.graph import SymbolicTensor
from pydl._onnx.building import Building, as_list
from pydl._onnx.ops.pointwise import following
from pydl._onnx.ops.shaping import cut
from pydl._onnx.ops.table import handles
from pydl._onnx.ops.windowed import grid, of_images, positions, zeros_around
from pydl._onnx.parsing import Node
from pydl._onnx.values import Value

Array = np.ndarray


def _constants(x: Value, w: Any, b: Any) -> int:
    """The number of axes of positions; refuses weights that are no constants."""
    axes = len(positions(x))
    if not isinstance(w, np.ndarray) or not (b is None or isinstance(b, np.ndarray)):
        raise ValueError("expected constants as weights")
    if w.ndim != axes + 2 or 0 in w.shape:
        raise ValueError(f"a kernel of shape {w.shape} for an input of shape {x.shape}")
    if axes > 2:
        raise ValueError(f"expected 1 or 2 axes of positions, got {axes}: pydl has no such convolution")
    return axes


@handles("Conv")
def conv(g: Building, node: Node, x: Value, w: Any, b: Any = None) -> Any:
    axes = _constants(x, w, b)
    groups = node.attributes.get("group", 1)
    where = grid(node, w.shape[2:], positions(x))
    filters, channels = w.shape[0], x.shape[1]
    if where.taps != w.shape[2:] or groups < 1 or filters % groups or channels != w.shape[1] * groups:
        raise ValueError(f"a kernel of shape {w.shape} and {groups} groups for an input of shape {x.shape}")
    apart = where.strides if max(where.strides) > 1 and max(where.dilations) > 1 else None
    t, same = g.images(x), apart is None and where.as_same(positions(x))
    if not same:
        t = zeros_around(g, t, where)
    act, last = following(g, node.outputs[0])
    options: dict[str, Any] = {
        "strides": 1 if apart else where.strides, "dilation_rate": where.dilations, "activation": act,
        "use_bias": b is not None,
        "padding": "same" if same and where.padded else "valid",
    }  # fmt: skip
    kernel = w.transpose(*range(2, axes + 2), 1, 0)
    if groups == channels and groups > 1 and max(where.dilations) == 1:
        multiple = filters // groups
        layer = g.layer(getattr(layers, f"DepthwiseConv{axes}D"), where.taps, depth_multiplier=multiple, **options)
        kernel = kernel.reshape(*where.taps, channels, multiple)
    else:
        layer = g.layer(getattr(layers, f"Conv{axes}D"), filters, where.taps, groups=groups, **options)
    z = g.connect(layer, t, [kernel, b])
    if apart is not None:  # no layer has both strides and dilations: of all windows, some are taken
        z = ops.get_item(z, (slice(None), *(slice(None, None, s) for s in apart)))
    g.values[last] = y = of_images(z)
    return y


@handles("ConvTranspose")
def conv_transpose(g: Building, node: Node, x: Value, w: Any, b: Any = None) -> Any:
    """All that is added to, of which borders are then cut off; each group is a layer of its own."""
    axes = _constants(x, w, b)
    groups, sizes = node.attributes.get("group", 1), positions(x)
    if groups < 1 or w.shape[0] != x.shape[1] or w.shape[0] % groups or None in sizes:
        raise ValueError(f"a kernel of shape {w.shape} and {groups} groups for an input of shape {x.shape}")
    where = grid(Node(node.op, "", "", [], [], {**node.attributes, "auto_pad": b"NOTSET"}), w.shape[2:], sizes)
    more = list(node.attributes.get("output_padding") or [0] * axes)
    full = [(n - 1) * s + r for n, s, r in zip(sizes, where.strides, where.reach, strict=True) if n is not None]
    before, wanted = _borders(node, where.strides, sizes, full, more, where)
    if where.taps != w.shape[2:] or len(more) != axes or min(*more, *before, 0) < 0:
        raise ValueError(f"output_padding {more} and borders {before} for {axes} axes")
    behind = [max(m, end - size) for m, end, size in
              zip([0] * axes, [p + n for p, n in zip(before, wanted, strict=True)], full, strict=True)]  # fmt: skip
    if any(m >= s for m, s in zip(behind, where.strides, strict=True)) and max(behind):
        raise ValueError(f"{behind} positions behind all that is added to, with strides {where.strides}")
    step, parts = w.shape[0] // groups, []
    for i in range(groups):
        part = x if groups == 1 else cut(x, {1: slice(i * step, (i + 1) * step)})
        layer = g.layer(getattr(layers, f"Conv{axes}DTranspose"), w.shape[1], where.taps, strides=where.strides,
                        dilation_rate=where.dilations, use_bias=b is not None,
                        output_padding=behind if max(behind) else None)  # fmt: skip
        kernel = w[i * step : (i + 1) * step].transpose(*range(2, axes + 2), 1, 0)
        bias = None if b is None else b[i * w.shape[1] : (i + 1) * w.shape[1]]
        parts.append(g.connect(layer, g.images(part), [kernel, bias]))
    y = parts[0] if groups == 1 else g.connect(g.layer(layers.Concatenate), parts)
    return of_images(_middle(g, y, before, wanted))


def _borders(node: Node, strides: Any, sizes: Any, full: Any, more: Any, where: Any) -> tuple[list[int], list[int]]:
    """How much is cut off in front along each axis, and what is left."""
    auto = node.attributes.get("auto_pad", b"NOTSET")
    wanted = node.attributes.get("output_shape")
    if wanted is None and auto in (b"SAME_UPPER", b"SAME_LOWER"):
        wanted = [n * s for n, s in zip(sizes, strides, strict=True)]
    if wanted is None:
        pads = zip(where.before, where.after, strict=True)
        sums = [0] * len(full) if auto == b"VALID" else [a + b for a, b in pads]
        front = [0] * len(full) if auto == b"VALID" else list(where.before)
        return front, [n + m - p for n, m, p in zip(full, more, sums, strict=True)]
    wanted = list(wanted)[-len(full) :]
    total = [max(0, n + m - w) for n, m, w in zip(full, more, wanted, strict=True)]
    return [p // 2 if auto == b"SAME_UPPER" else p - p // 2 for p in total], wanted


def _middle(g: Building, y: SymbolicTensor, before: list[int], wanted: list[int]) -> SymbolicTensor:
    """A part of the positions of images."""
    after = [(n or 0) - p - w for n, p, w in zip(y.shape[1:-1], before, wanted, strict=True)]
    if not any(before) and not any(after):
        return y
    if min(after) < 0 or min(wanted) < 1:
        raise ValueError(f"positions {wanted} behind {before} of {y.shape[1:-1]}")
    pairs = tuple(zip(before, after, strict=True))
    kind = getattr(layers, f"Cropping{len(pairs)}D")
    return g.connect(g.layer(kind, pairs[0] if len(pairs) == 1 else pairs), y)


@handles("Upsample", until=8)
def upsample_by_attributes(g: Building, node: Node, x: Value) -> Any:
    return _enlarged(g, x, node.attributes.get("scales"), node.attributes.get("mode", b"nearest"))


@handles("Upsample", since=9)
def upsample(g: Building, node: Node, x: Value, scales: Any) -> Any:
    return _enlarged(g, x, scales.tolist(), node.attributes.get("mode", b"nearest"))


@handles("Resize", since=10)
def resize(g: Building, node: Node, x: Value, *others: Any) -> Any:
    """To whole multiples, by repeating."""
    scales = others[-1] if g.opset == 10 else others[1] if len(others) > 1 else None
    if (scales is None or not np.size(scales)) and len(others) > 2:
        if (policy := node.attributes.get("keep_aspect_ratio_policy", b"stretch")) != b"stretch":
            raise ValueError(f"keep_aspect_ratio_policy {policy!r}: expected sizes as they are")
        sizes = as_list(others[2])
        scales = np.array([b / a if a else 1 for a, b in zip([1, *x.shape[1:]], [1, *sizes[1:]], strict=True)])
    mode = node.attributes.get("coordinate_transformation_mode", b"half_pixel")
    nearest = node.attributes.get("nearest_mode", b"round_prefer_floor")
    usual = (mode, nearest) in ((b"asymmetric", b"floor"), (b"half_pixel", b"round_prefer_floor")) or g.opset == 10
    if scales is None or not isinstance(scales, np.ndarray) or not usual:
        raise ValueError(f"{mode!r} and {nearest!r} with scales {scales}: expected whole multiples")
    return _enlarged(g, x, scales.tolist(), node.attributes.get("mode", b"nearest"))


def _enlarged(g: Building, x: Value, scales: Any, mode: bytes) -> Any:
    times = [round(s) for s in scales or []]
    if mode != b"nearest" or len(times) != x.rank or times != list(scales) or min(times) < 1 or times[:2] != [1, 1]:
        raise ValueError(f"mode {mode!r} and scales {scales}: expected whole multiples of positions, nearest")
    if not 3 <= x.rank <= 5:
        raise ValueError(f"expected one to three axes of positions, got shape {x.shape}")
    g.fits([(d or 1) * n for d, n in zip(x.shape[1:], times[1:], strict=True)])
    kind, size = getattr(layers, f"UpSampling{x.rank - 2}D"), tuple(times[2:])
    return of_images(g.connect(g.layer(kind, size if len(size) > 1 else size[0]), g.images(x)))


@handles("DepthToSpace")
def depth_to_space(g: Building, node: Node, x: Value) -> Any:
    """Channels become pixels: in the mode "DCR" the block's place is in front of the channel, in "CRD" behind."""
    n, (channels, rows, columns) = node.attributes["blocksize"], x.shape[1:]
    if n < 1 or channels is None or channels % n**2 or None in (rows, columns):
        raise ValueError(f"blocks of {n} for shape {x.shape}")
    c, crd = channels // n**2, node.attributes.get("mode", b"DCR") == b"CRD"
    split = g.reshaped(x, [None, *((c, n, n) if crd else (n, n, c)), rows, columns])
    perm = [0, 1, 4, 2, 5, 3] if crd else [0, 3, 4, 1, 5, 2]
    moved = Value(split.tensor, [perm.index(axis) for axis in split.order])
    return g.reshaped(moved, [None, c, rows * n, columns * n])


@handles("SpaceToDepth")
def space_to_depth(g: Building, node: Node, x: Value) -> Any:
    n, (channels, rows, columns) = node.attributes["blocksize"], x.shape[1:]
    if n < 1 or None in x.shape[1:] or rows % n or columns % n:
        raise ValueError(f"blocks of {n} for shape {x.shape}")
    split = g.reshaped(x, [None, channels, rows // n, n, columns // n, n])
    perm = [0, 1, 3, 5, 2, 4] if node.attributes.get("mode", b"DCR") == b"CRD" else [0, 3, 5, 1, 2, 4]
    moved = Value(split.tensor, [perm.index(axis) for axis in split.order])
    return g.reshaped(moved, [None, channels * n * n, rows // n, columns // n])
