"""Layers written in NumPy, as records: `call`, and `backward` or, without one, the gradients that a tape takes back."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from pydl._engine.arguments import Arguments
from pydl._engine.builder import Builder
from pydl._engine.kinds import if_whole
from pydl._engine.layout import array_of
from pydl._engine.lent import lending, read_only
from pydl._engine.masked_array import with_mask
from pydl._engine.shapes import shape_by_trial
from pydl._engine.tape import Tape, Traced, value_of
from pydl._engine.tensor import Tensor
from pydl._engine.variable import state_of

if TYPE_CHECKING:
    from pydl._engine.graph import Shape
    from pydl._engine.protocols import NumPyLayer

Array = np.ndarray

_FLAGS = ("training", "mask")  # of `call`: no inputs


class Signature:
    """What `call` of a layer takes: whether several inputs come one by one, and which of `training` and `mask`.

    `form`: where inputs go that come otherwise than one by one or in a list.
    """

    def __init__(self, call: Any, form: Arguments | None = None) -> None:
        self.form = form
        parameters = inspect.signature(call).parameters
        kinds = [p.kind for name, p in parameters.items() if name not in _FLAGS]
        positional = [
            k for k in kinds if k in (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
        ]
        self.spread = len(positional) != 1 or inspect.Parameter.VAR_POSITIONAL in kinds
        self.training, self.mask = (name in parameters for name in _FLAGS)

    def arguments(self, inputs: Sequence[Any], listed: bool, training: Any, mask: Any = None) -> tuple[Any, Any]:
        """Positional and keyword arguments for some inputs."""
        flags = {"training": training} if self.training else {}
        if self.mask:
            flags["mask"] = mask
        if self.form is not None:
            args, keywords = self.form.filled(inputs)
            return args, {**flags, **keywords}
        return (tuple(inputs) if self.spread or not listed else (list(inputs),)), flags


def listed(values: Any) -> list[Any]:
    if isinstance(values, dict):
        return list(values.values())
    return list(values) if isinstance(values, list | tuple) else [values]


def output_shapes(layer: NumPyLayer, shapes: Sequence[Shape], several: bool) -> list[Shape]:
    """Shapes of what `call` returns, as it does on zeros. Weights that it writes are put back."""
    signature = layer._signature_of_call()

    def on_zeros(zeros: list[Any]) -> list[Any]:
        layer.forget_losses()

        def call(mask: Any, *given: Any) -> Any:
            args, flags = signature.arguments(given, several, False, mask)
            return layer.call(*args, **flags)

        try:
            values = lending(partial(call, None), layer, *zeros)
        except Exception:
            if not signature.mask:
                raise
            values = lending(partial(call, np.ones(zeros[0].shape[:2], bool)), layer, *zeros)
        layer._output_keys = list(values) if isinstance(values, dict) else None
        found = [value_of(y) for y in listed(values)]
        layer.result_kinds = [if_whole(str(getattr(y, "dtype", ""))) for y in found]
        return found

    put_back = state_of(layer.weights)
    owner = f'layer "{layer.name}": {type(layer).__name__}.call'
    try:
        return shape_by_trial(owner, shapes, layer.dtype, on_zeros)
    finally:
        put_back()


def emit_call(layer: NumPyLayer, b: Builder, x: Sequence[Tensor], several: bool) -> list[Tensor]:
    """The record of the forward pass; returns the outputs."""
    b.note_reader(*x)
    shapes: list[Any] = [(None, *t.shape[1:]) for t in x]
    outputs = layer.output_shapes(shapes if several else shapes[0])
    trainable = b.trains(*layer.weights)
    ys = [b.tensor((b.batch, *(int(d or 0) for d in s[1:])), *x, trainable=trainable) for s in outputs]
    signature, training = layer._signature_of_call(), b.training
    history: list[Any] = []  # of the last run: a tape, inputs and outputs on it
    taped = not layer.has_backward and any(y.value.needs_grad for y in ys)
    b.notes[id(ys[0].value), "history"] = history
    added = b.buffer((1,), "float64") if layer.terms else None  # in the trial that showed the shapes
    if added is not None:
        b.added.append(added)

    first = True

    def run() -> None:
        nonlocal first
        put_back = state_of(layer.weights) if first else None  # no more then: such weights may be large
        tape, first = Tape(), False
        arrays = [t.array() for t in x]
        masks = [None if t.mask is None else t.mask.array() != 0 for t in x]
        inputs: list[Any] = [tape.watch(a) if taped else with_mask(a, m) for a, m in zip(arrays, masks, strict=True)]

        def call(*given: Any) -> Any:
            args, flags = signature.arguments(given, several, training, masks[0])
            layer.forget_losses()
            return layer.call(*args, **flags)

        with ExitStack() as stack:
            if taped:
                stack.enter_context(tape.running())
            try:
                values = listed(lending(call, layer, *inputs, undo=put_back))
            except TypeError as error:
                if not taped or layer.no_graph is None:
                    raise
                raise ValueError(
                    f'layer "{layer.name}" cannot be trained: {error}; nor could the layers that '
                    f"{type(layer).__name__}.call uses be found by running it on symbolic tensors: {layer.no_graph}; "
                    "or override backward(x, y, dy)"
                ) from error
        _check_count(layer, "call", values, len(ys))
        terms = layer.terms
        if added is not None:
            array_of(added)[0] = b.batch * sum(float(np.sum(value_of(term))) for term in terms)
        history[:] = [tape, inputs, values + terms] if taped else []
        for value, y in zip(values, ys, strict=True):
            array = np.asarray(value_of(value))
            if array.shape != y.shape:
                raise ValueError(f'layer "{layer.name}": call returned shape {array.shape}, expected {y.shape}')
            y.array()[...] = array

    written = [y.buffer for y in ys] + ([] if added is None else [added])
    b.emit_python(f"{type(layer).__name__}.call", run, [t.buffer for t in x], written)
    return ys


def emit_backward(layer: NumPyLayer, b: Builder, x: Sequence[Tensor], ys: Sequence[Tensor]) -> None:
    """The record of the backward pass, from the gradients of the outputs."""
    grads = [b.gradient(t) for t in ys]
    wanted = [(i, t, b.buffer(t.shape)) for i, t in enumerate(x) if t.value.needs_grad]
    trained = [v for v in layer.weights if b.trains(v)]
    b.note_weight_gradient(*trained)
    again = [v for v in trained if b.adds(v)]
    history = b.notes[id(ys[0].value), "history"]

    def found(outs: list[Array], douts: list[Array]) -> list[Any]:
        if layer.has_backward:
            several = len(ys) > 1
            arrays = map(read_only, (t.array() for t in x))
            given = [*map(read_only, outs)], [dout.copy() for dout in douts]  # the latter may be written to
            return listed(layer.backward(*arrays, *(given if several else (given[0][0], given[1][0]))))
        tape, inputs, values = history
        if not layer.told_of_weights:
            layer.told_of_weights = True
            _tell_of_weights(layer, tape)
        return _taken_back(tape, inputs, values, douts, trained)

    def run() -> None:
        before = [array_of(v.gradient_buffer()).copy() for v in again]
        outs = [t.array() for t in ys]
        douts = [np.zeros_like(out) if g is None else array_of(g).reshape(out.shape)
                 for out, g in zip(outs, grads, strict=True)]  # fmt: skip
        with ExitStack() as stack:
            for v in trained:
                stack.enter_context(v.writable_gradient())
            slopes = found(outs, douts)
        for i, t, buffer in wanted:
            grad = np.asarray(slopes[i] if i < len(slopes) else None)
            if grad.shape != t.shape:
                raise ValueError(
                    f'layer "{layer.name}": backward returned shape {grad.shape} for input {i}, expected {t.shape}'
                )
            array_of(buffer).reshape(t.shape)[...] = grad
        for v, old in zip(again, before, strict=True):
            array_of(v.gradient_buffer())[...] += old

    reads = [*(t.buffer for t in (*x, *ys)), *(g for g in grads if g is not None)]
    writes = [*(buffer for *_, buffer in wanted), *(b.weight_gradient(v) for v in trained)]
    b.emit_python(f"{type(layer).__name__}.backward", run, reads, writes)
    for _, t, buffer in wanted:
        b.give_input_gradient(t, buffer)


def _tell_of_weights(layer: NumPyLayer, tape: Tape) -> None:
    """Warn of weights that a layer computes with and does not hold: they get no gradient from it."""
    held = {id(v) for v in layer.weights}
    others = [v.path for v in tape.variables if v.trainable and id(v) not in held]
    if others:
        warnings.warn(
            f'layer "{layer.name}" computes with weights that it does not hold, {", ".join(others[:5])}: they get no '
            "gradient from it, and are not saved with it; keep the layer that has them as an attribute",
            stacklevel=2,
        )


def _taken_back(tape: Tape, inputs: list[Traced], values: list[Any], douts: list[Array], trained: Any) -> list[Array]:
    """Gradients of the inputs; those of weights are written. Behind the outputs stand terms of the loss."""
    terms = [np.ones(np.shape(value_of(t))) for t in values[len(douts) :]]
    tape.take_back(values, [*douts, *terms])
    for v in trained:
        at = tape.weights.get(id(v))
        v.gradient[...] = 0 if at is None or at.gradient is None else at.gradient
    return [np.zeros_like(t.value) if t.gradient is None else t.gradient for t in inputs]


def _check_count(layer: NumPyLayer, method: str, values: list[Any], expected: int) -> None:
    if len(values) != expected:
        raise ValueError(f'layer "{layer.name}": {method} returned {len(values)} arrays, expected {expected}')
