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
from pydl._base.boxes import clip_to_image_size, convert_format, crop, pad
from pydl.config import epsilon

__all__ = [
    "affine_transform", "clip_to_image_size", "compute_ciou", "compute_iou", "convert_format", "crop",
    "decode_deltas_to_boxes", "encode_box_to_deltas", "pad",
]  # fmt: skip

Array = np.ndarray


def affine_transform(
    boxes: Any,
    angle: Any,
    translate_x: Any,
    translate_y: Any,
    scale: Any,
    shear_x: Any,
    shear_y: Any,
    height: int,
    width: int,
    center_x: float | None = None,
    center_y: float | None = None,
    bounding_box_format: str = "xyxy",
) -> Array:
    """The smallest boxes around turned, sheared, scaled and shifted ones, of a number of each kind for each picture.

    A corner p becomes `c + scale * A (p - c + shift)`: A undoes a turn by -angle after shears by -shear_x and -shear_y,
    c and shift are the centre and the translation, fractions of `width - 1` and `height - 1`. (Keras errs where shear_x
    is not 0: it takes a determinant for 1 that is not.)

    Parameters
    ----------
    boxes : array_like, shape (batch, boxes, 4)
    angle, shear_x, shear_y : array_like, shape (batch,)
        In degrees.
    translate_x, translate_y, scale : array_like, shape (batch,)
    height, width : int
        Of the pictures.
    center_x, center_y : float, optional
        Default 0.5.
    bounding_box_format : {"xyxy"}
    """
    one_of("affine_transform", "bounding_box_format", bounding_box_format, ("xyxy",))
    x = np.asarray(boxes)
    turn, across, down = (-np.deg2rad(np.asarray(each, np.float64)) for each in (angle, shear_x, shear_y))
    size = np.array([width - 1, height - 1])
    centre = size * [0.5 if center_x is None else center_x, 0.5 if center_y is None else center_y]
    shift = np.stack([np.asarray(translate_x, np.float64), np.asarray(translate_y, np.float64)], axis=-1) * size
    first = np.stack([np.cos(turn - down), -np.sin(turn - down)], axis=-1) / np.cos(down)[:, None]
    second = first * np.tan(across)[:, None] + np.stack([np.sin(turn), np.cos(turn)], axis=-1)
    undo = np.linalg.inv(np.stack([first, second], axis=-1)) * np.asarray(scale, np.float64).reshape(-1, 1, 1)
    corners = x[..., [0, 1, 2, 1, 0, 3, 2, 3]].reshape(*x.shape[:-1], 4, 2) - centre + shift[:, None, None]
    found = np.einsum("bij,bnkj->bnki", undo, corners) + centre
    return np.concatenate([found.min(axis=2), found.max(axis=2)], axis=-1).astype(np.result_type(x, np.float32))


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
