"""Parts of arrays and tensors, and channels that become positions, or the other way round."""

from __future__ import annotations

import builtins
from typing import Any

from pydl._base.args import one_of, whole
from pydl.ops.shapes import reshape, shape, transpose


def slice(inputs: Any, start_indices: Any, shape: Any) -> Any:
    """A part of x: where it begins along each axis, and how far it goes; -1: to the end."""
    sizes = zip(start_indices, shape, strict=True)
    return inputs[tuple(builtins.slice(int(at), None if n == -1 else int(at) + int(n)) for at, n in sizes)]


def depth_to_space(x: Any, block_size: int, data_format: Any = None) -> Any:
    """Channels of pictures as squares of pixels: `(batch, h, w, b * b * c)` -> `(batch, h * b, w * b, c)`."""
    h, w, channels, b = _sizes("depth_to_space", x, block_size, data_format)
    if channels % (b * b):
        raise ValueError(f"depth_to_space: expected a multiple of {b * b} channels, got {channels}")
    c = channels // (b * b)
    apart = transpose(reshape(x, (-1, h, w, b, b, c)), (0, 1, 3, 2, 4, 5))
    return reshape(apart, (-1, h * b, w * b, c))


def space_to_depth(x: Any, block_size: int, data_format: Any = None) -> Any:
    """Squares of pixels as channels: `(batch, h * b, w * b, c)` -> `(batch, h, w, b * b * c)`."""
    h, w, c, b = _sizes("space_to_depth", x, block_size, data_format)
    if h % b or w % b:
        raise ValueError(f"space_to_depth: expected multiples of {b} rows and columns, got {h} and {w}")
    apart = transpose(reshape(x, (-1, h // b, b, w // b, b, c)), (0, 1, 3, 2, 4, 5))
    return reshape(apart, (-1, h // b, w // b, b * b * c))


def _sizes(owner: str, x: Any, block_size: int, data_format: Any) -> tuple[int, int, int, int]:
    one_of(owner, "data_format", data_format or "channels_last", ("channels_last",))
    sizes = shape(x)
    if len(sizes) != 4 or None in sizes[1:]:
        raise ValueError(f"{owner}: expected pictures (batch, height, width, channels) of known size, got {sizes}")
    _, h, w, c = (int(n or 0) for n in sizes)
    return h, w, c, whole(owner, "block_size", block_size, at_least=1)
