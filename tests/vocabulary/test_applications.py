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
    "MobileNet": (549578, 549002, 512),
}  # fmt: skip


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
    assert {*COUNTS, "MiniXception"} == set(applications.__all__)
    assert applications.MiniXception().count_params() == 58423  # for (64, 64, 1) and 7 classes
    assert applications.MiniXception(include_top=False).output_shape == (None, 128)
    assert applications.MobileNet((48, 48, 3), alpha=0.25).count_params() == 40250


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
