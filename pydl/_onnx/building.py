"""Building a model out of a graph: what the functions of ops (`_onnx/ops`) are given to work with."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from pydl import layers
from pydl._base.safetensors import MAX_RANK
from pydl._engine.graph import SymbolicTensor
from pydl._onnx.parsing import Graph, Node
from pydl._onnx.values import Value, blocks, channels_last

Array = np.ndarray

MAX_ELEMENTS = 2**27  # of a tensor, or of a sample of it: more is a damaged file or no model for one machine


class Building:
    """The state of an import.

    Attributes
    ----------
    dtype : str
        What the model computes in.
    values : dict
        What is known by the names of tensors.
    trained : set of str
        Names of constants that become weights: the file's tensors, not what ops make.
    opset : int
    batches : set of int
        Sizes of the batch that the file has fixed: in its shapes they stand for any.
    nodes : sequence of Node
        Those that outputs depend on, in order.
    of_whole : Node or None
        The first one that computes with whole numbers that depend on an input.
    """

    def __init__(self, graph: Graph, nodes: Sequence[Node], opset: int, dtype: str) -> None:
        self.dtype, self.opset, self.nodes = dtype, opset, nodes
        self.of_whole: Node | None = None
        self.values: dict[str, Any] = dict(graph.tensors)
        self.trained = set(graph.tensors)
        self.outputs = {p.name for p in graph.outputs}
        self.batches: set[int] = set()
        self.readers: dict[str, list[Node]] = {}
        for node in nodes:
            for name in node.inputs:
                self.readers.setdefault(name, []).append(node)
        self.flattened: dict[str, Value] = {}  # what only products read: the tensor before it was flattened
        self.done: set[int] = set()  # nodes that an earlier one has taken along
        self._names: set[str] = set()  # of layers
        self._counts: Counter[str] = Counter()
        self._turned: dict[tuple[int, tuple[int, ...]], SymbolicTensor] = {}
        self.node: Node  # at the moment

    # -- layers ---------------------------------------------------------------------------------------------------

    def name(self) -> str:
        """A name for a layer, after the node at hand."""
        stem = re.sub(r"[^\w.]+", "_", self.node.name or self.node.outputs[0]).strip("_")[:100] or self.node.op.lower()
        name = stem
        while name in self._names:
            self._counts[stem] += 1
            name = f"{stem}_{self._counts[stem] + 1}"
        self._names.add(name)
        return name

    def layer(self, kind: Any, *args: Any, **kwargs: Any) -> Any:
        """A layer of a class, with a name and the model's dtype."""
        return kind(*args, name=self.name(), dtype=self.dtype, **kwargs)

    def connect(self, layer: Any, x: Any, weights: Sequence[Array | None] = ()) -> SymbolicTensor:
        """What a layer makes of tensors; `weights`: its values, in order, those that it lacks left out."""
        given = iter([w for w in weights if w is not None])

        def add_weight(shape: Any, initializer: Any = None, **options: Any) -> Any:
            """As the layer would, but with the value at once: initializers may draw for seconds."""
            value = next(given)
            if value.shape != tuple(shape):
                raise ValueError(f"expected a constant of shape {tuple(shape)}, got {value.shape}")
            return type(layer).add_weight(layer, shape, lambda *_, **__: value, **options)

        layer.add_weight = add_weight
        try:
            y: SymbolicTensor = layer(x)
        finally:
            del layer.add_weight
        self.fits(y.shape[1:])
        return y

    def fits(self, shape: Sequence[Any]) -> None:
        """Refuse a shape that no memory should be taken for."""
        size = math.prod(d for d in shape if isinstance(d, int))
        if size > MAX_ELEMENTS or len(shape) > MAX_RANK:
            raise ValueError(f"expected at most {MAX_ELEMENTS} elements on {MAX_RANK} axes, got shape {list(shape)}")

    # -- looking ahead --------------------------------------------------------------------------------------------

    def only_reader(self, name: str) -> Node | None:
        """The node that reads a tensor, if no other does and it is no output."""
        found = self.readers.get(name, [])
        return found[0] if len(found) == 1 and name not in self.outputs and found[0].inputs.count(name) == 1 else None

    def constant(self, name: str) -> Array | None:
        """The value of a tensor if it is a constant."""
        value = self.values.get(name)
        return value if isinstance(value, np.ndarray) else None

    # -- orders of axes -------------------------------------------------------------------------------------------

    def ordered(self, x: Value, order: Sequence[int]) -> SymbolicTensor:
        """The tensor with its axes in this order."""
        wanted = tuple(order)
        if x.order == wanted:
            return x.tensor
        key = id(x.tensor), wanted
        if key not in self._turned:
            dims = [x.place(axis) for axis in wanted]
            moved = [d for d in dims if x.tensor.shape[d] != 1]
            if moved == sorted(moved):  # nothing but axes of size one changes its place
                target = [x.tensor.shape[d] for d in dims[1:]]
                turned = self.connect(self.layer(layers.Reshape, target), x.tensor)
            else:
                turned = self.connect(self.layer(layers.Permute, dims[1:]), x.tensor)
            self._turned[key] = turned
        return self._turned[key]

    def plain(self, x: Value) -> SymbolicTensor:
        """The tensor with its axes in the file's order."""
        return self.ordered(x, range(x.rank))

    def images(self, x: Value) -> SymbolicTensor:
        """The tensor with its channels last."""
        return self.ordered(x, channels_last(x.rank))

    def reshaped(self, x: Value, target: Sequence[int | None]) -> Value:
        """A view of a tensor in another shape, in the file's order; axes move only where they have to."""
        shape = x.shape
        pairs = blocks(shape, target)
        pairs.sort(key=lambda pair: min((x.place(a) for a in pair[0] if shape[a] != 1), default=x.rank))
        pairs.sort(key=lambda pair: pair[0] != [0])
        tensor = self.ordered(x, [a for pair in pairs for a in pair[0]])
        order = [b for pair in pairs for b in pair[1]]
        sizes = [target[b] for b in order[1:]]
        if list(tensor.shape[1:]) == sizes:
            return Value(tensor, order, x.whole)
        if None in sizes:
            raise ValueError(f"expected sizes known in advance, got {list(target)}")
        view = self.layer(layers.Flatten) if len(sizes) == 1 else self.layer(layers.Reshape, sizes)
        return Value(self.connect(view, tensor), order, x.whole)

    # -- functions of pydl.ops ------------------------------------------------------------------------------------

    def pointwise(self, function: Callable[[Any], Any], x: Array | Value, whole: bool = False) -> Any:
        """A function of each element, of a constant or a tensor."""
        if isinstance(x, np.ndarray):
            return np.asarray(function(x))
        return x.like(function(x.tensor), whole)

    def sides(self, *xs: Array | Value) -> tuple[list[Any], Callable[[Any], Any]]:
        """Operands with their axes in one order and of one rank, and what makes a value of a result."""
        tensors = [x for x in xs if isinstance(x, Value)]
        if not tensors:
            self.fits(np.broadcast_shapes(*(np.shape(x) for x in xs)))
            return list(xs), np.asarray
        first = max(tensors, key=lambda x: math.prod(d or 1 for d in x.shape))
        found: list[Any] = []
        for x in xs:
            if isinstance(x, Value):
                if x.rank != first.rank:
                    raise ValueError(f"tensors of the shapes {x.shape} and {first.shape}: samples would meet")
                found.append(self.ordered(x, first.order))
            else:
                found.append(self.beside(x, first))
        shapes = [tuple(x.shape[1:]) for x in found if np.ndim(x) > 0 or isinstance(x, SymbolicTensor)]
        self.fits([max((d or 1 for d in sizes), default=1) for sizes in zip(*shapes, strict=True)])
        return found, first.like

    def beside(self, x: Array, first: Value) -> Any:
        """A constant as an operand of a tensor: a number, or an array of the tensor's rank, in its order."""
        if x.size == 1:
            if x.ndim > first.rank:
                raise ValueError(f"a constant of shape {x.shape} and a tensor of shape {first.shape}")
            return x.reshape(()).item()
        shape = (1,) * (first.rank - x.ndim) + x.shape
        if len(shape) != first.rank or shape[0] != 1:
            raise ValueError(f"a constant of shape {x.shape}, which differs between samples, and {first.shape}")
        return x.reshape(shape).transpose(first.order)


def as_list(x: Any) -> list[int]:
    """A constant as a list of whole numbers."""
    if not isinstance(x, np.ndarray):
        raise ValueError("expected constants that say axes, sizes and the like, got what inputs decide")
    return [v if not isinstance(v, int | float | np.generic) else int(v) for v in x.reshape(-1).tolist()]


def axis_of(axis: int, rank: int) -> int:
    """An axis from the front."""
    if not -rank <= axis < rank:
        raise ValueError(f"no axis {axis} in a tensor of {rank}")
    return axis % rank


def behind_batch(axes: Sequence[int], rank: int) -> list[int]:
    """Axes from the front, none of them the batch."""
    found = [axis_of(int(a), rank) for a in axes]
    if 0 in found or len(set(found)) < len(found):
        raise ValueError(f"axes {list(axes)}: samples would meet")
    return found
