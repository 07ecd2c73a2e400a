"""Functions of pictures that read them at other places, and channels in front: against SciPy, NumPy and each other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import ndimage

import pydl
from pydl import ops

Array = np.ndarray
I = ops.image
X = np.random.default_rng(0).random((2, 9, 8, 3))
SHIFT = [1, 0, 1.25, 0, 1, -0.5, 0, 0]
SHEAR = [1.2, 0.1, -1, -0.2, 0.9, 0.7, 0, 0]


@pytest.mark.parametrize(
    ("fill_mode", "of_scipy"),
    [("constant", "constant"), ("nearest", "nearest"), ("wrap", "grid-wrap"), ("reflect", "reflect")],
)
@pytest.mark.parametrize("transform", [SHIFT, SHEAR])
def test_affine(transform: list[float], fill_mode: str, of_scipy: str) -> None:
    a0, a1, a2, b0, b1, b2, *_ = transform
    j, i = np.meshgrid(np.arange(8), np.arange(9))
    at = np.stack([b0 * j + b1 * i + b2, a0 * j + a1 * i + a2])
    pad = 2 if of_scipy == "constant" else 0  # SciPy's constant does not mix pixels with what is beyond
    inside = np.all((at > -pad) & (at < np.array([8, 7])[:, None, None] + pad), axis=0)
    y = I.affine_transform(X[0], transform, fill_mode=fill_mode, fill_value=0.3)
    x = np.pad(X[0], ((3, 3), (3, 3), (0, 0)), constant_values=0.3) if of_scipy == "constant" else X[0]
    for channel in range(3):
        wanted = ndimage.map_coordinates(
            x[..., channel], at + (3 if of_scipy == "constant" else 0), order=1, mode=of_scipy, cval=0.3
        )
        np.testing.assert_allclose(y[..., channel][inside], wanted[inside], atol=1e-12)
    np.testing.assert_array_equal(I.affine_transform(X, transform, fill_mode=fill_mode, fill_value=0.3)[0], y)


def test_each_picture_its_own_transform_and_whole_numbers() -> None:
    both = I.affine_transform(X, [SHIFT, SHEAR])
    for y, x, transform in zip(both, X, (SHIFT, SHEAR), strict=True):
        np.testing.assert_array_equal(y, I.affine_transform(x, transform))
    whole = (X * 255).astype(np.uint8)
    y = I.affine_transform(whole, SHEAR)
    assert y.dtype == np.uint8
    np.testing.assert_array_equal(y, np.round(I.affine_transform(whole.astype(np.float32), SHEAR)))
    same = I.affine_transform(X, [1, 0, 0, 0, 1, 0, 0, 0], "nearest")
    np.testing.assert_array_equal(same, X)


def test_perspective() -> None:
    """Four points of the picture are seen where they were taken to."""
    start = np.array([[1, 1], [6, 1], [1, 7], [6, 7]])
    end = np.array([[2, 1], [5, 2], [0, 6], [7, 7]])
    y = I.perspective_transform(X, start, end)
    for (column, row), (to, down) in zip(start, end, strict=True):
        np.testing.assert_allclose(y[:, down, to], X[:, row, column], atol=1e-9)
    np.testing.assert_array_equal(I.perspective_transform(X[1], start, end), y[1])
    np.testing.assert_allclose(I.perspective_transform(X, start, start), X, atol=1e-9)


def test_stirred() -> None:
    y = I.elastic_transform(X, alpha=3.0, sigma=1.0, seed=4)
    np.testing.assert_array_equal(I.elastic_transform(X, alpha=3.0, sigma=1.0, seed=4), y)
    assert not np.allclose(y, X)
    assert not np.array_equal(I.elastic_transform(X, alpha=3.0, sigma=1.0), y)
    np.testing.assert_allclose(I.elastic_transform(np.full_like(X, 0.4), seed=1), 0.4)
    assert I.elastic_transform(X[0], seed=pydl.random.SeedGenerator(1)).shape == X[0].shape
    with pytest.raises(ValueError, match="put the layer RandomElasticTransform"):
        I.elastic_transform(pydl.Input((4, 4, 3)))


@pytest.mark.parametrize("antialias", [True, False])
def test_scaled_and_moved(antialias: bool) -> None:
    """Scales that are ratios of sizes, and nothing moved: as `resize`."""
    for method, interpolation in (("linear", "bilinear"), ("cubic", "bicubic"), ("lanczos3", "lanczos3")):
        y = I.scale_and_translate(X, (2, 6, 12, 3), [6 / 9, 12 / 8], [0, 0], (1, 2), method, antialias)
        np.testing.assert_allclose(y, I.resize(X, (6, 12), interpolation, antialias), atol=1e-6)
    moved = I.scale_and_translate(X, (2, 9, 8, 3), [1, 1], [2, -1], (1, 2), "linear")
    np.testing.assert_allclose(moved[:, 2:, :-1], X[:, :-2, 1:], atol=1e-12)
    assert (moved[:, :2] == 0).all()
    up = I.scale_and_translate(np.arange(9.0).reshape(3, 3), (5, 5), [2, 2], [-0.5, -0.5], (0, 1), "linear")
    np.testing.assert_allclose(up, np.add.outer(3 * np.arange(5) / 2, np.arange(5) / 2))


def test_edges() -> None:
    for axis in (0, 1):
        wanted = np.stack([ndimage.sobel(X[..., c], axis + 1) for c in range(3)], axis=-1)
        for picture in range(2):
            each = np.stack([ndimage.sobel(X[picture, ..., c], axis) for c in range(3)], axis=-1)
            np.testing.assert_allclose(I.sobel_edges(X)[picture, ..., axis], each, atol=1e-9)
        assert wanted.shape == X.shape
    with pytest.raises(ValueError, match=r"expected pictures \(batch, height, width, channels\)"):
        I.sobel_edges(X[0])


def test_likeness() -> None:
    y = np.clip(X + np.random.default_rng(1).normal(0, 0.1, X.shape), 0, 1)
    kernel = np.exp(-0.5 * ((np.arange(5) - 2) / 1.5) ** 2)
    kernel = np.outer(kernel, kernel) / kernel.sum() ** 2

    def seen(values: Array) -> Array:
        windows = np.lib.stride_tricks.sliding_window_view(values, (5, 5), axis=(1, 2))
        return np.asarray((windows * kernel).sum(axis=(-1, -2)))

    m1, m2 = seen(X), seen(y)
    s1, s2, s12 = seen(X * X) - m1**2, seen(y * y) - m2**2, seen(X * y) - m1 * m2
    c1, c2 = 0.01**2, 0.03**2
    each = (2 * m1 * m2 + c1) * (2 * s12 + c2) / ((m1**2 + m2**2 + c1) * (s1 + s2 + c2))
    found = I.ssim(X, y, filter_size=5)
    np.testing.assert_allclose(found, each.mean(axis=(1, 2, 3)), rtol=1e-9)
    np.testing.assert_allclose(I.ssim(X, X, filter_size=5), 1)
    np.testing.assert_allclose(I.ssim(X[0], y[0], filter_size=5), found[0])
    np.testing.assert_allclose(I.ssim(X * 255, y * 255, 255, filter_size=5), found, rtol=1e-9)


FUNCTIONS: dict[str, Any] = {
    "resize": lambda x, **k: I.resize(x, (5, 4), **k), "grey": I.rgb_to_grayscale, "hsv": I.rgb_to_hsv,
    "rgb": I.hsv_to_rgb, "blur": I.gaussian_blur, "crop": lambda x, **k: I.crop_images(x, 1, 2, 1, 1, **k),
    "pad": lambda x, **k: I.pad_images(x, 1, 2, 1, 1, **k), "patches": lambda x, **k: I.extract_patches(x, 3, **k),
    "affine": lambda x, **k: I.affine_transform(x, SHEAR, **k),
    "stirred": lambda x, **k: I.elastic_transform(x, seed=1, **k),
}  # fmt: skip


@pytest.mark.parametrize("name", FUNCTIONS)
def test_channels_in_front(name: str) -> None:
    wanted = np.moveaxis(FUNCTIONS[name](X), -1, 1)
    front = np.moveaxis(X, -1, 1)
    np.testing.assert_array_equal(FUNCTIONS[name](front, data_format="channels_first"), wanted)
    if name != "stirred":
        one = FUNCTIONS[name](front[0], data_format="channels_first")
        np.testing.assert_allclose(one, wanted[0], atol=1e-12)
    with pytest.raises(ValueError, match=r"`data_format`\. Expected one of"):
        FUNCTIONS[name](X, data_format="first")


def test_edges_likeness_and_squares_with_channels_in_front() -> None:
    front = np.moveaxis(X, -1, 1)
    wanted = np.moveaxis(I.sobel_edges(X), 3, 1)
    np.testing.assert_array_equal(I.sobel_edges(front, data_format="channels_first"), wanted)
    found = I.ssim(front, front * 0.9, filter_size=5, data_format="channels_first")
    np.testing.assert_array_equal(found, I.ssim(X, X * 0.9, filter_size=5))
    x = np.random.default_rng(0).random((2, 12, 3, 4))
    y = ops.depth_to_space(x, 2, data_format="channels_first")
    assert y.shape == (2, 3, 6, 8)
    for channel, down, across in np.ndindex(3, 2, 2):  # neighbours in a square are neighbours in channels
        np.testing.assert_array_equal(y[:, channel, down::2, across::2], x[:, 4 * channel + 2 * down + across])
    np.testing.assert_array_equal(ops.space_to_depth(y, 2, data_format="channels_first"), x)


@pytest.mark.parametrize("suffix", [".keras", ".h5", ".safetensors"])
def test_models_of_functions_that_keras_lacks_are_read_again(suffix: str, tmp_path: Path) -> None:
    """They were written under names that nobody knows, and could not be opened."""
    x = pydl.Input((9, 8, 3))
    parts = [
        I.affine_transform(x, SHEAR), I.rgb_to_hsv(x), I.sobel_edges(x), ops.fft((x, x))[0], ops.rfft(x)[0],
        I.scale_and_translate(x, (None, 5, 12, 3), [0.5, 1.4], [0.3, -0.7], (1, 2), "linear"),
        ops.conv(x, np.ones((2, 2, 3, 1), "float32")),
    ]  # fmt: skip
    model = pydl.Model(x, parts)
    if suffix == ".safetensors":
        model.save(tmp_path / f"m{suffix}")
    else:
        with pytest.warns(UserWarning, match="is read from this file by pydl, not by Keras"):
            model.save(tmp_path / f"m{suffix}")
    again = pydl.models.load_model(tmp_path / f"m{suffix}")
    pictures = X.astype(np.float32)
    for one, other in zip(model.predict(pictures, verbose=0), again.predict(pictures, verbose=0), strict=True):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_allclose(model.predict(pictures, verbose=0)[0], I.affine_transform(pictures, SHEAR), atol=1e-6)


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: I.affine_transform(X, [1, 0, 0]), r"8 numbers, \(8,\) or \(batch, 8\), got \(3,\)"),
        (lambda: I.affine_transform(X, SHEAR, "cubic"), "`interpolation`. Expected one of"),
        (lambda: I.affine_transform(X, SHEAR, fill_mode="none"), "`fill_mode`. Expected one of"),
        (lambda: I.affine_transform(X[0, 0], SHEAR), "expected pictures"),
        (lambda: I.perspective_transform(X, [[0, 0]], [[0, 0]]), r"expected points \(batch, 4, 2\)"),
        (
            lambda: I.scale_and_translate(X, X.shape, [1], [1, 2], (1, 2), "linear"),
            "a scale and a translation for each",
        ),
        (lambda: I.ssim(X, X[:1]), "two pictures of the same shape"),
        (lambda: I.ssim(X, X, filter_size=4), "filter_size must be odd, got 4"),
    ],
)
def test_what_is_refused(call: Any, match: str) -> None:
    with pytest.raises(ValueError, match=match):
        call()
