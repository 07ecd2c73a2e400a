"""Keras's own files of layers, models and functions of one's own."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pydl
from tests.files.test_keras_files import X

h5py = pytest.importorskip("h5py")
L = pydl.layers


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
