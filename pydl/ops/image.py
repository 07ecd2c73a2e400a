"""Functions of pictures, by the names of `keras.ops.image`."""

from __future__ import annotations

from typing import Any

from pydl._base.args import one_of, whole
from pydl.ops.shapes import concatenate, expand_dims, get_item, ndim, pad, shape, squeeze

__all__ = ["extract_patches"]


def extract_patches(
    images: Any, size: Any, strides: Any = None, dilation_rate: Any = 1, padding: str = "valid", data_format: Any = None
) -> Any:
    """The windows of pictures, each as one row of channels: `y[b, i, j] = x[b, i s : i s + h, j s : j s + w].ravel()`.

    Parameters
    ----------
    images : array or tensor, shape (batch, height, width, channels) or (height, width, channels)
    size : int or (int, int)
        Height and width of a window.
    strides : int or (int, int), optional
        From a window to the next one; default `size`: they do not overlap.
    dilation_rate : int or (int, int)
        From a pixel of a window to the next one.
    padding : {"valid", "same"}
        "same": with zeros around, so that there is a window for each `strides` pixels.
    data_format : {"channels_last"}, optional

    Returns
    -------
    Shape (batch, rows, columns, h * w * channels), without the batch if there was none.

    Raises
    ------
    ValueError
        Another rank or `data_format`; sizes that are not known.
    """
    if ndim(images) == 3:
        return squeeze(extract_patches(expand_dims(images, 0), size, strides, dilation_rate, padding, data_format), 0)
    owner = "extract_patches"
    one_of(owner, "data_format", data_format or "channels_last", ("channels_last",))
    one_of(owner, "padding", padding, ("valid", "same"))
    sizes = shape(images)
    if len(sizes) != 4 or None in sizes[1:3]:
        raise ValueError(f"{owner}: expected pictures (batch, height, width, channels) of known size, got {sizes}")
    window = _pair(owner, "size", size)
    steps = window if strides is None else _pair(owner, "strides", strides)
    holes = _pair(owner, "dilation_rate", dilation_rate)
    spans = [(k - 1) * d + 1 for k, d in zip(window, holes, strict=True)]
    if padding == "same":
        missing = [max((-(-int(n or 0) // s) - 1) * s + span - int(n or 0), 0)
                   for n, s, span in zip(sizes[1:3], steps, spans, strict=True)]  # fmt: skip
        images = pad(images, [(0, 0), *((m // 2, m - m // 2) for m in missing), (0, 0)])
    counts = [(int(n or 0) - span) // s + 1 for n, s, span in zip(shape(images)[1:3], steps, spans, strict=True)]
    if min(counts) < 1:
        raise ValueError(f"{owner}: windows {window} are larger than the pictures {sizes}")

    def along(axis: int, i: int) -> slice:
        start = i * holes[axis]
        return slice(start, start + (counts[axis] - 1) * steps[axis] + 1, steps[axis])

    all_of = slice(None)
    pixels = [get_item(images, (all_of, along(0, i), along(1, j), all_of))
              for i in range(window[0]) for j in range(window[1])]  # fmt: skip
    return concatenate(pixels, axis=-1)


def _pair(owner: str, name: str, value: Any) -> tuple[int, int]:
    both = value if isinstance(value, list | tuple) else (value, value)
    if len(both) != 2:
        raise ValueError(f"{owner}: {name}: expected one whole number or two, got {value!r}")
    first, second = (whole(owner, name, v, at_least=1) for v in both)
    return first, second
