"""The graph that Python code of layers amounts to: found by running it once on symbolic tensors."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pydl._engine.arguments import Arguments
from pydl._engine.builder import Builder
from pydl._engine.graph import Call, Shape, SymbolicTensor, bound_shapes, code_limits, computed_in, order_calls
from pydl._engine.masks import flags_of
from pydl._engine.numpy_layer import Signature
from pydl._engine.operators import NoGraph, recording
from pydl._engine.tape import Expression, Op
from pydl._engine.tensor import Tensor
from pydl._engine.variable import Variable
from pydl._engine.walk import Walk


class Phase:
    """What `training` is while code runs on symbolic tensors: not known. Asked whether it is true, it notes that."""

    def __init__(self, answer: bool) -> None:
        self.answer, self.asked = answer, False

    def __bool__(self) -> bool:
        self.asked = True
        return self.answer


def trace(
    owner: str, code: Callable[[Any], Any], inputs: Sequence[SymbolicTensor]
) -> tuple[Any, list[Call], list[SymbolicTensor]]:
    """What `code(training)` returns, tensors that depend on `inputs`; the calls of layers between; what it added to the
    loss meanwhile.

    Code that asks whether it is training may then call layers that change nothing otherwise, such as Dropout.

    Raises
    ------
    ValueError
        No symbolic tensors came out.
    NoGraph
        Code that does something else in training, or in each step.
    """
    phase = Phase(True)
    outputs, added = _traced(code, phase, inputs)
    calls = _calls(owner, inputs, outputs, added)
    if phase.asked:
        other, _ = _traced(code, Phase(False), inputs)
        others = _calls(owner, inputs, other, [])
        if _likeness(inputs, calls, outputs) != _likeness(inputs, others, other):
            raise NoGraph(
                f"{owner}: what it computes in training differs in more than layers that do nothing otherwise, such as "
                "Dropout; leave the choice to layers that take `training`, as in self.dropout(x, training=training)"
            )
    return outputs, calls, added


def trace_call(
    owner: str, call: Callable[..., Any], inputs: Sequence[Any], listed: bool, form: Arguments | None = None
) -> tuple[Any, list[Call], list[SymbolicTensor]]:
    """`trace` of a layer's or model's `call` on symbolic tensors or dicts of them; `listed`: that come in a list.

    `form`: where they go if they come otherwise.
    """
    signature = Signature(call, form)

    def code(training: Phase) -> Any:
        args, flags = signature.arguments(inputs, listed, training)
        return call(*args, **flags)

    return trace(owner, code, [t for given in inputs for t in leaves(given)])


def _traced(
    code: Callable[[Any], Any], phase: Phase, inputs: Sequence[SymbolicTensor]
) -> tuple[Any, list[SymbolicTensor]]:
    later = _Later(inputs)
    with recording(later):
        return code(phase), later.added


class _Later:
    """Notes functions of weights, to be computed whenever the graph runs, and what is added to the loss."""

    def __init__(self, inputs: Sequence[SymbolicTensor]) -> None:
        self.added: list[SymbolicTensor] = []
        self._batch = next((t for t in inputs if t.dtype != "string"), None)

    def by_batch(self, function: str, *values: Any) -> Any:
        """A function of `pydl.ops` of the batch, whatever it is, and of what does not depend on it."""
        return NotImplemented if self._batch is None else Op.known[function](self._batch, *values)

    def of_weights(self, op: Op, tensors: Sequence[Any], others: dict[str, Any]) -> Expression:
        return Expression(lambda *given: op(*(given if op.tensors else [list(given)]), **others), tensors)

    def of_layer(self, layer: Any, given: Any, training: Any) -> Any:
        """A layer on constants and weights: computed whenever the graph runs, if there are weights."""
        listed = isinstance(given, list | tuple)
        tensors = list(given) if listed else [given]
        if any(isinstance(t, SymbolicTensor) for t in tensors):
            raise NoGraph(f'layer "{layer.name}": it is given tensors of the graph beside others')
        with recording(None):
            now = [t.compute() if isinstance(t, Expression) else t for t in tensors]
            y = layer(now if listed else now[0], training=bool(training))
        if not layer.weights and not any(isinstance(t, Expression | Variable) for t in tensors):
            return y
        if isinstance(y, list | tuple | dict):
            raise NoGraph(f'layer "{layer.name}": it gives several outputs, of weights alone')

        def call(*values: Any) -> Any:
            return layer(list(values) if listed else values[0], training=bool(training))

        return Expression(call, tensors, layer.weights)

    def weight(self, variable: Variable) -> Variable:
        return variable

    def assigned(self, variable: Variable) -> None:
        raise NoGraph(
            f'weight "{variable.path}": a graph is found by running the code once, so it cannot assign weights at each '
            "step"
        )


def _likeness(inputs: Sequence[SymbolicTensor], calls: Sequence[Call], outputs: Any) -> Any:
    """What outputs are made of, the same for graphs that compute the same out of training."""
    known: dict[int, Any] = {id(t): ("input", i) for i, t in enumerate(inputs)}
    for c in calls:
        layer = c.layer
        given = [known[id(t)] for t in c.inputs]
        own = (type(layer), {**layer.get_config(), "name": None}) if layer.of_function else id(layer)
        for i, t in enumerate(c.outputs):
            known[id(t)] = given[0] if layer.only_in_training else (own, c.training, given, i)
    return [known[id(t)] for t in leaves(outputs)]


def _calls(owner: str, inputs: Sequence[SymbolicTensor], outputs: Any, added: Sequence[SymbolicTensor]) -> list[Call]:
    tensors = leaves(outputs)
    if not tensors or not all(isinstance(t, SymbolicTensor) for t in tensors):
        raise ValueError(
            f"{owner}: expected a tensor, or a list or dict of them, computed by layers and functions of pydl.ops from "
            f"the inputs, got {outputs!r}"
        )
    return order_calls(inputs, [*tensors, *added])


def leaves(values: Any) -> list[Any]:
    """The tensors of a list, tuple or dict, or the only one."""
    if isinstance(values, Mapping):
        return list(values.values())
    return list(values) if isinstance(values, list | tuple) else [values]


def packed(keys: Sequence[str] | None, tensors: Sequence[Any]) -> Any:
    """Tensors under keys; without keys as a list, or the only one."""
    if keys is not None:
        return dict(zip(keys, tensors, strict=True))
    return list(tensors) if len(tensors) > 1 else tensors[0]


class Graph:
    """Calls between inputs and outputs that together are one layer."""

    def __init__(
        self, inputs: Sequence[SymbolicTensor], outputs: Sequence[SymbolicTensor], calls: Sequence[Call]
    ) -> None:
        self.inputs, self.outputs, self.calls = inputs, outputs, calls

    def again(self, inputs: Sequence[SymbolicTensor], training: bool | None) -> list[SymbolicTensor]:
        """The outputs of the same layers, called one by one on these inputs."""
        tensors = {id(t): new for t, new in zip(self.inputs, inputs, strict=True)}
        for call in self.calls:
            xs = [tensors[id(t)] for t in call.inputs]
            phase = training if call.training is None else call.training
            new = call.layer.connect(xs if call.listed else xs[0], phase)
            tensors |= {id(old): t for old, t in zip(call.outputs, new.outputs, strict=True)}
        return [tensors[id(t)] for t in self.outputs]

    @property
    def dtype(self) -> str:
        """What is computed in."""
        return computed_in(self.outputs)

    def shapes(self, shapes: Sequence[Shape]) -> list[Shape]:
        """Shapes of the outputs for inputs of these shapes."""
        return bound_shapes(self.inputs, self.outputs, self.calls, shapes)

    def code_limits(self) -> list[int | None]:
        """For each input, None, or the number of codes where its values must be codes."""
        return code_limits(self.inputs, self.calls)

    def masks(self, masked: Sequence[bool]) -> list[bool]:
        """For each output, whether it has a mask if these inputs have."""
        return flags_of(self.inputs, self.calls, self.outputs, masked)

    def emit_forward(self, b: Builder, *x: Tensor) -> Any:
        """Emit the forward pass; returns the output, or a list of several."""
        walk = Walk(b, self.calls, {id(t): given for t, given in zip(self.inputs, x, strict=True)})
        walk.forward({} if b.claim is None else {id(self.outputs[0]): b.claim})
        ys = [walk[t] for t in self.outputs]
        b.notes[id(ys[0].value), id(self)] = walk
        return ys if len(ys) > 1 else ys[0]

    def emit_backward(self, b: Builder, *x: Tensor, y: Any) -> None:
        """Emit the backward pass from the gradients of the outputs."""
        first = y[0] if isinstance(y, list) else y
        b.notes[id(first.value), id(self)].backward()
