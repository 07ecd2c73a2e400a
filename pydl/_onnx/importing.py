"""From an ONNX file to a model."""

from __future__ import annotations

import os
import stat
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pydl import layers
from pydl._base.args import one_of
from pydl._base.errors import FormatError, of_memory
from pydl._base.safetensors import shorten
from pydl._onnx.building import Building
from pydl._onnx.ops import handler
from pydl._onnx.parsing import File, Graph, Node, Port, read_file
from pydl._onnx.reading import refuse
from pydl._onnx.values import Value, channels_last

# Whose results of whole numbers float32 may round, beside arithmetic, which tells of itself.
_OF_WHOLE = ("Abs", "Max", "Mean", "Min", "Mod", "Neg", "ReduceL1", "ReduceMax", "ReduceMean", "ReduceMin",
             "ReduceProd", "ReduceSum", "ReduceSumSquare", "Sum", "Where")  # fmt: skip
MAX_FILE = 2**31  # bytes, as protocol buffers allow


def load(path: str | os.PathLike[str], inputs: str, dtype: str | None, make: Callable[[Any, Any, str], Any]) -> Any:
    """The model in a file; `make(inputs, outputs, name)` makes one of symbolic tensors."""
    place = Path(path)
    one_of("load_onnx", "inputs", inputs, ("nchw", "nhwc"))
    one_of("load_onnx", "dtype", dtype, (None, "float32", "float64"))
    about = place.stat()
    try:
        if not stat.S_ISREG(about.st_mode):  # opening a pipe would wait for its writer
            refuse("a regular file", "something else", "give the path of an .onnx file")
        if about.st_size > MAX_FILE:
            refuse(f"at most {MAX_FILE} bytes", f"{about.st_size}")
        file = read_file(memoryview(place.read_bytes()))
        g = Building(file.graph, needed(file.graph), file.opsets[""], dtype or _dtype(file.graph))
        model = _made(make, *_build(g, file, inputs == "nhwc"), place.stem)
    except FormatError as error:
        raise FormatError(f'"{place}": {error}') from error
    if g.of_whole is not None and g.dtype == "float32":
        warnings.warn(
            f"load_onnx: {g.of_whole} computes with whole numbers, in float32 as the whole model, which rounds those "
            'beyond 16,777,216; dtype="float64" does not',
            stacklevel=3,
        )
    return model


def _is_given(g: Building, port: Port) -> bool:
    """Whether an input is to be given, though nothing may read it."""
    read = port.name in g.readers or port.name in g.outputs
    return read or ("float" in port.dtype and bool(port.shape))


def _made(make: Callable[[Any, Any, str], Any], inputs: list[Any], outputs: list[Any], name: str) -> Any:
    try:
        return make(inputs, outputs, name.replace("/", "_") or "model")
    except Exception as error:
        if of_memory(error):
            raise MemoryError("out of memory") from error
        refuse("a graph that layers can compute", f"one that they refuse: {error}", "change it before its export")


def _build(g: Building, file: File, last: bool) -> tuple[list[Any], list[Any]]:
    """Symbolic inputs and outputs."""
    inputs = [_input(g, port, last) for port in file.graph.inputs if _is_given(g, port)]
    if not inputs:
        refuse("outputs that depend on an input", "constants alone", "give a model that has inputs")
    for node in g.nodes:
        if id(node) not in g.done:
            g.node = node
            _run(g, node, handler(node, file.opsets.get(node.domain, 1)))
    return inputs, [_output(g, port.name, last) for port in file.graph.outputs]


def needed(graph: Graph) -> list[Node]:
    """The nodes that outputs depend on; refuses what is not in order, has a name twice or lacks a source."""
    known = {p.name for p in graph.inputs} | set(graph.tensors)
    for node in graph.nodes:
        for name in node.inputs:
            if name and name not in known:
                refuse(f"{node} behind what it reads", f"{shorten(name)} nowhere in front of it")
        for name in node.outputs:
            if name in known:
                refuse("a name of its own for each tensor", f"{shorten(name)} twice")
            known.update([name] if name else [])
    missing = [p.name for p in graph.outputs if p.name not in known]
    if missing or not graph.outputs:
        refuse("outputs that are computed", f"none for {shorten(missing)}" if missing else "no outputs")
    wanted = {p.name for p in graph.outputs}
    kept = []
    for node in reversed(graph.nodes):
        if not wanted.isdisjoint(node.outputs):
            wanted.update(name for name in node.inputs if name)
            kept.append(node)
    return kept[::-1]


def _dtype(graph: Graph) -> str:
    """float64 where the floats that come in, or else the weights, are."""
    given = [p.dtype for p in graph.inputs if "float" in p.dtype]
    found = given or [a.dtype.name for a in graph.tensors.values() if a.dtype.kind == "f"]
    return "float64" if found and all(d == "float64" for d in found) else "float32"


def _input(g: Building, port: Port, last: bool) -> Any:
    """An input; `last`: images come with their channels last."""
    if not port.shape:
        refuse(f"a shape, the batch first, for input {shorten(port.name)}", f"{port.shape}",
               "export the model with the shapes of its inputs")  # fmt: skip
    batch, *sizes = port.shape
    if batch is not None:
        g.batches.add(batch)
    order = channels_last(len(port.shape)) if last and len(port.shape) == 4 else tuple(range(len(port.shape)))
    floats = "float" in port.dtype
    if port.dtype == "other":
        refuse(f"numbers as input {shorten(port.name)}", "something else", "pydl computes with numbers")
    try:
        g.fits(sizes)
        x = layers.Input([port.shape[axis] for axis in order[1:]], dtype=g.dtype, name=port.name.replace("/", "_"))
    except ValueError as error:
        refuse(f"a shape of positive sizes for input {shorten(port.name)}", f"{port.shape}: {error}")
    g.values[port.name] = Value(x, order, whole=not floats)
    return x


def _run(g: Building, node: Node, function: Callable[..., Any]) -> None:
    """Build the layers of a node."""
    try:
        given = [g.values[name] if name else None for name in node.inputs]
        while given and given[-1] is None:
            given.pop()
        if node.op in _OF_WHOLE and any(isinstance(v, Value) and v.whole for v in given):
            g.of_whole = g.of_whole or node
        with np.errstate(all="ignore"):  # infinities and NaN come out where they belong
            made = function(g, node, *given)
    except FormatError:
        raise
    except Exception as error:
        if of_memory(error):
            raise MemoryError("out of memory") from error
        refuse(
            "nodes that layers can stand for", f"{node} of version {g.opset}: {type(error).__name__}: {error}",
            "change that part of the model before it is exported to ONNX",
        )  # fmt: skip
    listed = made if isinstance(made, list) else [made]
    results: Sequence[Any] = [v if isinstance(v, Value) else np.asarray(v) for v in listed]
    for name, value in zip(node.outputs, results, strict=False):
        if name:
            g.values.setdefault(name, value)
    missing = [name for name in node.outputs if name in g.readers and name not in g.values]
    if missing:
        refuse(f"{len(results)} outputs of {node}", f"{shorten(missing)} in use", "replace that part of the model")


def _output(g: Building, name: str, last: bool) -> Any:
    value = g.values[name]
    if isinstance(value, np.ndarray):
        refuse(f"an output that depends on inputs as {shorten(name)}", "a constant", "leave that output out")
    g.node = Node("Identity", "", name, [], [name])
    t = g.images(value) if last and value.rank == 4 else g.plain(value)
    return t if t.call is not None else g.connect(g.layer(layers.Identity), t)
