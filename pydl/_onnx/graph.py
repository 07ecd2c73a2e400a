"""A graph of ONNX nodes as it is built: values, nodes, constants, weights."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from pydl._engine.variable import Variable
from pydl._onnx.messages import TYPES
from pydl.layers.low_rank import LowRank

Shape = tuple[int | None, ...]

#: What ONNX Runtime has no kernel for in float64.
NOT_DOUBLE = frozenset({"AveragePool", "Celu", "Conv", "ConvTranspose", "Erf", "PRelu", "Resize", "Shrink", "Softplus"})


@dataclass
class Value:
    """What a layer gives: a tensor of the file, under one of two orders of its axes or both.

    Attributes
    ----------
    last : str or None
        Its name where the axes are as pydl has them.
    first : str or None
        Its name where that of the channels, pydl's last, stands behind the batch.
    shape : tuple
        As pydl has it, None for the batch and sizes that data decide.
    dtype : str
    mask : str or None
        The name of a tensor of bools, of the shape without its last axis: which steps count.
    """

    last: str | None = None
    first: str | None = None
    shape: Shape = ()
    dtype: str = ""
    mask: str | None = None

    @property
    def rank(self) -> int:
        return len(self.shape)


@dataclass
class Node:
    """A node, whose outputs may get other names as long as the file is not written."""

    op: str
    name: str
    inputs: list[str]
    outputs: list[str]
    attributes: dict[str, Any]


class Graph:
    """Nodes in order, and the tensors that stand in the file.

    Parameters
    ----------
    opset : int
    dtype : str
        Of all that is computed in floats: "float32" or "float64".
    """

    def __init__(self, opset: int, dtype: str) -> None:
        self.opset, self.dtype = opset, dtype
        self.nodes: list[Node] = []
        self.tensors: dict[str, np.ndarray] = {}
        self.axes: dict[str, list[int]] = {}  # of the weights in the file, how their axes stand in it
        self.layer = ""  # whose nodes are being added
        self._names: set[str] = set()
        self._weights: dict[tuple[int, tuple[int, ...]], str] = {}
        self._constants: dict[tuple[str, tuple[int, ...], bytes], str] = {}

    def reserve(self, names: Iterable[str]) -> None:
        """Keep names for inputs and outputs."""
        self._names.update(names)

    def _unique(self, name: str) -> str:
        found, n = name, 1
        while found in self._names:
            n += 1
            found = f"{name}_{n}"
        self._names.add(found)
        return found

    def refuse(self, why: str) -> ValueError:
        """The error for what cannot be written."""
        return ValueError(f'export: layer "{self.layer}": {why}')

    # -- nodes ----------------------------------------------------------------------------------------------------

    def add(self, op: str, *inputs: str, outputs: int = 1, **attributes: Any) -> str:
        """Add a node; returns the name of its first output."""
        if self.dtype == "float64" and op in NOT_DOUBLE:
            raise self.refuse(f'ONNX Runtime has no {op} of float64; export with dtype="float32"')
        name = self._unique(f"{self.layer}/{op}")
        names = [name, *(self._unique(f"{name}/{i}") for i in range(1, outputs))]
        self.nodes.append(Node(op, name, list(inputs), names, attributes))
        return name

    def copy(self, tensor: str, name: str) -> None:
        """Give an output of the graph its name where what it shows has to keep its own."""
        self.nodes.append(Node("Identity", f"{name}/Identity", [tensor], [name], {}))

    def rename(self, tensor: str, name: str) -> None:
        """Give what a node computes the name of an output of the graph."""
        for node in self.nodes:
            node.inputs = [name if i == tensor else i for i in node.inputs]
            node.outputs = [name if o == tensor else o for o in node.outputs]

    def cast(self, x: str, dtype: str) -> str:
        return self.add("Cast", x, to=TYPES[dtype])

    def transpose(self, x: str, axes: Sequence[int]) -> str:
        return x if list(axes) == sorted(axes) else self.add("Transpose", x, perm=[int(a) for a in axes])

    def reshape(self, x: str, *sizes: int) -> str:
        """0 stands for the size that the input has at that place, -1 for what is left."""
        return self.add("Reshape", x, self.ints(*sizes))

    def unsqueeze(self, x: str, *axes: int) -> str:
        return self.add("Unsqueeze", x, self.ints(*axes)) if axes else x

    def squeeze(self, x: str, *axes: int) -> str:
        return self.add("Squeeze", x, self.ints(*axes))

    def reduce(self, op: str, x: str, axes: Sequence[int], keepdims: bool = False) -> str:
        """Sums take axes as an input from opset 13 on, everything else from 18 on."""
        if op == "ReduceSum" or self.opset >= 18:
            return self.add(op, x, self.ints(*axes), keepdims=int(keepdims))
        return self.add(op, x, axes=[int(a) for a in axes], keepdims=int(keepdims))

    def slice(self, x: str, start: int, end: int, axis: int, step: int = 1) -> str:
        return self.add("Slice", x, self.ints(start), self.ints(end), self.ints(axis), self.ints(step))

    def not_zero(self, x: str, dtype: str) -> str:
        """Where x is not 0, as bools."""
        return x if dtype == "bool" else self.cast(x, "bool")

    # -- constants and weights ------------------------------------------------------------------------------------

    def constant(self, values: Any, dtype: str | None = None) -> str:
        """A tensor of numbers, by default of the file's dtype, or of texts; equal ones stand there once."""
        array = np.asarray(values) if dtype == "string" else np.asarray(values, dtype or self.dtype)
        content = repr(array.tolist()).encode() if dtype == "string" else array.tobytes()
        key = (dtype or self.dtype, array.shape, content)
        if key not in self._constants:
            self._constants[key] = self._unique(f"{self.layer}/constant")
            self.tensors[self._constants[key]] = array
        return self._constants[key]

    def ints(self, *values: int) -> str:
        return self.constant([int(v) for v in values], "int64")

    def weight(self, variable: Variable, axes: Sequence[int] = (), shape: Sequence[int] = ()) -> str:
        """A weight under its path, with its axes in another order, then of another shape, if that is asked for."""
        order = list(axes) or list(range(len(variable.shape)))
        key = (id(variable), tuple(order))
        if key not in self._weights:
            values = variable.numpy().astype(self.dtype, copy=False).transpose(order)
            name = self._unique(variable.path)
            self._weights[key], self.axes[name] = name, order
            self.tensors[name] = values.reshape(shape) if shape else values
        return self._weights[key]

    def kernel(self, layer: LowRank, axes: Sequence[int] = ()) -> str:
        """The weight that a layer multiplies by, with its adapter if it has one."""
        if not layer.lora_enabled:
            return self.weight(layer.own_kernel(), axes)
        merged = layer.merged()
        return self.constant(merged.transpose(axes) if axes else merged)

    # -- values ---------------------------------------------------------------------------------------------------

    def last(self, x: Value) -> str:
        """The name of a value whose axes are as pydl has them."""
        if x.last is None:
            assert x.first is not None
            x.last = self.transpose(x.first, [0, *range(2, x.rank), 1])
        return x.last

    def first(self, x: Value) -> str:
        """The name of a value whose channels are behind the batch."""
        if x.first is None:
            assert x.last is not None
            x.first = self.transpose(x.last, [0, x.rank - 1, *range(1, x.rank - 1)])
        return x.first

    def by_element(self, x: Value, make: Callable[[str], str]) -> Value:
        """What a function of single elements makes of a value, whose order of axes stays what it is."""
        if x.last is None:
            return replace(x, first=make(self.first(x)))
        return replace(x, last=make(x.last), first=None)

    def number(self, x: Value) -> Value:
        """A value in floats."""
        if x.dtype == self.dtype:
            return x
        if x.dtype == "string":
            raise self.refuse("expected numbers, got text")
        return replace(self.by_element(x, lambda name: self.cast(name, self.dtype)), dtype=self.dtype)

    def whole(self, x: Value) -> str:
        """The name of a value as whole numbers."""
        return self.last(x) if x.dtype == "int64" else self.cast(self.last(x), "int64")
