"""Where windows of convolutions and pooling lie, as attributes say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pydl import layers
from pydl._engine.graph import SymbolicTensor
from pydl._engine.windows import windows
from pydl._onnx.building import Building
from pydl._onnx.parsing import Node
from pydl._onnx.values import Value


@dataclass(frozen=True)
class Grid:
    """Windows along the axes of positions.

    Attributes
    ----------
    taps, strides, dilations : tuple of int
    before, after : tuple of int
        Positions that are missing in front and behind.
    same : bool
        Whether windows lie as those of padding "same" do whatever the sizes are; what is missing is the most of it.
    """

    taps: tuple[int, ...]
    strides: tuple[int, ...]
    dilations: tuple[int, ...]
    before: tuple[int, ...]
    after: tuple[int, ...]
    same: bool = False

    @property
    def reach(self) -> list[int]:
        """Positions from the first that a window reads to the last."""
        return [(k - 1) * d + 1 for k, d in zip(self.taps, self.dilations, strict=True)]

    @property
    def padded(self) -> bool:
        return any(self.before) or any(self.after)

    def around(self) -> list[tuple[int, int]]:
        """What is missing along each axis, to be put there."""
        if self.same:
            raise ValueError("auto_pad=SAME_UPPER with strides and open sizes")
        return list(zip(self.before, self.after, strict=True))

    def out(self, sizes: Sequence[int]) -> list[int]:
        """How many windows there are."""
        padded = [n + a + b for n, a, b in zip(sizes, self.before, self.after, strict=True)]
        return [(n - r) // s + 1 for n, r, s in zip(padded, self.reach, self.strides, strict=True)]

    def as_same(self, sizes: Sequence[int | None]) -> bool:
        """Whether windows lie as those of padding "same" do."""
        if self.same:
            return True
        axes = zip(sizes, self.taps, self.strides, self.dilations, self.before, self.after, strict=True)
        for n, k, s, d, before, after in axes:
            if n is None:
                if s != 1 or before != (k - 1) * d // 2 or before + after != (k - 1) * d:
                    return False
                continue
            w = windows(n, k, s, d, "same")
            if (w.before, w.out) != (before, (n + before + after - w.reach) // s + 1):
                return False
        return True


def grid(node: Node, taps: Sequence[int], sizes: Sequence[int | None]) -> Grid:
    """The windows over an input with these sizes of axes of positions."""
    axes = len(sizes)
    given = node.attributes
    kernel = tuple(given.get("kernel_shape") or taps)
    strides, dilations = (tuple(given.get(name) or (1,) * axes) for name in ("strides", "dilations"))
    pads = list(given.get("pads") or [0] * 2 * axes)
    lengths = (len(kernel), len(strides), len(dilations), len(pads) // 2)
    if lengths != (axes,) * 4 or len(pads) % 2 or min((*kernel, *strides, *dilations)) < 1 or not min(pads) >= 0:
        raise ValueError(f"kernel {kernel}, strides {strides}, dilations {dilations}, pads {pads} for {axes} axes")
    if max((*kernel, *strides, *dilations, *pads)) >= 2**24:
        raise ValueError("expected kernels, strides, dilations and pads below 2^24")
    auto, same = given.get("auto_pad", b"NOTSET").decode("ascii", "replace"), False
    if auto in ("SAME_UPPER", "SAME_LOWER"):
        pairs = []
        for n, k, s, d in zip(sizes, kernel, strides, dilations, strict=True):
            if n is None and s != 1:
                if auto == "SAME_LOWER":
                    raise ValueError("auto_pad=SAME_LOWER with strides and open sizes")
                same = True
            w = windows(n or 1, k, s, d, "same")
            missing = w.before + w.after if n is not None else (k - 1) * d
            pairs.append((missing // 2, missing - missing // 2) if auto == "SAME_UPPER"
                         else (missing - missing // 2, missing // 2))  # fmt: skip
        pads = [p[0] for p in pairs] + [p[1] for p in pairs]
    elif auto == "VALID":
        pads = [0] * 2 * axes
    elif auto != "NOTSET":
        raise ValueError(f"auto_pad={auto} is not known")
    if given.get("ceil_mode", 0):
        pads = _up(sizes, kernel, strides, dilations, pads)
    return Grid(kernel, strides, dilations, tuple(pads[:axes]), tuple(pads[axes:]), same)


def _up(sizes: Any, kernel: Any, strides: Any, dilations: Any, pads: list[int]) -> list[int]:
    """Borders behind which the last window, that begins on the input or in front of it, ends."""
    axes = len(sizes)
    after = []
    for i, (n, k, s, d) in enumerate(zip(sizes, kernel, strides, dilations, strict=True)):
        if n is None:
            raise ValueError("ceil_mode with open sizes")
        reach, end = (k - 1) * d + 1, n + pads[i] + pads[axes + i]
        out = -(-(end - reach) // s) + 1
        if (out - 1) * s >= n + pads[i]:
            out -= 1
        after.append(pads[axes + i] + max(0, (out - 1) * s + reach - end))
    return [*pads[:axes], *after]


def zeros_around(g: Building, x: SymbolicTensor, where: Grid) -> SymbolicTensor:
    """Images, channels last, with zeros where windows reach beyond them."""
    if not where.padded:
        return x
    pairs = tuple(where.around())
    g.fits([(d or 0) + sum(p) for d, p in zip(x.shape[1:-1], pairs, strict=True)] + [x.shape[-1]])
    kind = getattr(layers, f"ZeroPadding{len(pairs)}D")
    return g.connect(g.layer(kind, pairs[0] if len(pairs) == 1 else pairs), x)


def positions(x: Value) -> tuple[int | None, ...]:
    """The sizes of the axes of positions."""
    if x.rank < 3:
        raise ValueError(f"expected (batch, channels, positions ...), got shape {x.shape}")
    return x.shape[2:]


def of_images(y: SymbolicTensor) -> Value:
    """A tensor whose channels are last."""
    return Value(y, (0, *range(2, y.ndim), 1))
