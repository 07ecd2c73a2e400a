"""Damaged and hostile ONNX files: one error type, in bounded time and memory."""

from __future__ import annotations

import os
import time
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import AttributeProto, GraphProto, ModelProto, TensorProto, helper

import pydl
from pydl._onnx import reading
from tests.files.onnx_fuzz import run
from tests.files.test_onnx_import import dense, node, saved, weight

MEMORY, SECONDS = 64 << 20, 20.0


def changed(content: bytes, change: Any) -> bytes:
    model = ModelProto.FromString(content)
    change(model)
    return model.SerializeToString()


def external(model: ModelProto) -> None:
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", "../../../etc/passwd"


def dims(*sizes: int) -> Any:
    def change(model: ModelProto) -> None:
        del model.graph.initializer[0].dims[:]
        model.graph.initializer[0].dims.extend(sizes)

    return change


def swap(model: ModelProto) -> None:
    nodes = list(model.graph.node)
    del model.graph.node[:]
    model.graph.node.extend(nodes[::-1])


def circle(model: ModelProto) -> None:
    model.graph.node[0].input[0] = model.graph.node[1].output[0]


def deep(model: ModelProto) -> None:
    graph = GraphProto(name="innermost")
    for _ in range(60):
        outer = GraphProto()
        attribute = outer.node.add(op_type="If", output=["y"]).attribute.add(name="then_branch")
        attribute.type = AttributeProto.GRAPH
        attribute.g.CopyFrom(graph)
        graph = outer
    model.graph.node[0].op_type = "If"
    attribute = model.graph.node[0].attribute.add(name="then_branch")
    attribute.type = AttributeProto.GRAPH
    attribute.g.CopyFrom(graph)


def twice(model: ModelProto) -> None:
    model.graph.node[1].output[0] = model.graph.node[0].output[0]


def two_tensors(model: ModelProto) -> None:
    model.graph.initializer.add().CopyFrom(model.graph.initializer[0])


def kind(code: int) -> Any:
    return lambda model: setattr(model.graph.initializer[0], "data_type", code)


CHANGES: dict[str, tuple[Any, str]] = {
    "tensors in another file": (external, "numbers of tensor 'w1' in the file"),
    "a size beyond the file": (dims(2**40, 5), "bytes for tensor"),
    "sizes whose product wraps to the right one": (dims(2**32 + 7, 2**32, 2**32), "at most|bytes for tensor"),
    "a negative size": (dims(-7, -5), "sizes >= 0"),
    "many sizes": (dims(*[1] * 1000), "at most 8 sizes"),
    "an unknown type": (kind(99), "elements of type 99"),
    "complex numbers": (kind(15), "elements of type 15"),
    "nodes in the wrong order": (swap, "behind what it reads"),
    "a circle": (circle, "behind what it reads"),
    "graphs in graphs": (deep, "If"),
    "two sources of a tensor": (twice, "a name of its own"),
    "two tensors of a name": (two_tensors, "a name of its own"),
    "no outputs": (lambda m: m.graph.ClearField("output"), "outputs"),
    "no inputs": (lambda m: m.graph.ClearField("input"), "behind what it reads"),
    "no graph": (lambda m: m.ClearField("graph"), "a graph"),
    "a version of the far future": (lambda m: setattr(m, "ir_version", 2**40), "version"),
}


def refused(path: Path, match: str) -> None:
    start = time.monotonic()
    tracemalloc.start()
    try:
        with pytest.raises(pydl.FormatError, match=match) as caught:
            pydl.models.load_onnx(path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert str(path) in str(caught.value)
    assert peak < MEMORY
    assert time.monotonic() - start < SECONDS


@pytest.mark.parametrize("name", CHANGES)
def test_hostile_models(tmp_path: Path, name: str) -> None:
    change, match = CHANGES[name]
    path = tmp_path / "m.onnx"
    path.write_bytes(changed(dense(path), change))
    refused(path, match)


BYTES = {
    "empty": (b"", "version"),
    "text": (b"not a model at all", "kind|bytes|number"),
    "a varint without an end": (b"\x08" + b"\xff" * 9, "number of at most 10 bytes"),
    "a varint of 11 bytes": (b"\x08" + b"\x80" * 11 + b"\x00", "number of at most 10 bytes"),
    "a number above 2^64": (b"\x08" + b"\xff" * 9 + b"\x7f", "below 2\\^64"),
    "a length beyond the file": (b"\x08\x08\x3a\xff\xff\xff\xff\x0f", "bytes for field 7"),
    "a group": (b"\x0b\x0c", "kind 3"),
    "field 0": (b"\x00\x00", "numbered from 1"),
    "a number where the graph should be": (b"\x08\x08\x38\x01", "bytes of a length as field 7"),
    "a version in 4 bytes": (b"\x0d\x00\x00\x00\x00", "a varint as field 1"),
    "a name that is no text": (b"\x08\x08\x3a\x07\x0a\x05\x22\x03\xff\xfe\xfd", "UTF-8"),
}


@pytest.mark.parametrize("name", BYTES)
def test_hostile_bytes(tmp_path: Path, name: str) -> None:
    content, match = BYTES[name]
    (tmp_path / "m.onnx").write_bytes(content)
    refused(tmp_path / "m.onnx", match)


def test_every_shorter_file_is_refused(tmp_path: Path) -> None:
    """A file that ends early lacks part of its graph, or the versions of its ops, which come last."""
    content = dense(tmp_path / "m.onnx")
    for length in range(0, len(content) - 12, 7):
        (tmp_path / "m.onnx").write_bytes(content[:length])
        with pytest.raises(pydl.FormatError):
            pydl.models.load_onnx(tmp_path / "m.onnx")


NODES = {
    "a constant of a size": [node("ConstantOfShape", "size", "c"), node("Add", "x c", "y")],
    "repeating": [node("Tile", "x many", "y")],
    "repeating a constant": [node("Tile", "w many", "c"), node("MatMul", "x c", "y")],
    "expanding": [node("Expand", "x size", "y")],
    "borders": [node("Pad", "x borders", "y")],
    "columns beside rows": [node("Unsqueeze", "x two", "a"), node("Add", "a long", "y")],
    "doubling": [
        node("Concat", "x x", "d0", axis=1),
        *(node("Concat", f"d{i} d{i}", f"d{i + 1}", axis=1) for i in range(60)),
        node("Identity", "d60", "y"),
    ],
    "numbers": [node("Range", "zero huge one", "r"), node("Add", "x r", "y")],
}


@pytest.mark.parametrize("name", NODES)
def test_a_small_file_takes_little_memory(tmp_path: Path, name: str) -> None:
    """Nodes that would make much of little are refused before any memory is taken."""
    tensors = {
        "size": np.int64([1, 2**40]), "many": np.int64([1, 2**40]), "w": weight(3, 3), "two": np.int64([2]),
        "borders": np.int64([0, 2**40, 0, 0]), "long": np.zeros((1, 2**20), "float32"), "zero": np.int64(0),
        "huge": np.int64(2**40), "one": np.int64(1),
    }  # fmt: skip
    wide = 3 if name != "columns beside rows" else 4096
    saved(tmp_path / "m.onnx", NODES[name], ["n", wide], tensors)
    refused(tmp_path / "m.onnx", "elements")


def test_other_things_than_files(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.onnx")
    for path in (tmp_path, tmp_path / "pipe.onnx"):
        with pytest.raises(pydl.FormatError, match="a regular file"):
            pydl.models.load_onnx(path)


def test_messages_are_not_nested_deeply() -> None:
    data = b""
    for _ in range(100):
        data = b"\x0a" + bytes(helper_varint(len(data))) + data
    innermost: Any = reading.Message(memoryview(data), "a message")
    for _ in range(reading.MAX_DEPTH - 1):
        innermost = innermost.message(1, "a message")
    with pytest.raises(pydl.FormatError, match="at most 64 deep"):
        innermost.message(1, "a message")


def helper_varint(n: int) -> list[int]:
    return [n] if n < 128 else [n & 127 | 128, *helper_varint(n >> 7)]


def test_fields_are_counted() -> None:
    with pytest.raises(pydl.FormatError, match="fields"):
        reading.Message(memoryview(b"\x08\x01" * 1001), "a message", reading.Room(1000))


@pytest.mark.parametrize("value", [0, 1, 127, 128, 300, 2**31, 2**63 - 1, -1, -(2**63)])
def test_varints(value: int) -> None:
    content = helper.make_tensor("t", TensorProto.INT64, [2], [value, 7]).SerializeToString()
    packed = reading.Message(memoryview(content), "a tensor").views(7)[0]
    assert reading.varints(packed).tolist() == [value, 7]


@pytest.mark.long  # hundreds of damaged files; the kinds of damage stay
def test_damaged_files(tmp_path: Path) -> None:
    """`python -m tests.files.onnx_fuzz 1000000` reads more of them."""
    assert run(2000, 17, tmp_path) > 0
