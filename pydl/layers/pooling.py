"""Pooling layers: one value for many."""

from __future__ import annotations

import math
from typing import Any

from pydl._base.args import one_of
from pydl._engine.builder import Builder
from pydl._engine.graph import Shape
from pydl._engine.tensor import Tensor
from pydl.layers.base import Layer


class GlobalAveragePooling1D(Layer):
    """The mean over the steps: `(batch, steps, features)` becomes `(batch, features)`.

    Steps that the input's mask leaves out do not count; the mean of no step at all is 0 (NaN in Keras). Steps may be
    None: any number. Sums run in double.

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

    supports_masking = True  # in that it uses the mask; there is none behind it

    def __init__(self, data_format: str | None = None, keepdims: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.data_format = one_of(
            "GlobalAveragePooling1D", "data_format", data_format or "channels_last", ("channels_last",)
        )
        self.keepdims = bool(keepdims)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        if len(input_shape) != 3:
            raise ValueError(
                f'GlobalAveragePooling1D "{self.name}": expected input (batch, steps, features), '
                f"got {tuple(input_shape)}"
            )
        batch, _, features = input_shape
        return (batch, 1, features) if self.keepdims else (batch, features)

    def output_masks(self, masked: list[bool]) -> list[bool]:
        return [False]

    def emit_masks(self, b: Builder, x: list[Tensor], y: list[Tensor]) -> None:
        """The mask ends here."""

    def emit_forward(self, b: Builder, *x: Tensor) -> Tensor:
        t = x[0]
        b.note_reader(t)
        y = b.tensor((b.batch, *(int(d or 0) for d in self.compute_output_shape(t.shape)[1:])), t)
        b.emit("mean_steps_fwd", x=t.buffer, m=t.mask and t.mask.buffer, y=y.buffer, O=t.shape[-1], **t.by_last())
        return y

    def emit_backward(self, b: Builder, *x: Tensor, y: Tensor) -> None:
        t, dy = x[0], b.gradient(y)
        fields = {"m": t.mask and t.mask.buffer, "O": math.prod(y.shape[1:]), **t.by_last()}
        b.add_input_gradient(t, lambda dx, add: b.emit("mean_steps_bwd", dy=dy, dx=dx, add=add, **fields), adds=True)
