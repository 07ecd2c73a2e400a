"""Boxes: each format into each other, overlaps worked out by hand, deltas there and back."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from pydl.utils import bounding_boxes as bb

SAME: dict[str, Any] = {
    "xyxy": [10, 20, 30, 60], "yxyx": [20, 10, 60, 30], "xywh": [10, 20, 20, 40], "center_xywh": [20, 40, 20, 40],
    "center_yxhw": [40, 20, 40, 20], "rel_xyxy": [0.1, 0.1, 0.3, 0.3], "rel_yxyx": [0.1, 0.1, 0.3, 0.3],
    "rel_xywh": [0.1, 0.1, 0.2, 0.2], "rel_center_xywh": [0.2, 0.2, 0.2, 0.2],
}  # fmt: skip


@pytest.mark.parametrize(("source", "target"), list(itertools.product(SAME, SAME)))
def test_each_format_into_each(source: str, target: str) -> None:
    found = bb.convert_format([[SAME[source]]], source, target.upper(), height=200, width=100)
    np.testing.assert_allclose(found, [[SAME[target]]], rtol=1e-6)


def test_overlap() -> None:
    boxes, others = [[0, 0, 4, 2], [0, 0, 1, 1]], [[2, 0, 6, 2], [0, 0, 4, 2], [-5, -5, -4, -4]]
    wanted = [[4 / 12, 1, 0], [0, 1 / 8, 0]]
    np.testing.assert_allclose(bb.compute_iou(boxes, others, "xyxy"), wanted, atol=1e-6)
    np.testing.assert_allclose(bb.compute_iou([boxes, boxes], others, "xyxy"), [wanted] * 2, atol=1e-6)
    assert (bb.compute_iou(boxes, others, "xyxy", use_masking=True)[:, 2] == -1).all()
    shares = np.array(boxes) / [10, 5, 10, 5]
    np.testing.assert_allclose(
        bb.compute_iou(shares, np.array(others) / [10, 5, 10, 5], "rel_xyxy", image_shape=(5, 10, 3)), wanted, atol=1e-5
    )
    np.testing.assert_allclose(bb.compute_ciou([boxes[0]], [others[0]], "xyxy"), [4 / 12 - 4 / 40], atol=1e-6)
    v = 4 / np.pi**2 * (np.arctan(2) - np.arctan(1)) ** 2
    wanted_one = 1 / 8 - (1.5**2 + 0.5**2) / 20 - v * v / (1 - 1 / 8 + v)
    np.testing.assert_allclose(bb.compute_ciou([boxes[0]], [boxes[1]], "xyxy"), [wanted_one], atol=1e-6)


def test_with_the_picture() -> None:
    boxes = np.array([[-5.0, 2, 8, 30], [12, 2, 14, 4]])
    found = bb.clip_to_image_size({"boxes": boxes, "labels": [3, 4]}, height=20, width=10)
    np.testing.assert_array_equal(found["boxes"], [[0, 2, 8, 20], [10, 2, 10, 4]])
    np.testing.assert_array_equal(found["labels"], [3, -1])
    np.testing.assert_array_equal(bb.crop(boxes, 3, 1, 5, 6), [[0, 0, 6, 5], [6, 0, 6, 1]])
    np.testing.assert_array_equal(bb.pad(boxes, 3, 1), boxes + np.array([1, 3, 1, 3]))


@pytest.mark.parametrize("variance", [None, [0.1, 0.1, 0.2, 0.2]])
@pytest.mark.parametrize("form", ["center_xywh", "center_yxhw"])
def test_deltas_there_and_back(form: str, variance: Any) -> None:
    anchors, boxes = np.array([[0.0, 0, 4, 2], [1, 1, 3, 4]]), np.array([[[1.0, 1, 4, 5], [0, 2, 2, 3]]])
    deltas = bb.encode_box_to_deltas(anchors, boxes, "xyxy", "xyxy", form, variance)
    assert deltas.shape == (1, 2, 4)
    back = bb.decode_deltas_to_boxes(anchors, deltas, "xyxy", "xyxy", form, variance)
    np.testing.assert_allclose(back, boxes, atol=1e-5)
    levels = bb.decode_deltas_to_boxes({"a": anchors}, {"a": deltas}, "xyxy", "xyxy", form, variance)
    np.testing.assert_array_equal(levels["a"], back)


def test_errors() -> None:
    for call, told in (
        (lambda: bb.convert_format([[1, 2, 3, 4]], "xyxy", "rel_xyxy"), "must receive `height` and `width`"),
        (
            lambda: bb.convert_format([[1, 2, 3, 4]], "xyxy", "abcd"),
            "Invalid value for format 'abcd'. Expected one of 'xyxy'",
        ),
        (lambda: bb.convert_format([[1, 2, 3]], "xyxy", "yxyx"), "boxes of four numbers"),
        (lambda: bb.clip_to_image_size({"boxes": [[1, 2, 3, 4]]}), "give height and width"),
        (lambda: bb.compute_iou([[0, 0, 1, 1]], [[0, 0, 1, 1]], "rel_xyxy"), "give image_shape"),
        (lambda: bb.compute_iou([0, 0, 1, 1], [[0, 0, 1, 1]], "xyxy"), r"expected boxes \(M, 4\)"),
        (lambda: bb.encode_box_to_deltas([[0, 0, 1, 1]], [[0, 0, 1, 1]], "xyxy", "xyxy", variance=[1]), "length 4"),
    ):
        with pytest.raises(ValueError, match=told):
            call()


def test_pictures_of_different_sizes() -> None:
    """A size for each picture gave boxes of another shape, or was taken for that of each coordinate."""
    shares = np.random.default_rng(0).random((2, 3, 4)).astype(np.float32)
    high, wide = np.array([100, 200]), np.array([50, 80])
    wanted = shares * np.stack([wide, high, wide, high], axis=-1)[:, None]
    for shape in ((2, 1, 1), (2, 1)):
        found = bb.convert_format(shares, "rel_xyxy", "xyxy", high.reshape(shape), wide.reshape(shape))
        np.testing.assert_allclose(found, wanted, rtol=1e-6)
        cut = bb.clip_to_image_size({"boxes": found * 2}, high.reshape(shape), wide.reshape(shape))["boxes"]
        np.testing.assert_allclose(cut, np.minimum(wanted * 2, wanted / shares), rtol=1e-5)
    with pytest.raises(ValueError, match="expected a height and a width, or arrays that repeat over boxes"):
        bb.convert_format(shares, "rel_xyxy", "xyxy", np.ones((2, 3, 4)), np.ones((2, 3, 4)))
