"""What comes with pictures: boxes follow what they are around, masks and labels are changed by the same draw; and
pictures with their channels in front are what those with channels behind are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pydl
from pydl import layers as L

Array = np.ndarray

#: Layers, and how far from the lit pixels a box may be: half a pixel where they are looked up at the nearest place,
#: more where the corners of what was a rectangle point up and down.
MOVING: dict[str, tuple[Any, float]] = {
    "flip": (L.RandomFlip, 0),
    "flip across": (lambda **k: L.RandomFlip("horizontal", **k), 0),
    "flip down": (lambda **k: L.RandomFlip("vertical", **k), 0),
    "translation": (lambda **k: L.RandomTranslation(0.3, (-0.2, 0.4), fill_mode="constant", **k), 0.51),
    "zoom": (lambda **k: L.RandomZoom(0.3, (-0.2, 0.3), fill_mode="constant", **k), 0.51),
    "zoom of one factor": (lambda **k: L.RandomZoom((-0.3, 0.5), fill_mode="constant", **k), 0.51),
    "rotation": (lambda **k: L.RandomRotation(0.1, fill_mode="constant", **k), 1.01),
    "shear": (lambda **k: L.RandomShear(0.3, 0.2, fill_mode="constant", **k), 1.01),
    "perspective": (lambda **k: L.RandomPerspective((1, 1), 0.5, **k), 1.01),
    "crop": (lambda **k: L.RandomCrop(24, 20, **k), 0),
    "crop of too small": (lambda **k: L.RandomCrop(50, 20, **k), 1.01),
}
FIXED: dict[str, tuple[Any, float]] = {
    "centre": (lambda **k: L.CenterCrop(24, 20, **k), 0),
    "centre of too small": (lambda **k: L.CenterCrop(50, 60, **k), 1.01),
    "resizing": (lambda **k: L.Resizing(60, 50, **k), 0.51),
    "cut to the aspect": (lambda **k: L.Resizing(60, 50, crop_to_aspect_ratio=True, **k), 0.51),
    "filled up to the aspect": (lambda **k: L.Resizing(60, 50, pad_to_aspect_ratio=True, **k), 0.51),
}


def lit(n: int = 12, high: int = 40, wide: int = 30) -> dict[str, Any]:
    """Dark pictures with a bright rectangle each, its box, and a box that stands for none."""
    rng = np.random.default_rng(0)
    x, boxes = np.zeros((n, high, wide, 3), np.float32), np.zeros((n, 2, 4), np.float32)
    for i in range(n):
        left, top = rng.integers(3, wide - 12), rng.integers(3, high - 12)
        right, bottom = left + rng.integers(4, 9), top + rng.integers(4, 9)
        x[i, top:bottom, left:right] = 255
        boxes[i, 0] = left, top, right, bottom
    labels = np.array([[1, -1]] * n)
    return {"images": x, "bounding_boxes": {"boxes": boxes, "labels": labels}, "labels": np.arange(n)}


def around(mask: Array) -> Array | None:
    rows, columns = np.nonzero(mask)
    return np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]) if len(rows) else None


@pytest.mark.parametrize("seed", [None, 3])
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
@pytest.mark.parametrize("name", [*MOVING, *FIXED])
def test_boxes_follow_what_they_are_around(name: str, data_format: str, seed: int | None) -> None:
    make, near = {**MOVING, **FIXED}[name]
    own = {} if name in FIXED else {"seed": seed}
    layer = make(bounding_box_format="xyxy", data_format=data_format, **own)
    data = lit()
    data["segmentation_masks"] = (data["images"][..., 0] > 0).astype(np.uint8)
    data["images"] = data["images"] if data_format == "channels_last" else data["images"].transpose(0, 3, 1, 2)
    moved = 0
    for _ in range(5):
        y = layer(data)
        masks, found = y["segmentation_masks"], y["bounding_boxes"]
        assert masks.dtype == np.uint8
        assert (found["boxes"][:, 1] == 0).all()
        assert (found["labels"][:, 1] == -1).all()
        assert y["labels"] is data["labels"]
        for mask, box, label in zip(masks, found["boxes"][:, 0], found["labels"][:, 0], strict=True):
            wanted = around(mask)
            if wanted is None:  # nothing is left, or less than a pixel
                assert label == -1 or (box[2:] - box[:2]).min() <= 1.01
                continue
            within = (box[:2] > 0).all() and (box[2:] < masks.shape[2:0:-1]).all()
            if within or near < 1:  # else the corner that a box is around may have been cut off
                np.testing.assert_allclose(box, wanted, atol=near)
            else:
                assert (box[:2] <= wanted[:2] + near).all()
                assert (box[2:] >= wanted[2:] - near).all()
            assert label == 1
        moved += not np.array_equal(found["boxes"], data["bounding_boxes"]["boxes"])
    assert moved == 5


def test_boxes_that_leave_the_picture() -> None:
    layer = L.RandomTranslation((0.5, 0.5), 0.0, bounding_box_format="rel_xywh")
    boxes = np.array([[[0.1, 0.6, 0.2, 0.2], [0.1, 0.4, 0.2, 0.2], [0.1, 0.1, 0.2, 0.2]]], np.float32)
    y = layer({"images": np.ones((1, 10, 20, 3)), "bounding_boxes": {"boxes": boxes, "labels": [[3, 4, 5]]}})
    wanted = [[[0.1, 1.0, 0.2, 0.0], [0.1, 0.9, 0.2, 0.1], [0.1, 0.6, 0.2, 0.2]]]
    np.testing.assert_allclose(y["bounding_boxes"]["boxes"], wanted, atol=1e-6)
    np.testing.assert_array_equal(y["bounding_boxes"]["labels"], [[-1, 4, 5]])
    one_hot = np.eye(3)[None]
    y = layer({"images": np.ones((1, 10, 20, 3)), "bounding_boxes": {"boxes": boxes, "labels": one_hot}})
    np.testing.assert_array_equal(y["bounding_boxes"]["labels"], [[[-1, -1, -1], [0, 1, 0], [0, 0, 1]]])
    still = layer({"images": np.ones((1, 10, 20, 3)), "bounding_boxes": {"boxes": boxes}}, training=False)
    assert still["bounding_boxes"]["boxes"] is boxes


def test_boxes_of_one_picture_and_of_different_numbers() -> None:
    layer = L.RandomFlip("horizontal", seed=4, bounding_box_format="xyxy")
    data = lit()
    several = {"boxes": [b[: 1 + i % 2] for i, b in enumerate(data["bounding_boxes"]["boxes"])],
               "labels": [[1, -1][: 1 + i % 2] for i in range(12)]}  # fmt: skip
    wanted = L.RandomFlip("horizontal", seed=4, bounding_box_format="xyxy")(data)["bounding_boxes"]
    found = layer({**data, "bounding_boxes": several})["bounding_boxes"]
    for name in wanted:
        np.testing.assert_array_equal(found[name], wanted[name])
    one = {"images": data["images"][0], "bounding_boxes": {"boxes": data["bounding_boxes"]["boxes"][0]}}
    for _ in range(5):
        y = layer(one)
        box = around(y["images"][..., 0])
        np.testing.assert_array_equal(y["bounding_boxes"]["boxes"][0], box)


@pytest.mark.parametrize(
    ("layer", "boxes", "match"),
    [
        (L.RandomFlip(), {"boxes": np.zeros((12, 1, 4))}, 'give it bounding_box_format="xyxy"'),
        (L.RandomFlip(bounding_box_format="xyxy"), np.zeros((12, 1, 4)), 'expected boxes as {"boxes": ...,'),
        (L.RandomFlip(bounding_box_format="xyxy"), {"boxes": np.zeros((12, 1, 3))}, "boxes of four numbers"),
        (L.RandomFlip(bounding_box_format="xyxy"), {"boxes": np.zeros((12, 2, 4)), "labels": np.zeros((12, 3))},
         r"labels of shape \(12, 2\)"),
        (L.RandomFlip(bounding_box_format="xyxy"),
         {"boxes": [np.zeros((1, 4)), *[np.zeros((2, 4))] * 11], "labels": [[1, 1]] * 12}, "a label for each box"),
        (L.RandomElasticTransform(bounding_box_format="xyxy"), {"boxes": np.zeros((12, 1, 4))}, "cannot follow"),
        (L.RandAugment(bounding_box_format="xyxy"), {"boxes": np.zeros((12, 1, 4))}, "cannot follow"),
        (L.CutMix(bounding_box_format="xyxy"), {"boxes": np.zeros((12, 1, 4))}, "cannot follow"),
    ],
)  # fmt: skip
def test_boxes_that_are_refused(layer: Any, boxes: Any, match: str) -> None:
    data = {"images": lit()["images"], "bounding_boxes": boxes}
    with pytest.raises(ValueError, match=match):
        layer(data)


def test_layers_that_move_nothing_leave_boxes() -> None:
    data = lit()
    for layer in (L.RandomBrightness(0.2), L.RandomErasing(), L.Equalization(), L.RandomColorJitter(hue_factor=0.2),
                  L.Pipeline([L.RandomGrayscale(), L.RandomContrast(0.2)])):  # fmt: skip
        assert layer(data)["bounding_boxes"] is data["bounding_boxes"]


def test_mixed_boxes_and_masks() -> None:
    data = lit()
    masks = np.eye(2, dtype=np.float32)[(data["images"][..., 0] > 0).astype(int)]
    layer = L.MixUp(seed=1, bounding_box_format="xyxy")
    drawn = layer.get_random_transformation(data)
    y = L.MixUp(seed=1)({**data, "labels": np.eye(12), "segmentation_masks": masks})
    order, share = drawn["permutation_order"], drawn["mix_weight"]
    for name, value in data["bounding_boxes"].items():
        np.testing.assert_array_equal(y["bounding_boxes"][name], np.concatenate([value, value[order]], axis=1))
    np.testing.assert_allclose(y["segmentation_masks"], share * masks + (1 - share) * masks[order], rtol=1e-6)
    np.testing.assert_allclose(y["segmentation_masks"][..., 1:] * 255, y["images"][..., :1], rtol=1e-4, atol=1e-3)
    with pytest.raises(ValueError, match="name classes, of which there is none between two"):
        layer({"images": data["images"], "segmentation_masks": masks.astype(int)})
    for data_format, axis in (("channels_last", -1), ("channels_first", 1)):
        images = data["images"] if axis == -1 else data["images"].transpose(0, 3, 1, 2)
        cut = L.CutMix(seed=1, data_format=data_format)
        y = cut({"images": images, "segmentation_masks": (images > 0).astype(int)})
        np.testing.assert_array_equal(y["segmentation_masks"], y["images"] > 0)
        y = cut({"images": images, "segmentation_masks": np.take(images, 0, axis) > 0})
        np.testing.assert_array_equal(y["segmentation_masks"], np.take(y["images"], 0, axis) > 0)


def test_one_draw_for_several_arrays() -> None:
    """What `get_random_transformation` gives brings the draw back, and says what it is."""
    x = np.random.default_rng(0).random((6, 9, 8, 3)).astype("float32")
    for layer in (L.RandomContrast(0.5, (0, 1), seed=5), L.RandomContrast(0.5, (0, 1))):
        drawn = layer.get_random_transformation(x)
        mean = x.mean(axis=(1, 2), keepdims=True)
        wanted = np.clip((x - mean) * drawn["contrast_factor"] + mean, 0, 1)
        for _ in range(2):
            np.testing.assert_allclose(layer.transform_images(x, drawn), wanted, atol=1e-6)
        assert not np.array_equal(layer(x), wanted)
        np.testing.assert_array_equal(layer.transform_images(x, drawn, training=False), x)
    zoom = L.RandomZoom(0.4, seed=1)
    drawn = zoom.get_random_transformation(x)
    np.testing.assert_array_equal(drawn["height_zoom"], drawn["width_zoom"])
    turn = L.RandomRotation((0.25, 0.25), seed=1)
    np.testing.assert_allclose(turn.get_random_transformation(x)["angle"], 90)
    crop = L.RandomCrop(4, 3, seed=1)
    drawn = crop.get_random_transformation(x)
    top, left = drawn["h_start"], drawn["w_start"]
    np.testing.assert_array_equal(crop.transform_images(x, drawn), x[:, top : top + 4, left : left + 3])
    with pytest.raises(ValueError, match="expected what get_random_transformation returned, unchanged, got"):
        L.RandomFlip().transform_images(x, {"flips": 1})


def test_numbers_of_boxes() -> None:
    layer = L.MaxNumBoundingBoxes(3)
    data = lit(4)
    for given, number in ((data["bounding_boxes"], 2), ({"boxes": np.ones((4, 5, 4)), "labels": np.ones((4, 5))}, 3)):
        y = layer({**data, "bounding_boxes": given})["bounding_boxes"]
        assert y["boxes"].shape == (4, 3, 4)
        assert y["labels"].shape == (4, 3)
        np.testing.assert_array_equal(y["boxes"][:, :number], given["boxes"][:, :number])
        assert (y["boxes"][:, number:] == -1).all()
        assert (y["labels"][:, number:] == -1).all()
    one = layer({"images": np.ones((3, 4, 3)), "bounding_boxes": {"boxes": [[1, 2, 3, 4]], "labels": [1]}})
    np.testing.assert_array_equal(one["bounding_boxes"]["labels"], [1, -1, -1])
    x = pydl.Input((4, 4, 3))
    np.testing.assert_array_equal(pydl.Model(x, layer(x)).predict(np.ones((2, 4, 4, 3)), verbose=0), 1)


FRONT: dict[str, Any] = {
    "resizing": lambda **k: L.Resizing(5, 7, **k),
    "centre": lambda **k: L.CenterCrop(4, 5, **k),
    "crop": lambda **k: L.RandomCrop(4, 4, seed=2, **k),
    "flip": lambda **k: L.RandomFlip(seed=3, **k),
    "rotation": lambda **k: L.RandomRotation(0.2, seed=3, **k),
    "grey": lambda **k: L.RandomGrayscale(seed=4, **k),
    "ways": lambda **k: L.RandAugment(seed=4, **k),
    "jitter": lambda **k: L.RandomColorJitter(brightness_factor=0.2, hue_factor=0.3, seed=3, **k),
    "mixed": lambda **k: L.MixUp(seed=3, **k),
    "equalized": L.Equalization,
}


@pytest.mark.parametrize("name", FRONT)
def test_channels_in_front(name: str, tmp_path: Path) -> None:
    front, behind = FRONT[name](data_format="channels_first"), FRONT[name]()
    x = np.random.default_rng(0).random((5, 3, 9, 8)).astype("float32") * 255
    for training in (True, False, None):
        wanted = behind(x.transpose(0, 2, 3, 1), training=training).transpose(0, 3, 1, 2)
        np.testing.assert_array_equal(front(x, training=training), wanted)
    assert front(x[0]).shape == wanted.shape[1:] == front.compute_output_shape((None, 3, 9, 8))[1:]
    i = pydl.Input((3, 9, 8))
    model = pydl.Model(i, front(i))
    wanted = behind(x.transpose(0, 2, 3, 1), training=False).transpose(0, 3, 1, 2)
    np.testing.assert_array_equal(model.predict(x, verbose=0), wanted)
    model.save(tmp_path / "m.keras")
    np.testing.assert_array_equal(pydl.models.load_model(tmp_path / "m.keras").predict(x, verbose=0), wanted)
    assert type(front).from_config(front.get_config()).data_format == "channels_first"


def test_training_with_channels_in_front() -> None:
    """The gradient goes through the layer and both permutations."""
    x = np.random.default_rng(0).random((6, 3, 9, 8)).astype("float32")

    def trained(data_format: str) -> Array:
        pydl.utils.set_random_seed(1)
        first = data_format == "channels_first"
        axes = [L.Permute((2, 3, 1))] if first else []
        model = pydl.Sequential(
            [pydl.Input((9, 8, 3)), L.Conv2D(3, 1), *([L.Permute((3, 1, 2))] if first else []),
             L.RandomFlip(seed=1, data_format=data_format), L.RandomZoom(0.3, seed=2, data_format=data_format),
             L.RandomCrop(6, 5, seed=3, data_format=data_format), *axes, L.Flatten(), L.Dense(2)]
        )  # fmt: skip
        model.compile("sgd", "mse")
        model.fit(x.transpose(0, 2, 3, 1), np.zeros((6, 2)), epochs=3, batch_size=4, verbose=0)
        return np.concatenate([w.ravel() for w in model.get_weights()])

    np.testing.assert_array_equal(trained("channels_first"), trained("channels_last"))


def test_a_transformation_is_the_same_for_all_that_it_is_given_for() -> None:
    """One that was changed moved boxes, not pictures; one of training moved boxes where the middle was cropped."""
    data, k = lit(), {"bounding_box_format": "xyxy"}
    x, boxes = data["images"], data["bounding_boxes"]
    flip = L.RandomFlip("horizontal", seed=1, **k)
    drawn = flip.get_random_transformation(x)
    changed = {**drawn, "flips": ~drawn["flips"]}
    for method, what in ((flip.transform_images, x), (flip.transform_bounding_boxes, boxes)):
        with pytest.raises(ValueError, match="get_random_transformation returned, unchanged"):
            method(what, changed)
    crop = L.RandomCrop(24, 20, seed=2, **k)
    for of_draw in (True, False):
        for training in (True, False):
            drawn = crop.get_random_transformation(x, of_draw)
            y = crop.transform_images(x, drawn, training)
            found = crop.transform_bounding_boxes(boxes, drawn, training)
            for picture, box, label in zip(y, found["boxes"][:, 0], found["labels"][:, 0], strict=True):
                wanted = around(picture[..., 0])
                assert (wanted is None) == (label == -1)
                if wanted is not None:
                    np.testing.assert_array_equal(box, wanted)
    turn = L.RandomRotation(0.3, **k)
    still = turn.get_random_transformation(x, training=False)
    np.testing.assert_array_equal(turn.transform_images(x, still), x)
    assert turn.transform_bounding_boxes(boxes, still) is boxes
    np.testing.assert_array_equal(turn.transform_images(x, None, training=False), x)
    first, second = (turn.get_random_transformation(x, seed=5)["angle"] for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert turn.get_random_transformation(x, seed=pydl.random.SeedGenerator(3))["angle"].shape == (12,)
    jitter = L.RandomColorJitter(brightness_factor=0.2, hue_factor=0.1, seed=3)
    y = jitter.transform_images(x, jitter.get_random_transformation(x))
    np.testing.assert_array_equal(y, L.RandomColorJitter(brightness_factor=0.2, hue_factor=0.1, seed=3)(x))


def test_masks_keep_their_classes() -> None:
    """They were cut to the range of pixels, rounded to float32, taken for another dtype's numbers, or interpolated."""
    x = lit()["images"]
    masks = np.random.default_rng(0).integers(0, 21, x.shape[:3])
    y = L.RandomElasticTransform(0.9, 0.9, value_range=(0, 1))({"images": x / 255, "segmentation_masks": masks})
    assert len(np.unique(y["segmentation_masks"])) == 21
    y = L.RandomFlip(seed=1)({"images": x, "segmentation_masks": masks + 2**24})
    np.testing.assert_array_equal(np.unique(y["segmentation_masks"]), 2**24 + np.arange(21))
    two = (masks[:, :6, :6] > 10) * 9
    for data_format in ("channels_last", "channels_first"):
        pictures = np.ones((12, 6, 6, 3)) if data_format == "channels_last" else np.ones((12, 3, 6, 6))
        y = L.CenterCrop(10, 10, data_format=data_format)({"images": pictures, "segmentation_masks": two})
        np.testing.assert_array_equal(np.unique(y["segmentation_masks"]), [0, 9])
    far = L.RandomTranslation((0.3, 0.3), 0.0, "constant", fill_value=300.0)
    with pytest.raises(ValueError, match=r"masks of uint8 would have other values: .* fill_value, 300"):
        far({"images": x, "segmentation_masks": masks.astype(np.uint8)})
    with pytest.raises(ValueError, match="masks of int64 would have other values"):
        L.RandomFlip()({"images": x, "segmentation_masks": masks + 2**60})
    with pytest.raises(ValueError, match=r"expected masks of each of 12 pictures .*, got shape \(3, 40, 30\)"):
        L.RandomRotation(0.2)({"images": x, "segmentation_masks": masks[:3]})
    for layer in (L.RandAugment(), L.AugMix(), L.MixUp(), L.CutMix()):
        data = {"images": x, "segmentation_masks": masks, "labels": np.arange(12)}
        still = layer(data, training=False)
        assert still["segmentation_masks"] is masks
        assert still["labels"] is data["labels"]


def test_labels_and_boxes_that_are_written_otherwise() -> None:
    x = lit(4)["images"]
    flip = L.RandomFlip(bounding_box_format="xyxy")
    boxes = [[[1, 1, 3, 3]], [[1, 1, 3, 3], [2, 2, 4, 4]], [], [[1, 2, 3, 4]]]
    for dtype in (np.uint8, bool, np.int32):
        labels = [np.ones(len(each), dtype) for each in boxes]
        found = flip({"images": x, "bounding_boxes": {"boxes": boxes, "labels": labels}})["bounding_boxes"]
        np.testing.assert_array_equal(found["labels"], [[1, -1], [1, 1], [-1, -1], [1, -1]])
        assert (found["boxes"][2] == 0).all()
        full = {"boxes": np.ones((4, 1, 4)), "labels": np.ones((4, 1), dtype)}
        more = L.MaxNumBoundingBoxes(2)({"images": x, "bounding_boxes": full})["bounding_boxes"]
        np.testing.assert_array_equal(more["labels"], [[1, -1]] * 4)
    one_hot = [np.eye(3)[: len(each)] for each in boxes]
    found = flip({"images": x, "bounding_boxes": {"boxes": boxes, "labels": one_hot}})["bounding_boxes"]
    np.testing.assert_array_equal(found["labels"][1], np.eye(3)[:2])
    assert (found["labels"][2] == -1).all()
    none = flip({"images": x[:2], "bounding_boxes": {"boxes": [[], []], "labels": [[], []]}})["bounding_boxes"]
    assert none["boxes"].shape == (2, 0, 4)
    assert flip({"images": x[0], "bounding_boxes": {"boxes": []}})["bounding_boxes"]["boxes"].shape == (0, 4)
    with pytest.raises(ValueError, match=r"expected boxes of each of 4 pictures .*, got shape \(3, 2, 4\)"):
        flip({"images": x, "bounding_boxes": {"boxes": np.ones((3, 2, 4))}})


def test_attributes_that_change_hold_for_both_orders_of_axes() -> None:
    for data_format in ("channels_last", "channels_first"):
        layer = L.RandomBrightness((0.5, 0.5), value_range=(0, 10), data_format=data_format)
        zeros = np.zeros((1, 2, 2, 2))
        np.testing.assert_allclose(layer(zeros), 5)
        layer.factor = (0.1, 0.1)
        np.testing.assert_allclose(layer(zeros), 1)
        np.testing.assert_allclose(layer({"images": zeros})["images"], 1)


def test_dicts_through_chains() -> None:
    data, k = lit(), {"bounding_box_format": "xyxy"}
    chain = pydl.Sequential([L.RandomFlip(seed=1, **k), L.Resizing(20, 15, **k)])
    y = L.Pipeline([chain, L.RandomContrast(0.1)])(data)
    assert y["images"].shape == (12, 20, 15, 3)
    for picture, box in zip(y["images"], y["bounding_boxes"]["boxes"][:, 0], strict=True):
        wanted = around(picture[..., 0] > picture[..., 0].max() / 2)
        np.testing.assert_allclose(box, wanted, atol=0.51)
    assert y["labels"] is data["labels"]
