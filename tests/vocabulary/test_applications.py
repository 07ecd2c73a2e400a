"""Known nets: as many weights as the same layers have in Keras, shapes for other sizes, tops left out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import pydl
from pydl import applications

# What Keras 3.15.1 counts, moving statistics included, for (32, 32, 3) and for (28, 28, 1); features at the end.
COUNTS = {
    "ResNet20": (274442, 274154, 64), "ResNet32": (470218, 469930, 64), "ResNet56": (861770, 861482, 64),
    "SimpleCNN": (1250858, 889834, 512), "SmallVGG": (289642, 289066, 128),
    "SmallMobileNet": (549578, 549002, 512),
}  # fmt: skip

# What Keras counts without the top, at what size, a layer by name, the shape of what comes out of it.
LARGE = {
    "VGG16": (14714688, 32, "block5_conv1", (None, 2, 2, 512)),
    "VGG19": (20024384, 32, "block5_conv4", (None, 2, 2, 512)),
    "ResNet50": (23587712, 32, "conv4_block6_out", (None, 2, 2, 1024)),
    "ResNet101": (42658176, 32, "conv4_block23_out", (None, 2, 2, 1024)),
    "ResNet152": (58370944, 32, "conv3_block8_out", (None, 4, 4, 512)),
    "Xception": (20861480, 71, "block14_sepconv2", (None, 3, 3, 2048)),
    "MobileNet": (3228864, 32, "conv_pw_5_relu", (None, 4, 4, 256)),
    "MobileNetV2": (2257984, 32, "block_13_expand_relu", (None, 2, 2, 576)),
}


@pytest.mark.parametrize("name", LARGE)
def test_nets_of_the_size_of_imagenet(name: str) -> None:
    count, size, layer, shape = LARGE[name]
    build = getattr(applications, name)
    model = build(weights=None, include_top=False, input_shape=(size, size, 3))
    assert model.count_params() == count
    assert model.get_layer(layer).output.shape == shape
    with pytest.raises(ValueError, match=r"weights=None.*save_weights"):
        build()


def test_tops_and_weights_of_such_nets(tmp_path: Path) -> None:
    build = applications.mobilenet_v2.MobileNetV2
    assert build(weights=None).count_params() == 3538984
    assert build(weights=None, include_top=False).output_shape == (None, None, None, 1280)
    inputs = pydl.Input((40, 40, 3))
    model = build(weights=None, input_tensor=pydl.layers.Rescaling(1 / 255)(inputs), alpha=0.35, classes=4)
    assert model.output_shape == (None, 4)
    assert model.inputs == [inputs]
    x = np.random.default_rng(0).uniform(size=(2, 40, 40, 3)).astype(np.float32) * 255
    model.save_weights(tmp_path / "net.weights.h5")
    again = build((40, 40, 3), weights=tmp_path / "net.weights.h5", alpha=0.35, classes=4)
    np.testing.assert_allclose(again.predict(x / 255), model.predict(x), rtol=1e-4)
    pooled = build(weights=None, include_top=False, pooling="max", alpha=0.35, input_shape=(40, 40, 3))
    assert pooled.output_shape == (None, 1280)
    with pytest.raises(ValueError, match="pooling"):
        build(weights=None, include_top=False, pooling="mean")


@pytest.mark.parametrize("mode", ["caffe", "tf", "torch"])
def test_images_are_prepared_within_a_model(mode: str) -> None:
    x = np.random.default_rng(0).integers(0, 256, (2, 4, 5, 3)).astype(np.float32)
    prepare = applications.imagenet_utils.preprocess_input
    images = pydl.Input((4, 5, 3))
    model = pydl.Model(images, prepare(images, mode=mode))
    np.testing.assert_allclose(model.predict(x), prepare(x, mode=mode), rtol=1e-6, atol=1e-6)


def test_images_are_prepared_as_for_imagenet() -> None:
    x = np.array([[0, 127.5, 255.0]])
    prepared = applications.imagenet_utils.preprocess_input
    np.testing.assert_allclose(prepared(x), [[255 - 103.939, 127.5 - 116.779, -123.68]])
    np.testing.assert_allclose(prepared(x, mode="tf"), [[-1, 0, 1]])
    np.testing.assert_allclose(prepared(x, mode="torch"), [[-0.485 / 0.229, 0.044 / 0.224, 0.594 / 0.225]])
    assert prepared(x.astype(np.uint8)).dtype == np.float32
    np.testing.assert_allclose(applications.vgg16.preprocess_input(x), prepared(x))
    np.testing.assert_allclose(applications.xception.preprocess_input(x), prepared(x, mode="tf"))
    with pytest.raises(NotImplementedError, match="classes"):
        applications.resnet50.decode_predictions(x)


@pytest.mark.parametrize("name", COUNTS)
def test_weights_and_shapes(name: str) -> None:
    build = getattr(applications, name)
    colour, grey, features = COUNTS[name]
    assert build().count_params() == colour
    model = build((28, 28, 1), 10)
    assert model.count_params() == grey
    assert model.output_shape == (None, 10)
    assert build((40, 24, 3), include_top=False).output_shape == (None, features)


def test_every_net_stands_here() -> None:
    assert {*COUNTS, *LARGE, "MiniXception"} == set(applications.__all__)
    assert applications.MiniXception().count_params() == 58423  # for (64, 64, 1) and 7 classes
    assert applications.MiniXception(include_top=False).output_shape == (None, 128)
    assert applications.SmallMobileNet((48, 48, 3), alpha=0.25).count_params() == 40250


def test_the_top() -> None:
    x = np.random.default_rng(0).uniform(size=(3, 16, 16, 3)).astype(np.float32)
    model = applications.ResNet20((16, 16, 3), 4)
    np.testing.assert_allclose(model.predict(x, verbose=0).sum(axis=1), 1, rtol=1e-6)
    logits = applications.ResNet20((16, 16, 3), 4, classifier_activation=None)
    logits.set_weights(model.get_weights())
    found = np.exp(logits.predict(x, verbose=0).astype(float))
    np.testing.assert_allclose(model.predict(x, verbose=0), found / found.sum(axis=1, keepdims=True), rtol=1e-5)
    penalized = [layer for layer in model.layers if getattr(layer, "kernel_regularizer", None) is not None]
    assert len(penalized) == 21  # all convolutions: 19, and the 2 beside blocks that halve the maps


def test_a_net_learns_and_is_saved(tmp_path: Path) -> None:
    (x, y), _ = pydl.datasets.digits.load_data()
    pydl.utils.set_random_seed(0)
    model = applications.SimpleCNN((8, 8, 1), 10)
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x[..., None] / 16, y, batch_size=32, epochs=3, verbose=0)
    assert model.evaluate(x[..., None] / 16, y, verbose=0, return_dict=True)["accuracy"] > 0.9
    model.save(tmp_path / "net.safetensors")
    again = pydl.models.load_model(tmp_path / "net.safetensors")
    np.testing.assert_array_equal(again.predict(x[:9, ..., None]), model.predict(x[:9, ..., None]))
