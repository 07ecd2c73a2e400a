"""Operators, functions and masks on tensors in Keras's files: read, written, and refused where they mean nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pydl
from pydl import ops
from pydl._base.errors import FormatError
from tests.files.test_keras_files import CODES, FOUND, GOLDEN, ROUNDING, X
from tests.files.test_keras_files_damaged import parts_of, rewritten

L = pydl.layers


@pytest.mark.filterwarnings("ignore:.*the mask of its input ends here")
@pytest.mark.filterwarnings("ignore:.*is read from this file by pydl")
def test_operators_and_functions_that_keras_wrote(tmp_path: Path) -> None:
    x, codes = ((np.arange(96.0) / 96 - 0.5).reshape(4, 6, 4).astype("f4"), np.arange(20).reshape(4, 5) % 7)
    model = pydl.models.load_model(GOLDEN / "functions.keras")
    found = model.predict([x, codes])
    np.testing.assert_allclose(found, FOUND["functions"], rtol=2e-6, atol=ROUNDING)
    assert model.output_names == ["concatenate_1"]
    model.compile("sgd", {"concatenate_1": "mse"})
    assert np.isfinite(model.fit([x, codes], found, verbose=0).history["loss"]).all()
    for ending in ("safetensors", "keras"):
        model.save(tmp_path / f"again.{ending}")
        again = pydl.models.load_model(tmp_path / f"again.{ending}")
        np.testing.assert_array_equal(again.predict([x, codes]), model.predict([x, codes]))


def test_operators_and_functions_have_the_form_of_keras(tmp_path: Path) -> None:
    ops = pydl.ops
    x, z = pydl.Input((6, 4), name="x"), pydl.Input((4,), name="z")
    a = 3 - L.Dense(4)(x) * np.arange(4.0, dtype="f4")
    b = ops.concatenate([a[:, -1], ops.mean(a, axis=1), a[:, 1:3, ::2][:, 0], a[..., 0, None][:, 2:4, 0], z], axis=-1)
    c = ops.reshape(b, (-1, 4, 4)) / 2.0
    d = ops.softmax(ops.matmul(c, ops.transpose(c, (0, 2, 1))), axis=-1)
    e = ops.where(ops.sum(d, axis=[1]) > 1.0, ops.max(d, axis=1), ops.squeeze(ops.expand_dims(z, 1), 1) ** 2)
    f = ops.stack([ops.clip(e, -1, 1), ops.maximum(e, 0.1)], axis=1)
    g = [ops.einsum("bij,bjk->bik", f, d), ops.pad(f, ((0, 0), (0, 1), (1, 0))), ops.one_hot(ops.argmax(e, axis=-1), 5)]
    h = [ops.take(e, [0, 2], axis=1), e @ np.ones((4, 2), "f4"), ops.cast(ops.logical_not(e > 0.2), "float32")]
    i = [ops.erf(e), ops.gelu(e), ops.logsumexp(e, axis=-1), ops.repeat(e, 2, axis=1), ops.flip(e, axis=1)]
    model = pydl.Model([x, z], [*g, *h, *i])
    model.save(tmp_path / "m.keras")  # without a warning
    again = pydl.models.load_model(tmp_path / "m.keras")
    rng = np.random.default_rng(0)
    given = [rng.normal(size=(3, 6, 4)), rng.normal(size=(3, 4))]
    for one, other in zip(model.predict(given), again.predict(given), strict=True):
        np.testing.assert_array_equal(one, other)
    entries = {
        e["class_name"]: e for e in json.loads(parts_of(tmp_path / "m.keras")["config.json"])["config"]["layers"]
    }
    rooms = {kind: entries[kind]["module"] for kind in ("TrueDivide", "GetItem", "OneHot", "Logsumexp", "Cast", "Erf")}
    assert {kind: room.removeprefix("keras.src.ops.") for kind, room in rooms.items()} == {
        "TrueDivide": "numpy", "GetItem": "numpy", "OneHot": "nn", "Logsumexp": "math", "Cast": "core", "Erf": "math",
    }  # fmt: skip
    assert entries["Subtract"]["inbound_nodes"][0]["args"][0] == 3
    assert entries["Mean"]["config"] == {"name": entries["Mean"]["name"], "axis": 1}
    assert entries["Pad"]["config"]["pad_width"] == [[0, 0], [0, 1], [1, 0]]


def masked(behind: Any = lambda h, x: h, **pooled: Any) -> pydl.Model:
    """The mean over the steps of codes, what is 0 being masked."""
    x = pydl.Input((5,), dtype="int32", name="x")
    h = behind(L.Embedding(7, 3, mask_zero=True)(x), x)
    return pydl.Model(x, L.GlobalAveragePooling1D()(h, **{key: make(x) for key, make in pooled.items()}))


def test_masks_given_by_hand_are_in_files(tmp_path: Path) -> None:
    model = masked(mask=lambda x: pydl.ops.not_equal(x, 2))
    model.save(tmp_path / "m.keras")
    entries = {
        e["class_name"]: e for e in json.loads(parts_of(tmp_path / "m.keras")["config.json"])["config"]["layers"]
    }
    (call,) = entries["GlobalAveragePooling1D"]["inbound_nodes"]
    assert len(call["args"]) == 1
    assert call["kwargs"]["mask"]["config"]["keras_history"][0] == entries["NotEqual"]["name"]
    again = pydl.models.load_model(tmp_path / "m.keras")
    np.testing.assert_array_equal(again.predict(CODES), model.predict(CODES))
    assert not np.allclose(again.predict(CODES), masked().predict(CODES))


@pytest.mark.filterwarnings("ignore:.*the mask of its input ends here")
def test_masks_end_at_functions_that_keras_wrote(tmp_path: Path) -> None:
    masked(lambda h, x: L.Activation("relu", name="f")(h)).save(tmp_path / "layer.keras")

    def change(config: Any) -> None:
        entry = function(config, "Activation")
        entry.update(module="keras.src.ops.nn", class_name="Relu", config={"name": "f"})
        function(config, "GlobalAveragePooling1D")["inbound_nodes"][0]["kwargs"] = {}

    layer = pydl.models.load_model(tmp_path / "layer.keras")
    model = pydl.models.load_model(rewritten(tmp_path / "m.keras", change, tmp_path / "layer.keras"))
    steps = np.maximum(layer.get_weights()[0][CODES], 0)
    np.testing.assert_allclose(model.predict(CODES), steps.mean(axis=1), rtol=1e-6)
    counts = (CODES != 0)[..., None]
    np.testing.assert_allclose(layer.predict(CODES), (steps * counts).sum(axis=1) / counts.sum(axis=1), rtol=1e-6)


@pytest.mark.filterwarnings("ignore:.*the mask of its input ends here")
def test_masks_that_keras_wrote_hold_where_no_layer_makes_them(tmp_path: Path) -> None:
    def change(config: Any) -> None:
        function(config, "Embedding")["config"].update(mask_zero=False)

    given = [(np.arange(96.0) / 96 - 0.5).reshape(4, 6, 4).astype("f4"), np.arange(20).reshape(4, 5) % 7]
    model = pydl.models.load_model(rewritten(tmp_path / "m.keras", change, "functions.keras"))
    np.testing.assert_allclose(model.predict(given), FOUND["functions"], rtol=2e-6, atol=ROUNDING)


def test_functions_that_keras_lacks_are_kept_for_pydl_with_a_warning(tmp_path: Path) -> None:
    x = pydl.Input((4,))
    h = pydl.layers.Dense(4)(x)
    model = pydl.Model(x, pydl.ops.squared_difference(h, x))
    with pytest.warns(UserWarning, match="read from this file by pydl, not by Keras"):
        model.save(tmp_path / "m.keras")
    assert np.array_equal(pydl.models.load_model(tmp_path / "m.keras").predict(X), model.predict(X))


def function(config: Any, kind: str) -> Any:
    """The first entry of a function of this class."""
    return next(e for e in config["config"]["layers"] if e["class_name"] == kind)


@pytest.mark.filterwarnings("ignore:.*the mask of its input ends here")
@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda c: function(c, "Repeat")["config"].update(repeats=10**9), "repeats=1000000000; expected at most"),
        (lambda c: function(c, "Pad")["config"].update(pad_width=[[0, 0], [1, 10**9]]), "expected at most"),
        (lambda c: function(c, "Exp").update(class_name="System"), "'System': pydl.ops has none of this name"),
        (lambda c: function(c, "Exp").update(class_name="__class__"), "pydl.ops has none of this name"),
        (lambda c: function(c, "Exp").update(class_name=["a"]), "pydl.ops has none"),
        (lambda c: function(c, "Exp")["config"].update(depth=3), "depth"),
        (lambda c: function(c, "Exp").update(config=7), "expected one call of the function exp"),
        (lambda c: function(c, "Exp")["inbound_nodes"].append({}), "expected one call of the function exp"),
        (lambda c: function(c, "Exp").update(inbound_nodes=[7]), "expected one call of the function exp"),
        (lambda c: function(c, "Exp")["inbound_nodes"][0].update(kwargs=[]), "expected one call of the function exp"),
        (lambda c: function(c, "Multiply")["inbound_nodes"][0]["args"].append({"class_name": "os"}), "got .*'os'"),
        (
            lambda c: function(c, "Multiply")["inbound_nodes"][0].update(args=[1, 2]),
            "of the function multiply on tensors",
        ),
    ],
)
def test_functions_that_mean_nothing(tmp_path: Path, change: Any, told: str) -> None:
    with pytest.raises(pydl.FormatError, match=told):
        pydl.models.load_model(rewritten(tmp_path / "m.keras", change, "functions.keras"))


def test_a_graph_that_goes_round_is_refused(tmp_path: Path) -> None:
    def change(config: Any) -> None:
        function(config, "Embedding").update(class_name="Relu", module="keras.src.ops.nn", config={"name": "embedding"})
        place = function(config, "GlobalAveragePooling1D")["inbound_nodes"][0]["args"][0]["config"]
        name = place["keras_history"][0]
        entry = next(e for e in config["config"]["layers"] if e["name"] == name)
        entry["inbound_nodes"][0]["args"][0]["config"]["keras_history"] = [name, 0, 0]

    with pytest.raises(pydl.FormatError):
        pydl.models.load_model(rewritten(tmp_path / "m.keras", change, "functions.keras"))


def test_operators_of_older_files(tmp_path: Path) -> None:
    h5py, file = pytest.importorskip("h5py"), tmp_path / "m.h5"
    x = pydl.Input((3,))
    h = L.Dense(3)(x)
    model = pydl.Model(x, L.Add()([ops.maximum(h * 2.0, 0.3) + 1.0, 1.0 - h / 2.0, x]))
    model.save(file)
    with h5py.File(file, "r+") as stored:
        config = json.loads(stored.attrs["model_config"])
        for entry in config["config"]["layers"]:
            entry.pop("module", None)  # as Keras writes them there
        stored.attrs["model_config"] = json.dumps(config)
    again = pydl.models.load_keras(file)
    rows = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)
    np.testing.assert_allclose(again.predict(rows, verbose=0), model.predict(rows, verbose=0), rtol=1e-6)
    with h5py.File(file, "r+") as stored:  # a layer that is called on more than it takes
        config = json.loads(stored.attrs["model_config"])
        next(e for e in config["config"]["layers"] if e["class_name"] == "Dense")["inbound_nodes"][0]["args"] += [3.0]
        stored.attrs["model_config"] = json.dumps(config)
    with pytest.raises(FormatError, match=r"got arguments \[3.0\]"):
        pydl.models.load_keras(file)
