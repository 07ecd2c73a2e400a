"""A layer that makes the boxes of all pictures the same number."""

from __future__ import annotations

from typing import Any

import numpy as np

from pydl._base.args import whole
from pydl._base.boxes import filled
from pydl._engine.builder import Builder
from pydl._engine.tensor import Tensor
from pydl.layers.annotated import Annotated


class MaxNumBoundingBoxes(Annotated):
    """Cuts the boxes of each picture off at a number, or fills them up to it; pictures and all else stay.

    Called on a dict of arrays, `{"images": x, "bounding_boxes": {"boxes": b, "labels": l}}`, of a batch or of one
    picture: b becomes `(batch, max_number, 4)`, l `(batch, max_number)`. Boxes beyond the number are lost. In a model,
    which has no boxes, it changes nothing.

    Parameters
    ----------
    max_number : int
        At least 1.
    fill_value : int
        What boxes and labels are filled up with.
    **kwargs
        `bounding_box_format`, `data_format`, `name`, `trainable`, `dtype`.
    """

    def __init__(self, max_number: int, fill_value: int = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.max_number = whole("MaxNumBoundingBoxes", "max_number", max_number, at_least=1)
        self.fill_value = whole("MaxNumBoundingBoxes", "fill_value", fill_value, at_least=-(2**31))

    def emit_forward(self, b: Builder, *x: Tensor) -> Any:
        return x[0]

    def emit_backward(self, b: Builder, *x: Tensor, y: Tensor) -> None:
        """The gradient is the same buffer."""

    def transform_images(self, images: Any, transformation: Any, training: bool = True) -> Any:
        """Pictures, as they come."""
        return np.asarray(images)

    def transform_bounding_boxes(self, bounding_boxes: Any, transformation: Any, training: bool = True) -> Any:
        """As many boxes and labels as asked for."""
        found = filled(self._owner, bounding_boxes)
        axis = found["boxes"].ndim - 2
        missing = max(self.max_number - found["boxes"].shape[axis], 0)
        for name, value in found.items():
            few = np.take(value, np.arange(min(value.shape[axis], self.max_number)), axis)
            widths = [(0, missing if k == axis else 0) for k in range(value.ndim)]
            found[name] = np.pad(few, widths, constant_values=self.fill_value)
        return found
