"""The file of a graph: its inputs, outputs and metadata around the nodes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from pydl._base.release import VERSION
from pydl._base.replacing import replaced
from pydl._onnx import messages
from pydl._onnx.graph import Graph

#: The version of the file format that came with each opset: what knows the one knows the other.
IR = {13: 7, 14: 7, 15: 8, 16: 8, 17: 8, 18: 8, 19: 9, 20: 9, 21: 10}

_MOST_BYTES = 2**31 - 1  # of a message of protocol buffers


class Port(NamedTuple):
    """What comes in or goes out, as it is called outside."""

    name: str
    dtype: str
    dims: messages.Dims


def write(
    g: Graph, path: Path, name: str, inputs: Sequence[Port], outputs: Sequence[tuple[Port, str]],
    metadata: Mapping[str, str],
) -> None:  # fmt: skip
    """Write a graph of this name, of whose outputs the tensors are given, atomically.

    Raises
    ------
    ValueError
        More than 2 GB.
    """
    taken = {port.name for port in inputs}
    tensors = [tensor for _, tensor in outputs]
    for i, (port, _) in enumerate(outputs):
        if tensors[i] in taken or tensors[i] in g.tensors:
            g.copy(tensors[i], port.name)
        else:
            g.rename(tensors[i], port.name)
            tensors = [port.name if t == tensors[i] else t for t in tensors]
        taken.add(port.name)
    content = messages.model(
        IR[g.opset], g.opset, ("pydl", VERSION), name,
        (messages.node(n.op, n.name, n.inputs, n.outputs, n.attributes) for n in g.nodes),
        (messages.tensor(key, array) for key, array in g.tensors.items()),
        (messages.value_info(*port) for port in inputs), (messages.value_info(*port) for port, _ in outputs), metadata,
    )  # fmt: skip
    if len(content) > _MOST_BYTES:
        raise ValueError(f"export: {path}: an ONNX file holds at most 2 GB, got {len(content):,} bytes")
    with replaced(path) as file:
        file.write(content)
