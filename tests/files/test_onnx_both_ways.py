"""Models exported as ONNX files and read again: the same predictions, layers of the same kinds, that can be trained."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pydl
from pydl import layers as L


def chain(shape: Any, *layers: Any) -> Any:
    model = pydl.Sequential([pydl.Input(shape, name="x"), *layers])
    rng = np.random.default_rng(3)
    for v in model.weights:  # statistics and scales as training leaves them
        v.assign(v.numpy() + rng.uniform(0.1, 0.6, v.shape))
    return model


def residual() -> Any:
    x = pydl.Input((8, 8, 3), name="x")
    a = L.Conv2D(4, 3, padding="same", activation="relu")(x)
    b = L.BatchNormalization()(L.Conv2D(4, 3, padding="same", use_bias=False)(a))
    y = L.Dense(3, "softmax")(L.GlobalAveragePooling2D()(L.Concatenate()([L.Add()([a, b]), a])))
    return pydl.Model(x, y)


MODELS: dict[str, Any] = {
    "dense": lambda: chain((5,), L.Dense(7, "relu"), L.Dropout(0.3), L.Dense(6, "gelu"), L.Dense(3, "softmax")),
    "normalized": lambda: chain((5,), L.Dense(6), L.BatchNormalization(), L.LayerNormalization(), L.Dense(1)),
    "convolutional": lambda: chain(
        (9, 8, 3), L.Conv2D(4, 3, 2, padding="same", activation="relu"), L.DepthwiseConv2D(3), L.MaxPooling2D(2),
        L.Flatten(), L.Dense(4),
    ),
    "pooled": lambda: chain((9, 8, 3), L.AveragePooling2D(2, padding="same"), L.Conv2D(5, 1), L.GlobalMaxPooling2D()),
    "transposed": lambda: chain((4, 4, 2), L.Conv2DTranspose(3, 3, 2, padding="same"), L.Activation("tanh")),
    "sequence": lambda: chain((6, 4), L.Conv1D(5, 3, activation="elu"), L.MaxPooling1D(2), L.Flatten(), L.Dense(2)),
    "residual": residual,
    "codes": lambda: chain((4,), L.Embedding(9, 3), L.Flatten(), L.Dense(2)),
    "einsum": lambda: chain((4, 3), L.EinsumDense("abc,bd->adc", (5, 3)), L.UpSampling1D(2), L.Flatten(), L.Dense(2)),
}  # fmt: skip


@pytest.mark.parametrize("name", MODELS)
def test_export_then_import_is_the_identity(tmp_path: Path, name: str) -> None:
    model = MODELS[name]()
    model.export(tmp_path / "m.onnx")
    again = pydl.models.load_onnx(tmp_path / "m.onnx")
    assert [(t.name, t.shape) for t in again.inputs] == [(t.name, t.shape) for t in model.inputs]
    rng, shape = np.random.default_rng(1), (5, *model.inputs[0].shape[1:])
    x = rng.integers(0, 9, shape) if name == "codes" else rng.normal(size=shape).astype("float32")
    wanted = model.predict(x, verbose=0)
    np.testing.assert_allclose(again.predict(x, verbose=0), wanted, rtol=1e-5, atol=1e-6 * np.abs(wanted).max())
    assert not any(isinstance(layer, L.Permute) for layer in again.layers)


@pytest.mark.parametrize(
    "layer",
    [
        L.Conv2D(4, (3, 2), strides=(2, 3), padding="same"), L.Conv2D(4, 1, strides=2, padding="same"),
        L.DepthwiseConv2D(3, 2, padding="same"), L.MaxPooling2D(2, 2, "same"), L.AveragePooling2D(3, 2, "same"),
    ],
)  # fmt: skip
def test_strides_over_images_of_any_size(tmp_path: Path, layer: Any) -> None:
    model = chain((None, None, 3), layer, L.GlobalAveragePooling2D())
    model.export(tmp_path / "m.onnx")
    again = pydl.models.load_onnx(tmp_path / "m.onnx")
    for size in ((7, 8), (9, 5), (1, 4)):
        x = np.random.default_rng(1).normal(size=(2, *size, 3)).astype("float32")
        np.testing.assert_allclose(again.predict(x, verbose=0), model.predict(x, verbose=0), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", ["dense", "convolutional", "sequence"])
def test_weights_come_back(tmp_path: Path, name: str) -> None:
    model = MODELS[name]()
    model.export(tmp_path / "m.onnx")
    again = pydl.models.load_onnx(tmp_path / "m.onnx")
    assert [v.shape for v in again.trainable_weights] == [v.shape for v in model.trainable_weights]
    for v, w in zip(again.trainable_weights, model.trainable_weights, strict=True):
        assert np.array_equal(v.numpy(), w.numpy())
