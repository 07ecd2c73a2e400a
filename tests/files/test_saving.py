"""What is saved is what is loaded: predictions, weights, and the rest of the training."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pydl
from pydl._base.errors import FormatError
from pydl._base.safetensors import Reader

X = np.random.default_rng(0).normal(size=(64, 5)).astype(np.float32)
Y = (X.sum(axis=1, keepdims=True) > 0).astype(np.float32)


def build(optimizer: Any = "adam", **names: str) -> Any:
    """A model with weights that are trained, weights that are not, and random streams."""
    layers = pydl.layers
    model = pydl.Sequential(
        [
            pydl.Input((5,)),
            layers.Dense(37, activation="relu", kernel_regularizer="l2", **names),
            layers.BatchNormalization(),
            layers.Dropout(0.3),
            layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile(optimizer=optimizer, loss="binary_crossentropy", metrics=["accuracy"])
    return model


def train(model: Any, epochs: int = 2) -> Any:
    return model.fit(X, Y, batch_size=16, epochs=epochs, verbose=0)


def same(a: Any, b: Any) -> None:
    for x, y in zip(a.get_weights(), b.get_weights(), strict=True):
        np.testing.assert_array_equal(x, y)


OPTIMIZERS = {
    "sgd": lambda: pydl.optimizers.SGD(0.1, momentum=0.9, nesterov=True),
    "rmsprop": lambda: pydl.optimizers.RMSprop(0.01, centered=True),
    "adam": lambda: pydl.optimizers.Adam(0.01, amsgrad=True),
    "schedule": lambda: pydl.optimizers.Adam(pydl.optimizers.schedules.ExponentialDecay(0.01, 3, 0.9)),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_loaded_model_goes_on_as_the_saved_one_would(tmp_path: Path, name: str) -> None:
    pydl.utils.set_random_seed(1)
    model = build(OPTIMIZERS[name]())
    train(model)
    model.save(tmp_path / "m.safetensors")
    loaded = pydl.models.load_model(tmp_path / "m.safetensors")
    same(model, loaded)
    np.testing.assert_array_equal(model.predict(X, verbose=0), loaded.predict(X, verbose=0))
    assert loaded.optimizer.iterations == model.optimizer.iterations == 8
    histories = train(model).history, train(loaded).history
    assert histories[0] == histories[1]
    same(model, loaded)


def test_a_rate_that_was_changed_is_kept(tmp_path: Path) -> None:
    model = build()
    train(model)
    model.optimizer.learning_rate = 0.03125
    model.save(tmp_path / "m.safetensors")
    assert pydl.models.load_model(tmp_path / "m.safetensors").optimizer.learning_rate == 0.03125


def test_without_compile(tmp_path: Path) -> None:
    model = build()
    model.save(tmp_path / "m.safetensors")
    loaded = pydl.models.load_model(tmp_path / "m.safetensors", compile=False)
    assert loaded.optimizer is None
    same(model, loaded)
    loaded.save(tmp_path / "again.safetensors")
    again = pydl.models.load_model(tmp_path / "again.safetensors")
    same(model, again)


def test_weights_move_between_models_of_one_process(tmp_path: Path) -> None:
    """Layers are numbered within a process, so the second model's paths differ from the first's."""
    first, second = build(), build()
    train(first)
    first.save_weights(tmp_path / "m.weights.safetensors")
    assert [v.path for v in first.weights] != [v.path for v in second.weights]
    second.load_weights(tmp_path / "m.weights.safetensors")
    same(first, second)
    first.save(tmp_path / "m.safetensors")
    third = build()
    third.load_weights(tmp_path / "m.safetensors")
    same(first, third)


def test_tensors_are_those_a_user_sees(tmp_path: Path) -> None:
    model = build(name="first")
    model.save(tmp_path / "m.safetensors")
    with Reader(tmp_path / "m.safetensors") as reader:
        assert {v.path for v in model.weights} <= set(reader.tensors)
        for variable in model.weights:
            np.testing.assert_array_equal(reader.read(variable.path), variable.numpy())
        assert reader.metadata["format"] == "pydl"


def test_an_unbuilt_model_has_nothing_to_save(tmp_path: Path) -> None:
    model = pydl.Sequential([pydl.layers.Dense(2)])
    with pytest.raises(ValueError, match="not built"):
        model.save_weights(tmp_path / "m.weights.safetensors")
    assert not list(tmp_path.iterdir())


def test_a_model_without_weights(tmp_path: Path) -> None:
    pydl.Sequential([pydl.Input((2, 2)), pydl.layers.Flatten()]).save(tmp_path / "m.safetensors")
    loaded = pydl.models.load_model(tmp_path / "m.safetensors")
    assert loaded.predict(np.ones((3, 2, 2), np.float32)).shape == (3, 4)


def test_other_kinds_of_file(tmp_path: Path) -> None:
    model = build()
    model.save_weights(tmp_path / "w.safetensors")
    with pytest.raises(FormatError, match="use load_model for a model, load_weights for weights"):
        pydl.models.load_model(tmp_path / "w.safetensors")


def test_layers_of_ones_own_need_custom_objects(tmp_path: Path) -> None:
    class Mine(pydl.layers.Dense):
        pass

    model = pydl.Sequential([pydl.Input((3,)), Mine(2)])
    model.save(tmp_path / "m.safetensors")
    with pytest.raises(FormatError, match="custom_objects"):
        pydl.models.load_model(tmp_path / "m.safetensors")
    loaded = pydl.models.load_model(tmp_path / "m.safetensors", custom_objects={"Mine": Mine})
    assert isinstance(loaded.layers[-1], Mine)
    same(model, loaded)


def test_memory_that_is_missing_is_no_fault_of_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pydl.Sequential([pydl.Input((3,)), pydl.layers.Dense(2)]).save(tmp_path / "m.safetensors")

    def no_memory(*arguments: object, **keywords: object) -> None:
        raise MemoryError

    monkeypatch.setattr("pydl._engine.variable.Variable.storage", no_memory)
    with pytest.raises(MemoryError):
        pydl.models.load_model(tmp_path / "m.safetensors")


@pytest.mark.parametrize("functional", [True, False])
def test_models_in_models_are_read_as_they_were_saved(tmp_path: Path, functional: bool) -> None:
    """Twenty, one around the other; what is too deep for a reader does not replace a file that is there."""

    def around(model: Any, times: int) -> Any:
        for _ in range(times):
            x = pydl.Input((3,))
            model = pydl.Model(x, model(x), name="m") if functional else pydl.Sequential([x, model], name="m")
        return model

    def innermost() -> Any:
        x = pydl.Input((3,))
        return pydl.Model(x, pydl.layers.Dense(2)(x))

    model, x = around(innermost(), 20), np.ones((4, 3), np.float32)
    path = tmp_path / "m.safetensors"
    model.save(path)
    np.testing.assert_array_equal(pydl.models.load_model(path).predict(x, verbose=0), model.predict(x, verbose=0))
    before = path.read_bytes()
    with pytest.raises(pydl.FormatError, match="nested at most 256 deep"):
        around(model, 70).save(path)
    assert path.read_bytes() == before
