"""One row's prediction as calls of the library's functions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pydl._engine.builder import Buffer, Builder
from pydl._engine.graph import Call as LayerCall
from pydl._engine.graph import is_open
from pydl._engine.layout import array_of
from pydl._engine.record import Record
from pydl._engine.tensor import Tensor
from pydl._engine.walk import Walk

if TYPE_CHECKING:
    from pydl.models.model import Model


MOST = 2**31  # elements that an int32_t cannot count


@dataclass(frozen=True)
class In:
    """An argument that is read: a buffer, from an element on."""

    buffer: Any
    start: int = 0


@dataclass(frozen=True)
class Out:
    """An argument that is written."""

    buffer: Any
    start: int = 0


@dataclass(frozen=True)
class Number:
    """A constant of the dtype, or a double."""

    value: float
    double: bool = False


@dataclass(frozen=True)
class Windows:
    """The sizes of images and windows."""

    sizes: tuple[int, ...]


class Scratch:
    """Memory that one call needs."""

    def __init__(self, size: int) -> None:
        self.size = size


@dataclass
class Call:
    """A call of a function of the library.

    Attributes
    ----------
    function : str
        Without the prefix.
    arguments : tuple
        In, Out, Number, Windows, arrays (constants), whole numbers, None.
    work : int
        Multiply-adds.
    """

    function: str
    arguments: tuple[Any, ...]
    work: int = 0


class _Own(Builder):
    """A builder that knows its buffers from those of weights."""

    def __init__(self, dtype: str) -> None:
        super().__init__(dtype, 1, training=False, gradients=False, threads=1)
        self.own: dict[int, Buffer] = {}

    def buffer(self, shape: Sequence[int], dtype: str | None = None) -> Buffer:
        made = super().buffer(shape, dtype)
        self.own[id(made)] = made
        return made


class _Named(Walk):
    """A walk that notes which layer each record came from, and the shapes of what this was called on."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.layers: dict[int, tuple[Any, list[tuple[int, ...]]]] = {}

    def _forward(self, call: LayerCall, claims: Any) -> None:
        super()._forward(call, claims)
        shapes = [x.shape for x in self._inputs(call)]
        for record in self.builder.records:
            self.layers.setdefault(id(record), (call.layer, shapes))


class Unit:
    """What a file computes.

    Parameters
    ----------
    model : Model
    title : str
        Beginning of messages.

    Attributes
    ----------
    inputs, outputs : list of Tensor
    layers : list
        The layer of each of the builder's records, and the shapes of its inputs: buffers have those of the layers that
        made them, which others may see as other shapes.
    calls : list of Call
        What `ops` makes of them.
    constants : list of (str, array)
        By name, in the order in which they are used.
    """

    def __init__(self, model: Model, title: str) -> None:
        self.model, self.title = model, title
        if model.host is not None:
            names = [call.layer.name for call in model.host.calls]
            raise ValueError(f"{title}: layers {names} prepare data in Python; export the model behind them")
        if is_open(model.inputs):
            shapes = [t.shape for t in model.inputs]
            raise ValueError(
                f"{title}: sizes of the inputs {shapes} are open; C needs a model whose inputs have all sizes"
            )
        graph = model.computed
        self.dtype = graph.dtype
        self.builder = _Own(self.dtype)
        shapes = [tuple(int(d or 0) for d in t.shape[1:]) for t in graph.inputs]
        self.inputs: list[Tensor] = [self.builder.constant_tensor((1, *shape)) for shape in shapes]
        for x, codes in zip(self.inputs, graph.code_limits(), strict=True):
            x.value.codes = codes
        walk = _Named(self.builder, graph.calls, {id(t): x for t, x in zip(graph.inputs, self.inputs, strict=True)})
        walk.forward({})
        self.outputs = [walk[t] for t in graph.outputs]
        self.constants: list[tuple[str, np.ndarray]] = []
        self.notes: dict[int, Record] = {}  # what one record leaves to another, by id of a buffer
        self.calls: list[Call] = []
        self._arrays: dict[Any, np.ndarray] = {}
        self.layers = [walk.layers[id(record)] for record in self.builder.records]
        self.layer: Any = None  # the one whose record is being looked at
        self.shapes: list[tuple[int, ...]] = []  # of its inputs

    def refuse(self, why: str) -> ValueError:
        """The error for the layer whose records are being written."""
        return ValueError(
            f'{self.title}: layer "{self.layer.name}" ({type(self.layer).__name__}) has no form in C: {why}; '
            "export the model up to it, or to another format"
        )

    def bound(self) -> None:
        """Give the buffers memory, for a record that is run."""
        if not len(self.builder.plan):
            plan = self.builder.finish()
            plan.bind(Buffer((plan.nbytes,), "uint8"))

    def is_own(self, buffer: Any) -> bool:
        """Whether it holds what is computed, not constants."""
        return isinstance(buffer, Scratch) or id(buffer) in self.builder.own

    def value(self, buffer: Any) -> np.ndarray:
        """The array of a weight, as it is stored."""
        if self.is_own(buffer):
            raise self.refuse("a weight that is computed")
        return array_of(buffer) if isinstance(buffer, Buffer) else np.asarray(buffer)

    def constant(self, what: str, array: Any) -> np.ndarray:
        """An array that the file holds, under the layer's name and this word; equal ones of a layer are one."""
        values = np.ascontiguousarray(array).ravel()
        if values.size >= MOST:
            raise self.refuse(f"{values.size:,} numbers are more than 32 bits can count")
        if values.dtype.kind == "f":
            values = values.astype(self.dtype)
            if not np.isfinite(values).all():
                raise ValueError(f'{self.title}: layer "{self.layer.name}" has weights that are not finite')
        word = "".join(c if c.isascii() and c.isalnum() else "_" for c in f"{self.layer.name}_{what}")
        key = (id(self.layer), what, values.tobytes())
        if key not in self._arrays:
            taken = {name for name, _ in self.constants}
            name = next(n for n in [word, *(f"{word}_{i}" for i in range(2, 2 + len(taken)))] if n not in taken)
            self._arrays[key] = values
            self.constants.append((name, values))
        return self._arrays[key]
