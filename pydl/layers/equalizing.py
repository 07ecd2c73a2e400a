"""A layer that spreads the values of pictures evenly, in NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np

from pydl._base.args import whole
from pydl.layers.images import NumPyImageLayer, values_of

Array = np.ndarray


class Equalization(NumPyImageLayer):
    """In training, the values of each channel are spread evenly over `value_range`; else nothing changes.

    By the histogram of the channel over all pictures of the batch, as Keras has it: a value becomes the share of values
    in its bin or below, those of the first bin left out, rounded to 1 / 255 of the range. A channel of one bin stays.
    Pictures are `(batch, height, width, channels)`. Called on an array, `layer(x)`, it works as in training unless
    `training=False`, and takes one picture without the batch as well. In NumPy; gives no gradient to its input.

    Parameters
    ----------
    value_range : (float, float)
        Of pixels: (0, 1) where they are scaled.
    bins : int
        Of the histogram.
    data_format : {"channels_last"}, optional
    **kwargs
        `name`, `trainable`, `dtype`.
    """

    numbers = 0

    def __init__(
        self, value_range: Any = (0, 255), bins: int = 256, data_format: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(None, data_format, **kwargs)
        self.value_range = values_of("Equalization", value_range)
        self.bins = whole("Equalization", "bins", bins, at_least=1)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments as plain JSON values."""
        config = super().get_config()
        del config["seed"]  # nothing is drawn
        return config

    def change(self, x: Array, u: Array, *z: Array) -> Array:
        low, high = self.value_range
        bins = np.clip((x - low) * ((self.bins - 1) / (high - low)), 0, self.bins - 1).astype(np.intp)
        y = x.copy()
        for channel in range(x.shape[-1]):
            below = np.cumsum(np.bincount(bins[..., channel].ravel(), minlength=self.bins))
            first = below[below > 0][:1]
            if len(first) and first[0] < below[-1]:
                share = np.round(np.clip(below - first, 0, None) * 255 / (below[-1] - first))
                y[..., channel] = (low + share * ((high - low) / 255))[bins[..., channel]]
        return y
