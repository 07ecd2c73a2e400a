"""Boxes around things in pictures: their formats, what becomes of them with the picture.

An array of boxes ends in an axis of four numbers. Formats are "xyxy" (left, top, right, bottom), "yxyx", "xywh" (left,
top, width, height), "center_xywh", "center_yxhw", and the first four of them with "rel_" in front, as shares of the
picture.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from pydl._base.args import one_of

Array = np.ndarray
_ABSOLUTE = ("xyxy", "yxyx", "xywh", "center_xywh", "center_yxhw")
FORMATS = (*_ABSOLUTE, *(f"rel_{name}" for name in _ABSOLUTE[:4]))


def convert_format(
    boxes: Any, source: str, target: str, height: Any = None, width: Any = None, dtype: str = "float32"
) -> Any:
    """Boxes in another format.

    Parameters
    ----------
    boxes : array_like, shape (..., 4), or a dict with such "boxes"
    source, target : str
        See above; upper and lower case are the same.
    height, width : number or array, optional
        Of the picture, where one of the formats is relative; of several pictures `(batch, 1)` or `(batch, 1, 1)`.

    Raises
    ------
    ValueError
        Unknown formats, boxes of other than four numbers, a size that is needed and not given.
    """
    if isinstance(boxes, Mapping):
        return {**boxes, "boxes": convert_format(boxes["boxes"], source, target, height, width, dtype)}
    x = np.asarray(boxes, dtype)
    if x.ndim == 0 or x.shape[-1] != 4:
        raise ValueError(f"convert_format: expected boxes of four numbers, got shape {x.shape}")
    names = [one_of("convert_format", f"format {name!r}", str(name).lower(), FORMATS) for name in (source, target)]
    relative = [name.startswith("rel_") for name in names]
    if any(relative) and (height is None or width is None):
        raise ValueError(
            f"convert_format: from {source!r} to {target!r} it must receive `height` and `width` of the picture"
        )
    first, second = (name.removeprefix("rel_") for name in names)
    corners = _corners(x, first)
    if relative[0] != relative[1]:
        size = _size("convert_format", corners, width, height)
        corners = corners * size if relative[0] else corners / size
    return _from_corners(corners, second)


def _size(owner: str, boxes: Array, width: Any, height: Any) -> Array:
    """What the four numbers of boxes are to be multiplied by: of one size, or of one that repeats over the boxes."""
    across, down = np.broadcast_arrays(np.asarray(width, boxes.dtype), np.asarray(height, boxes.dtype))
    if across.ndim and across.shape[-1] == 1 and across.ndim == boxes.ndim:
        across, down = across[..., 0], down[..., 0]
    if across.ndim >= boxes.ndim or any(
        n not in (1, of) for n, of in zip(across.shape[::-1], boxes.shape[-2::-1], strict=False)
    ):
        raise ValueError(
            f"{owner}: expected a height and a width, or arrays that repeat over boxes {boxes.shape[:-1]}, got shape "
            f"{np.shape(height)} and {np.shape(width)}"
        )
    return np.stack([across, down, across, down], axis=-1)


def _corners(x: Array, form: str) -> Array:
    """As "xyxy"."""
    if form.removeprefix("center_")[0] == "y":
        x = x[..., [1, 0, 3, 2]]
    if form.endswith(("xyxy", "yxyx")):
        return x
    start = x[..., :2] - x[..., 2:] / 2 if form.startswith("center") else x[..., :2]
    return np.concatenate([start, start + x[..., 2:]], axis=-1)


def _from_corners(x: Array, form: str) -> Array:
    """From "xyxy"."""
    if not form.endswith(("xyxy", "yxyx")):
        size = x[..., 2:] - x[..., :2]
        start = x[..., :2] + size / 2 if form.startswith("center") else x[..., :2]
        x = np.concatenate([start, size], axis=-1)
    return x[..., [1, 0, 3, 2]] if form.removeprefix("center_")[0] == "y" else x


def clip_to_image_size(
    bounding_boxes: Mapping[str, Any], height: Any = None, width: Any = None, bounding_box_format: str = "xyxy"
) -> dict[str, Any]:
    """A dict of "boxes", and maybe "labels", with what lies outside of the picture cut off; -1 labels boxes of no area.

    Raises
    ------
    ValueError
        A format other than "xyxy" and "rel_xyxy"; no size for the first one.
    """
    form = one_of("clip_to_image_size", "bounding_box_format", bounding_box_format, ("xyxy", "rel_xyxy"))
    if form == "xyxy" and (height is None or width is None):
        raise ValueError('clip_to_image_size: give height and width of the picture, as boxes are "xyxy"')
    boxes = np.asarray(bounding_boxes["boxes"])
    most: Any = _size("clip_to_image_size", boxes, width, height) if form == "xyxy" else boxes.dtype.type(1)
    found = {**bounding_boxes, "boxes": np.clip(boxes, 0, most)}
    if found.get("labels") is not None:
        area = np.prod(found["boxes"][..., 2:] - found["boxes"][..., :2], axis=-1)
        found["labels"] = np.where(area > 0, found["labels"], -1)
    return found


def crop(boxes: Any, top: Any, left: Any, height: Any, width: Any, bounding_box_format: str = "xyxy") -> Array:
    """Boxes of a picture of which this part is kept."""
    one_of("crop", "bounding_box_format", bounding_box_format, ("xyxy",))
    x = np.asarray(boxes)
    moved = x - np.asarray([left, top, left, top], x.dtype)
    return np.clip(moved, 0, np.asarray([width, height, width, height], x.dtype))


def pad(
    boxes: Any, top: Any, left: Any, height: Any = None, width: Any = None, bounding_box_format: str = "xyxy"
) -> Array:
    """Boxes of a picture to which rows and columns are added at the top and the left."""
    one_of("pad", "bounding_box_format", bounding_box_format, ("xyxy",))
    x = np.asarray(boxes)
    return np.asarray(x + np.asarray([left, top, left, top], x.dtype))


def filled(owner: str, bounding_boxes: Any) -> dict[str, Any]:
    """A dict of boxes as arrays; lists of different lengths are filled up with boxes of 0, labelled -1."""
    if not isinstance(bounding_boxes, Mapping) or "boxes" not in bounding_boxes:
        raise ValueError(f'{owner}: expected boxes as {{"boxes": ..., "labels": ...}}, got {bounding_boxes!r:.200}')
    boxes, labels = bounding_boxes["boxes"], bounding_boxes.get("labels")
    ragged = (
        isinstance(boxes, list | tuple) and len({len(each) for each in boxes if np.ndim(each) != 1 or not each}) > 1
    )
    if isinstance(boxes, list | tuple) and (ragged or any(len(each) == 0 for each in boxes)):
        boxes, labels = _filled_up(owner, boxes, labels)
    x = np.asarray(boxes, np.float32)
    found = {**bounding_boxes, "boxes": x.reshape(0, 4) if x.shape == (0,) else x}
    if labels is None:
        return found
    known = np.asarray(labels)
    return {**found, "labels": known.astype(np.int64) if known.dtype.kind in "ub" else known}


def _filled_up(owner: str, boxes: Any, labels: Any) -> tuple[Array, Array]:
    """Boxes and labels of the same number for each picture."""
    rows = [np.reshape(np.asarray(each, np.float32), (-1, 4)) for each in boxes]
    numbers = [len(row) for row in rows]
    known = [np.ones(n, np.int64) for n in numbers] if labels is None else [np.asarray(each) for each in labels]
    if [len(each) for each in known] != numbers:
        raise ValueError(
            f"{owner}: expected a label for each box, {numbers} of them, got {[len(each) for each in known]}"
        )
    missing = [max(numbers) - n for n in numbers]
    more = [(0, 0)] * max(each.ndim - 1 for each in known)
    signed = [each.astype(np.int64) if each.dtype.kind != "f" else each for each in known]
    return (
        np.stack([np.pad(row, ((0, n), (0, 0))) for row, n in zip(rows, missing, strict=True)]),
        np.stack([np.pad(each, [(0, n), *more], constant_values=-1) for each, n in zip(signed, missing, strict=True)]),
    )
