"""What is in an ONNX file: nodes, tensors, inputs and outputs. Numbers of fields are those of `onnx/onnx.proto`."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pydl._base.safetensors import MAX_RANK, shorten
from pydl._onnx.reading import Message, decoded, refuse

Array = np.ndarray

#: Types of elements: as they are called, the dtype of what is read, where they are if not in `raw_data`.
TYPES: dict[int, tuple[str, str, int]] = {
    1: ("float32", "<f4", 4), 2: ("uint8", "u1", 5), 3: ("int8", "i1", 5), 4: ("uint16", "<u2", 5),
    5: ("int16", "<i2", 5), 6: ("int32", "<i4", 5), 7: ("int64", "<i8", 7), 9: ("bool", "u1", 5),
    10: ("float16", "<u2", 5), 11: ("float64", "<f8", 10), 12: ("uint32", "<u4", 11), 13: ("uint64", "<u8", 11),
    16: ("bfloat16", "<u2", 5),
}  # fmt: skip


class Unread:
    """The value of an attribute of a kind that no supported op has."""


@dataclass(frozen=True)
class Node:
    """A use of an op."""

    op: str
    domain: str
    name: str
    inputs: list[str]
    outputs: list[str]
    attributes: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        domain = f"{self.domain}." if self.domain else ""
        return f"{domain}{self.op} {shorten(self.name or (self.outputs or ['?'])[0])}"


@dataclass(frozen=True)
class Port:
    """An input or output of a graph; sizes that are not fixed are None."""

    name: str
    dtype: str
    shape: tuple[int | None, ...] | None


@dataclass(frozen=True)
class Graph:
    """What is computed: nodes in order, tensors, inputs that are no tensors, and outputs."""

    nodes: list[Node]
    tensors: dict[str, Array]
    inputs: list[Port]
    outputs: list[Port]


@dataclass(frozen=True)
class File:
    """A graph, and the version of the set of ops that it uses for each domain."""

    graph: Graph
    opsets: dict[str, int]
    metadata: dict[str, str]


def read_file(data: memoryview) -> File:
    """The content of a file."""
    model = Message(data, "the model")
    if not 1 <= model.whole(1) <= 64:
        refuse("an ONNX model with its version", f"version {model.whole(1)}", "give the path of an .onnx file")
    graph = model.message(7, "the graph")
    if graph is None:
        refuse("a graph", "none", "give the path of an .onnx file")
    opsets = {m.text(1): m.whole(2) for m in model.messages(8, "the versions of ops")}
    opsets.setdefault("", opsets.get("ai.onnx", 1))
    metadata = {m.text(1): m.text(2) for m in model.messages(14, "the metadata")}
    return File(_graph(graph), opsets, metadata)


def _graph(graph: Message) -> Graph:
    if 15 in graph:
        refuse("dense tensors", "sparse ones", "export the model with dense weights")
    tensors: dict[str, Array] = {}
    for m in graph.messages(5, "a tensor"):
        name = m.text(8)
        if not name or name in tensors:
            refuse("a name of its own for each tensor", shorten(name))
        tensors[name] = tensor(m)
    inputs = [_port(m) for m in graph.messages(11, "an input")]
    outputs = [_port(m) for m in graph.messages(12, "an output")]
    for ports, what in ((inputs, "input"), (outputs, "output")):
        names = [p.name for p in ports]
        if "" in names or len(set(names)) < len(names):
            refuse(f"a name of its own for each {what}", shorten(names))
    nodes = [_node(m) for m in graph.messages(1, "a node")]
    return Graph(nodes, tensors, [p for p in inputs if p.name not in tensors], outputs)


def _port(m: Message) -> Port:
    name, kind = m.text(1), m.message(2, "a type")
    of_tensor = None if kind is None else kind.message(1, "the type of a tensor")
    if of_tensor is None:
        refuse(f"a tensor as {shorten(name)}", "something else")
    dtype = TYPES.get(of_tensor.whole(1), ("other",))[0]
    shape = of_tensor.message(2, "a shape")
    if shape is None:
        return Port(name, dtype, None)
    sizes = [d.whole(1) if 1 in d else None for d in shape.messages(1, "a size")]
    if len(sizes) > MAX_RANK or any(d is not None and not 0 <= d < 2**31 for d in sizes):
        refuse(f"at most {MAX_RANK} sizes in [0, 2^31) for {shorten(name)}", shorten(sizes))
    return Port(name, dtype, tuple(sizes))


def _node(m: Message) -> Node:
    attributes: dict[str, Any] = {}
    for a in m.messages(5, "an attribute"):
        name = a.text(1)
        if name in attributes:
            refuse(f"attribute {shorten(name)} of a node once", "it twice")
        attributes[name] = _attribute(a)
    domain = m.text(7)
    return Node(m.text(4), "" if domain == "ai.onnx" else domain, m.text(3), m.texts(1), m.texts(2), attributes)


def _attribute(a: Message) -> Any:
    """A value; files of the first versions do not say of which kind it is."""
    fields = {1: 2, 2: 3, 3: 4, 4: 5, 6: 7, 7: 8, 8: 9}  # kind to field
    number = fields.get(a.whole(20), 0) if 20 in a else next((f for f in fields.values() if f in a), 0)
    readers: dict[int, Any] = {
        2: lambda: a.real(2), 3: lambda: a.whole(3), 4: lambda: a.bytes(4), 5: lambda: _tensor_of(a),
        7: lambda: a.reals(7, "<f4").tolist(), 8: lambda: a.wholes(8).tolist(),
        9: lambda: [bytes(v) for v in a.views(9)],
    }  # fmt: skip
    return readers[number]() if number and 21 not in a else Unread()


def _tensor_of(a: Message) -> Array:
    found = a.message(5, "a tensor")
    if found is None:
        refuse("a tensor as attribute", "none")
    return tensor(found)


def tensor(m: Message) -> Array:
    """The array of a tensor; float16 and bfloat16 become float32."""
    what = f"tensor {shorten(m.text(8))}"
    if 13 in m or m.whole(14):
        refuse(
            f"the numbers of {what} in the file", "the name of another file",
            "save the model as one file: other files are not opened",
        )  # fmt: skip
    code, shape = m.whole(2), m.wholes(1).tolist()
    if 3 in m:
        refuse(f"{what} in one piece", "a segment of it")
    if len(shape) > MAX_RANK or any(not 0 <= d < 2**62 for d in shape):
        refuse(f"{what} with at most {MAX_RANK} sizes >= 0", shorten(shape))
    size = math.prod(shape)
    if code == 8:
        return _texts(m, what, size, shape)
    if code not in TYPES:
        refuse(f"{what} of numbers", f"elements of type {code}")
    name, dtype, typed = TYPES[code]
    raw = m.views(9)
    if raw:
        if len(raw[-1]) != size * np.dtype(dtype).itemsize:
            refuse(f"{size * np.dtype(dtype).itemsize} bytes for {what} of shape {shape}", f"{len(raw[-1])}")
        values = np.frombuffer(raw[-1], dtype)
    else:
        values = m.reals(typed, dtype) if typed in (4, 10) else m.wholes(typed).astype(dtype)
        if values.size != size:
            refuse(f"{size} numbers for {what} of shape {shape}", f"{values.size}")
    if name == "bfloat16":
        values = (values.astype(np.uint32) << 16).view(np.float32)
    elif name == "float16":
        values = values.view(np.float16).astype(np.float32)
    return (values.astype(bool) if name == "bool" else values).reshape(shape)


def _texts(m: Message, what: str, size: int, shape: list[int]) -> Array:
    found = m.views(6)
    if len(found) != size:
        refuse(f"{size} texts for {what}", f"{len(found)}")
    texts = np.empty(size, object)
    texts[:] = [decoded(bytes(v), what) for v in found]
    return texts.reshape(shape)
