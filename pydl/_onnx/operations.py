"""Functions of `pydl.ops` as layers."""

from __future__ import annotations

from pydl._onnx.graph import Graph, Value
from pydl.layers.operation import Operation


def operation(g: Graph, layer: Operation, x: list[Value]) -> Value:
    raise g.refuse(f"pydl.ops.{layer.op} has no ONNX form yet")
