"""The graph of a model: symbolic tensors, the calls of layers between them, and their order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from pydl._engine.operators import Operators, recorder

if TYPE_CHECKING:
    from pydl._engine.protocols import Layer

Shape = tuple[int | None, ...]


class SymbolicTensor(Operators):
    """What a layer's call will produce: a shape (batch first, None) and a dtype, no values.

    Operators and the functions of `pydl.ops`, with other tensors, numbers and arrays, give the output of a layer that
    computes them.

    Attributes
    ----------
    shape : tuple
        `(None, ...)`, or with a size of the batch that an `Input` was given, which binds no data.
    dtype : str
    call : Call or None
        The call that produces it; None for a model's input.
    name : str
    masked : bool
        Whether a mask says which of its steps count.
    single : bool
        Whether it is one number for the whole batch, as often as there are samples.
    kind : str or None
        The dtype of what a model returns for it, where that is one of whole numbers or truth values; kernels compute
        floats.
    """

    #: What functions of `pydl.ops` make of tensors, some of them symbolic, and their other arguments: layers, by the
    #: name of the function; "" is for those without an entry, or whose own gives NotImplemented. The layers set them.
    forms: ClassVar[dict[str, Callable[..., Any]]] = {}

    kind: str | None = None

    @classmethod
    def apply(cls, op: Any, tensors: Sequence[Any], others: dict[str, Any]) -> Any:
        """The output of a layer that computes a function of `pydl.ops`."""
        form = cls.forms.get(op.name)
        y = NotImplemented if form is None else form(tensors, others)
        if y is NotImplemented:
            y = cls.forms[""](op, tensors, others)
        y.call.layer.of_function = True
        y.single = y.call.layer.one_for_all or all(t.single for t in tensors if isinstance(t, SymbolicTensor))
        return y

    def __init__(
        self, shape: Shape, dtype: str = "float32", name: str = "keras_tensor", call: Call | None = None
    ) -> None:
        self.masked = self.single = False
        self.shape = shape
        self.dtype = dtype
        self.name = name
        self.call = call

    @property
    def ndim(self) -> int:
        return len(self.shape)

    def __eq__(self, other: object) -> Any:
        """Where values equal a number, a text or, in code of a layer, those of a tensor; else whether it is that."""
        if other is None or (isinstance(other, SymbolicTensor) and recorder.get() is None):
            return self is other
        return self.operate("equal", self, other)

    def __ne__(self, other: object) -> Any:
        if other is None or (isinstance(other, SymbolicTensor) and recorder.get() is None):
            return self is not other
        return self.operate("not_equal", self, other)

    __hash__ = object.__hash__

    def __repr__(self) -> str:
        return f"<SymbolicTensor shape={self.shape}, dtype={self.dtype}, name={self.name}>"

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        raise TypeError(f"{self!r} has no values: build a pydl.Model from it and call that on an array")


class Call:
    """One use of a layer: its inputs and its outputs.

    Attributes
    ----------
    inputs, outputs : list of SymbolicTensor
    listed, several : bool
        Whether the layer was given, and whether it returns, a list, be it of one tensor.
    training : bool or None
        Whether the layer behaves as in training; None: as the model does.
    keys : list of str or None
        Of what the layer returns, if it is a dict.
    """

    keys: list[str] | None = None

    def __init__(
        self, layer: Layer, inputs: Sequence[SymbolicTensor], shapes: Sequence[Shape], dtype: str, listed: bool,
        several: bool, training: bool | None,
    ) -> None:  # fmt: skip
        self.layer = layer
        self.listed, self.several = listed, several
        self.training = training
        self.inputs = list(inputs)
        known = {t.shape[0] for t in inputs} - {None}
        batch = known.pop() if len(known) == 1 else None
        self.outputs = [SymbolicTensor((batch, *shape[1:]), dtype, layer.name, self) for shape in shapes]

    @property
    def input(self) -> Any:
        """What the layer was given: a tensor or a list."""
        return list(self.inputs) if self.listed else self.inputs[0]

    @property
    def output(self) -> Any:
        """What the layer returned: a tensor, a list or a dict."""
        if self.keys is not None:
            return dict(zip(self.keys, self.outputs, strict=True))
        return list(self.outputs) if self.several else self.outputs[0]


def open_batch(shape: Shape) -> Shape:
    """The shape, of whatever batch: what layers are built for."""
    return (None, *shape[1:])


def of_any_batch(constant: Any, t: SymbolicTensor) -> Any:
    """An array with a row for each sample of a batch, whose size an `Input` says, as one row: they are all the same."""
    batch = t.shape[0]
    if batch in (None, 1) or np.ndim(constant) != t.ndim or np.shape(constant)[0] != batch:
        return constant
    rows = np.asarray(constant)
    if (rows == rows[:1]).all():
        return rows[:1]
    raise ValueError(
        f"an array of shape {rows.shape} has a row for each of the {batch} samples that an Input says a batch has, and "
        "they differ: batches have the size that the data have"
    )


def computed_in(outputs: Sequence[SymbolicTensor]) -> str:
    """The dtype of what is computed: that of the first output of floats, if there is one."""
    return next((t.dtype for t in outputs if t.dtype.startswith("float")), outputs[0].dtype)


def is_symbolic(x: Any) -> bool:
    """Whether `x` is a symbolic tensor or a non-empty list of them."""
    return isinstance(x, SymbolicTensor) or (
        isinstance(x, list | tuple) and len(x) > 0 and all(isinstance(t, SymbolicTensor) for t in x)
    )


def order_calls(inputs: Sequence[SymbolicTensor], outputs: Sequence[SymbolicTensor]) -> list[Call]:
    """The calls between inputs and outputs, each behind those it depends on.

    Raises
    ------
    ValueError
        When an output depends on an `Input` that is not among `inputs`. Inputs may lead to no output.
    """
    known = {id(t) for t in inputs}
    ordered: list[Call] = []
    placed: set[int] = set()
    pending = [(t, False) for t in reversed(outputs)]
    while pending:
        tensor, expanded = pending.pop()
        if id(tensor) in known and not expanded:
            continue
        call = tensor.call
        if expanded and call is not None:
            if id(call) not in placed:
                placed.add(id(call))
                known.update(id(t) for t in call.outputs)
                ordered.append(call)
        elif call is None:
            raise ValueError(
                f'Model: the outputs depend on Input "{tensor.name}" {tensor.shape}, which is not in `inputs`; add it'
            )
        else:
            pending.append((tensor, True))
            pending += [(t, False) for t in reversed(call.inputs)]
    return ordered


def code_limits(inputs: Sequence[SymbolicTensor], calls: Sequence[Call]) -> list[int | None]:
    """For each input, None, or the number of codes where its values must be codes: whole numbers below it."""
    limits: dict[int, int] = {}
    for call in reversed(calls):
        wanted_of = [limits.get(id(t)) for t in call.outputs]
        limit = min((n for n in wanted_of if n is not None), default=None)
        wanted = call.layer.code_limits(limit, len(call.inputs))
        for t, limit in zip(call.inputs, wanted, strict=True):
            if limit is not None:
                limits[id(t)] = min(limit, limits.get(id(t), limit))
    return [limits.get(id(t)) for t in inputs]


def unique_layers(calls: Iterable[Call]) -> list[Any]:
    """The layers of some calls, each once, in order of first use."""
    return list({id(c.layer): c.layer for c in calls}.values())


def layers_by_depth(
    outputs: Sequence[SymbolicTensor], calls: Sequence[Call], layer_of: Callable[[SymbolicTensor], Any]
) -> list[Any]:
    """The layers and inputs in Keras's order: by depth from the outputs, then as they are met on the way from there.

    `layer_of`: the layer that stands for an input. A model that was called on a dict is left by its keys in order.
    """
    depths: dict[int, int] = {}  # of tensors
    deepest: dict[int, int] = {}  # of layers
    for call in reversed(calls):
        depth = max([deepest.get(id(call.layer), 0), *(depths.get(id(t), 0) for t in call.outputs)])
        deepest[id(call.layer)] = depth
        for t in call.inputs:
            depths[id(t)] = max(depth + 1, depths.get(id(t), 0))
    met: dict[int, Any] = {}
    seen: set[int] = set()
    pending = list(reversed(outputs))
    while pending:
        t = pending.pop()
        node: Any = t.call or t
        if id(node) in seen:
            continue
        seen.add(id(node))
        layer = layer_of(t) if node is t else node.layer
        met.setdefault(id(layer), layer)
        if node is t:
            deepest[id(layer)] = depths.get(id(t), 0)
        else:
            keys = getattr(layer, "input_keys", None) or range(len(node.inputs))
            by_key = sorted(zip(keys, node.inputs, strict=True), key=lambda pair: pair[0])
            pending += [t for _, t in reversed(by_key)]
    return sorted(met.values(), key=lambda layer: -deepest[id(layer)])


def judged_shape(shape: Shape) -> Shape:
    """What losses and metrics take an output of this shape for: a number for each sample is a unit."""
    return shape if len(shape) > 1 else (*shape, 1)


def is_open(inputs: Iterable[SymbolicTensor]) -> bool:
    """Whether an input has sizes, other than the batch, that data decide."""
    return any(None in t.shape[1:] for t in inputs)


def bound_shapes(
    inputs: Sequence[SymbolicTensor], outputs: Sequence[SymbolicTensor], calls: Sequence[Call], shapes: Sequence[Shape]
) -> list[Shape]:
    """Shapes of the outputs if the inputs have these."""
    known = {id(t): tuple(s) for t, s in zip(inputs, shapes, strict=True)}
    for call in calls:
        given = [known[id(t)] for t in call.inputs]
        found = call.layer.output_shapes(given if call.listed else given[0])
        known |= {id(t): s for t, s in zip(call.outputs, found, strict=True)}
    return [known[id(t)] for t in outputs]
