"""Boxes around things in pictures: their formats, what becomes of them with the picture, how much two overlap.

An array of boxes ends in an axis of four numbers. Formats are "xyxy" (left, top, right, bottom), "yxyx", "xywh" (left,
top, width, height), "center_xywh", "center_yxhw", and the first four of them with "rel_" in front, as shares of the
picture.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pydl._base.args import one_of
from pydl.config import epsilon

__all__ = [
    "clip_to_image_size", "compute_ciou", "compute_iou", "convert_format", "crop", "decode_deltas_to_boxes",
    "encode_box_to_deltas", "pad",
]  # fmt: skip

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
    height, width : number, optional
        Of the picture, where one of the formats is relative.

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
        size = np.array([width, height, width, height], dtype)
        corners = corners * size if relative[0] else corners / size
    return _from_corners(corners, second)


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
    most = [width, height, width, height] if form == "xyxy" else 1.0
    found = {**bounding_boxes, "boxes": np.clip(boxes, 0, np.asarray(most, boxes.dtype))}
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


def _size(owner: str, form: str, image_shape: Sequence[int] | None) -> dict[str, Any]:
    if form.startswith("rel") and image_shape is None:
        raise ValueError(f"{owner}: give image_shape, (height, width, channels), as boxes are {form!r}")
    return {} if image_shape is None else {"height": image_shape[0], "width": image_shape[1]}


def _overlap(a: Array, b: Array) -> tuple[Array, Array]:
    """The areas of what boxes have in common, and of both together."""
    sides = np.minimum(a[..., 2:], b[..., 2:]) - np.maximum(a[..., :2], b[..., :2])
    common = np.prod(np.maximum(sides, 0), axis=-1)
    areas = [np.prod(x[..., 2:] - x[..., :2], axis=-1) for x in (a, b)]
    return common, areas[0] + areas[1] - common


def compute_iou(
    boxes1: Any,
    boxes2: Any,
    bounding_box_format: str,
    use_masking: bool = False,
    mask_val: float = -1,
    image_shape: Sequence[int] | None = None,
) -> Array:
    """Of each of M boxes and each of N others, the area in common divided by that of both: shape (..., M, N).

    Parameters
    ----------
    boxes1, boxes2 : array_like, shape (M, 4) or (batch, M, 4), and (N, 4) or (batch, N, 4)
    bounding_box_format : str
    use_masking : bool
        Put `mask_val` where all numbers of a box are negative.
    image_shape : tuple, optional
        (height, width, channels), for relative formats.
    """
    size = _size("compute_iou", bounding_box_format, image_shape)
    a, b = (convert_format(x, bounding_box_format, "xyxy", **size) for x in (boxes1, boxes2))
    if any(x.ndim not in (2, 3) for x in (a, b)):
        raise ValueError(f"compute_iou: expected boxes (M, 4) or (batch, M, 4), got shapes {a.shape} and {b.shape}")
    a, b = a[..., :, None, :], b[..., None, :, :]
    common, union = _overlap(a, b)
    found = common / (union + epsilon())
    return np.where((a.max(-1) < 0) | (b.max(-1) < 0), mask_val, found) if use_masking else np.asarray(found)


def compute_ciou(boxes1: Any, boxes2: Any, bounding_box_format: str, image_shape: Sequence[int] | None = None) -> Array:
    """Of pairs of boxes, the complete intersection over union, at most 1.

    `iou - d^2 / c^2 - a v`: d is how far their centres are apart, c the diagonal of what holds both, `v = 4 / pi^2
    (atan(w2 / h2) - atan(w1 / h1))^2` and `a = v / (1 - iou + v)`. Source: Zheng and others, 2020.
    """
    size = _size("compute_ciou", bounding_box_format, image_shape)
    a, b = (convert_format(x, bounding_box_format, "xyxy", **size) for x in (boxes1, boxes2))
    common, union = _overlap(a, b)
    iou = common / (union + epsilon())
    around = np.maximum(a[..., 2:], b[..., 2:]) - np.minimum(a[..., :2], b[..., :2])
    apart = (a[..., :2] + a[..., 2:] - b[..., :2] - b[..., 2:]) / 2
    angles = [np.arctan(s[..., 0] / (s[..., 1] + epsilon())) for s in (x[..., 2:] - x[..., :2] for x in (a, b))]
    v = 4 / np.pi**2 * (angles[1] - angles[0]) ** 2
    share = v / (1 - iou + v + epsilon())
    return np.asarray(iou - (apart**2).sum(-1) / ((around**2).sum(-1) + epsilon()) - share * v)


def _variance(owner: str, variance: Any) -> Array:
    if variance is None:
        return np.ones(4, np.float32)
    found = np.asarray(variance, np.float32)
    if found.shape[-1:] != (4,):
        raise ValueError(f"{owner}: `variance` must be length 4, got {variance!r}")
    return found


def encode_box_to_deltas(
    anchors: Any,
    boxes: Any,
    anchor_format: str,
    box_format: str,
    encoding_format: str = "center_yxhw",
    variance: Any = None,
    image_shape: Sequence[int] | None = None,
) -> Array:
    """What makes boxes of anchors: how far centres are apart, in sizes of anchors, and logarithms of ratios of sizes.

    `variance`: four numbers that the result is divided by.
    """
    by = _variance("encode_box_to_deltas", variance)
    one_of("encode_box_to_deltas", "encoding_format", encoding_format, ("center_xywh", "center_yxhw"))
    size = _size("", "", image_shape)
    a = convert_format(anchors, anchor_format, encoding_format, **size)
    x = convert_format(boxes, box_format, encoding_format, **size)
    sides, own = (np.maximum(y[..., 2:], epsilon()) for y in (a, x))
    apart, ratio = np.broadcast_arrays((x[..., :2] - a[..., :2]) / sides, np.log(own / sides))
    return np.asarray(np.concatenate([apart, ratio], axis=-1) / by)


def decode_deltas_to_boxes(
    anchors: Any,
    boxes_delta: Any,
    anchor_format: str,
    box_format: str,
    encoded_format: str = "center_yxhw",
    variance: Any = None,
    image_shape: Sequence[int] | None = None,
) -> Any:
    """The boxes of which `encode_box_to_deltas` made deltas; anchors and deltas may be dicts, by level."""
    by = _variance("decode_deltas_to_boxes", variance)
    one_of("decode_deltas_to_boxes", "encoded_format", encoded_format, ("center_xywh", "center_yxhw"))
    if isinstance(anchors, Mapping) and isinstance(boxes_delta, Mapping):
        options = (anchor_format, box_format, encoded_format, variance, image_shape)
        return {level: decode_deltas_to_boxes(a, boxes_delta[level], *options) for level, a in anchors.items()}
    size = _size("", "", image_shape)
    a = convert_format(anchors, anchor_format, encoded_format, **size)
    d = np.asarray(boxes_delta, np.float32) * by
    centres, sides = np.broadcast_arrays(d[..., :2] * a[..., 2:] + a[..., :2], np.exp(d[..., 2:]) * a[..., 2:])
    return convert_format(np.concatenate([centres, sides], axis=-1), encoded_format, box_format, **size)
