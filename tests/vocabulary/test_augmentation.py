"""Layers over pictures: what they draw, how they are called, what they refuse. (Values: tests/specs/images.py.)"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pydl
from pydl import layers as L

RANDOM = {
    "flip": lambda **k: L.RandomFlip("horizontal", **k),
    "crop": lambda **k: L.RandomCrop(4, 5, **k),
    "translation": lambda **k: L.RandomTranslation(0.3, 0.3, **k),
    "rotation": lambda **k: L.RandomRotation(0.4, **k),
    "zoom": lambda **k: L.RandomZoom(0.3, **k),
    "contrast": lambda **k: L.RandomContrast(0.5, (0, 1), **k),
    "brightness": lambda **k: L.RandomBrightness(0.4, (0, 1), **k),
}


def pictures(n: int, height: int = 7, width: int = 8, channels: int = 3) -> Any:
    return np.random.default_rng(0).random((n, height, width, channels)).astype(np.float32)


def slopes(n: int, height: int = 9, width: int = 9) -> Any:
    """Pictures whose two channels say at which row and column a pixel stands."""
    grid = np.stack(np.meshgrid(np.arange(height), np.arange(width), indexing="ij"), axis=-1)
    return np.repeat(grid[None].astype(np.float32), n, axis=0)


def assert_uniform(values: Any, low: float, high: float) -> None:
    """By Kolmogorov and Smirnov: a share of 1e-4 of all draws would be further off."""
    values = np.sort((np.asarray(values, float).ravel() - low) / (high - low))
    n = len(values)
    assert len(np.unique(values.round(6))) > 0.9 * n
    assert np.abs(values - (np.arange(n) + 0.5) / n).max() < 2.2 / np.sqrt(n)


@pytest.mark.parametrize("name", RANDOM)
def test_a_call_on_arrays_is_as_in_training_unless_it_says_otherwise(name: str) -> None:
    x, layer = pictures(6), RANDOM[name]()
    assert not np.array_equal(layer(x), layer(x)) or name == "crop"  # one place in 16 is drawn for all
    np.testing.assert_array_equal(layer(x, training=False), x if name != "crop" else L.CenterCrop(4, 5)(x))


@pytest.mark.parametrize("name", RANDOM)
def test_a_seed_says_what_is_drawn_and_each_call_draws_anew(name: str) -> None:
    x = pictures(40)
    first, second = RANDOM[name](seed=3), RANDOM[name](seed=3)
    drawn = [first(x) for _ in range(4)]
    for y in drawn:
        np.testing.assert_array_equal(second(x), y)
    assert any(not np.array_equal(drawn[0], y) for y in drawn[1:])


@pytest.mark.parametrize("make", [*RANDOM.values(), lambda: L.Resizing(3, 4), lambda: L.CenterCrop(3, 4)])
def test_one_picture_and_whole_numbers(make: Any) -> None:
    x = (pictures(1) * 255).astype(np.uint8)
    y = make()(x[0])
    assert y.dtype == np.float32
    assert y.shape == make()(x).shape[1:]
    with pytest.raises(ValueError, match=r"rank 3 or 4: \(height, width, channels\) or a batch"):
        make()(x[0, 0])
    with pytest.raises(ValueError, match=r"expected input \(batch, height, width, channels\)"):
        make()(pydl.Input((7, 8)))


@pytest.mark.parametrize("name", RANDOM)
def test_fit_augments_predict_does_not_and_threads_change_no_bit(name: str) -> None:
    x, y = pictures(32), np.zeros((32, 1), np.float32)
    weights = []
    for threads in (1, 2, 3):
        pydl.utils.set_random_seed(5)
        pydl.config.set_num_threads(threads)
        model = pydl.Sequential([pydl.Input(x.shape[1:]), RANDOM[name](), L.Flatten(), L.Dense(1)])
        model.compile("sgd", "mse")
        model.fit(x, y, batch_size=16, epochs=2, verbose=0)
        weights.append(model.get_weights()[0])
        seen = x if name != "crop" else L.CenterCrop(4, 5)(x)
        np.testing.assert_array_equal(model.predict(x, verbose=0), model.layers[-1](seen.reshape(32, -1)))
    pydl.config.set_num_threads(None)
    for other in weights[1:]:
        np.testing.assert_array_equal(weights[0], other)
    pydl.utils.set_random_seed(5)
    plain = pydl.Sequential([pydl.Input(x.shape[1:]), L.CenterCrop(*seen.shape[1:3]), L.Flatten(), L.Dense(1)])
    plain.compile("sgd", "mse")
    plain.fit(x, y, batch_size=16, epochs=2, verbose=0)
    assert not np.array_equal(plain.get_weights()[0], weights[0])


def test_saved_in_the_middle_and_loaded_it_ends_with_the_bits_of_one_run(tmp_path: Path) -> None:
    x, y = pictures(40, 10, 11), np.arange(40) % 3

    def fitted(model: Any, begin: int, end: int, threads: int) -> Any:
        pydl.config.set_num_threads(threads)
        model.fit(x, y, batch_size=16, epochs=end, initial_epoch=begin, verbose=0)
        return model

    def built() -> Any:
        pydl.utils.set_random_seed(7)
        augmented = [make() for make in RANDOM.values()]
        more = [
            L.RandomErasing(0.5, value_range=(0, 1)),
            L.Conv2D(4, 3, activation="relu"),
            L.Flatten(),
            L.Dropout(0.3),
        ]
        model = pydl.Sequential([pydl.Input(x.shape[1:]), *augmented, *more, L.Dense(3, "softmax")])
        model.compile("adam", "sparse_categorical_crossentropy")
        return model

    whole = fitted(built(), 0, 4, threads=1).get_weights()
    fitted(built(), 0, 2, threads=2).save(tmp_path / "half.safetensors")
    pydl.utils.set_random_seed(8)  # of something else in between
    rest = fitted(pydl.models.load_model(tmp_path / "half.safetensors"), 2, 4, threads=3)
    pydl.config.set_num_threads(None)
    for a, b in zip(whole, rest.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("mode", ["horizontal", "vertical", "horizontal_and_vertical"])
def test_half_of_all_pictures_are_mirrored_over_both_axes_or_none(mode: str) -> None:
    x = slopes(2000, 2, 3)
    y = L.RandomFlip(mode, seed=1)(x)
    mirrored = x[:, :: 1 if mode == "horizontal" else -1, :: 1 if mode == "vertical" else -1]
    as_before, other = ((y == expected).all(axis=(1, 2, 3)) for expected in (x, mirrored))
    assert (as_before | other).all()
    assert abs(other.mean() - 0.5) < 4 * 0.5 / np.sqrt(2000)


def test_a_crop_lies_anywhere_and_alike_in_all_pictures_of_a_batch() -> None:
    layer, x = L.RandomCrop(4, 3, seed=2), slopes(3, 6, 8)
    places = []
    for _ in range(150):
        y = layer(x)
        np.testing.assert_array_equal(y, np.broadcast_to(y[:1], y.shape))
        top, left = y[0, 0, 0].astype(int)
        np.testing.assert_array_equal(y[0], x[0, top : top + 4, left : left + 3])
        places.append((top, left))
    assert {top for top, _ in places} == set(range(3))
    assert {left for _, left in places} == set(range(6))


@pytest.mark.parametrize("training", [True, False])
def test_a_crop_of_what_is_no_larger_is_its_middle(training: bool) -> None:
    x = pictures(2, 7, 8)
    np.testing.assert_array_equal(L.RandomCrop(7, 5)(x, training=training), x[:, :, 1:6])
    np.testing.assert_array_equal(L.RandomCrop(7, 8)(x, training=training), x)
    # 7 x 8 has no place for 14 x 8: its middle of that aspect, 7 x 4, grows
    np.testing.assert_allclose(L.RandomCrop(14, 8)(x, training=training), L.Resizing(14, 8)(x[:, :, 2:6]), rtol=1e-6)


def test_shifts_are_spread_over_their_ranges_and_go_down_and_right() -> None:
    y = L.RandomTranslation((-0.1, 0.3), 0.2, "nearest", seed=4)(slopes(1500, 10, 20))
    middle = slopes(1, 10, 20)[0, 5, 10] - y[:, 5, 10]  # how far what is seen there has come
    assert_uniform(middle[:, 0], -1, 3)
    assert_uniform(middle[:, 1], -4, 4)
    assert abs(np.corrcoef(middle.T)[0, 1]) < 0.12


def test_turns_are_spread_over_their_range_and_go_counter_clockwise() -> None:
    y = L.RandomRotation((-0.1, 0.4), seed=4)(slopes(1500)) - 4
    down, right = y[:, 4, 5].T  # where the pixel right of the centre comes from
    assert_uniform(np.arctan2(down, right) / (2 * np.pi), -0.1, 0.4)
    quarter = L.RandomRotation((0.25, 0.25))(slopes(1))[0]
    np.testing.assert_array_equal(quarter, np.rot90(slopes(1)[0]))


def test_zooms_are_spread_over_their_ranges() -> None:
    y = L.RandomZoom((-0.5, 0.2), 0.3, seed=4)(slopes(1500))
    across, along = (y[:, 5, 5] - 4).T - 1
    assert_uniform(across, -0.5, 0.2)
    assert_uniform(along, -0.3, 0.3)
    both = L.RandomZoom(0.4, seed=4)(slopes(50))[:, 5, 5]
    np.testing.assert_allclose(both[:, 0], both[:, 1], rtol=1e-6)


def test_contrast_and_brightness_are_spread_over_their_ranges() -> None:
    x = np.zeros((1500, 1, 2, 1), np.float32)
    x[:, 0, 1] = 100
    y = L.RandomContrast((0.5, 0.2), (-1000, 1000), seed=4)(x)
    assert_uniform((y[:, 0, 1] - y[:, 0, 0]) / 100, 0.5, 1.2)
    np.testing.assert_allclose(y.mean(axis=(1, 2, 3)), 50, rtol=1e-5)
    y = L.RandomContrast(0.3, (-1000, 1000), seed=4)(x)
    assert_uniform((y[:, 0, 1] - y[:, 0, 0]) / 100, 0.7, 1.3)
    y = L.RandomBrightness((-0.5, 0.1), (-1000, 1000), seed=4)(x)
    assert_uniform(y[:, 0, 0] / 2000, -0.5, 0.1)
    np.testing.assert_allclose(y[:, 0, 1] - y[:, 0, 0], 100, rtol=1e-4)


@pytest.mark.parametrize("interpolation", ["nearest", "bilinear", "bicubic", "lanczos3", "lanczos5"])
def test_resized_by_weights_of_each_axis(interpolation: str) -> None:
    """The kernels of the literature, normalised over the pixels that there are, and where pixels lie in between."""

    def kernel(d: Any) -> Any:
        d = np.abs(d)
        if interpolation == "bilinear":
            return np.clip(1 - d, 0, None)
        if interpolation == "bicubic":  # Keys 1981, a = -1/2
            far = -0.5 * (d**3 - 5 * d**2 + 8 * d - 4)
            return np.where(d <= 1, 1.5 * d**3 - 2.5 * d**2 + 1, np.where(d < 2, far, 0))
        a = int(interpolation[-1])
        return np.where(d < a, np.sinc(d) * np.sinc(d / a), 0)

    def matrix(size: int, out: int, antialias: bool) -> Any:
        at = (np.arange(out)[:, None] + 0.5) * size / out - 0.5 - np.arange(size)
        if interpolation == "nearest":
            return (at >= -0.5) & (at < 0.5)
        w = kernel(at / (size / out if antialias and size > out else 1))
        return w / w.sum(axis=1, keepdims=True)

    x = pictures(2, 9, 6)
    for height, width, antialias in ((4, 13, False), (4, 13, True), (9, 3, True), (1, 6, False), (18, 1, False)):
        y = L.Resizing(height, width, interpolation, antialias=antialias)(x)
        rows, columns = (matrix(n, m, antialias).astype(float) for n, m in ((9, height), (6, width)))
        np.testing.assert_allclose(y, np.einsum("ih,jw,bhwc->bijc", rows, columns, x), rtol=2e-5, atol=2e-6)


def test_aspects_are_kept_by_cropping_or_padding() -> None:
    x = pictures(2, 4, 9)
    np.testing.assert_array_equal(L.Resizing(4, 5, crop_to_aspect_ratio=True)(x), x[:, :, 2:7])
    padded = np.pad(x, ((0, 0), (2, 2), (0, 0), (0, 0)), constant_values=0.25)
    y = L.Resizing(16, 18, pad_to_aspect_ratio=True, fill_value=0.25)(x)
    np.testing.assert_allclose(y, L.Resizing(16, 18)(padded), rtol=1e-6)
    tall = L.Resizing(8, 8, "nearest", pad_to_aspect_ratio=True)(np.ones((1, 4, 2, 1)))
    np.testing.assert_array_equal(tall[0, :, :, 0], np.repeat([[0, 0, 1, 1, 1, 1, 0, 0]], 8, axis=0))


@pytest.mark.parametrize(
    ("make", "error", "match"),
    [
        (lambda: L.RandomFlip("diagonal"), ValueError, "Invalid value for argument `mode`. Expected one of"),
        (lambda: L.RandomFlip(data_format="first"), ValueError, "`data_format`. Expected one of"),
        (lambda: L.RandomFlip(bounding_box_format="xxyy"), ValueError, "`bounding_box_format`. Expected one of"),
        (lambda: L.RandomFlip(seed=-1), ValueError, "Argument `seed` must be an integer >= 0"),
        (lambda: L.RandomCrop(0, 3), ValueError, "Argument `height` must be an integer > 0"),
        (lambda: L.RandomTranslation(1.5, 0), ValueError, r"`height_factor` must be in the range \[-1, 1\]"),
        (lambda: L.RandomTranslation(0, (0, 0, 0)), ValueError, "width_factor must be a number or two of them"),
        (lambda: L.RandomRotation("0.1"), TypeError, r"`factor` must be in the range \[-1, 1\]"),
        (lambda: L.RandomZoom(-1.0), ValueError, "`height_factor` must be a finite number > -1 and <= 1"),
        (
            lambda: L.RandomZoom(0.1, fill_mode="mirror"),
            ValueError,
            "Invalid value for argument `fill_mode`. Expected one of",
        ),
        (
            lambda: L.RandomRotation(0.1, interpolation="bicubic"),
            ValueError,
            "Invalid value for argument `interpolation`. Expected one of",
        ),
        (lambda: L.RandomContrast(1.2), ValueError, r"`factor` must be in the range \[0, 1\]"),
        (lambda: L.RandomBrightness(0.1, 255), ValueError, "`value_range` argument should be a list of two numbers"),
        (lambda: L.Resizing(2, 2, "area"), ValueError, "Invalid value for argument `interpolation`. Expected one of"),
        (lambda: L.Resizing(2, 2, "nearest", True, True), ValueError, "not both"),
    ],
)
def test_what_is_refused(make: Any, error: type[Exception], match: str) -> None:
    with pytest.raises(error, match=match):
        make()


@pytest.mark.parametrize("name", ["contrast", "brightness"])
def test_contrast_and_brightness_say_that_they_give_no_gradient(name: str) -> None:
    model = pydl.Sequential([pydl.Input((7, 8, 3)), L.Dense(3), RANDOM[name](), L.Flatten(), L.Dense(1)])
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match="it gives its input no gradient"):
        model.fit(pictures(4), np.zeros((4, 1)), verbose=0)
    model.layers[0].trainable = False
    model.compile("sgd", "mse")
    model.fit(pictures(4), np.zeros((4, 1)), verbose=0)


GEOMETRY: dict[str, Any] = {
    "flip": L.RandomFlip,
    "translation": lambda **k: L.RandomTranslation(0.3, 0.3, interpolation="nearest", **k),
    "rotation": lambda **k: L.RandomRotation(0.2, interpolation="nearest", **k),
    "zoom": lambda **k: L.RandomZoom(0.3, interpolation="nearest", **k),
    "crop": lambda **k: L.RandomCrop(6, 5, **k),
    "shear": lambda **k: L.RandomShear(0.3, interpolation="nearest", **k),
    "perspective": lambda **k: L.RandomPerspective((1, 1), 0.5, interpolation="nearest", **k),
    "elastic": lambda **k: L.RandomElasticTransform((1, 1), interpolation="nearest", **k),
}


@pytest.mark.parametrize("seed", [None, 3])
@pytest.mark.parametrize("name", [*GEOMETRY, "resizing", "pipeline"])
def test_masks_are_moved_as_pictures_are(name: str, seed: int | None) -> None:
    """Dicts were refused by all layers but those that mix pictures."""
    masks = np.random.default_rng(0).integers(0, 4, (12, 9, 8, 1))
    x, labels = np.repeat(masks, 3, -1).astype("float32") * 50, np.eye(12)
    if name == "resizing":
        layer: Any = L.Resizing(6, 5, "nearest")
    elif name == "pipeline":
        layer = L.Pipeline([L.RandomFlip(seed=seed), L.RandomZoom(0.3, interpolation="nearest")])
    else:
        layer = GEOMETRY[name](seed=seed)
    for _ in range(2):
        y = layer({"images": x, "labels": labels, "segmentation_masks": masks, "other": 1})
        np.testing.assert_allclose(y["images"][..., :1], 50 * y["segmentation_masks"], atol=1e-3)
        assert y["segmentation_masks"].dtype == masks.dtype
        assert y["labels"] is labels
        assert y["other"] == 1
        moved = y["images"].shape != x.shape or not np.array_equal(y["images"], x)
        assert moved or name == "elastic"  # by less than half a pixel, of so small a picture
    one = layer({"images": x[0], "segmentation_masks": masks[0]})
    assert one["images"].ndim == 3
    np.testing.assert_allclose(one["images"][..., :1], 50 * one["segmentation_masks"], atol=1e-3)


def test_dicts_through_layers_that_move_nothing() -> None:
    x, masks, labels = np.ones((4, 3, 3, 3)), np.ones((4, 3, 3, 1), "uint8"), np.eye(4)
    y = L.Pipeline([L.RandomFlip(), L.RandomBrightness(0.2), L.MixUp()])({"images": x, "labels": labels})
    np.testing.assert_allclose(y["labels"].sum(axis=1), 1, rtol=1e-6)
    y = L.RandomContrast(0.3)({"images": x, "segmentation_masks": masks})
    assert y["segmentation_masks"] is masks
    y = L.RandomRotation(0.3)({"images": x, "segmentation_masks": masks}, training=False)
    np.testing.assert_array_equal(y["segmentation_masks"], masks)
    with pytest.raises(ValueError, match=r'expected a dict of arrays, "images" and.*, got \[\'labels\'\]'):
        L.RandomFlip()({"labels": labels})
    with pytest.raises(ValueError, match="choose layers that move pixels alone"):
        L.RandAugment()({"images": x, "segmentation_masks": masks})


def test_ranges_that_reach_into_the_limits() -> None:
    """As Keras has them, for instance those of SimCLR's blur."""
    assert L.RandomGaussianBlur(sigma=(0.1, 2.0)).sigma == (0.1, 2.0)
    assert L.RandomContrast((0.1, 2.0)).factor == (0.1, 2.0)
    assert L.RandomHue((-1, 0.5)).factor == (-1.0, 0.5)
    with pytest.raises(ValueError, match=r"`sigma` argument .* in the range \[0, 1\], got \(1.1, 2\)"):
        L.RandomGaussianBlur(sigma=(1.1, 2))
