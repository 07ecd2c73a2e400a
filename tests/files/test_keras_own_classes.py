"""Files that Keras wrote of classes that a program derived from its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pydl
from pydl import layers as L
from pydl._keras import configs

h5py = pytest.importorskip("h5py")


class Before(pydl.Model):
    """The attributes come before "layers" in the alphabet."""

    def __init__(self) -> None:
        super().__init__()
        self.d1, self.d2 = L.Dense(3), L.Dense(1)

    def call(self, x: Any) -> Any:
        return self.d2(self.d1(x))


class Mixed(pydl.Model):
    """One attribute comes before, the others after, in another order than they are used in."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.z, self.norm = L.Dense(3), L.Dense(1), L.BatchNormalization()
        self.blocks = [L.Dense(3), L.Dense(3)]

    def call(self, x: Any) -> Any:
        h = self.norm(self.a(x))
        for block in self.blocks:
            h = block(h)
        return self.z(h)


class Around(pydl.Model):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.rest = L.Dense(4), Mixed()

    def call(self, x: Any) -> Any:
        return self.rest(self.first(x))


#: Where Keras 3.15.1 puts the layers of each.
PLACES: dict[Any, dict[str, str]] = {
    Before: {"d1": "d1", "d2": "d2"},
    Mixed: {
        "a": "a", "blocks[0]": "blocks/dense", "blocks[1]": "blocks/dense_1", "norm": "layers/batch_normalization",
        "z": "layers/dense_1",
    },
    Around: {
        "first": "first", "rest.a": "layers/mixed/a", "rest.blocks[0]": "layers/mixed/blocks/dense",
        "rest.blocks[1]": "layers/mixed/blocks/dense_1", "rest.norm": "layers/mixed/layers/batch_normalization",
        "rest.z": "layers/mixed/layers/dense_1",
    },
}  # fmt: skip


def layer_of(model: Any, path: str) -> Any:
    for part in path.split("."):
        name, _, place = part.rstrip("]").partition("[")
        model = getattr(model, name)
        model = model[int(place)] if place else model
    return model


@pytest.mark.parametrize("cls", PLACES)
def test_weights_by_attributes_and_in_the_list_of_layers(cls: Any, tmp_path: Path) -> None:
    model, rng = cls(), np.random.default_rng(0)
    model(np.zeros((2, 5), np.float32))
    wanted = {}
    with h5py.File(tmp_path / "m.weights.h5", "w") as file:
        file.create_group("vars").attrs["name"] = "m"
        for path, group in PLACES[cls].items():
            wanted[path] = [rng.uniform(1, 2, w.shape).astype("float32") for w in layer_of(model, path).get_weights()]
            for i, w in enumerate(wanted[path]):
                file[f"{group}/vars/{i}"] = w
    model.load_weights(tmp_path / "m.weights.h5")
    for path, arrays in wanted.items():
        for found, array in zip(layer_of(model, path).get_weights(), arrays, strict=True):
            np.testing.assert_array_equal(found, array)


def test_arguments_that_only_the_class_of_keras_has() -> None:
    class Twice(L.Dense):
        def __init__(self, units: int, factor: float = 2.0, **kwargs: Any) -> None:
            super().__init__(units, **kwargs)
            self.factor = factor

        def call(self, x: Any) -> Any:
            return super().call(x) * self.factor

    config = {
        "name": "twice", "trainable": True, "dtype": {"class_name": "DTypePolicy", "config": {"name": "float32"}},
        "units": 3, "quantization_config": None, "factor": 3.0,
    }  # fmt: skip
    entry = {"module": None, "class_name": "Twice", "config": config, "registered_name": "t>Twice"}
    with pydl.utils.custom_object_scope({"Twice": Twice}):
        arguments = configs.read(entry)["config"]
        assert Twice.from_config(arguments).factor == 3.0
        assert "quantization_config" not in arguments
        kept = configs.read({**entry, "config": {**config, "quantization_config": "int8"}})["config"]
    assert kept["quantization_config"] == "int8"  # which changes what it does: the class says that it lacks it
