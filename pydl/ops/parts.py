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
    """Channels of pictures as squares of b x b pixels: `(batch, h, w, b * b * c)` becomes `(batch, h * b, w * b, c)`.

    With `data_format="channels_first"` `(batch, c * b * b, h, w)` becomes `(batch, c, h * b, w * b)`: the channels of a
    square are neighbours, as in PyTorch's pixel shuffle.
    """
    h, w, channels, b, first = _sizes("depth_to_space", x, block_size, data_format)
    if channels % (b * b):
        raise ValueError(f"depth_to_space: expected a multiple of {b * b} channels, got {channels}")
    c = channels // (b * b)
    if first:
        apart = transpose(reshape(x, (-1, c, b, b, h, w)), (0, 1, 4, 2, 5, 3))
        return reshape(apart, (-1, c, h * b, w * b))
    apart = transpose(reshape(x, (-1, h, w, b, b, c)), (0, 1, 3, 2, 4, 5))
    return reshape(apart, (-1, h * b, w * b, c))


def space_to_depth(x: Any, block_size: int, data_format: Any = None) -> Any:
    """Squares of b x b pixels as channels: what `depth_to_space` makes of it is x again."""
    h, w, c, b, first = _sizes("space_to_depth", x, block_size, data_format)
    if h % b or w % b:
        raise ValueError(f"space_to_depth: expected multiples of {b} rows and columns, got {h} and {w}")
    if first:
        apart = transpose(reshape(x, (-1, c, h // b, b, w // b, b)), (0, 1, 3, 5, 2, 4))
        return reshape(apart, (-1, c * b * b, h // b, w // b))
    apart = transpose(reshape(x, (-1, h // b, b, w // b, b, c)), (0, 1, 3, 2, 4, 5))
    return reshape(apart, (-1, h // b, w // b, b * b * c))


def _sizes(owner: str, x: Any, block_size: int, data_format: Any) -> tuple[int, int, int, int, bool]:
    formats = ("channels_last", "channels_first")
    first = one_of(owner, "data_format", data_format or formats[0], formats) == formats[1]
    sizes = shape(x)
    if len(sizes) != 4 or None in sizes[1:]:
        axes = "channels, height, width" if first else "height, width, channels"
        raise ValueError(f"{owner}: expected pictures (batch, {axes}) of known size, got {sizes}")
    h, w, c = (int(sizes[axis] or 0) for axis in ((2, 3, 1) if first else (1, 2, 3)))
    return h, w, c, whole(owner, "block_size", block_size, at_least=1), first
