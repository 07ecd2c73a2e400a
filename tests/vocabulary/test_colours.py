"""Layers that change pictures in NumPy: what they compute, from draws that are known, and layers in a Pipeline."""

from __future__ import annotations

import colorsys
from typing import Any

import numpy as np
import pytest
from scipy import ndimage

import pydl
from pydl import layers as L


def pictures(n: int, channels: int = 3) -> Any:
    return np.random.default_rng(0).random((n, 6, 7, channels)).astype(np.float32)


UNIT = {"value_range": (0, 1)}
LAYERS = {
    "gray": lambda **k: L.RandomGrayscale(0.5, **k),
    "invert": lambda **k: L.RandomInvert(1.0, **UNIT, **k),
    "saturation": lambda **k: L.RandomSaturation(0.9, **UNIT, **k),
    "hue": lambda **k: L.RandomHue(0.7, **UNIT, **k),
    "posterization": lambda **k: L.RandomPosterization((1, 5), **UNIT, **k),
    "solarization": lambda **k: L.Solarization(0.4, 0.6, **UNIT, **k),
    "sharpness": lambda **k: L.RandomSharpness(1.0, **UNIT, **k),
    "blur": lambda **k: L.RandomGaussianBlur(1.0, (3, 5), **UNIT, **k),
    "erasing": lambda **k: L.RandomErasing(1.0, **UNIT, **k),
    "degeneration": lambda **k: L.RandomColorDegeneration((0.2, 0.9), **UNIT, **k),
    "jitter": lambda **k: L.RandomColorJitter((0, 1), 0.2, 0.3, (0.3, 0.7), 0.2, **k),
    "shear": lambda **k: L.RandomShear(0.5, (0.1, 0.4), **k),
    "perspective": lambda **k: L.RandomPerspective(1.0, 0.7, **k),
    "elastic": lambda **k: L.RandomElasticTransform(1.0, (0.4, 0.9), **UNIT, **k),
    "aug_mix": lambda **k: L.AugMix((0, 1), 2, 2, (0.2, 0.6), **k),
    "rand_augment": lambda **k: L.RandAugment((0, 1), 3, (0.2, 0.6), **k),
    "mixup": lambda **k: L.MixUp(0.8, **k),
    "cutmix": lambda **k: L.CutMix((0.9, 1.0), **k),
}


@pytest.mark.parametrize(
    "make",
    [L.AutoContrast, L.ContrastLimitedAdaptiveHistogramEqualization, L.Equalization, L.Solarization, L.RandomHue],
)
def test_configurations_are_arguments(make: Any) -> None:
    layer = make(**({"factor": 0.3} if make is L.RandomHue else {}), value_range=(0, 1), name="l", dtype="float64")
    config = layer.get_config()
    assert config["value_range"] == (0, 1)
    assert make.from_config(config).get_config() == config
    assert pydl.layers.deserialize(pydl.layers.serialize(layer)).get_config() == config


@pytest.mark.parametrize("name", LAYERS)
def test_drawn_by_seed_and_in_training_only(name: str) -> None:
    x = pictures(12)
    first, second = LAYERS[name](seed=3), LAYERS[name](seed=3)
    for _ in range(2):
        y = first(x)
        np.testing.assert_array_equal(second(x), y)
        assert not np.array_equal(x, y)
    assert not np.array_equal(first(x), y)
    np.testing.assert_array_equal(first(x, training=False), x)
    assert first(x[0]).shape == x[0].shape
    again = type(first).from_config(first.get_config())
    assert again.get_config() == first.get_config()
    model = pydl.Sequential([pydl.Input(x.shape[1:]), again])
    np.testing.assert_array_equal(model.predict(x, verbose=0), x)
    assert not np.array_equal(model(x, training=True), x)


def mixed(x: Any, y: Any, other: Any, rtol: float = 1e-5) -> float:
    """The share of pictures that are as `other`; the rest are as x."""
    changed = np.array([np.allclose(a, c, rtol=rtol, atol=1e-6) for a, c in zip(y, other, strict=True)])
    np.testing.assert_array_equal(y[~changed], x[~changed])
    return float(changed.mean())


def test_gray_and_inverted_are_some() -> None:
    x = pictures(600)
    gray = np.repeat((x.astype(float) @ [0.2989, 0.587, 0.114])[..., None], 3, axis=-1)
    assert abs(mixed(x, L.RandomGrayscale(0.3, seed=1)(x), gray) - 0.3) < 0.08
    np.testing.assert_array_equal(L.RandomGrayscale(1.0)(pictures(2, 1)), pictures(2, 1))
    assert abs(mixed(x, L.RandomInvert((0.7, 0.7), (0, 1), seed=1)(x), 1 - x) - 0.7) < 0.08
    assert abs(mixed(x, L.RandomInvert(1.0, (0, 1), seed=1)(x), 1 - x) - 0.5) < 0.08  # the mean of what is drawn
    np.testing.assert_allclose(L.RandomInvert((1, 1))(255 * x), 255 - 255 * x, rtol=1e-6)
    with pytest.raises(ValueError, match="expected pictures of 1 or 3 channels"):
        L.RandomGrayscale()(pictures(2, 4))


def by_colours(x: Any, change: Any) -> Any:
    """What `change` makes of hue, saturation and value, by the standard library."""
    flat = [colorsys.hsv_to_rgb(*change(*colorsys.rgb_to_hsv(*map(float, c)))) for c in x.reshape(-1, 3)]
    return np.array(flat).reshape(x.shape)


def test_saturation_and_hue() -> None:
    x = pictures(2)
    x[0, 0, 0], x[0, 0, 1] = 0, 0.5  # black, grey
    for f in (0.0, 0.3, 0.5, 0.8, 1.0):
        factor = f / (1 - f + 1e-7)
        wanted = by_colours(x, lambda h, s, v, k=factor: (h, min(s * k, 1), v))
        np.testing.assert_allclose(L.RandomSaturation((f, f))(255 * x), 255 * wanted, rtol=1e-4, atol=1e-3)
    up, down = (by_colours(x, lambda h, s, v, d=d: ((h + d) % 1, s, v)) for d in (0.2, -0.2))
    y = L.RandomHue((0.4, 0.4), seed=2)(255 * np.concatenate([x] * 20)) / 255
    as_up, as_down = (
        [np.allclose(p, other[i % 2], atol=1e-4) for i, p in enumerate(y)] for other in (up, down)
    )  # fmt: skip
    assert all(a or b for a, b in zip(as_up, as_down, strict=True))
    assert 8 < sum(as_up) < 32


def test_bits_and_solarization() -> None:
    x = np.arange(256, dtype=np.float32).reshape(1, 16, 16, 1)
    np.testing.assert_array_equal(L.RandomPosterization(3)(x), x // 32 * 32)
    some = L.RandomPosterization((2, 4), seed=1)(np.repeat(x, 40, axis=0))
    assert {len(np.unique(y)) for y in some} == {4, 8}
    np.testing.assert_array_equal(L.Solarization(0.0, (0.5, 0.5))(x), np.where(x < 127.5, x, 255 - x))
    np.testing.assert_allclose(
        L.Solarization((0.2, 0.2), (1, 1), (0, 1))(x / 255), np.where(x < 204, x / 255 + 0.2, 0), atol=1e-6
    )


def test_contrast_is_stretched_in_training_and_outside() -> None:
    x = pictures(2) * 0.3 + 0.2
    x[0, :, :, 1] = 0.7
    for training in (True, False):
        y = L.AutoContrast((0, 1))(x, training=training)
        assert (y[0, :, :, 1] == np.float32(0.7)).all()
        for channel, before in ((y[1, ..., 0], x[1, ..., 0]), (y[0, ..., 2], x[0, ..., 2])):
            np.testing.assert_allclose(channel, np.interp(before, [before.min(), before.max()], [0, 1]), atol=1e-5)


def test_filters() -> None:
    x = pictures(2)
    kernel = np.ones((3, 3)) / 13
    kernel[1, 1] = 5 / 13
    smooth = ndimage.correlate(x.astype(float), kernel[None, :, :, None], mode="constant")
    for f in (0.0, 0.5, 0.9):
        wanted = np.clip(x + (1 - 2 * f) * (smooth - x), 0, 1)
        np.testing.assert_allclose(L.RandomSharpness((f, f), (0, 1))(x), wanted, rtol=1e-5, atol=1e-6)

    def bell(size: int) -> Any:
        values = np.exp(-0.5 * ((np.arange(size) - size // 2) / 0.8) ** 2)
        return values / values.sum()

    blurred = ndimage.correlate(x.astype(float), np.outer(bell(5), bell(3))[None, :, :, None], mode="constant")
    y = L.RandomGaussianBlur((1, 1), (3, 5), (0.8, 0.8), (0, 1))(x)
    np.testing.assert_allclose(y, blurred, rtol=1e-4, atol=1e-6)
    many = pictures(400)
    y = L.RandomGaussianBlur((0.3, 0.3), value_range=(0, 1), seed=1)(many)
    assert abs((y == many).all(axis=(1, 2, 3)).mean() - 0.7) < 0.1


def test_erased_boxes() -> None:
    x = np.zeros((500, 20, 30, 2), np.float32)
    y = L.RandomErasing((0.8, 0.8), (0.25, 0.25), [0.5, 7], (0, 1), seed=1)(x)
    erased = y[..., 0] == 0.5
    np.testing.assert_array_equal(y[..., 1] == 1, erased)
    rows, columns = erased.any(axis=2).sum(axis=1), erased.any(axis=1).sum(axis=1)
    assert set(rows) <= {0, 10}  # half of both sides; a quarter of all pixels
    assert set(columns) <= {0, 15}
    np.testing.assert_array_equal(erased.sum(axis=(1, 2)), rows * columns)
    assert abs((rows > 0).mean() - 0.8) < 0.08
    assert {int(e.any(axis=1).argmax()) for e in erased if e.any()} >= set(range(1, 10))
    noise = L.RandomErasing((1, 1), (1, 1), value_range=(-100, 10), seed=1)(x)
    assert abs(noise[noise < 9].mean() + 3.6) < 1  # a normal number of deviation 10, of which what exceeds 10 is 10
    assert noise.max() == 10
    assert abs(np.median(noise)) < 0.5


def test_a_pipeline_is_its_layers() -> None:
    x = pictures(5)
    line = L.Pipeline([L.RandomFlip(seed=1), L.RandomCrop(4, 5, seed=2), L.RandomContrast(0.5, (0, 1), seed=3)])
    again = L.Pipeline.from_config(line.get_config())
    assert again.get_config() == line.get_config()
    y = line(x)
    np.testing.assert_array_equal(y, again(x))
    single = x
    for layer in (L.RandomFlip(seed=1), L.RandomCrop(4, 5, seed=2), L.RandomContrast(0.5, (0, 1), seed=3)):
        single = layer(single)
    np.testing.assert_array_equal(y, single)
    np.testing.assert_array_equal(line(x, training=False), L.CenterCrop(4, 5)(x))
    assert line(x[0]).shape == (4, 5, 3)
    model = pydl.Sequential([pydl.Input((6, 7, 3)), again, L.Flatten(), L.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(x, np.zeros((5, 1)), verbose=0)
    seen = L.CenterCrop(4, 5)(x).reshape(5, -1)
    np.testing.assert_allclose(model.predict(x, verbose=0), model.layers[-1](seen), rtol=1e-5)
    other = pydl.Sequential.from_config(model.get_config())
    assert [type(inner) for inner in other.layers[0].layers] == [L.RandomFlip, L.RandomCrop, L.RandomContrast]
    with pytest.raises(TypeError, match="layers must be a list of layers, one at least"):
        L.Pipeline([])
    with pytest.raises(ValueError, match='expected a configuration with a list of "layers"'):
        L.Pipeline.from_config({"name": "p"})


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: L.RandomInvert(1.5), r"`factor` must be in the range \[0, 1\]"),
        (lambda: L.RandomHue((0.1, 0.2, 0.3)), "factor must be a number or two of them"),
        (lambda: L.RandomPosterization(9), r"Argument `factor` must be an integer > 0 and < 9"),
        (lambda: L.RandomGaussianBlur(kernel_size=4), "kernel_size must be an odd number or two of them"),
        (lambda: L.AutoContrast((1, 1)), "`value_range` argument should be a list of two numbers"),
    ],
)
def test_what_is_refused(make: Any, match: str) -> None:
    with pytest.raises(ValueError, match=match):
        make()
