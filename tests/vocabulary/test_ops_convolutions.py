"""Convolutions and pooling with kernels that are given, and functions of pictures: what the layers compute in C."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import pydl
from pydl import layers as L
from pydl import ops
from tests.differences import check_gradients

RNG = np.random.default_rng(4)
KIND: Any = {"dtype": "float64", "use_bias": False}


@pytest.mark.parametrize("padding", ["valid", "same", "causal"])
@pytest.mark.parametrize(("strides", "holes"), [(1, 1), (2, 1), (1, 2), (3, 1)])
@pytest.mark.parametrize("axes", [1, 2])
def test_convolutions_are_those_of_layers(axes: int, strides: int, holes: int, padding: str) -> None:
    if padding == "causal" and axes == 2:
        return
    x = RNG.normal(size=(2, 9, 8, 4) if axes == 2 else (2, 9, 4))
    both: Any = {"strides": strides, "padding": padding, "dilation_rate": holes}
    for groups in (1, 2):
        layer = getattr(L, f"Conv{axes}D")(6, (3, 2)[:axes], groups=groups, **both, **KIND)
        y = layer(x)
        np.testing.assert_allclose(ops.conv(x, layer.kernel.numpy(), **both), y, atol=1e-12)
    if padding == "causal":
        return
    depthwise = getattr(L, f"DepthwiseConv{axes}D")((3, 2)[:axes], depth_multiplier=2, **both, **KIND)
    y = depthwise(x)
    np.testing.assert_allclose(ops.depthwise_conv(x, depthwise.kernel.numpy(), **both), y, atol=1e-12)
    separable = getattr(L, f"SeparableConv{axes}D")(5, (3, 2)[:axes], depth_multiplier=2, **both, **KIND)
    y = separable(x)
    np.testing.assert_allclose(ops.separable_conv(x, *(v.numpy() for v in separable.weights), **both), y, atol=1e-12)
    for more in (None, 0) if strides == 1 else (None, 0, 1):
        back = getattr(L, f"Conv{axes}DTranspose")(6, (3, 2)[:axes], output_padding=more, **both, **KIND)
        y = back(x)
        np.testing.assert_allclose(
            ops.conv_transpose(x, back.kernel.numpy(), output_padding=more, **both), y, atol=1e-12
        )


def test_convolutions_of_three_axes() -> None:
    """One after the other along the third."""
    x, kernel = RNG.normal(size=(2, 5, 6, 4, 3)), RNG.normal(size=(2, 3, 2, 3, 4))
    y = ops.conv(x, kernel)
    wanted = sum(ops.conv(x[:, i : i + 4].reshape(8, 6, 4, 3), kernel[i]).reshape(2, 4, 4, 3, 4) for i in range(2))
    np.testing.assert_allclose(y, wanted, atol=1e-12)


def test_pooling_is_that_of_layers() -> None:
    x = RNG.normal(size=(2, 7, 6, 3))
    for padding in ("valid", "same"):
        options: Any = {"strides": 2, "padding": padding}
        for function, kind in ((ops.max_pool, "MaxPooling"), (ops.average_pool, "AveragePooling")):
            layer = getattr(L, f"{kind}2D")((3, 2), **options, dtype="float64")
            np.testing.assert_array_equal(function(x, (3, 2), **options), layer(x))
            layer = getattr(L, f"{kind}1D")(3, **options, dtype="float64")
            np.testing.assert_array_equal(function(x[:, 0], 3, **options), layer(x[:, 0]))
    np.testing.assert_array_equal(ops.adaptive_max_pool(x, (2, 3)), L.AdaptiveMaxPooling2D((2, 3), dtype="float64")(x))
    np.testing.assert_array_equal(ops.adaptive_average_pool(x, 2), L.AdaptiveAveragePooling2D(2, dtype="float64")(x))


class Standardized(L.Conv2D):
    """With kernels of mean 0 and variance 1."""

    def convolution_op(self, inputs: Any, kernel: Any) -> Any:
        off = kernel - ops.mean(kernel, axis=(0, 1, 2), keepdims=True)
        return super().convolution_op(inputs, off / ops.sqrt(ops.mean(off * off, axis=(0, 1, 2), keepdims=True) + 1e-5))


class Blurred(L.Layer):
    def call(self, x: Any) -> Any:
        return ops.average_pool(ops.depthwise_conv(x, np.full((3, 3, x.shape[-1], 1), 1 / 9), padding="same"), 2)


def test_a_convolution_of_ones_own() -> None:
    """It was not heeded, then refused."""
    layer = Standardized(3, 2, activation="tanh", dtype="float64")
    x = RNG.normal(size=(2, 6, 6, 2))
    y = layer(x)
    k = layer.kernel.numpy()
    off = k - k.mean(axis=(0, 1, 2))
    wanted = ops.conv(x, off / np.sqrt(off.var(axis=(0, 1, 2)) + 1e-5)) + layer.bias.numpy()
    np.testing.assert_allclose(y, np.tanh(wanted), rtol=1e-9)
    chain = [pydl.Input((6, 6, 2), dtype="float64"), layer, Blurred(dtype="float64"), L.Flatten(dtype="float64"),
             L.Dense(1, dtype="float64")]  # fmt: skip
    model = pydl.Sequential(chain)
    model.compile("sgd", "mse")
    check_gradients(model, x, RNG.normal(size=(2, 1)))


def test_in_models(tmp_path: Any) -> None:
    """Functions of symbolic tensors, with weights of the model's, sizes that are open."""
    a = pydl.Input((None, None, 3))
    b = ops.max_pool(ops.conv(a, np.ones((2, 2, 3, 4), "float32"), padding="same"), 2)
    model = pydl.Model(a, ops.image.resize(b, (3, 5)))
    x = RNG.random((2, 8, 6, 3)).astype("float32")
    wanted = ops.image.resize(ops.max_pool(ops.conv(x, np.ones((2, 2, 3, 4), "float32"), padding="same"), 2), (3, 5))
    np.testing.assert_allclose(model.predict(x), wanted, rtol=1e-6)
    model.save(tmp_path / "m.safetensors")
    np.testing.assert_array_equal(pydl.models.load_model(tmp_path / "m.safetensors").predict(x), model.predict(x))


def test_pictures() -> None:
    x = RNG.integers(0, 256, (2, 6, 5, 3)).astype("uint8")
    floats = x.astype("float64") / 255
    I = ops.image
    assert I.resize(x, (3, 4)).dtype == np.uint8
    np.testing.assert_array_equal(I.resize(x, (3, 4)), np.round(L.Resizing(3, 4)(x)))
    assert I.resize(x[:1], (40, 40), interpolation="bicubic").max() <= 255  # beyond 255 it would begin with 0 again
    np.testing.assert_array_equal(I.rgb_to_grayscale(x)[..., 0], (x @ np.array([0.2989, 0.587, 0.114])).astype("uint8"))
    np.testing.assert_allclose(I.hsv_to_rgb(I.rgb_to_hsv(floats)), floats, atol=1e-12)
    np.testing.assert_array_equal(I.crop_images(x, 1, 2, 3, 1), x[:, 1:3, 2:4])
    np.testing.assert_array_equal(
        I.crop_images(x, 1, bottom_cropping=0, right_cropping=1, target_width=2), x[:, 1:, 2:4]
    )
    padded = np.pad(x[0], ((1, 2), (3, 0), (0, 0)))
    np.testing.assert_array_equal(I.pad_images(x[0], 1, 3, 2, target_width=8), padded)
    across, down = ([np.exp(-0.5 * (k / s) ** 2) for k in range(-n, n + 1)] for n, s in ((1, 0.7), (2, 1.5)))
    kernel = np.outer(down / np.sum(down), across / np.sum(across))
    wanted = ops.conv(floats[..., :1], kernel[..., None, None], padding="same")
    np.testing.assert_allclose(I.gaussian_blur(floats, (3, 5), (0.7, 1.5))[..., :1], wanted, atol=1e-12)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: ops.conv(np.ones((1, 4, 3)), np.ones((2, 2, 3))), r"divide those of the inputs, got \(2, 2, 3\)"),
        (lambda: ops.conv(np.ones((1, 4, 3)), np.ones((5, 3, 3))), "larger than inputs"),
        (lambda: ops.conv(np.ones((1, 4, 3)), np.ones((1, 3, 3)), data_format="channels_first"), "data_format"),
        (lambda: ops.conv(np.ones((1, 4, 3)), np.ones((1, 3, 3)), (1, 2)), "strides must be an integer or 1 of them"),
        (lambda: ops.conv_transpose(np.ones((1, 4, 3)), np.ones((1, 3, 2))), r"\(taps \.\.\., filters, channels\)"),
        (lambda: ops.max_pool(np.ones((1, 4)), 2), "an axis of positions at least"),
        (lambda: ops.max_pool(np.ones((1, 4, 4, 4, 1)), 2), "one or two axes of positions"),
        (lambda: ops.image.crop_images(np.ones((4, 4, 3)), 1, 1, 1), "give two of left_cropping"),
        (lambda: ops.image.pad_images(np.ones((4, 4, 3)), 1, 1, 1, target_width=3), "do not fit pictures of 4"),
        (lambda: ops.image.rgb_to_hsv(np.ones((4, 4, 3), "uint8")), "pictures of floats of 3 channels"),
        (lambda: ops.image.rgb_to_grayscale(np.ones((4, 4, 2))), "3 channels"),
        (lambda: ops.image.resize(np.ones((4, 4)), (2, 2)), "expected pictures"),
    ],
)
def test_what_is_refused(call: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        call()


class Shrunk(L.Layer):
    """Resizes what is to be differentiated."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.w = self.add_weight((1,), "ones", name="w")

    def call(self, x: Any) -> Any:
        return ops.image.resize(x * self.w, (3, 4))


def test_pictures_that_are_resized_in_code_are_trained_through() -> None:
    chain = [pydl.Input((6, 5, 2), dtype="float64"), Shrunk(dtype="float64"), L.Flatten(dtype="float64"),
             L.Dense(1, dtype="float64")]  # fmt: skip
    model = pydl.Sequential(chain)
    model.compile("sgd", "mse")
    check_gradients(model, RNG.normal(size=(2, 6, 5, 2)), np.ones((2, 1)))
