"""Global pooling: one value for all positions."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from pydl._engine.builder import Buffer, Builder
from pydl._engine.graph import Shape, is_symbolic
from pydl._engine.tensor import Tensor
from pydl._engine.windows import Windows, windows
from pydl.layers.base import Layer
from pydl.layers.pooled import Largest
from pydl.layers.spatial import channels_last


class _Global(Layer):
    """One value of all positions for each channel.

    Parameters
    ----------
    data_format : {"channels_last"}, optional
    keepdims : bool
        Keep the axes of positions, with size 1.
    """

    axes: int

    def __init__(self, data_format: str | None = None, keepdims: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.data_format = channels_last(type(self).__name__, data_format, self.axes)
        self.keepdims = bool(keepdims)

    def compute_output_shape(self, input_shape: Any) -> Shape:
        return self._pooled(input_shape)

    def _pooled(self, input_shape: Shape) -> Shape:
        if len(input_shape) != self.axes + 2:
            wanted = {1: "(batch, steps, features)", 2: "(batch, rows, columns, channels)"}.get(
                self.axes, "(batch, a, b, c, channels)"
            )
            raise ValueError(f'{type(self).__name__} "{self.name}": expected input {wanted}, got {tuple(input_shape)}')
        ones = (1,) * self.axes if self.keepdims else ()
        return (input_shape[0], *ones, input_shape[-1])


class _GlobalAverage(_Global):
    def emit_forward(self, b: Builder, *x: Tensor) -> Tensor:
        t = x[0]
        b.note_reader(t)
        y = b.tensor((b.batch, *(int(d or 0) for d in self._pooled(t.shape)[1:])), t)
        b.emit("mean_steps_fwd", x=t.buffer, y=y.buffer, **self._fields(*x))
        return y

    def emit_backward(self, b: Builder, *x: Tensor, y: Tensor) -> None:
        t, dy = x[0], b.gradient(y)
        fields = self._fields(*x)
        b.add_input_gradient(t, lambda dx, add: b.emit("mean_steps_bwd", dy=dy, dx=dx, add=add, **fields), adds=True)

    def _fields(self, *x: Tensor) -> dict[str, Any]:
        t = x[0]
        return {"m": self._mask(*x), "O": t.shape[-1], **t.by_last()}

    def _mask(self, *x: Tensor) -> Buffer | None:
        """What says which positions count."""
        return None


class GlobalAveragePooling1D(_GlobalAverage):
    """The mean over the steps: `(batch, steps, features)` becomes `(batch, features)`.

    Steps that the input's mask leaves out do not count, or those for which a mask says 0 that is given by hand,
    `layer(x, mask)`, of shape `(batch, steps)`; the mean of no step at all is 0 (NaN in Keras). Steps may be None: any
    number. Sums run in double.

    Parameters
    ----------
    data_format : {"channels_last"}, optional
        For "channels_first", transpose the data: `x.transpose(0, 2, 1)`.
    keepdims : bool
        Keep the axis of steps, with size 1.
    **kwargs
        `name`, `trainable`, `dtype`.

    Raises
    ------
    ValueError
        An input that is not of rank 3; another `data_format`.
    """

    axes = 1
    supports_masking = True  # in that it uses the mask; there is none behind it

    def __call__(self, inputs: Any, *others: Any, mask: Any = None, training: Any = None) -> Any:
        """Connect the layer to a symbolic tensor, or apply it to an array; `mask`, or a second input: what counts."""
        mask = others[0] if others else mask
        if mask is None:
            return super().__call__(inputs, training=training)
        if not is_symbolic(mask):
            mask = (np.asarray(mask) != 0).astype(self.dtype)
        return super().__call__([inputs, mask], training=training)

    def compute_output_shape(self, input_shape: Any) -> Shape:
        if not isinstance(input_shape, list):
            return self._pooled(input_shape)
        x, mask = (tuple(s) for s in input_shape)
        pooled = self._pooled(x)
        if len(mask) != 2 or (None not in (x[1], mask[1]) and x[1] != mask[1]):
            raise ValueError(
                f'GlobalAveragePooling1D "{self.name}": expected a mask (batch, steps) for input {x}, got {mask}'
            )
        return pooled

    def _mask(self, *x: Tensor) -> Buffer | None:
        given = x[1] if len(x) > 1 else x[0].mask
        return None if given is None else given.buffer

    def output_masks(self, masked: list[bool]) -> list[bool]:
        return [False]

    def emit_masks(self, b: Builder, x: list[Tensor], y: list[Tensor]) -> None:
        """The mask ends here."""


class GlobalAveragePooling2D(_GlobalAverage):
    """The mean over the pixels: `(batch, rows, columns, channels)` becomes `(batch, channels)`.

    Rows and columns may be None: any number. Sums run in double.

    Parameters
    ----------
    data_format : {"channels_last"}, optional
        For "channels_first", transpose the data: `x.transpose(0, 2, 3, 1)`.
    keepdims : bool
        Keep the axes of rows and columns, with size 1.
    **kwargs
        `name`, `trainable`, `dtype`.

    Raises
    ------
    ValueError
        An input that is not of rank 4; another `data_format`.
    """

    axes = 2


class GlobalAveragePooling3D(_GlobalAverage):
    """The mean over the positions of a volume: `(batch, a, b, c, channels)` becomes `(batch, channels)`.

    Parameters
    ----------
    data_format : {"channels_last"}, optional
        For "channels_first", transpose the data: `x.transpose(0, 2, 3, 4, 1)`.
    keepdims : bool
        Keep the axes of positions, with size 1.
    **kwargs
        `name`, `trainable`, `dtype`.

    Raises
    ------
    ValueError
        An input that is not of rank 5; another `data_format`.
    """

    axes = 3


class _GlobalMax(_Global, Largest):
    def _pooled(self, input_shape: Shape) -> Shape:
        shape = super()._pooled(input_shape)
        if 0 in input_shape[1:-1]:
            raise ValueError(
                f'{type(self).__name__} "{self.name}": expected positions, as the largest of none is not known, got '
                f"input {tuple(input_shape)}"
            )
        return shape

    def grid(self, x: Tensor) -> tuple[Windows, Windows]:
        positions = math.prod(x.shape[1:-1])
        return windows(1, 1), windows(positions, positions)  # one after the other


class GlobalMaxPooling1D(_GlobalMax):
    """The largest value over the steps: `(batch, steps, features)` becomes `(batch, features)`.

    NaN where one of them is. The gradient goes to the first of equal values (in Keras each gets a share of it). Steps
    may be None: any number. A mask does not count, and ends here.

    Parameters
    ----------
    data_format : {"channels_last"}, optional
        For "channels_first", transpose the data: `x.transpose(0, 2, 1)`.
    keepdims : bool
        Keep the axis of steps, with size 1.
    **kwargs
        `name`, `trainable`, `dtype`.

    Raises
    ------
    ValueError
        An input that is not of rank 3, or without steps; another `data_format`.
    """

    axes = 1


class GlobalMaxPooling2D(_GlobalMax):
    """The largest value over the pixels: `(batch, rows, columns, channels)` becomes `(batch, channels)`.

    NaN where one of them is. The gradient goes to the first of equal values, row by row (in Keras each gets a share of
    it). Rows and columns may be None: any number.

    Parameters
    ----------
    data_format : {"channels_last"}, optional
        For "channels_first", transpose the data: `x.transpose(0, 2, 3, 1)`.
    keepdims : bool
        Keep the axes of rows and columns, with size 1.
    **kwargs
        `name`, `trainable`, `dtype`.

    Raises
    ------
    ValueError
        An input that is not of rank 4, or without pixels; another `data_format`.
    """

    axes = 2


class GlobalMaxPooling3D(_GlobalMax):
    """The largest value over the positions of a volume: `(batch, a, b, c, channels)` becomes `(batch, channels)`.

    NaN where one of them is. The gradient goes to the first of equal values (in Keras each gets a share of it).

    Parameters
    ----------
    data_format : {"channels_last"}, optional
        For "channels_first", transpose the data: `x.transpose(0, 2, 3, 4, 1)`.
    keepdims : bool
        Keep the axes of positions, with size 1.
    **kwargs
        `name`, `trainable`, `dtype`.

    Raises
    ------
    ValueError
        An input that is not of rank 5, or without positions; another `data_format`.
    """

    axes = 3


GlobalMaxPool1D, GlobalMaxPool2D, GlobalMaxPool3D = GlobalMaxPooling1D, GlobalMaxPooling2D, GlobalMaxPooling3D
GlobalAvgPool1D, GlobalAvgPool2D = GlobalAveragePooling1D, GlobalAveragePooling2D
GlobalAvgPool3D = GlobalAveragePooling3D
