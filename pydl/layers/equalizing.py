"""Layers that spread the values of pictures evenly, of all of a picture or of parts, in NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np

from pydl._base.args import each_axis, real, whole
from pydl.layers.images import UndrawnImageLayer, values_of

Array = np.ndarray


class Equalization(UndrawnImageLayer):
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
    data_format : {"channels_last", "channels_first"}, optional
    **kwargs
        `bounding_box_format`, `name`, `trainable`, `dtype`.
    """

    def __init__(
        self, value_range: Any = (0, 255), bins: int = 256, data_format: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(data_format, **kwargs)
        self.value_range = values_of("Equalization", value_range)
        self.bins = whole("Equalization", "bins", bins, at_least=1)

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


class ContrastLimitedAdaptiveHistogramEqualization(UndrawnImageLayer):
    """Values are spread evenly by the histograms of tiles of the picture, each channel alone (CLAHE).

    The histogram of 256 bins of a tile is cut at `clip_limit` times its mean, what was cut off is shared out among all
    bins, and a value becomes the share of those below it, times 255; between the middles of tiles, the mean of the
    four around. A picture that tiles do not fill is mirrored at its lower and right edge. Pictures are `(batch, height,
    width, channels)`; `layer(x)` takes one picture without the batch as well. In training and out of it alike. In
    NumPy; gives no gradient to its input.

    Parameters
    ----------
    value_range : (float, float)
        Of pixels: (0, 1) where they are scaled.
    clip_limit : float
        0 or less: histograms are not cut.
    tile_grid_size : (int, int)
        Tiles along rows and columns.
    data_format : {"channels_last", "channels_first"}, optional
    **kwargs
        `bounding_box_format`, `name`, `trainable`, `dtype`.

    References
    ----------
    Zuiderveld 1994.
    """

    only_in_training = False

    def __init__(
        self, value_range: Any = (0, 255), clip_limit: float = 4.0, tile_grid_size: Any = (8, 8),
        data_format: str | None = None, **kwargs: Any,
    ) -> None:  # fmt: skip
        super().__init__(data_format, **kwargs)
        owner = "ContrastLimitedAdaptiveHistogramEqualization"
        self.value_range = values_of(owner, value_range)
        self.clip_limit = real(owner, "clip_limit", clip_limit)
        self.tile_grid_size = each_axis(owner, "tile_grid_size", tile_grid_size, 2)

    def change(self, x: Array, u: Array, *z: Array) -> Array:
        low, high = self.value_range
        tiles, sizes = self.tile_grid_size, x.shape[1:3]
        spans = [-(-n // of) for n, of in zip(sizes, tiles, strict=True)]
        missing = [(0, span * of - n) for span, of, n in zip(spans, tiles, sizes, strict=True)]
        full = np.pad(x, ((0, 0), *missing, (0, 0)), mode="symmetric")
        codes = np.clip((full - low) * (255 / (high - low)), 0, 255).astype(np.intp)
        table = np.pad(self._tables(codes, spans), ((0, 0), (1, 1), (1, 1), (0, 0), (0, 0)), mode="edge")
        batch, channel = np.arange(len(x))[:, None, None, None], np.arange(x.shape[-1])
        y = np.zeros(full.shape, np.float64)
        (rows, down), (columns, across) = (_between(span, of) for span, of in zip(spans, tiles, strict=True))
        for i, of_row in ((0, 1 - down), (1, down)):
            for j, of_column in ((0, 1 - across), (1, across)):
                value = table[batch, rows[:, None, None] + i, columns[:, None] + j, channel, codes]
                y += value * (of_row[:, None, None] * of_column[:, None])
        return (low + y * ((high - low) / 255))[:, : sizes[0], : sizes[1]].astype(x.dtype)

    def _tables(self, codes: Array, spans: list[int]) -> Array:
        """What each code of a tile becomes: (batch, tiles down, tiles across, channels, 256)."""
        (down, across), pixels = self.tile_grid_size, spans[0] * spans[1]
        shape = (len(codes), down, spans[0], across, spans[1], codes.shape[-1])
        flat = codes.reshape(shape).transpose(0, 1, 3, 5, 2, 4).reshape(-1, pixels)
        places = flat + 256 * np.arange(len(flat))[:, None]
        counts = np.bincount(places.ravel(), minlength=256 * len(flat)).reshape(-1, 256).astype(np.float64)
        if self.clip_limit > 0:
            cut = np.minimum(counts, self.clip_limit * pixels / 256)
            counts = cut + (counts - cut).sum(axis=1, keepdims=True) / 256
        below = np.cumsum(counts, axis=1)
        least = below.min(axis=1, keepdims=True)
        found = (below - least) * 255 / np.where(pixels == least, 1, pixels - least)
        return np.clip(found, 0, 255).reshape(len(codes), down, across, codes.shape[-1], 256)


def _between(span: int, tiles: int) -> tuple[Array, Array]:
    """For each place along an axis of tiles: the last one with its middle before it, from 1 on, and how far."""
    at = (np.arange(span * tiles) - span / 2) / span + 1
    before = np.floor(at)
    return before.astype(np.intp), at - before
