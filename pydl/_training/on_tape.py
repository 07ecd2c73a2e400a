"""Layers of the library, and models, called on values with a history: in losses, and in code that is no graph."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from threading import Lock
from typing import Any

import numpy as np

from pydl import config
from pydl._base import check, random
from pydl._engine.builder import Builder
from pydl._engine.graph import SymbolicTensor, code_limits
from pydl._engine.layout import array_of
from pydl._engine.objective import emit_gather
from pydl._engine.operators import recording
from pydl._engine.program import Arrays
from pydl._engine.tape import Tape, Traced, value_of
from pydl._engine.team import choose_threads
from pydl._engine.tracing import packed
from pydl._engine.walk import Walk
from pydl.layers.base import Layer

Array = np.ndarray

_MOST = 16  # plans that a layer keeps


def apply_on_tape(layer: Layer, inputs: Any, training: bool, tape: Tape) -> Any:
    """`layer(x)` for an input, or a list of them, which may have a history: so have the outputs, of weights too.

    Raises
    ------
    ValueError
        Inputs that do not fit; a layer that adds to the loss, or that makes a mask, of which nobody would know here.
    """
    listed = isinstance(inputs, list | tuple)
    given = list(inputs) if listed else [inputs]
    both = _found(layer, given, listed, training)
    values = [value_of(x) for x in given]
    arrays = [check.model_input(both.owner, *each) for each in zip(both.inputs, values, both.codes, strict=True)]
    draw = both.next_draw()
    outputs = both.run(draw, arrays)[: len(both.shapes)]
    parents = [*given, *(tape.weight(v) for v in both.trained)]

    def pull(i: int) -> Callable[[Array], Sequence[Any]]:
        return lambda dy: both.pull(draw, arrays, i, dy)

    return packed(layer._output_keys, [tape.note(y, parents, pull(i)) for i, y in enumerate(outputs)])


class _Both:
    """Both passes of a layer, for inputs of some shapes.

    Attributes
    ----------
    owner : str
    inputs : list of SymbolicTensor
    codes : list of int or None
        For each input, how many codes there are, where its values must be codes.
    shapes : list of tuple
        Of the outputs.
    trained : list of Variable
        Weights that have gradients.
    random : bool
        Whether random numbers are drawn.
    """

    def __init__(
        self, layer: Layer, shapes: Sequence[Any], wanted: Sequence[bool], listed: bool, training: bool
    ) -> None:
        self.owner, self._layer = f'layer "{layer.name}"', layer
        self.inputs = [SymbolicTensor((None, *s[1:]), layer.dtype, f"input_{i}") for i, s in enumerate(shapes)]
        call = layer.connect(self.inputs if listed else self.inputs[0], training)
        if layer.adds_loss:
            raise ValueError(f"{self.owner}: it adds to the loss, which is not possible where it is called")
        if any(t.masked for t in call.outputs):
            raise ValueError(
                f"{self.owner}: it makes a mask, which would not reach the layers behind it, as the code that calls it "
                "is no graph; leave the mask out, as by mask_zero=False"
            )
        self.codes = code_limits(self.inputs, [call])
        n, limit = shapes[0][0], config.get_num_threads()
        trained = [v for v in layer.weights if v.trainable]
        b = Builder(layer.dtype, n, training=False, gradients=True, threads=limit, trained=trained)
        xs = [b.tensor((n, *s[1:]), trainable=want) for s, want in zip(shapes, wanted, strict=True)]
        for k, (x, codes) in enumerate(zip(xs, self.codes, strict=True)):
            x.value.codes = codes
            emit_gather(b, x.buffer, k)
        walk = Walk(b, [call], {id(t): x for t, x in zip(self.inputs, xs, strict=True)})
        walk.forward({})
        ys = [walk[t] for t in call.outputs]
        for k, y in enumerate(ys):
            b.emit("put", x=y.buffer, B=n, O=y.columns, k=k)
        for k, y in enumerate(ys, start=len(xs)):
            b.note_reader(y)
            b.add_input_gradient(y, partial(_gather_gradient, b, k))
        walk.backward()
        for k, x in enumerate(xs, start=len(ys)):
            slope = b.gradient(x)
            if slope is not None:
                b.emit("put", x=slope, B=n, O=x.columns, k=k)
        b.emit_tail()
        self._plan, self._alone, self._calls, self._own_seeds = b.finish(), Lock(), 0, b.own_seeds
        self._threads = choose_threads(self._plan.work, limit)
        self.shapes, self.trained, self.random = [y.shape for y in ys], list(b.trained.values()), b.streams > 0

    def next_draw(self) -> tuple[int, int]:
        """A seed, and the number of the call, by which layers with a seed of their own draw."""
        call, self._calls = self._calls, self._calls + self._own_seeds
        return random.next_seed() if self.random else 0, call

    def run(self, draw: tuple[int, int], arrays: Sequence[Array], dys: Sequence[Array] | None = None) -> list[Array]:
        """The outputs, and gradients of the inputs, from those of the outputs."""
        dtype = self._layer.dtype
        dys = [np.zeros(s, dtype) for s in self.shapes] if dys is None else dys
        found = [np.zeros(s, dtype) for s in [*self.shapes, *(a.shape for a in arrays)]]
        with self._alone, recording(None):
            self._plan.run(1, len(arrays[0]), sources=Arrays([*arrays, *dys]), sinks=Arrays(found, True),
                           nth=self._threads, seed=draw[0], count=draw[1])  # fmt: skip
        return found

    def pull(self, draw: tuple[int, int], arrays: Sequence[Array], i: int, dy: Array) -> list[Array]:
        """Gradients of the inputs, then of weights, from that of output i; nothing else is different afterwards."""
        dys = [np.zeros(s, self._layer.dtype) for s in self.shapes]
        dys[i][...] = dy
        moving = [v.buffer for v in self._layer.weights if not v.trainable]
        kept = [(b, array_of(b).copy()) for b in (*(v.gradient_buffer() for v in self.trained), *moving)]
        slopes = self.run(draw, arrays, dys)[len(self.shapes) :]
        found = [np.array(v.unpack(v.gradient_buffer())) for v in self.trained]
        for buffer, values in kept:
            array_of(buffer)[...] = values
        return [*slopes, *found]


def _gather_gradient(b: Builder, k: int, dy: Any, _: int) -> None:
    emit_gather(b, dy, k)


class _Known(dict[Any, _Both]):
    """What was made for a layer; a copy of the layer makes its own."""

    def __reduce__(self) -> Any:
        return _Known, ()


def _found(layer: Layer, given: Sequence[Any], listed: bool, training: bool) -> _Both:
    """The passes of a layer for such inputs, made when first asked for."""
    wanted = [isinstance(x, Traced) for x in given]
    shapes = [np.shape(value_of(x)) for x in given]
    trained = tuple(id(v) for v in layer.weights if v.trainable)
    key = tuple(shapes), tuple(wanted), listed, training, trained, config.get_num_threads()
    known = vars(layer).setdefault("_on_tape", _Known())
    if key not in known:
        if len(known) == _MOST:
            del known[next(iter(known))]
        known[key] = _Both(layer, shapes, wanted, listed, training)
    return known[key]
