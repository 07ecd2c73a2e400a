"""Layers that prepare data in files of Keras's forms, and models that consist of nothing else."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pydl
from pydl import layers as L


def config_of(path: Path, layer: int) -> dict[str, Any]:
    """What a file of Keras's says of a layer of a chain."""
    with zipfile.ZipFile(path) as file:
        found: dict[str, Any] = json.loads(file.read("config.json"))["config"]["layers"][layer]["config"]
    return found


@pytest.mark.parametrize("name", ["m.keras", "m.h5", "m.weights.h5"])
def test_statistics_of_all_numbers_are_no_counts(name: str, tmp_path: Path) -> None:
    """One mean and one variance for everything were cut to whole numbers."""
    layer = L.Normalization(axis=None)
    layer.adapt(np.array([[0, 0.2], [0.4, 0.6]], "float32"))
    model = pydl.Sequential([pydl.Input((2,)), layer])
    wanted = model.predict(np.array([[0.3, 0.5]], "float32"))
    assert wanted[0, 1] == pytest.approx(0.2 / np.sqrt(0.05), rel=1e-5)
    if name == "m.weights.h5":
        model.save_weights(tmp_path / name)
        again: Any = pydl.Sequential([pydl.Input((2,)), L.Normalization(axis=None)])
        again.load_weights(tmp_path / name)
    else:
        model.save(tmp_path / name)
        again = pydl.models.load_model(tmp_path / name, compile=False)
    np.testing.assert_allclose(again.predict(np.array([[0.3, 0.5]], "float32")), wanted, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("cls", [L.IntegerLookup, L.StringLookup, L.TextVectorization])
def test_the_size_of_a_vocabulary_that_is_given(cls: Any) -> None:
    """Keras notes it beside the vocabulary; such models were refused."""
    layer = cls(vocabulary=[1, 2, 5] if cls is L.IntegerLookup else ["a", "b"])
    chain = pydl.Sequential([pydl.Input((1,), dtype="int64" if cls is L.IntegerLookup else "string"), layer])
    config = json.loads(chain.to_json())
    config["config"]["layers"][1]["config"]["vocabulary_size"] = 4
    again = pydl.models.model_from_json(json.dumps(config))
    assert again.layers[0].get_vocabulary() == layer.get_vocabulary()


def test_arguments_that_keras_refuses_are_left_out(tmp_path: Path) -> None:
    bins = pydl.Sequential([pydl.Input((2,)), L.Discretization([0.0, 1.0], output_mode="one_hot"), L.Dense(2)])
    bins.save(tmp_path / "bins.keras")
    assert "trainable" not in config_of(tmp_path / "bins.keras", 1)
    line = pydl.Sequential([pydl.Input((8, 8, 3)), L.Pipeline([L.RandomFlip()]), L.Flatten(), L.Dense(2)])
    line.save(tmp_path / "line.keras")
    assert "trainable" not in config_of(tmp_path / "line.keras", 1)
    for model, name in ((bins, "bins"), (line, "line")):
        x = np.random.default_rng(0).random((3, *model.input_shape[1:])).astype("float32")
        again = pydl.models.load_model(tmp_path / f"{name}.keras", compile=False)
        np.testing.assert_array_equal(again.predict(x), model.predict(x))


def test_models_of_such_layers_alone_give_what_these_give(tmp_path: Path) -> None:
    """Whole numbers and text: they were refused, as no kernel computes them."""
    vectorize = L.TextVectorization(vocabulary=["a", "b", "c"], output_sequence_length=4)
    model = pydl.Sequential([pydl.Input((1,), dtype="string"), vectorize])
    x = np.array([["a b c"], ["c d"], ["b"]])
    y = model.predict(x)
    assert y.dtype == np.int64
    np.testing.assert_array_equal(y, [[2, 3, 4, 0], [4, 1, 0, 0], [3, 0, 0, 0]])
    np.testing.assert_array_equal(model(x), y)
    np.testing.assert_array_equal(model.predict(x, batch_size=2, steps=1), y[:2])
    np.testing.assert_array_equal(model.predict(iter([x, x[:1]])), np.concatenate([y, y[:1]]))
    seen: list[Any] = []
    note = pydl.callbacks.LambdaCallback(on_predict_batch_end=lambda batch, logs: seen.append(len(logs["outputs"])))
    model.predict(x, batch_size=2, callbacks=[note])
    assert seen == [2, 1]
    model.save(tmp_path / "m.safetensors")
    np.testing.assert_array_equal(pydl.models.load_model(tmp_path / "m.safetensors").predict(x), y)
    codes = pydl.Input((1,), dtype="int64")
    words = L.StringLookup(vocabulary=["a", "b"], invert=True)(codes)
    both = pydl.Model(codes, [words, L.Hashing(3)(codes)])
    text, numbers = both.predict(np.array([[1], [0]]))
    assert text.tolist() == [["a"], ["[UNK]"]]
    assert numbers.dtype == np.int64
    mixed = pydl.Model(codes, [L.Hashing(3)(codes), L.Dense(2)(codes)])
    np.testing.assert_array_equal(mixed.predict(np.array([[1], [0]]))[0], numbers)
