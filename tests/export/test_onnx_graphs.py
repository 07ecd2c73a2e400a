"""What an exported file is called, holds and says: names, sizes, versions, metadata, layouts; and what is refused."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

import pydl
from pydl import layers as L
from pydl._onnx.writing import IR
from tests.export.onnx_runs import assert_same, chain, listed, rows, session


def sizes(values: Any) -> list[list[Any]]:
    return [[d.dim_param or d.dim_value or None for d in v.type.tensor_type.shape.dim] for v in values]


def ops(message: Any) -> list[str]:
    return [node.op_type for node in message.graph.node]


# -- names and sizes --------------------------------------------------------------------------------------------------


def test_names_are_those_of_inputs_and_layers(tmp_path: Path) -> None:
    a, b = pydl.Input((4,), name="age"), pydl.Input((), name="code", dtype="int32")
    h = L.Concatenate()([a, L.Embedding(3, 2)(b)])
    model = pydl.Model([a, b], [L.Dense(1, name="price")(h), L.Dense(2, "softmax", name="kind")(h)], name="house")
    message = assert_same(model, tmp_path / "m.onnx")
    assert [i.name for i in message.graph.input] == ["age", "code"]
    assert [o.name for o in message.graph.output] == ["price", "kind"]
    assert message.graph.name == "house"
    assert sizes(message.graph.input) == [["batch", 4], ["batch"]]
    assert message.graph.input[1].type.tensor_type.elem_type == onnx.TensorProto.INT32


def test_outputs_of_a_dict_have_its_keys(tmp_path: Path) -> None:
    x = pydl.Input((3,))
    model = pydl.Model({"x": x}, {"one": L.Dense(1)(x), "two": L.Dense(2)(x)})
    assert_same(model, tmp_path / "m.onnx")


def test_an_output_that_is_an_input(tmp_path: Path) -> None:
    assert ops(assert_same(chain(L.Dropout(0.5), L.Flatten(), shape=(3,)), tmp_path / "a.onnx")) == ["Reshape"]
    assert ops(assert_same(chain(L.Dropout(0.5), shape=(3,)), tmp_path / "b.onnx")) == ["Identity"]


def test_an_output_that_others_read(tmp_path: Path) -> None:
    x = pydl.Input((3,))
    h = L.Dense(3, "relu", name="h")(x)
    model = pydl.Model(x, [h, L.Dense(1)(h), L.Dropout(0.1, name="again")(h)])
    assert_same(model, tmp_path / "m.onnx")


def test_steps_that_are_open(tmp_path: Path) -> None:
    model = chain(L.Conv1D(3, 3, padding="same"), L.Dense(2, "tanh"), L.MaxPooling1D(2), shape=(None, 2))
    message = assert_same(model, tmp_path / "m.onnx")
    assert sizes(message.graph.input) == [["batch", "time", 2]]
    assert sizes(message.graph.output) == [["batch", None, 2]]
    x = rows(model, 3, sizes=12)
    np.testing.assert_allclose(session(tmp_path / "m.onnx").run(None, {model.inputs[0].name: x[0]})[0],
                               model.predict(x[0], verbose=0), rtol=0, atol=1e-6)  # fmt: skip


def test_steps_that_come_out_as_many_are_called_so(tmp_path: Path) -> None:
    message = assert_same(chain(L.Embedding(5, 3), L.Dense(2), shape=(None,)), tmp_path / "m.onnx")
    assert sizes(message.graph.output) == [["batch", "time", 2]]


@pytest.mark.parametrize("strides", [1, 2, 3])
def test_images_of_any_size(strides: int, tmp_path: Path) -> None:
    model = chain(
        L.Conv2D(3, 3, strides, "same", activation="relu"),
        L.SeparableConv2D(2, 2, padding="same"),
        L.Conv2DTranspose(2, 3, 2, "same"),
        L.GroupNormalization(2),
        L.MaxPooling2D(3, 2, "same"),
        L.GlobalAveragePooling2D(),
        shape=(None, None, 2),
    )  # fmt: skip
    message = assert_same(model, tmp_path / "m.onnx")
    assert sizes(message.graph.input) == [["batch", "rows", "columns", 2]]
    for n in (6, 7, 11):
        x = rows(model, 2, sizes=n)
        found = session(tmp_path / "m.onnx").run(None, {model.inputs[0].name: x[0]})[0]
        np.testing.assert_allclose(found, model.predict(x[0], verbose=0), rtol=0, atol=2e-6)


def test_two_series(tmp_path: Path) -> None:
    a, b = pydl.Input((None, 2), name="a"), pydl.Input((None, 2), name="b")
    apart = pydl.Model([a, b], L.Add()([L.GlobalMaxPooling1D()(a), L.GlobalMaxPooling1D()(b)]))
    assert sizes(assert_same(apart, tmp_path / "a.onnx").graph.input)[1] == ["batch", "time_b", 2]
    long = pydl.Model([a, b], L.Concatenate(1)([a, b]))
    assert sizes(assert_same(long, tmp_path / "l.onnx").graph.output) == [["batch", None, 2]]


def test_views_of_steps_that_are_open(tmp_path: Path) -> None:
    x = pydl.Input((None, 4), name="x")
    model = pydl.Model(x, [L.Flatten()(x), L.Dense(3)(L.Reshape((-1, 2))(x))])
    assert_same(model, tmp_path / "m.onnx")
    for n in (2, 5):
        data = rows(model, 3, sizes=n)
        found = session(tmp_path / "m.onnx").run(None, {"x": data[0]})
        for got, wanted in zip(found, model.predict(data[0], verbose=0), strict=True):
            np.testing.assert_allclose(got, wanted, rtol=0, atol=2e-6)


# -- layouts ----------------------------------------------------------------------------------------------------------


def test_images_are_transposed_once(tmp_path: Path) -> None:
    model = chain(
        L.Rescaling(0.5), L.Conv2D(3, 3, activation="relu"), L.BatchNormalization(), L.ZeroPadding2D(1),
        L.DepthwiseConv2D(2), L.Activation("silu"), L.UpSampling2D(2), L.Cropping2D(1), L.MaxPooling2D(2),
        L.Dropout(0.1), L.GlobalAveragePooling2D(), L.Dense(3, "softmax"), shape=(8, 9, 2),
    )  # fmt: skip
    assert ops(assert_same(model, tmp_path / "m.onnx")).count("Transpose") == 1


def test_residuals_stay_as_they_are(tmp_path: Path) -> None:
    x = pydl.Input((6, 6, 2))
    h = L.Conv2D(4, 3, padding="same")(x)
    joined = L.Concatenate()([L.Add()([h, L.Conv2D(4, 1)(h)]), L.MaxPooling2D(3, 1, "same")(h)])
    message = assert_same(pydl.Model(x, L.Conv2D(2, 1)(joined)), tmp_path / "m.onnx")
    assert ops(message).count("Transpose") == 2


def test_images_with_channels_in_front(tmp_path: Path) -> None:
    model = chain(L.Conv2D(3, 3, activation="relu"), L.GlobalMaxPooling2D(), shape=(5, 6, 2))
    model.export(tmp_path / "m.onnx", inputs="nchw")
    message = onnx.load(tmp_path / "m.onnx")
    onnx.checker.check_model(message, full_check=True)
    assert "Transpose" not in ops(message)
    assert sizes(message.graph.input) == [["batch", 2, 5, 6]]
    x = rows(model, 3)[0]
    found = session(tmp_path / "m.onnx").run(None, {model.inputs[0].name: x.transpose(0, 3, 1, 2)})[0]
    np.testing.assert_allclose(found, model.predict(x, verbose=0), rtol=0, atol=1e-6)


# -- versions and dtypes ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("opset", IR)
def test_versions(opset: int, tmp_path: Path) -> None:
    model = chain(
        L.Conv2D(4, 3, padding="same", activation="gelu"), L.BatchNormalization(), L.AveragePooling2D(2),
        L.UpSampling2D(2), L.ZeroPadding2D(1), L.GlobalMaxPooling2D(), L.LayerNormalization(), L.UnitNormalization(),
        L.Softmax(), L.Dense(2, "hard_sigmoid"), shape=(4, 6, 2),
    )  # fmt: skip
    # Of the BatchNormalization before 14, the reference takes the statistics of the batch.
    message = assert_same(model, tmp_path / "m.onnx", reference=opset >= 14, opset=opset)
    assert message.ir_version == IR[opset]
    assert [(i.domain, i.version) for i in message.opset_import] == [("", opset)]
    assert ("LayerNormalization" in ops(message)) == (opset >= 17)


def test_the_version_of_the_file_is_the_one_of_the_operators() -> None:
    assert all(onnx.helper.OP_SET_ID_VERSION_MAP["ai.onnx", opset] <= ir for opset, ir in IR.items())


def test_float64(tmp_path: Path) -> None:
    pydl.config.set_floatx("float64")
    try:
        model = chain(L.Dense(40, "elu"), L.BatchNormalization(), L.LayerNormalization(), L.Dense(3, "leaky_relu"),
                      L.Dense(3, "softmax"))  # fmt: skip
        convolution = chain(L.Conv1D(2, 2), shape=(3, 2))
    finally:
        pydl.config.set_floatx("float32")
    model.export(tmp_path / "d.onnx", dtype="float64")
    x = np.random.default_rng(0).normal(size=(7, 6))
    name, wanted = model.inputs[0].name, model.predict(x, verbose=0)
    np.testing.assert_allclose(session(tmp_path / "d.onnx").run(None, {name: x})[0], wanted, rtol=1e-8)
    with pytest.warns(UserWarning, match="the model computes in float64, the file in float32"):
        model.export(tmp_path / "s.onnx")
    single = session(tmp_path / "s.onnx").run(None, {name: x.astype(np.float32)})[0]
    np.testing.assert_allclose(single, wanted, rtol=1e-5)
    with pytest.raises(ValueError, match=r'layer "conv1d.*": ONNX Runtime has no Conv of float64'):
        convolution.export(tmp_path / "c.onnx", dtype="float64")


# -- arithmetic and code of one's own ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "compute",
    [
        lambda x, y: x + y - 2.0 * y,
        lambda x, y: (1 - x) / 3 + x / (y * y + 1),
        lambda x, y: (x * y + 9) ** 2.5 * [1.0, 2.0, 3.0],
        lambda x, y: 2.0**x + [[[0.5], [1.0]]] * y,
    ],
)
def test_arithmetic(compute: Any, tmp_path: Path) -> None:
    x, y = pydl.Input((2, 3)), pydl.Input((2, 3))
    assert_same(pydl.Model([x, y], compute(x, y)), tmp_path / "m.onnx")


class Residual(L.Layer):
    """Layers within a layer."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.inner, self.norm = L.Dense(3, "tanh"), L.LayerNormalization()

    def call(self, x: Any) -> Any:
        return self.norm(x + self.inner(x))


def test_layers_of_layers(tmp_path: Path) -> None:
    assert_same(chain(Residual(), Residual(), shape=(3,)), tmp_path / "m.onnx")


def test_own_activations_are_named(tmp_path: Path) -> None:
    model = chain(L.Dense(3, lambda x: x * x, name="odd"))
    with pytest.raises(ValueError, match=r'layer "odd": its activation .* is a function of your own'):
        model.export(tmp_path / "m.onnx")


def test_a_layer_that_always_trains(tmp_path: Path) -> None:
    x = pydl.Input((3,))
    model = pydl.Model(x, L.Dropout(0.5, name="always")(x, training=True))
    with pytest.raises(ValueError, match=r'layer "always": it was called with training=True'):
        model.export(tmp_path / "m.onnx")


def test_what_only_the_loss_needs_is_left_out(tmp_path: Path) -> None:
    class Costly(L.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.inner = L.Dense(2)

        def call(self, x: Any) -> Any:
            y = self.inner(x)
            self.add_loss(pydl.ops.mean(pydl.ops.square(y)))
            return y

    assert ops(assert_same(chain(Costly(), shape=(3,)), tmp_path / "m.onnx")) == ["Gemm"]


# -- metadata and files -----------------------------------------------------------------------------------------------


def array_of(entry: Any) -> Any:
    return np.frombuffer(base64.b64decode(entry["base64"]), entry["dtype"]).reshape(entry["shape"])


def test_metadata(tmp_path: Path) -> None:
    model = chain(L.Conv2D(3, 2), L.DepthwiseConv2D(2, depth_multiplier=2), L.Flatten(), L.Dense(2, "softmax"),
                  shape=(4, 5, 2))  # fmt: skip
    model.export(tmp_path / "m.onnx", class_names=["no", "yes"], feature_names=["pixels"], metadata={"by": "me"})
    message = onnx.load(tmp_path / "m.onnx")
    held = {p.key: p.value for p in message.metadata_props}
    assert (json.loads(held["class_names"]), json.loads(held["feature_names"]), held["by"]) == (
        ["no", "yes"], ["pixels"], "me",
    )  # fmt: skip
    assert (message.producer_name, message.producer_version) == ("pydl", pydl.__version__)
    again = pydl.models.model_from_json(held["pydl.config"])
    weights = {t.name: onnx.numpy_helper.to_array(t) for t in message.graph.initializer}
    order = json.loads(held["pydl.weights"])
    assert set(order) == {v.path for v in again.weights}
    for v in again.weights:
        axes = order[v.path]
        stored = weights[v.path].reshape([v.shape[a] for a in axes])
        v.assign(stored.transpose(np.argsort(axes)))
    x = rows(model, 4)[0]
    np.testing.assert_array_equal(again.predict(x, verbose=0), model.predict(x, verbose=0))


def test_the_test_in_the_file(tmp_path: Path) -> None:
    x, code = pydl.Input((None, 3), name="x"), pydl.Input((2,), name="code")
    h = L.Concatenate()([L.GlobalMaxPooling1D()(L.Conv1D(2, 6)(x)), L.Flatten()(L.Embedding(4, 2)(code))])
    model = pydl.Model([x, code], [L.Dense(2)(h), L.Dense(1)(h)])
    model.export(tmp_path / "m.onnx")
    run = session(tmp_path / "m.onnx")
    test = json.loads(run.get_modelmeta().custom_metadata_map["pydl.self_test"])
    found = run.run(None, {name: array_of(entry) for name, entry in test["inputs"].items()})
    for y, entry in zip(found, test["outputs"].values(), strict=True):
        np.testing.assert_allclose(y, array_of(entry), rtol=0, atol=test["tolerance"] * np.abs(y).max())


def test_the_file_is_the_same_each_time(tmp_path: Path) -> None:
    model = chain(L.Dense(3))
    for name in ("a.onnx", "b.onnx"):
        model.export(tmp_path / name)
    assert (tmp_path / "a.onnx").read_bytes() == (tmp_path / "b.onnx").read_bytes()


def test_an_old_file_stays_until_the_new_one_is_whole(tmp_path: Path) -> None:
    chain(L.Dense(3)).export(tmp_path / "m.onnx")
    before = (tmp_path / "m.onnx").read_bytes()
    with pytest.raises(ValueError, match="its hash of texts"):
        chain(L.Hashing(3, output_mode="one_hot"), shape=(1,), dtype="int32").export(tmp_path / "m.onnx")
    assert (tmp_path / "m.onnx").read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["m.onnx"]


@pytest.mark.parametrize(
    ("options", "why"),
    [({"opset": 12}, "opset"), ({"opset": 22}, "opset"), ({"dtype": "float16"}, "dtype"), ({"inputs": "nc"}, "inputs")],
)
def test_options(options: Any, why: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=f"export.*{why}"):
        chain(L.Dense(3)).export(tmp_path / "m.onnx", **options)


def test_a_subclassed_model(tmp_path: Path) -> None:
    class Net(pydl.Model):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b = L.Dense(4, "relu"), L.Dense(2)

        def call(self, x: Any) -> Any:
            return self.b(self.a(x))

    model = Net()
    x = np.random.default_rng(0).normal(size=(7, 3)).astype(np.float32)
    model.predict(x, verbose=0)
    assert_same(model, tmp_path / "m.onnx", listed([x]))
