"""Keras's own files: those that Keras 3.15.1 wrote are read, and what is written has their form."""

from __future__ import annotations

import gzip
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pydl

h5py = pytest.importorskip("h5py")

L = pydl.layers
GOLDEN = Path(__file__).parents[1] / "golden"
FOUND = json.loads((GOLDEN / "keras_files.json").read_text())
X = (np.arange(24.0).reshape(6, 4) / 24 - 0.5).astype("f4")
TWO = {"left": X, "right": X[::-1]}
CODES, KINDS = np.arange(20).reshape(4, 5) % 7, np.array([0, 1, 0, 1])
ROUNDING = 4e-7  # of sums of a few float32, at most 1, whose order differs


@pytest.fixture
def older(tmp_path: Path) -> Path:
    path = tmp_path / "two.h5"
    path.write_bytes(gzip.decompress((GOLDEN / "two.h5.gz").read_bytes()))
    return path


def check_two(model: pydl.Model) -> None:
    found = model.predict(TWO)
    for name in ("sum", "both"):
        assert np.abs(found[name] - FOUND["two"][name]).max() < ROUNDING
    judged = model.evaluate(TWO, {"sum": np.ones((6, 2))}, verbose=0, return_dict=True)
    assert judged == pytest.approx(FOUND["evaluate"], rel=1e-6)


def test_a_graph_that_keras_wrote() -> None:
    model = pydl.models.load_model(GOLDEN / "two.keras")
    check_two(model)
    assert (model.name, model.optimizer.iterations) == ("two", 4)
    assert isinstance(model.get_layer("shared").kernel_regularizer, pydl.regularizers.L2)


def test_a_chain_that_keras_wrote_is_trained_as_keras_does() -> None:
    model = pydl.models.load_model(GOLDEN / "words.keras")
    assert np.abs(model.predict(CODES) - FOUND["words"]).max() < ROUNDING
    model.fit(CODES, KINDS, shuffle=False, verbose=0)
    assert np.abs(model.predict(CODES) - FOUND["words after a step"]).max() < ROUNDING


def test_an_older_file_of_keras(older: Path) -> None:
    check_two(pydl.models.load_model(older))
    model = pydl.models.load_model(GOLDEN / "two.keras", compile=False)
    assert model.optimizer is None
    model.set_weights([np.zeros_like(w) for w in model.get_weights()])
    model.load_weights(older)
    assert np.abs(model.predict(TWO)["sum"] - FOUND["two"]["sum"]).max() < ROUNDING


def net() -> pydl.Model:
    pydl.utils.set_random_seed(2)
    x, y = pydl.Input((4,), name="left"), pydl.Input((4,), name="right")
    norm, shared = L.Normalization(), L.Dense(3, "relu")
    norm.adapt(np.arange(40.0).reshape(10, 4))
    inner = pydl.Sequential([pydl.Input((3,)), L.Dense(2), L.BatchNormalization(), L.Dropout(0.5)])
    model = pydl.Model(
        {"left": x, "right": y}, {"sum": inner(L.Add()([shared(norm(x)), shared(y)])), "both": L.Concatenate()([x, y])}
    )
    model.compile(
        pydl.optimizers.RMSprop(0.01, momentum=0.5), {"sum": pydl.losses.Huber(0.5)}, metrics={"sum": ["mae"]}
    )
    model.fit(TWO, {"sum": np.ones((6, 2))}, epochs=2, verbose=0)
    return model


def plain(pydl_model: pydl.Model) -> dict[str, np.ndarray]:
    found: dict[str, np.ndarray] = pydl_model.predict(TWO)
    return found


@pytest.mark.parametrize("ending", [".keras", ".h5"])
def test_models_there_and_back(tmp_path: Path, ending: str) -> None:
    model = net()
    path = tmp_path / f"m{ending}"
    model.save(path)
    again = pydl.models.load_model(path)
    for name, values in plain(model).items():
        assert np.array_equal(values, plain(again)[name])
    assert again.get_config()["order"] == model.get_config()["order"]
    assert again.get_compile_config()["loss"] == model.get_compile_config()["loss"]
    assert again.get_compile_config()["metrics"] == model.get_compile_config()["metrics"]
    assert again.optimizer.get_config() == pytest.approx(model.optimizer.get_config())
    with pytest.raises(FileExistsError, match="overwrite"):
        model.save(path, overwrite=False)
    if ending == ".keras":  # training goes on with the optimizer's state
        assert again.optimizer.iterations == 2
        for one, other in zip(again.optimizer.state_variables, model.optimizer.state_variables, strict=True):
            assert np.array_equal(one.numpy(), other.numpy())


def groups(path: Path) -> dict[str, Any]:
    """The shapes of all arrays of a file of weights, and the names of its groups."""
    found: dict[str, Any] = {}
    raw = io.BytesIO(zipfile.ZipFile(path).read("model.weights.h5"))
    with h5py.File(raw, "r") as file:
        file.visititems(lambda name, item: found.__setitem__(name, getattr(item, "shape", None)))
    return found


def test_weights_lie_where_keras_looks_for_them(tmp_path: Path) -> None:
    pydl.models.load_model(GOLDEN / "two.keras").save(tmp_path / "two.keras")
    pydl.models.load_model(GOLDEN / "words.keras").save(tmp_path / "words.keras")
    for name in ("two.keras", "words.keras"):
        written, keras = groups(tmp_path / name), groups(GOLDEN / name)
        assert {k: s for k, s in written.items() if s is not None} == {k: s for k, s in keras.items() if s is not None}


def test_configs_have_the_form_of_keras(tmp_path: Path) -> None:
    pydl.models.load_model(GOLDEN / "two.keras").save(tmp_path / "two.keras")
    ours, keras = (
        json.loads(zipfile.ZipFile(p).read("config.json")) for p in (tmp_path / "two.keras", GOLDEN / "two.keras")
    )
    for part in ("input_layers", "output_layers", "name"):
        assert ours["config"][part] == keras["config"][part]
    described = {entry["name"]: entry for entry in keras["config"]["layers"]}
    for entry in ours["config"]["layers"]:
        wanted = described.pop(entry["name"])
        assert (entry["module"], entry["class_name"]) == (wanted["module"], wanted["class_name"])
        assert set(entry["config"]) <= set(wanted["config"]) | {"trainable"}
        histories = [
            [
                [t["config"]["keras_history"] for t in (args if isinstance(args, list) else [args])]
                for node in nodes
                for args in node["args"]
            ]
            for nodes in (entry["inbound_nodes"], wanted["inbound_nodes"])
        ]
        assert histories[0] == histories[1]
    assert described == {}


def test_weights_alone(tmp_path: Path) -> None:
    model, path = net(), tmp_path / "m.weights.h5"
    model.save_weights(path)
    other = pydl.models.clone_model(model)
    other.load_weights(path)
    assert all(np.array_equal(a, b) for a, b in zip(model.get_weights(), other.get_weights(), strict=True))
    model.save(tmp_path / "m.keras")
    other = pydl.models.clone_model(model)
    other.load_weights(tmp_path / "m.keras")
    assert all(np.array_equal(a, b) for a, b in zip(model.get_weights(), other.get_weights(), strict=True))
    model.save_weights(tmp_path / "m.h5")  # as Keras 2 did
    other = pydl.models.clone_model(model)
    other.load_weights(tmp_path / "m.h5")
    assert all(np.array_equal(a, b) for a, b in zip(model.get_weights(), other.get_weights(), strict=True))
    with pytest.raises(ValueError, match=r"end in \.weights\.h5"):
        model.save_weights(tmp_path / "m.keras")
    with pytest.raises(ValueError, match="save_weights"):
        model.save(path)
    with pytest.raises(pydl.FormatError, match="no model"):
        pydl.models.load_model(path)


def dense(units: int) -> pydl.Sequential:
    return pydl.Sequential([pydl.Input((4,)), L.Dense(3, name="a"), L.Dense(units, name="b")])


@pytest.mark.parametrize("name", ["m.weights.h5", "m.h5"])
def test_weights_that_do_not_fit(tmp_path: Path, name: str) -> None:
    model, other, path = dense(2), dense(5), tmp_path / name
    (model.save if name == "m.h5" else model.save_weights)(path)
    before = other.get_weights()
    with pytest.raises(pydl.FormatError, match=r'm\..*: layer "b": expected numbers of shape \(3, 5\)'):
        other.load_weights(path)
    assert all(np.array_equal(a, b) for a, b in zip(before, other.get_weights(), strict=True))
    with pytest.warns(UserWarning, match="left as they were.* b"):
        other.load_weights(path, skip_mismatch=True)
    assert np.array_equal(other.layers[0].kernel.numpy(), model.layers[0].kernel.numpy())
    assert np.array_equal(other.get_weights()[2], before[2])


class Double(L.Layer):
    def call(self, x: np.ndarray) -> np.ndarray:
        return 2 * x


def test_layers_of_ones_own(tmp_path: Path) -> None:
    model = pydl.Sequential([pydl.Input((4,)), Double(name="twice"), L.Dense(1)])
    model.save(tmp_path / "m.keras")
    again = pydl.models.load_model(tmp_path / "m.keras", custom_objects={"Double": Double})
    assert np.array_equal(again.predict(X), model.predict(X))
    with pytest.raises(pydl.FormatError, match="'Double'"):
        pydl.models.load_model(tmp_path / "m.keras")


def test_a_loss_that_keras_has_not_is_left_out_with_a_warning(tmp_path: Path) -> None:
    model = pydl.Sequential([pydl.Input((4,)), pydl.layers.Dense(1)])
    model.compile("sgd", pydl.losses.Quantile(0.5))
    with pytest.warns(UserWarning, match=r"Keras has no Quantile; save it as \.safetensors"):
        model.save(tmp_path / "m.keras")
    assert pydl.models.load_model(tmp_path / "m.keras").optimizer is None


def test_a_subclassed_model_with_a_config_of_its_own_is_saved_as_its_graph(tmp_path: Path) -> None:
    class Net(pydl.Model):
        def __init__(self, units: int) -> None:
            super().__init__()
            self.units = units
            self.last, self.first = pydl.layers.Dense(2), pydl.layers.Dense(units, "relu")

        def call(self, x: Any) -> Any:
            return self.last(self.first(x))

        def get_config(self) -> dict[str, Any]:
            return {"units": self.units}

    model = Net(3)
    expected = model.predict(X)
    for name in ("m.keras", "m.safetensors"):
        model.save(tmp_path / name)
        assert np.array_equal(pydl.models.load_model(tmp_path / name).predict(X), expected)


def test_checkpoints_in_the_form_of_keras(tmp_path: Path) -> None:
    model = dense(1)
    model.compile("sgd", "mse")
    saved = pydl.callbacks.ModelCheckpoint(tmp_path / "m{epoch}.keras")
    weights = pydl.callbacks.ModelCheckpoint(str(tmp_path / "w.weights.h5"), save_weights_only=True)
    model.fit(X, np.ones(6), epochs=2, verbose=0, callbacks=[saved, weights])
    assert sorted(p.name for p in tmp_path.iterdir()) == ["m1.keras", "m2.keras", "w.weights.h5"]
    assert np.array_equal(pydl.models.load_model(tmp_path / "m2.keras").predict(X), model.predict(X))
    pydl.callbacks.ModelCheckpoint("w.hdf5")
    for name, options in (("w.keras", {"save_weights_only": True}), ("w.txt", {})):
        with pytest.raises(ValueError, match=r"ends in \.safetensors or \.h5"):
            pydl.callbacks.ModelCheckpoint(name, **options)


def test_weights_with_the_state_of_the_optimizer(tmp_path: Path) -> None:
    """As in Keras: an optimizer that has begun goes on from the file's state, one that has not stays as it is."""
    x = np.random.default_rng(0).normal(size=(32, 3)).astype(np.float32)
    y = x.sum(axis=1, keepdims=True)

    def compiled() -> pydl.Model:
        pydl.utils.set_random_seed(1)
        model = pydl.Sequential([pydl.Input((3,)), pydl.layers.Dense(4, "tanh"), pydl.layers.Dense(1)])
        model.compile(pydl.optimizers.Adam(0.1), "mse")
        return model

    def losses(model: pydl.Model) -> list[float]:
        return model.fit(x, y, 16, 2, shuffle=False, verbose=0).history["loss"]

    model, straight = compiled(), compiled()
    for each in (model, straight):
        losses(each)
    model.save_weights(tmp_path / "m.weights.h5")
    losses(model)
    model.load_weights(tmp_path / "m.weights.h5")
    assert model.optimizer.iterations == 4
    assert losses(model) == losses(straight)
    fresh = compiled()
    fresh.load_weights(tmp_path / "m.weights.h5")
    assert fresh.optimizer.iterations == 0
    other = compiled()
    other.compile(pydl.optimizers.SGD(0.1), "mse")
    losses(other)
    with pytest.warns(UserWarning, match="no state that fits the optimizer"):
        other.load_weights(tmp_path / "m.weights.h5")
    assert other.optimizer.iterations == 4


@pytest.mark.parametrize("name", ["m.weights.h5", "m.safetensors"])
@pytest.mark.filterwarnings("ignore:load_weights")
def test_averages_begin_anew_with_the_weights_of_a_file(name: str, tmp_path: Path) -> None:
    """Those of the weights before came back in their place."""
    x = np.random.default_rng(0).normal(size=(32, 3)).astype(np.float32)
    model = pydl.Sequential([pydl.Input((3,)), pydl.layers.Dense(1)])
    model.compile(pydl.optimizers.SGD(0.1, use_ema=True, ema_momentum=0.5, ema_overwrite_frequency=1), "mse")
    model.fit(x, x.sum(axis=1), verbose=0)
    model.save_weights(tmp_path / name)
    kept = model.get_weights()
    model.fit(x, x.sum(axis=1), epochs=10, verbose=0)
    model.load_weights(tmp_path / name)
    model.optimizer.learning_rate = 0.0
    model.fit(x, x.sum(axis=1), verbose=0)
    for found, wanted in zip(model.get_weights(), kept, strict=True):
        np.testing.assert_allclose(found, wanted, atol=1e-6)


def test_weights_of_whole_numbers_and_truth_values(tmp_path: Path) -> None:
    """They were refused by `add_weight`, and variables of truth values could not be read from `.weights.h5`."""

    class Counting(pydl.layers.Layer):
        def build(self, input_shape: Any) -> None:
            self.count = self.add_weight((), "zeros", dtype="int32", trainable=False, name="count")
            self.seen = self.add_weight((3,), "ones", dtype=bool, trainable=False, name="seen")
            self.factor = self.add_weight((3,), "ones", name="factor")

        def call(self, x: Any, training: Any = None) -> Any:
            if training:
                self.count.assign_add(1)
                self.seen.assign(~self.seen.numpy())
            return x * self.factor

    model = pydl.Sequential([pydl.Input((3,)), layer := Counting(), pydl.layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(X[:, :3], np.ones(6), batch_size=2, epochs=3, verbose=0)
    assert [v.path.split("/")[1] for v in layer.trainable_weights] == ["factor"]
    for name in ("m.weights.h5", "m.safetensors", "m.keras"):
        getattr(model, "save" if name == "m.keras" else "save_weights")(tmp_path / name)
        before = layer.count.numpy()
        layer.count.assign(77)
        layer.seen.assign([True] * 3)
        model.load_weights(tmp_path / name)
        assert layer.count.dtype == "int32"
        assert layer.count.numpy() == before == 9
        assert not layer.seen.numpy().any()
    with pytest.raises(ValueError, match=r"expected the dtype float32, or, not trained, one of whole numbers"):
        layer.add_weight((), dtype="int32")


def test_a_class_that_makes_its_graph_from_its_own_config() -> None:
    class Net(pydl.Model):
        def __init__(self, units: int = 3, **kwargs: Any) -> None:
            given = pydl.Input((5,))
            super().__init__(inputs=given, outputs=pydl.layers.Dense(units)(given), **kwargs)
            self.units = units

        def get_config(self) -> dict[str, Any]:
            return {"units": self.units}

    again = Net.from_config(Net(4).get_config())
    assert type(again) is Net
    assert again.output_shape == (None, 4)
