"""Every layer, exported: ONNX Runtime and the reference evaluator compute what `predict` does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pydl
from pydl import layers as L
from pydl._onnx.table import GRAPHS, REASONS, WRITERS
from tests.export.onnx_runs import assert_same, chain
from tests.model_cases import CASES, loss_cases

OF_LAYERS = sorted(set(CASES) - set(loss_cases()))
#: With explicit padding of one axis, its pooling reads beyond the array.
NOT_IN_THE_REFERENCE = {"MaxPooling1D with overlap of channels"}
OWN_CODE = {"custom layers"}


def test_every_layer_has_a_row_or_a_reason() -> None:
    written = {cls.__name__ for cls in WRITERS}
    known = {getattr(L, name, pydl.layers.AddedLoss).__name__ for name in L._registry.class_names}
    assert known == written | set(REASONS) | set(GRAPHS)
    assert not set(REASONS) & written


@pytest.mark.parametrize("name", [n for n in OF_LAYERS if n not in OWN_CODE])
def test_the_models_of_the_table(name: str, tmp_path: Path) -> None:
    assert_same(CASES[name]().model, tmp_path / "m.onnx", reference=name not in NOT_IN_THE_REFERENCE)


class Summed(L.Layer):
    """In NumPy alone."""

    def call(self, x: np.ndarray) -> np.ndarray:
        return np.cumsum(np.asarray(x), axis=-1)


@pytest.mark.parametrize("name", OWN_CODE)
def test_code_that_differs_in_training_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r'layer "noisy\w*": Noisy is a layer of your own; .* differs in more than'):
        CASES[name]().model.export(tmp_path / "m.onnx")
    assert not list(tmp_path.iterdir())


def test_code_in_numpy_is_refused(tmp_path: Path) -> None:
    x = pydl.Input((3,))
    with pytest.raises(ValueError, match=r'layer "summed\w*": Summed is a layer of your own; .* uses pydl.ops alone'):
        pydl.Model(x, Summed()(x)).export(tmp_path / "m.onnx")
    assert not list(tmp_path.iterdir())


MORE: dict[str, tuple[Any, Any]] = {
    "AdaptiveAveragePooling3D": (lambda: L.AdaptiveAveragePooling3D((2, 1, 3)), (3, 2, 4, 2)),
    "AutoContrast": (lambda: L.AutoContrast((0, 1)), (3, 4, 2)),
    "AveragePooling2D, strides beyond the window": (lambda: L.AveragePooling2D(1, 3, "same"), (6, 7, 2)),
    "BatchNormalization behind a convolution": (
        lambda: [L.Conv2D(3, 2), L.BatchNormalization(), L.ReLU(), L.MaxPooling2D(2), L.Conv2D(2, 1)], (6, 7, 2),
    ),
    "channels in front": (
        lambda: [L.Permute((2, 3, 1)), L.Conv2D(3, 2, activation="softmax"), L.Permute((3, 1, 2))], (2, 5, 4),
    ),
    "Conv2D, sparsemax": (lambda: L.Conv2D(4, 2, activation="sparsemax"), (3, 4, 2)),
    "Conv1DTranspose, strides beyond the window": (lambda: L.Conv1DTranspose(2, 1, 3, "same"), (4, 3)),
    "Conv2DTranspose with output_padding": (
        lambda: L.Conv2DTranspose(2, (3, 4), (2, 3), "same", output_padding=(1, 2)), (3, 4, 2),
    ),
    "DepthwiseConv2D with strides, holes and padding": (
        lambda: L.DepthwiseConv2D(3, 2, "same", dilation_rate=2), (7, 9, 2),
    ),
    "Dropout in another form": (lambda: L.Dropout(0.3, (None, 1, None)), (3, 4)),
    "Embedding with a mask": (
        lambda: [L.Embedding(3, 4, mask_zero=True), L.Dense(3), L.GlobalAveragePooling1D()], (6,),
    ),
    "images with every layer that changes none": (
        lambda: [
            L.RandomContrast(0.1), L.RandomErasing(), L.RandomGaussianBlur(), L.RandomGrayscale(), L.RandomHue(0.1),
            L.RandomInvert(0.5), L.RandomPosterization(4), L.RandomSaturation(0.3), L.RandomSharpness(0.3),
            L.RandomColorDegeneration(0.3), L.RandomPerspective(), L.RandomShear(0.2), L.Equalization(), L.CutMix(),
            L.RandomElasticTransform(), L.MaxNumBoundingBoxes(3),
            L.MixUp(), L.AugMix((0, 1)), L.RandAugment((0, 1)), L.RandomColorJitter(hue_factor=0.1),
            L.Solarization(), L.SpatialDropout2D(0.2), L.RandomBrightness(0.2), L.Conv2D(2, 2),
        ],
        (4, 5, 3),
    ),
    "LayerNormalization without gamma": (lambda: L.LayerNormalization(scale=False), (4,)),
    "Masking": (lambda: [L.Rescaling(0.5), L.ReLU(), L.Masking(), L.GlobalAveragePooling1D(keepdims=True)], (5, 1)),
    "Normalization": (lambda: L.Normalization(mean=[1.0, -2], variance=[4.0, 0.5]), (3, 2)),
    "Normalization of one number": (lambda: L.Normalization(None, mean=3.0, variance=0.25), (4,)),
    "Normalization of steps": (lambda: L.Normalization(1, mean=[1.0, -2, 0], variance=[4.0, 0.5, 1]), (3, 2)),
    "Normalization, inverted": (lambda: L.Normalization(mean=[1.0, -2], variance=[4.0, 0.5], invert=True), (3, 2)),
    "Parametric": (
        lambda: [L.Parametric("multiply", (2,), initializer="ones"), L.Parametric("subtract", (1, 3, 2), True)], (3, 2),
    ),
    "Pipeline": (lambda: L.Pipeline([L.RandomFlip(), L.Resizing(3, 4), L.Rescaling(2.0, 1.0)]), (5, 6, 3)),
    "Resizing, cropped": (lambda: L.Resizing(4, 3, "bicubic", crop_to_aspect_ratio=True), (5, 8, 2)),
    "Resizing, padded": (
        lambda: L.Resizing(4, 3, "lanczos3", pad_to_aspect_ratio=True, fill_value=0.5, antialias=True), (5, 8, 2),
    ),
    "Resizing to the nearest": (lambda: L.Resizing(4, 9, "nearest"), (5, 6, 2)),
    "CenterCrop of a smaller image": (lambda: L.CenterCrop(6, 3), (4, 5, 2)),
    "SpatialDropout3D": (lambda: [L.SpatialDropout3D(0.2), L.GlobalMaxPooling3D()], (2, 3, 2, 2)),
    "UpSampling2D, bicubic": (lambda: L.UpSampling2D(2, interpolation="bicubic"), (3, 4, 2)),
}  # fmt: skip


@pytest.mark.parametrize("name", MORE)
def test_more_layers(name: str, tmp_path: Path) -> None:
    make, shape = MORE[name]
    made = make()
    assert_same(chain(*(made if isinstance(made, list) else [made]), shape=shape), tmp_path / "m.onnx")


#: In test_onnx_codes.py and test_onnx_graphs.py.
ELSEWHERE = {"Arithmetic", "CategoryEncoding", "Discretization", "IntegerLookup", "StringLookup"}


@pytest.mark.parametrize("cls", sorted(WRITERS, key=lambda cls: cls.__name__))
def test_every_row_is_tested(cls: Any) -> None:
    assert cls.__name__ in {type(layer).__name__ for layer in _tested_layers()} | ELSEWHERE


_found: list[Any] = []


def _tested_layers() -> list[Any]:
    if not _found:
        models = [CASES[name]().model for name in OF_LAYERS]
        _found.extend(layer for model in models for layer in _within(model))
        for make, _ in MORE.values():
            made = make()
            _found.extend(made if isinstance(made, list) else [made])
    return _found


def _within(model: Any) -> list[Any]:
    return [x for layer in model.layers for x in (_within(layer) if isinstance(layer, pydl.Model) else [layer])]


def test_normalization_that_has_adapted(tmp_path: Path) -> None:
    x = np.random.default_rng(0).normal(1000, 0.5, (50, 3)).astype(np.float32)
    layer = L.Normalization()
    layer.adapt(x)
    model = pydl.Sequential([pydl.Input((3,)), layer])
    message = assert_same(model, tmp_path / "m.onnx", [x])
    assert {t.name for t in message.graph.initializer} >= {v.path for v in model.as_made()}
