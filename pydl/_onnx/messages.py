"""The messages of an ONNX file: the fields of onnx.proto that an exported model needs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from pydl._base.protobuf import delimited, single, text, whole

#: Numbers of element types, by NumPy's names.
TYPES = {
    "float32": 1, "uint8": 2, "int8": 3, "uint16": 4, "int16": 5, "int32": 6, "int64": 7, "string": 8, "bool": 9,
    "float16": 10, "float64": 11, "uint32": 12, "uint64": 13,
}  # fmt: skip
_FLOAT, _INT, _STRING, _FLOATS, _INTS = 1, 2, 3, 6, 7  # kinds of attributes

Dims = Sequence[int | str | None]  # a size, a name for one that varies, or nothing known


def tensor(name: str, array: np.ndarray) -> bytes:
    """A TensorProto."""
    sizes = b"".join(whole(1, d) for d in array.shape)
    if array.dtype.kind in "UO":
        texts = b"".join(text(6, str(v)) for v in array.ravel().tolist())
        return sizes + whole(2, TYPES["string"]) + texts + text(8, name)
    raw = np.ascontiguousarray(array, array.dtype.newbyteorder("<")).tobytes()
    return sizes + whole(2, TYPES[array.dtype.name]) + text(8, name) + delimited(9, raw)


def attribute(name: str, value: Any) -> bytes:
    """An AttributeProto: a whole number, a float, a text, or a list of the first two."""
    if isinstance(value, str):
        return text(1, name) + text(4, value) + whole(20, _STRING)
    if isinstance(value, int):
        return text(1, name) + whole(3, value) + whole(20, _INT)
    if isinstance(value, float):
        return text(1, name) + single(2, value) + whole(20, _FLOAT)
    if all(isinstance(v, int) for v in value):
        return text(1, name) + b"".join(whole(8, v) for v in value) + whole(20, _INTS)
    return text(1, name) + b"".join(single(7, v) for v in value) + whole(20, _FLOATS)


def node(op: str, name: str, inputs: Iterable[str], outputs: Iterable[str], attributes: Mapping[str, Any]) -> bytes:
    """A NodeProto; an input that is left out is ""."""
    parts = [text(1, i) for i in inputs] + [text(2, o) for o in outputs] + [text(3, name), text(4, op)]
    return b"".join(parts + [delimited(5, attribute(k, v)) for k, v in attributes.items()])


def value_info(name: str, dtype: str, dims: Dims) -> bytes:
    """A ValueInfoProto of a tensor."""
    shape = b"".join(delimited(1, whole(1, d) if isinstance(d, int) else text(2, d) if d else b"") for d in dims)
    return text(1, name) + delimited(2, delimited(1, whole(1, TYPES[dtype]) + delimited(2, shape)))


def model(
    ir: int, opset: int, producer: tuple[str, str], name: str, nodes: Iterable[bytes], weights: Iterable[bytes],
    inputs: Iterable[bytes], outputs: Iterable[bytes], metadata: Mapping[str, str],
) -> bytes:  # fmt: skip
    """A ModelProto, of one graph."""
    graph = [delimited(1, n) for n in nodes] + [text(2, name)] + [delimited(5, w) for w in weights]
    graph += [delimited(11, i) for i in inputs] + [delimited(12, o) for o in outputs]
    head = whole(1, ir) + text(2, producer[0]) + text(3, producer[1])
    props = b"".join(delimited(14, text(1, k) + text(2, v)) for k, v in metadata.items())
    return head + delimited(7, b"".join(graph)) + delimited(8, text(1, "") + whole(2, opset)) + props
