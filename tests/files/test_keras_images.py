"""Nets over images and steps that Keras 3.15.1 saved, on JAX: read, they predict what it predicted."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import pydl
from pydl import applications
from pydl.pipeline import image_nets

h5py = pytest.importorskip("h5py")

GOLDEN = Path(__file__).parents[1] / "golden"
FOUND = json.loads((GOLDEN / "keras_images.json").read_text())
NETS = {  # the shape of their data, and what is added to it
    "convolutions": ((2, 9, 8, 2), 0.0), "pooled": ((2, 11, 10, 3), 0.0), "series": ((2, 20, 3), 0.0),
    "augmented": ((1, 12, 14, 3), 0.5),
}  # fmt: skip


def data(net: str) -> np.ndarray:
    shape, more = NETS[net]
    return ((np.arange(np.prod(shape)).reshape(shape) * 7 % 23) / 23 - 0.5 + more).astype(np.float32)


@pytest.mark.parametrize("net", NETS)
def test_predictions_are_those_of_keras(net: str, tmp_path: Path) -> None:
    model = pydl.models.load_model(GOLDEN / f"{net}.keras")
    np.testing.assert_allclose(model.predict(data(net), verbose=0), FOUND[net], rtol=1e-5, atol=1e-6)
    for ending in (".keras", ".h5", ".safetensors"):  # and what is written is read again
        model.save(tmp_path / f"again{ending}")
        again = pydl.models.load_model(tmp_path / f"again{ending}")
        np.testing.assert_array_equal(again.predict(data(net), verbose=0), model.predict(data(net), verbose=0))


def test_a_trained_net_of_keras_2(data_dir: Path, tmp_path: Path) -> None:
    """mini-XCEPTION, as Keras 2.0.5 saved it on TensorFlow."""
    with pytest.warns(UserWarning, match="the optimizer starts anew"):  # of another order than today's
        model = pydl.models.load_keras(data_dir / "fer-emotion.hdf5")
    assert model.count_params() == applications.MiniXception().count_params()
    i = np.arange(4 * 64 * 64).reshape(4, 64, 64, 1)
    x = (np.sin(i * 0.013 + i // 4096 * 1.7) * np.cos(i * 0.1)).astype(np.float32)
    np.testing.assert_allclose(model.predict(x, verbose=0), FOUND["emotions"], atol=1e-5)
    ours = applications.MiniXception()
    ours.set_weights(model.get_weights())  # the same layers in the same order
    np.testing.assert_array_equal(ours.predict(x, verbose=0), model.predict(x, verbose=0))
    assert isinstance(model.optimizer, pydl.optimizers.Adam)
    body = image_nets.base(str(data_dir / "fer-emotion.hdf5"))
    assert (body.shape, body.top, body.model.output_shape) == ((64, 64, 1), 1.0, (None, 4, 4, 128))


def test_what_keras_notes_of_training_unasked() -> None:
    """Keras writes `training` at each call of layers that have a default for it, and passes over it when it runs."""
    augmented = pydl.models.load_model(GOLDEN / "augmented.keras")
    seen = augmented(data("augmented"), training=True)
    assert np.abs(seen - FOUND["augmented"]).max() > 0.1


def test_whatever_the_file_is_called(tmp_path: Path) -> None:
    made = pydl.Sequential([pydl.Input((3,)), pydl.layers.Dense(2)])
    made.save(tmp_path / "net.h5")
    (tmp_path / "net.h5").rename(tmp_path / "net")
    x = np.eye(3, dtype=np.float32)
    np.testing.assert_array_equal(pydl.models.load_keras(tmp_path / "net").predict(x), made.predict(x))
    (tmp_path / "text").write_text("no model")
    with pytest.raises(pydl.FormatError, match="text"):
        pydl.models.load_keras(tmp_path / "text")


def test_an_optimizer_of_early_kerases(tmp_path: Path) -> None:
    made = pydl.Sequential([pydl.Input((3,)), pydl.layers.Dense(2)])
    made.compile("adam", "mse")
    made.save(tmp_path / "net.h5")
    with h5py.File(tmp_path / "net.h5", "a") as file:
        written = json.loads(file.attrs["training_config"])
        config = {"lr": 0.25, "beta_1": 0.75, "beta_2": 0.999, "epsilon": 1e-8, "decay": 0.0}
        written["optimizer_config"] = {"class_name": "Adam", "config": config}
        file.attrs["training_config"] = json.dumps(written)
    optimizer = pydl.models.load_model(tmp_path / "net.h5").optimizer
    assert (float(optimizer.learning_rate), optimizer.beta_1, optimizer.epsilon) == (0.25, 0.75, 1e-8)
