"""Keras's own files: those that Keras 3.15.1 wrote are read, and what is written has their form."""

from __future__ import annotations

import gzip
import io
import json
import sys
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
        for one, other in zip(again.optimizer.variables, model.optimizer.variables, strict=True):
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


def parts_of(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as packed:
        return {name: packed.read(name) for name in packed.namelist()}


def rewritten(path: Path, change: Any, source: str | Path = "words.keras") -> Path:
    """A copy of a golden file whose config is another."""
    parts = parts_of(GOLDEN / source)
    config = json.loads(parts["config.json"])
    change(config)
    with zipfile.ZipFile(path, "w") as packed:
        for name, content in (parts | {"config.json": json.dumps(config).encode()}).items():
            packed.writestr(name, content)
    return path


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda c: c["config"]["layers"][1].update(class_name="Lambda"), "Lambda"),
        (lambda c: c["config"]["layers"][1]["config"].update(no_such=4), "no_such=4 is Keras's"),
        (lambda c: c["config"]["layers"][1]["config"].update(output_dim=10**9), "larger than what the file holds"),
        (lambda c: c["config"].update(layers=3), "expected the layers"),
        (lambda c: c["config"]["layers"].__setitem__(1, 7), "expected the layers"),
        (lambda c: c.update(class_name="os.system"), "expected the config of a Keras model"),
        (lambda c: c.clear(), "expected the config"),
    ],
)
def test_configs_that_mean_nothing(tmp_path: Path, change: Any, told: str) -> None:
    with pytest.raises(pydl.FormatError, match=told):
        pydl.models.load_model(rewritten(tmp_path / "m.keras", change))


def test_files_that_are_none(tmp_path: Path) -> None:
    for name in ("m.keras", "m.h5", "m.weights.h5"):
        (tmp_path / name).write_bytes(b"nothing of the kind")
        with pytest.raises(pydl.FormatError, match=name):
            dense(1).load_weights(tmp_path / name)
    with pytest.raises(FileNotFoundError):
        pydl.models.load_model(tmp_path / "other.keras")


def test_links_to_other_files_are_not_followed(tmp_path: Path) -> None:
    model = dense(2)
    model.save_weights(tmp_path / "secret.weights.h5")
    model.save_weights(tmp_path / "m.weights.h5")
    with h5py.File(tmp_path / "m.weights.h5", "r+") as file:
        del file["layers/dense/vars/0"]
        file["layers/dense/vars/0"] = h5py.ExternalLink(str(tmp_path / "secret.weights.h5"), "/layers/dense/vars/0")
    with pytest.raises(pydl.FormatError, match="in the file"):
        model.load_weights(tmp_path / "m.weights.h5")


def test_what_is_missing_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(ImportError, match=r'pip install "pydl\[keras\]"'):
        dense(1).save(tmp_path / "m.keras")


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


class Counting(pydl.layers.Dense):
    """With a number of its own beside the weights."""

    seen = 0

    def save_own_variables(self, store: Any) -> None:
        super().save_own_variables(store)
        store["seen"] = np.asarray(self.seen)

    def load_own_variables(self, store: Any) -> None:
        self.seen = int(store["seen"])
        super().load_own_variables({k: v for k, v in store.items() if k != "seen"})


class Started(pydl.layers.Layer):
    """Built with more than a shape."""

    def build(self, input_shape: Any, start: str) -> None:
        self.start = start
        self.w = self.add_weight((input_shape[-1],), start)

    def call(self, x: Any) -> Any:
        return x * self.w

    def get_build_config(self) -> dict[str, Any]:
        return {**super().get_build_config(), "start": self.start}

    def build_from_config(self, config: dict[str, Any]) -> None:
        self.build(config["input_shape"], config["start"])


def test_a_layer_says_what_of_it_is_in_a_file(tmp_path: Path) -> None:
    model = pydl.Sequential([pydl.Input((4,)), Counting(2, name="counting")])
    model.layers[0].seen = 7
    model.save(tmp_path / "m.keras")
    again = pydl.models.load_model(tmp_path / "m.keras", custom_objects={"Counting": Counting})
    assert again.layers[0].seen == 7
    assert np.array_equal(again.predict(X), model.predict(X))


def test_a_layer_that_is_built_with_more_than_a_shape_is_built_so_again(tmp_path: Path) -> None:
    layer = Started()
    layer.build((None, 4), "random_normal")
    model = pydl.Sequential([pydl.Input((4,)), layer])
    for name in ("m.keras", "m.safetensors"):
        model.save(tmp_path / name)
        again = pydl.models.load_model(tmp_path / name, custom_objects={"Started": Started})
        assert again.layers[0].start == "random_normal"
        assert np.array_equal(again.predict(X), model.predict(X))


class Block(L.Layer):
    """Holds layers in every way that there is."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.first = L.Dense(4, "tanh")
        self._hidden = pydl.Sequential([L.Dense(3), L.LayerNormalization()])
        self.rest = [L.Dense(3), {"a": L.Dense(3), "b": (L.Dense(2), L.BatchNormalization())}]

    def call(self, x: Any) -> Any:
        x = self._hidden(self.first(x))
        last = self.rest[1]
        return last["b"][1](last["b"][0](last["a"](self.rest[0](x))))


@pytest.mark.parametrize("ending", [".keras", ".h5"])
def test_layers_that_hold_layers(tmp_path: Path, ending: str) -> None:
    inputs = pydl.Input((5,))
    model = pydl.Model(inputs, Block(name="second")(L.Dense(5)(Block(name="first")(inputs))))
    model.compile("sgd", "mse")
    x = np.random.default_rng(0).normal(size=(8, 5)).astype(np.float32)
    model.fit(x, x[:, :2], verbose=0)
    model.save(tmp_path / f"m{ending}")
    again = pydl.models.load_model(tmp_path / f"m{ending}", custom_objects={"Block": Block})
    np.testing.assert_array_equal(again.predict(x), model.predict(x))
    model.save_weights(tmp_path / "m.weights.h5")
    again.set_weights([np.zeros(w.shape) for w in again.weights])
    again.load_weights(tmp_path / "m.weights.h5")
    np.testing.assert_array_equal(again.predict(x), model.predict(x))
    with h5py.File(tmp_path / "m.weights.h5") as file:
        places = [name for name in _arrays(file) if name.startswith("layers/block/")]
    assert places == sorted(
        f"layers/block/{inner}/vars/{i}"
        for inner, count in {
            "first": 2, "_hidden/layers/dense": 2, "_hidden/layers/layer_normalization": 2, "rest/dense": 2,
            "rest/container/dense": 2, "rest/container/container/dense": 2,
            "rest/container/container/batch_normalization": 4,
        }.items()
        for i in range(count)
    )  # fmt: skip


def test_registered_layers_are_named_with_their_package(tmp_path: Path) -> None:
    @pydl.saving.register_keras_serializable(package="here")
    class Wrapped(L.Layer):
        def __init__(self, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.inner = L.Dense(2)

        def build(self, input_shape: Any) -> None:
            self.inner.build(input_shape)

        def call(self, x: Any) -> Any:
            return self.inner(x)

    try:
        model = pydl.Sequential([pydl.Input((3,)), Wrapped()])
        model.save(tmp_path / "m.keras")
        with zipfile.ZipFile(tmp_path / "m.keras") as packed:
            entries = {info.filename: packed.read(info) for info in packed.infolist()}
        document = json.loads(entries["config.json"])
        layer = document["config"]["layers"][1]
        assert layer["registered_name"] == "here>Wrapped"
        layer["build_config"] = {"input_shape": [None, 3]}  # as Keras writes it: a list
        with zipfile.ZipFile(tmp_path / "m.keras", "w") as packed:
            for name, data in {**entries, "config.json": json.dumps(document)}.items():
                packed.writestr(name, data)
        x = np.ones((2, 3), np.float32)
        np.testing.assert_array_equal(pydl.models.load_model(tmp_path / "m.keras")(x), model(x))
    finally:
        for name in ("here>Wrapped", "Wrapped"):
            del pydl.saving.get_custom_objects()[name]


def _arrays(file: Any) -> list[str]:
    found: list[str] = []
    file.visititems(lambda name, value: found.append(name) if hasattr(value, "dtype") else None)
    return sorted(found)


class Worded(L.Dense):
    """Keeps a text in a file of its own."""

    def __init__(self, units: int, words: str = "", **kwargs: Any) -> None:
        super().__init__(units, **kwargs)
        self.words = words

    def save_assets(self, inner_path: str) -> None:
        (Path(inner_path) / "inner").mkdir()
        (Path(inner_path) / "inner" / "words.txt").write_text(self.words)

    def load_assets(self, inner_path: str) -> None:
        self.words = (Path(inner_path) / "inner" / "words.txt").read_text()

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "words": ""}


def test_a_layer_keeps_files_of_its_own(tmp_path: Path) -> None:
    model = pydl.Sequential([pydl.Input((3,)), Worded(2, words="one"), Worded(2, words="two")])
    model.save(tmp_path / "m.keras")
    again = pydl.models.load_model(tmp_path / "m.keras", custom_objects={"Worded": Worded})
    assert [layer.words for layer in again.layers] == ["one", "two"]
    with zipfile.ZipFile(tmp_path / "m.keras") as packed:
        assert "assets/layers/worded_1/inner/words.txt" in packed.namelist()
        entries = {info.filename: packed.read(info) for info in packed.infolist()}
    for name in ("../out.txt", "a\\..\\out.txt"):
        with zipfile.ZipFile(tmp_path / "bad.keras", "w") as packed:
            for key, data in entries.items():
                packed.writestr(key, data)
            packed.writestr(f"assets/layers/worded/{name}", "x")
        with pytest.raises(pydl.FormatError, match="below its assets"):
            pydl.models.load_model(tmp_path / "bad.keras", custom_objects={"Worded": Worded})
    assert not (tmp_path / "out.txt").exists()


def squared(t: Any, y: Any) -> Any:
    return pydl.ops.mean(pydl.ops.square(t - y), axis=-1)


def level(t: Any, y: Any) -> Any:
    return pydl.ops.mean(y, axis=-1)


@pytest.mark.parametrize("ending", [".keras", ".h5"])
def test_losses_and_metrics_that_are_functions_are_named(tmp_path: Path, ending: str) -> None:
    model = pydl.Sequential([pydl.Input((4,)), L.Dense(2)])
    model.compile("sgd", squared, metrics=["mae", level])
    model.save(tmp_path / f"m{ending}")
    again = pydl.models.load_model(tmp_path / f"m{ending}", custom_objects={"squared": squared, "level": level})
    y = np.ones((6, 2))
    assert again.evaluate(X, y, verbose=0, return_dict=True) == model.evaluate(X, y, verbose=0, return_dict=True)
    with pytest.warns(UserWarning, match="not compiled.*squared"):
        assert pydl.models.load_model(tmp_path / f"m{ending}").optimizer is None


class Stack(L.Layer):
    """Keeps neither of its arguments."""

    def __init__(self, count: int, units: int = 3, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.inner = [L.Dense(units) for _ in range(count)]

    def call(self, x: Any) -> Any:
        for layer in self.inner:
            x = layer(x)
        return x


@pytest.mark.parametrize("ending", [".keras", ".safetensors"])
def test_plain_arguments_of_a_layer_need_not_be_kept(tmp_path: Path, ending: str) -> None:
    stack = Stack(2, units=5, name="stack")
    assert {k: stack.get_config()[k] for k in ("count", "units", "name")} == {"count": 2, "units": 5, "name": "stack"}
    model = pydl.Sequential([pydl.Input((4,)), stack])
    model.save(tmp_path / f"m{ending}")
    again = pydl.models.load_model(tmp_path / f"m{ending}", custom_objects={"Stack": Stack})
    np.testing.assert_array_equal(again.predict(X), model.predict(X))


@pytest.mark.parametrize("ending", [".keras", ".h5"])
def test_models_within_models_as_outputs(tmp_path: Path, ending: str) -> None:
    """Keras counts a model's own graph as its first call where it names outputs."""
    x, h, a = pydl.Input((6,)), pydl.Input((3,)), pydl.Input((6,))
    encode, decode = pydl.Model(x, L.Dense(3)(x), name="encode"), pydl.Model(h, L.Dense(6)(h), name="decode")
    code = encode(a)
    model = pydl.Model(a, [decode(code), decode(L.Dense(3)(code))])
    path = tmp_path / f"m{ending}"
    model.save(path)
    if ending == ".keras":
        with zipfile.ZipFile(path) as archive:
            config = json.loads(archive.read("config.json"))["config"]
        assert config["output_layers"] == [["decode", 1, 0], ["decode", 2, 0]]
    rows = np.ones((2, 6), np.float32)
    for found, expected in zip(pydl.models.load_model(path).predict(rows), model.predict(rows), strict=True):
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("frozen", [(), ("ca",), ("base",), ("b1",), ("model",)])
def test_older_files_list_what_is_trained_first(tmp_path: Path, frozen: tuple[str, ...]) -> None:
    import h5py

    named = {"ca": L.Dense(3, name="ca"), "b1": L.BatchNormalization(name="b1"), "cb": L.Dense(3, name="cb")}
    base = pydl.Sequential([pydl.Input((4,)), *named.values()], name="base")
    model = pydl.Sequential([pydl.Input((4,)), base, L.Dense(1, name="top")], name="model")
    rng = np.random.default_rng(0)
    model.set_weights([rng.uniform(0.2, 0.9, w.shape) for w in model.get_weights()])
    named |= {"base": base, "model": model}
    for name in frozen:
        named[name].trainable = False
    model.save(tmp_path / "m.h5")
    with h5py.File(tmp_path / "m.h5") as file:
        names = [n.decode().split("/", 2)[2] for n in file["model_weights/base"].attrs["weight_names"]]
    made = [f"{layer}/{w}" for layer, ws in (("ca", "kernel bias"), ("b1", "gamma beta moving_mean moving_variance"),
            ("cb", "kernel bias")) for w in ws.split()]  # fmt: skip
    last = {"ca": made[:2] + made[4:6], "b1": made[2:6], "base": made, "model": made}
    late = last[frozen[0]] if frozen else made[4:6]
    assert names == [n for n in made if n not in late] + [n for n in made if n in late]
    x = rng.normal(size=(5, 4)).astype(np.float32)
    again = pydl.models.load_keras(tmp_path / "m.h5")
    np.testing.assert_array_equal(again.predict(x, verbose=0), model.predict(x, verbose=0))
    with h5py.File(tmp_path / "m.h5", "r+") as file:  # as pydl listed them before it went by what is trained
        listed = file["model_weights/base"].attrs
        listed["weight_names"] = np.array(sorted(listed["weight_names"], key=lambda name: b"moving" in name))
    again.load_weights(tmp_path / "m.h5")
    np.testing.assert_array_equal(again.predict(x, verbose=0), model.predict(x, verbose=0))


def test_spatial_dropout_says_what_keras_takes(tmp_path: Path) -> None:
    for layer, taken in ((L.SpatialDropout1D(0.2), set()), (L.SpatialDropout2D(0.2), {"data_format"})):
        shape = (6, 3) if layer.name.startswith("spatial_dropout1d") else (6, 6, 3)
        pydl.Sequential([pydl.Input(shape), layer]).save(tmp_path / "m.keras")
        with zipfile.ZipFile(tmp_path / "m.keras") as file:
            config = json.loads(file.read("config.json"))["config"]["layers"][-1]["config"]
        assert config.keys() - {"rate", "seed", "name", "dtype"} == taken
        assert pydl.models.load_keras(tmp_path / "m.keras").layers[-1].rate == 0.2


class Attributes(pydl.Model):
    """With layers in attributes, lists and a model of the same kind."""

    def __init__(self, depth: int = 1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.first, self._last = L.Dense(4, "tanh"), L.Dense(4)
        self.blocks = [L.Dense(4), L.Dense(4)]
        self.scale = self.add_weight((4,), "ones", name="scale")
        self.inner = Attributes(depth - 1) if depth else None

    def call(self, x: Any) -> Any:
        h = self.first(x)
        for block in self.blocks:
            h = block(h)
        return self._last(h if self.inner is None else self.inner(h)) * self.scale


def test_weights_of_a_model_with_code_are_where_its_attributes_say(tmp_path: Path) -> None:
    """As Keras has them; files that pydl wrote before, by the graph, are read too."""
    import h5py

    from pydl._keras import weights

    model, x = Attributes(), np.ones((2, 4), np.float32)
    wanted = model(x)
    model.save_weights(tmp_path / "w.weights.h5")
    found: dict[str, Any] = {}
    with h5py.File(tmp_path / "w.weights.h5") as file:
        file.visititems(lambda name, item: found.__setitem__(name, getattr(item, "shape", None)))
    own = {"first", "_last", "blocks/dense", "blocks/dense_1"}
    arrays = {f"{name}/vars/{i}" for name in own for i in range(2)} | {"vars/0"}
    assert {n for n, v in found.items() if isinstance(v, tuple)} == arrays | {f"inner/{name}" for name in arrays}
    with h5py.File(tmp_path / "old.weights.h5", "w") as file:
        weights.write(file, Plain(), whole=True)
    Plain().load_weights(tmp_path / "old.weights.h5")
    again = Attributes()
    again(x)
    again.load_weights(tmp_path / "w.weights.h5")
    np.testing.assert_array_equal(again(x), wanted)


class Plain(pydl.Model):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.first, self.last = L.Dense(4, "tanh"), L.Dense(4)
        self.build((None, 4))

    def call(self, x: Any) -> Any:
        return self.last(self.first(x))


def test_a_layer_that_no_attribute_holds_has_no_place(tmp_path: Path) -> None:
    hidden = L.Dense(4, name="hidden")

    class Loose(pydl.Model):
        def call(self, x: Any) -> Any:
            return hidden(x)

    model = Loose()
    model.build((None, 3))
    with pytest.raises(ValueError, match="hidden/kernel, hidden/bias: no attribute"):
        model.save_weights(tmp_path / "w.weights.h5")


def test_functions_as_activations_are_named_as_keras_names_them(tmp_path: Path) -> None:
    def own(x: Any) -> Any:
        return 2 * x

    pydl.Sequential([pydl.Input((3,)), L.Dense(2, activation=own), L.Dense(1, "relu")]).save(tmp_path / "m.keras")
    with zipfile.ZipFile(tmp_path / "m.keras") as packed:
        written = [entry["config"] for entry in json.loads(packed.read("config.json"))["config"]["layers"]]
    function = {"module": "builtins", "class_name": "function", "config": "own", "registered_name": "function"}
    assert [config.get("activation") for config in written] == [None, function, "relu"]
    again = pydl.models.load_model(tmp_path / "m.keras", {"own": own})
    assert again.layers[0].activation.function is own
