"""Requests and answers of the Open Inference Protocol V2."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import pydl
from pydl import layers as L
from pydl.serving import App, Limits, documents
from tests.serving.asking import app_of, ask, tensor

INFER = "/v2/models/net/infer"
X = np.random.default_rng(0).normal(size=(3, 4)).astype(np.float32)


@pytest.fixture(scope="module")
def model() -> Any:
    x = pydl.Input((4,), name="x")
    return pydl.Model(x, L.Dense(2, name="y")(L.Dense(8, "tanh")(x)))


@pytest.fixture(scope="module")
def path(model: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("served") / "net.safetensors"
    model.save(found)
    return found


@pytest.fixture
def app(path: Path) -> App:
    return app_of(path)


@pytest.fixture
def many(tmp_path: Path) -> App:
    """A model of inputs of several dtypes, and of two outputs."""
    a, b, c = pydl.Input((2,), name="a"), pydl.Input((3,), dtype="int32", name="b"), pydl.Input((1,), name="c")
    codes = L.Flatten()(L.Embedding(5, 2)(b))
    model = pydl.Model({"a": a, "b": b, "c": c}, {"sum": L.Dense(1)(L.Concatenate()([a, codes])), "same": L.ReLU()(c)})
    model.save(tmp_path / "many.safetensors")
    return app_of(tmp_path / "many.safetensors")


def outputs(said: Any) -> dict[str, np.ndarray]:
    assert said.status == 200, said.body
    return {o["name"]: np.array(o["data"], np.float32).reshape(o["shape"]) for o in said.json["outputs"]}


def test_what_it_says_of_itself(app: App) -> None:
    for path in ("/v2", "/v2/"):
        about = ask(app, "GET", path).json
        assert (about["name"], about["version"]) == ("pydl", pydl.__version__)
        assert about["extensions"] == ["binary_tensor_data", "model_repository"]
    assert ask(app, "GET", "/v2/health/live").json == {"live": True}
    assert ask(app, "GET", "/v2/health/ready").json == {"ready": True}
    for path in ("/v2/models/net", "/v2/models/net/versions/1"):
        assert ask(app, "GET", path).json == {
            "name": "net", "versions": ["1"], "platform": "pydl",
            "inputs": [{"name": "x", "datatype": "FP32", "shape": [-1, 4]}],
            "outputs": [{"name": "y", "datatype": "FP32", "shape": [-1, 2]}],
        }  # fmt: skip
        assert ask(app, "GET", f"{path}/ready").json == {"name": "net", "ready": True}
    head = ask(app, "HEAD", "/v2")
    assert (head.status, head.body) == (200, b"")
    assert int(head.headers["content-length"]) > 0


@pytest.mark.parametrize("quick", [True, False])
@pytest.mark.parametrize("rows", [1, 3, 300])
def test_predictions_have_the_models_bits(app: App, model: Any, rows: int, quick: bool) -> None:
    served = app.repository.served("net", None)[1]
    assert served.quick is not None
    if not quick:
        served.quick = None
    x = np.random.default_rng(rows).normal(size=(rows, 4)).astype(np.float32)
    expected = model.predict(x)
    asked: list[Any] = [tensor(x), tensor(x) | {"data": x.tolist()}, tensor(x.astype(float), datatype="FP64")]
    for one in asked:
        said = ask(app, "POST", INFER, {"inputs": [one]})
        np.testing.assert_array_equal(outputs(said)["y"], expected, strict=True)
        assert said.json["model_name"] == "net"
        assert said.json["model_version"] == "1"
        assert said.headers["content-type"] == "application/json"


def test_the_quick_way_says_the_same_bytes(path: Path) -> None:
    quick, slow = app_of(path), app_of(path)
    slow.repository.served("net", None)[1].quick = None
    bodies: list[Any] = [
        {"inputs": [tensor(X)]}, {"id": "7", "inputs": [tensor(X)]}, {"id": 7, "inputs": [tensor(X)]}, {"inputs": []},
        {"inputs": [tensor(X) | {"shape": [4, 3]}]}, {"inputs": [tensor(X) | {"shape": [3.0, 4]}]}, [],
        {"inputs": [tensor(X[:1]) | {"shape": [True, 4]}]}, {"inputs": [tensor(X) | {"shape": [3, 4.0]}]}, {"id": "7"},
        {"inputs": [tensor(X) | {"name": "z"}]}, {"inputs": [tensor(X) | {"data": [1e39] * 12}]},
        {"inputs": [tensor(X) | {"parameters": {}}]}, {"inputs": [tensor(X[:0])]}, {"inputs": [tensor(X), tensor(X)]},
        {"inputs": [tensor(X) | {"data": [None] * 12}]}, {"inputs": [tensor(X) | {"data": ["1"] * 12}]},
        {"inputs": [tensor(X) | {"datatype": "INT8", "data": [1] * 12}]}, {"inputs": [tensor(X)], "outputs": []},
    ]  # fmt: skip
    for body in bodies:
        a, b = ask(quick, "POST", INFER, body), ask(slow, "POST", INFER, body)
        assert (a.status, a.headers, a.body) == (b.status, b.headers, b.body)


@pytest.mark.parametrize("module", ["orjson", "json"])
def test_numbers_are_read_back_as_they_were(app: App, model: Any, module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if module == "json":
        monkeypatch.setattr(documents, "orjson", None)
    x = (X * 1e3).astype(np.float32)
    text = ask(app, "POST", INFER, {"id": "ä", "inputs": [tensor(x)]})
    np.testing.assert_array_equal(outputs(text)["y"], model.predict(x))
    assert text.json["id"] == "ä"
    assert max(len(str(v)) for v in text.json["outputs"][0]["data"]) < 16  # no digits beyond float32's


def test_named_inputs_and_outputs_of_several_dtypes(many: App) -> None:
    a, b, c = X[:, :2], np.array([[0, 1, 2]] * 3), -X[:, :1]
    inputs = [tensor(b, "b", "INT64"), tensor(c, "c"), tensor(a, "a", "FP64")]
    found = outputs(ask(many, "POST", "/v2/models/many/infer", {"inputs": inputs}))
    assert list(found) == ["sum", "same"]
    np.testing.assert_array_equal(found["same"], np.maximum(c, 0))
    only = {"inputs": inputs, "outputs": [{"name": "same"}]}
    np.testing.assert_array_equal(outputs(ask(many, "POST", "/v2/models/many/infer", only)).pop("same"), found["same"])
    lacking = ask(many, "POST", "/v2/models/many/infer", {"inputs": inputs[:2]})
    assert (lacking.status, '"a"' in lacking.json["error"]) == (400, True)
    beyond = [inputs[0] | {"data": [9] * 9}, *inputs[1:]]
    said = ask(many, "POST", "/v2/models/many/infer", {"inputs": beyond})
    assert said.status == 400
    assert "[0, 5)" in said.json["error"]


def binary(head: dict[str, Any], *tails: bytes) -> tuple[bytes, dict[str, str]]:
    text = json.dumps(head).encode()
    return b"".join([text, *tails]), {"inference-header-content-length": str(len(text))}


def test_tensors_as_bytes_both_ways(app: App, model: Any) -> None:
    one = {"name": "x", "shape": [3, 4], "datatype": "FP32", "parameters": {"binary_data_size": X.nbytes}}
    expected = model.predict(X)
    for asks in (
        {"inputs": [one], "parameters": {"binary_data_output": True}},
        {"inputs": [one], "outputs": [{"name": "y", "parameters": {"binary_data": True}}]},
    ):
        body, headers = binary(asks, X.tobytes())
        said = ask(app, "POST", INFER, body, headers)
        assert said.status == 200, said.body
        length = int(said.headers["inference-header-content-length"])
        head = json.loads(said.body[:length])
        assert head["outputs"][0]["parameters"] == {"binary_data_size": 24}
        assert "data" not in head["outputs"][0]
        np.testing.assert_array_equal(np.frombuffer(said.body[length:], "<f4").reshape(3, 2), expected)
    body, headers = binary({"inputs": [one]}, X.tobytes())
    np.testing.assert_array_equal(outputs(ask(app, "POST", INFER, body, headers))["y"], expected)
    raw = ask(app, "POST", INFER, X.tobytes(), {"inference-header-content-length": "0"})
    length = int(raw.headers["inference-header-content-length"])
    assert json.loads(raw.body[:length])["outputs"][0]["shape"] == [3, 2]
    np.testing.assert_array_equal(np.frombuffer(raw.body[length:], "<f4").reshape(3, 2), expected)


def test_texts_as_json_and_as_bytes(tmp_path: Path) -> None:
    words = L.TextVectorization(output_sequence_length=3)
    words.adapt(["a b", "b ä"])
    x = pydl.Input((1,), dtype="string", name="text")
    model = pydl.Model(x, L.Flatten()(L.Embedding(8, 3)(words(x))))
    model.save(tmp_path / "texts.safetensors")
    app = app_of(tmp_path / "texts.safetensors")
    path, texts = "/v2/models/texts/infer", ["a ä", "b"]
    expected = model.predict(np.array(texts, object)[:, None])
    one = {"name": "text", "shape": [2, 1], "datatype": "BYTES"}
    said = outputs(ask(app, "POST", path, {"inputs": [one | {"data": texts}]}))
    np.testing.assert_array_equal(next(iter(said.values())), expected)
    content = b"".join(struct.pack("<I", len(t.encode())) + t.encode() for t in texts)
    body, headers = binary({"inputs": [one | {"parameters": {"binary_data_size": len(content)}}]}, content)
    np.testing.assert_array_equal(next(iter(outputs(ask(app, "POST", path, body, headers)).values())), expected)
    for wrong in (content[:-1], content + b"\0", content[:4] + b"\xff" + content[5:], b"\xff" * len(content)):
        body, headers = binary({"inputs": [one | {"parameters": {"binary_data_size": len(wrong)}}]}, wrong)
        assert ask(app, "POST", path, body, headers).status == 400
    assert ask(app, "POST", path, {"inputs": [one | {"data": [1, 2]}]}).status == 400
    assert ask(app, "POST", path, {"inputs": [tensor([[1], [2]], "text")]}).status == 400


WRONG: list[tuple[Any, str]] = [
    (b"", "no JSON"), (b"{", "no JSON"), (b"\xff", "no JSON"), (b"[" * 10**5, "no JSON"),
    (b'{"inputs":[NaN]}', "JSON"),
    ([], "object"), ({}, "inputs"), ({"inputs": {}}, "inputs"), ({"inputs": [3]}, "objects"),
    ({"inputs": [{}]}, "name"),
    ({"inputs": [{"name": "x"}]}, "datatype"), ({"inputs": [tensor(X, datatype="FP99")]}, "datatype"),
    ({"inputs": [tensor(X) | {"shape": None}]}, "shape"), ({"inputs": [tensor(X) | {"shape": [-3, -4]}]}, "shape"),
    ({"inputs": [tensor(X) | {"shape": [True, 12]}]}, "shape"), ({"inputs": [tensor(X) | {"data": 3}]}, "data"),
    ({"inputs": [tensor(X) | {"shape": [2, 4]}]}, "has 8 values, data has 12"),
    ({"inputs": [tensor(X) | {"shape": [12]}]}, "shape [-1, 4]"), ({"inputs": [tensor(X, "z")]}, '"z"'),
    ({"inputs": [tensor(X), tensor(X)]}, "twice"), ({"inputs": [tensor(X) | {"data": [[1], [2, 3]]}]}, "nested"),
    ({"inputs": [tensor(X) | {"data": ["a"] * 12}]}, "got text"),
    ({"inputs": [tensor(X) | {"data": [None] * 12}]}, "null"),
    ({"inputs": [tensor(X) | {"data": [1e300] * 12}]}, "no FP32"),
    ({"inputs": [tensor(X, datatype="INT8") | {"data": [300] * 12}]}, "no INT8"),
    ({"inputs": [tensor(X, datatype="INT8") | {"data": [0.5] * 12}]}, "no INT8"),
    ({"inputs": [tensor(X, datatype="BYTES") | {"data": ["1"] * 12}]}, "expected numbers"),
    ({"inputs": [tensor(X)], "id": 3}, "id"), ({"inputs": [tensor(X)], "parameters": 3}, "parameters"),
    ({"inputs": [tensor(X)], "outputs": [{"name": "z"}]}, '"z"'), ({"inputs": [tensor(X)], "outputs": [3]}, "outputs"),
    ({"inputs": [tensor(X)], "outputs": [{"name": "y", "parameters": {"classification": 2}}]}, "classification"),
    ({"inputs": [tensor(X) | {"parameters": {"shared_memory_region": "r"}}]}, "shared_memory_region"),
    ({"inputs": [tensor(X) | {"parameters": {"binary_data_size": 48}}]}, "not both"),
    ({"inputs": [{k: v for k, v in tensor(X).items() if k != "data"} | {"parameters": {"binary_data_size": 48}}]},
     "binary_data_size"),
    ({"inputs": [tensor(X[:0])]}, "row"),
]  # fmt: skip


@pytest.mark.parametrize(("body", "words"), WRONG)
@pytest.mark.parametrize("module", ["orjson", "json"])
def test_what_is_wrong_is_said(app: App, body: Any, words: str, module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if module == "json":
        monkeypatch.setattr(documents, "orjson", None)
    said = ask(app, "POST", INFER, body)
    assert (said.status, list(said.json)) == (400, ["error"])
    assert words in said.json["error"]


def test_bytes_that_do_not_fit(app: App) -> None:
    one = {"name": "x", "shape": [3, 4], "datatype": "FP32", "parameters": {"binary_data_size": 48}}
    for body, headers in (
        binary({"inputs": [one]}, X.tobytes()[:-1]), binary({"inputs": [one]}, X.tobytes() + b"\0"),
        (b"{}", {"inference-header-content-length": "3"}), (b"{}", {"inference-header-content-length": "-1"}),
        (X.tobytes()[:-1], {"inference-header-content-length": "0"}),
    ):  # fmt: skip
        assert ask(app, "POST", INFER, body, headers).status == 400


def test_null_is_nan_where_that_is_wanted(path: Path) -> None:
    with_gap = {"inputs": [tensor(X) | {"data": [None, *[1.0] * 11]}]}
    assert ask(app_of(path), "POST", INFER, with_gap).status == 400
    said = ask(app_of(path, limits=Limits(gaps=True)), "POST", INFER, with_gap)
    data = said.json["outputs"][0]["data"]
    assert (said.status, data[:2]) == (200, [None, None])  # what NaN became is null again
    assert None not in data[2:]


@pytest.mark.parametrize("datatype", ["INT8", "UINT8", "INT16", "UINT16", "INT32", "UINT32", "INT64", "UINT64", "FP16"])
def test_whatever_the_datatype_of_the_numbers(app: App, model: Any, datatype: str) -> None:
    x = np.arange(12).reshape(3, 4)
    found = outputs(ask(app, "POST", INFER, {"inputs": [tensor(x, datatype=datatype)]}))["y"]
    np.testing.assert_array_equal(found, model.predict(x.astype(np.float32)))


@pytest.mark.parametrize(("dtype", "datatype", "value"), [
    ("int32", "INT64", 2**32 + 3), ("int32", "FP32", 1.5), ("int32", "FP64", 3e9), ("int32", "UINT32", 2**31 + 5),
    ("float32", "FP64", 1e300),
])  # fmt: skip
def test_numbers_become_no_others(tmp_path: Path, dtype: str, datatype: str, value: float) -> None:
    x = pydl.Input((1,), dtype=dtype, name="x")
    made = L.Flatten()(L.Embedding(10, 2)(x)) if dtype == "int32" else L.Dense(1)(x)
    pydl.Model(x, made).save(tmp_path / "net.safetensors")
    body = {"inputs": [{"name": "x", "shape": [1, 1], "datatype": datatype, "data": [value]}]}
    said = ask(app_of(tmp_path / "net.safetensors"), "POST", INFER, body)
    assert said.status == 400
    assert f"is no {dtype} number" in said.json["error"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4), max_leaves=8,
)  # fmt: skip
TENSOR = st.fixed_dictionaries(
    {},
    optional={
        "name": st.just("x") | JSON, "shape": st.just([1, 4]) | st.lists(st.integers(-1, 5), max_size=3) | JSON,
        "datatype": st.sampled_from(["FP32", "INT64", "BYTES", "BOOL", "FP16"]) | JSON,
        "data": st.just([1, 2, 3, 4]) | st.lists(JSON, max_size=5), "parameters": JSON,
    },
)  # fmt: skip
REQUEST = st.fixed_dictionaries(
    {"inputs": st.lists(TENSOR, max_size=2) | JSON}, optional={"id": JSON, "outputs": JSON, "parameters": JSON}
)


@pytest.mark.parametrize("module", ["orjson", "json"])
@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=REQUEST)
def test_no_request_is_an_error_of_the_servers(
    app: App, module: str, monkeypatch: pytest.MonkeyPatch, body: Any
) -> None:
    with monkeypatch.context() as patched:
        if module == "json":
            patched.setattr(documents, "orjson", None)
        assert ask(app, "POST", INFER, body).status in (200, 400)
