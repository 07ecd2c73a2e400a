"""What layers over positions have in common: sizes for each axis, the order of axes, windows and what comes out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydl._base.args import one_of
from pydl._engine.graph import Shape
from pydl._engine.tensor import Tensor
from pydl._engine.windows import Windows, windows
from pydl.layers.base import Layer


def channels_last(owner: str, value: Any, axes: int) -> str:
    """`data_format`, which has to be "channels_last" where a layer computes in C."""
    given = one_of(owner, "data_format", value or "channels_last", ("channels_last", "channels_first"))
    if given == "channels_first":
        order = (0, *range(2, axes + 2), 1)
        raise ValueError(
            f'{owner}: data_format="channels_first" is not supported, only "channels_last": transpose the data, '
            f"x.transpose{order}, and leave data_format out (or use Permute as the first layer)"
        )
    return given


class Windowed(Layer):
    """A layer whose output has a position for each window that it lays over the positions of its input.

    `axes` is 1, `(batch, steps, channels)`, or 2, `(batch, rows, columns, channels)`. Records know two axes: steps are
    columns of one row (`grid`).
    """

    axes: int
    strides: tuple[int, ...]
    padding: str

    @property
    def taps(self) -> tuple[int, ...]:
        """Positions that a window reads along each axis."""
        raise NotImplementedError

    @property
    def dilations(self) -> tuple[int, ...]:
        """How far apart they are."""
        return (1,) * self.axes

    def channels(self, channels: int) -> int:
        """Channels that come out."""
        return channels

    def _same_channels(self, channels: int) -> None:
        """Refuse another number of channels than the weights were made for."""
        if self.built and channels != self.input_shape[-1]:
            raise ValueError(
                f'{type(self).__name__} "{self.name}": expected {self.input_shape[-1]} channels, got {channels}'
            )

    def along(self, sizes: Sequence[int]) -> list[Windows]:
        """The windows along each axis of positions of so many."""
        return [
            windows(n, k, s, d, self.padding)
            for n, k, s, d in zip(sizes, self.taps, self.strides, self.dilations, strict=True)
        ]

    def grid(self, x: Tensor) -> tuple[Windows, Windows]:
        """The windows along the rows and the columns of a tensor."""
        found = self.along(x.shape[1:-1])
        return (windows(1, 1), found[0]) if self.axes == 1 else (found[0], found[1])

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        name = f'{type(self).__name__} "{self.name}"'
        axes = ("steps",) if self.axes == 1 else ("rows", "columns")
        if len(input_shape) != self.axes + 2 or input_shape[-1] is None:
            raise ValueError(
                f"{name}: expected input (batch, {', '.join(axes)}, channels) with a known number of channels, got "
                f"{tuple(input_shape)}"
            )
        sizes: list[int | None] = []
        for axis, (n, k, s, d) in zip(
            axes, zip(input_shape[1:-1], self.taps, self.strides, self.dilations, strict=True), strict=True
        ):
            found = None if n is None else windows(n, k, s, d, self.padding)
            if found is not None and found.out < 1:
                raise ValueError(
                    f'{name}: expected at least {found.reach} {axis} with padding "{self.padding}", got input '
                    f"{tuple(input_shape)}"
                )
            sizes.append(None if found is None else found.out)
        return (input_shape[0], *sizes, self.channels(input_shape[-1]))
