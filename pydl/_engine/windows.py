"""Where windows lie: of convolutions and pooling, along one axis of positions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

PADDINGS = ("valid", "same")


class Windows(NamedTuple):
    """Windows along an axis: the i-th begins at `i * stride - before` and reads every `dilation`-th of its positions.

    Attributes
    ----------
    size : int
        Positions of the axis.
    taps : int
        Positions that a window reads.
    before, after : int
        Positions in front of the axis and behind it that do not exist, but that windows reach.
    out : int
        Windows, which is positions of what comes out; less than 1 where none fits.
    """

    size: int
    taps: int
    stride: int
    dilation: int
    before: int
    after: int
    out: int

    @property
    def reach(self) -> int:
        """Positions from the first that a window reads to the last."""
        return (self.taps - 1) * self.dilation + 1


def sizes_of_windows(batch: int, rows: Windows, columns: Windows) -> dict[str, int]:
    """What records call the sizes of windows over the rows and the columns of images."""
    return {
        "B": batch, "H": rows.size, "W": columns.size, "OH": rows.out, "OW": columns.out, "KH": rows.taps,
        "KW": columns.taps, "SH": rows.stride, "SW": columns.stride, "top": rows.before, "left": columns.before,
    }  # fmt: skip


def holes(rows: Windows, columns: Windows) -> dict[str, int]:
    """And, for those that know dilations, how far taps are apart."""
    return {"DH": rows.dilation, "DW": columns.dilation}


def windows(size: int, taps: int, stride: int = 1, dilation: int = 1, padding: str = "valid") -> Windows:
    """The windows of an axis, as Keras lays them.

    Parameters
    ----------
    padding : {"valid", "same", "causal"}
        "valid": windows lie within the axis. "same": `ceil(size / stride)` windows; what is missing lies half in front,
        rounded down, and half behind. "causal": as "valid", with all that a window reaches beyond its last position
        missing in front.
    """
    reach = (taps - 1) * dilation + 1
    if padding == "same":
        out = -(-size // stride)
        missing = max((out - 1) * stride + reach - size, 0)
        return Windows(size, taps, stride, dilation, missing // 2, missing - missing // 2, out)
    before = reach - 1 if padding == "causal" else 0
    return Windows(size, taps, stride, dilation, before, 0, (size + before - reach) // stride + 1)


def each_tap(along: Sequence[Windows]) -> Iterator[tuple[tuple[int, ...], tuple[slice, ...]]]:
    """Each tap of windows, and which positions, from the first in front of each axis on, they read by it."""
    for at in np.ndindex(*(w.taps for w in along)):
        starts = [i * w.dilation for i, w in zip(at, along, strict=True)]
        ends = [start + (w.out - 1) * w.stride + 1 for start, w in zip(starts, along, strict=True)]
        yield at, tuple(map(slice, starts, ends, (w.stride for w in along)))


def enlarged(n: int, k: int, stride: int, dilation: int, more: int | None, padding: str) -> Windows:
    """The windows along an output of which there are n, one for each position of the input.

    "valid": all that they read. "same": n * stride positions, the middle of those; `more` positions, where it is given,
    replace what would be behind the last window.
    """
    reach = (k - 1) * dilation + 1
    if padding == "valid":
        size = (n - 1) * stride + (max(reach, stride) if more is None else reach + more)
        before = 0
    else:
        size = n * stride if more is None else (n - 1) * stride + reach % 2 + more
        around = stride + reach - 2 if more is None else reach + reach % 2 - 2 + more
        before = reach - 1 - min(-(-around // 2), reach - 1)
    return Windows(size, k, stride, dilation, before, 0, n)
