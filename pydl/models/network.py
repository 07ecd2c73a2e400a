"""A network: the graph of layers between a model's inputs and outputs, their weights and the names of both."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from pydl._engine.graph import (
    SymbolicTensor,
    computed_in,
    is_symbolic,
    layers_by_depth,
    open_batch,
    order_calls,
    unique_layers,
)
from pydl._engine.host import Host, split
from pydl._engine.layout import array_of
from pydl._engine.tracing import Graph, packed
from pydl._engine.variable import Variable
from pydl._training.trainer import Trainer
from pydl.layers.base import AddedLoss, Layer
from pydl.layers.input import InputLayer
from pydl.layers.weighted import each_once, layers_in, trained_in
from pydl.models import nesting, opening


class Network(Trainer):
    """What every model is, however it came to its graph."""

    _graph: Graph
    host: Host | None = None
    output_form: Any = None  # of outputs in lists and dicts within each other
    tupled = False  # whether several outputs come in a tuple

    def packed(self, outputs: list[Any]) -> Any:
        """One thing per output, in the form that the model was made with."""
        if self.output_form is not None:
            return nesting.filled(self.output_form, outputs)
        return tuple(outputs) if self.tupled else super().packed(outputs)

    @property
    def computed(self) -> Graph:
        """What kernels compute: the whole graph but for the first layers that are computed on the host."""
        return self._graph

    #: Whether the sizes of its inputs are those of the first data that it was given, and not what it was told.
    sizes_of_data = False

    def open_sizes(self, shapes: Sequence[Any]) -> None:
        """Let sizes be open where data, of these shapes, differ from the first ones, if its layers take others."""
        opening.open_sizes(self, shapes)

    def _connect_anew(self, shapes: list[Any]) -> None:
        """Make the graph again for inputs of these shapes, of the same layers."""
        raise NotImplementedError

    @property
    def is_prepared(self) -> bool:
        """Whether its outputs are there when data are opened: it has no layers but those of the host."""
        return self.host is not None and not self._graph.calls

    def _connect(
        self, inputs: list[SymbolicTensor], outputs: list[SymbolicTensor], added: Sequence[SymbolicTensor] = ()
    ) -> None:
        """Take the graph between these tensors as the model's; `added` ones are terms of its loss."""
        if any(t.call is not None for t in inputs):
            inputs, outputs = _from_inside(inputs, outputs)
        self.inputs, self.outputs = inputs, outputs
        self.added = list(added)
        self.calls = order_calls(inputs, [*outputs, *added])
        self.host, rest = split(inputs, self.calls, outputs)
        self._graph = Graph(inputs if self.host is None else self.host.outputs, outputs, rest)
        self.input_codes = self._graph.code_limits()
        self.dtype = computed_in(outputs)
        self._layers = unique_layers(self.calls)
        self._ordered: list[Any] | None = None
        self._name_outputs()
        self.name_variables()
        self.input_shape = [t.shape for t in inputs] if len(inputs) > 1 else inputs[0].shape
        self._resolve()

    def _name_outputs(self) -> None:
        if self.output_keys is not None:
            self.output_names = list(self.output_keys)
            return
        counts = Counter(t.name for t in self.outputs)
        seen: Counter[str] = Counter()
        self.output_names = []
        for t in self.outputs:
            seen[t.name] += 1
            self.output_names.append(t.name if counts[t.name] == 1 else f"{t.name}_{seen[t.name]}")

    def name_variables(self) -> None:
        """Give each variable the path of its place in this model: it may have got one in another model meanwhile."""
        names = Counter([layer.name for layer in self._layers] + [t.name for t in self.inputs])
        twice = [name for name, n in names.items() if n > 1]
        if twice:
            raise ValueError(
                f'Model "{self.name}": two layers are called "{twice[0]}"; give each layer a name of its own'
            )
        self._set_paths("")

    def _set_paths(self, prefix: str) -> None:
        """Name the variables by the layers, and models, that they are in."""
        for layer in self._layers:
            layer._set_paths(f"{prefix}{layer.name}/")

    def _held_layers(self) -> list[Layer]:
        return list(self.__dict__.get("_layers", ()))

    @property
    def built(self) -> bool:
        return bool(self.__dict__.get("outputs"))

    @built.setter
    def built(self, value: bool) -> None:
        """Layers set this when their weights are made; a model is built when its graph is known."""

    def add_loss(self, loss: Any) -> None:
        """Add a term to the loss: in `call` of a subclass as in a layer's, of a graph the mean of a tensor in it.

        Terms of a graph stay with it, in files too.
        """
        terms = loss if isinstance(loss, list | tuple) else [loss]
        if not self.built or not is_symbolic(list(terms)):
            super().add_loss(loss)
            return
        self._connect(self.inputs, self.outputs, [*self.added, *(AddedLoss()(term) for term in terms)])
        self._runner.programs.clear()

    def _adds_loss(self) -> bool:
        terms = any(layer.adds_loss for layer in self._layers)
        return bool(self.added) or terms or any(v.regularizer is not None for v in self.trainable_weights)

    def _require_built(self, method: str) -> None:
        if not self.built:
            raise ValueError(
                f'{method}: model "{self.name}" is not built; start it with pydl.Input(shape), call '
                f"build(input_shape), or fit it"
            )

    # -- layers and weights ---------------------------------------------------------------------------------------

    def _attributes(self) -> list[str]:
        return [name for name in vars(self) if not name.startswith("_") and name not in ("calls", "inputs", "outputs")]

    @property
    def layers(self) -> list[Layer]:
        """The layers, each once, in Keras's order: by depth from the outputs, with an InputLayer for each input.

        Operators and functions of `pydl.ops` on tensors are no layers in Keras and are not among them.
        """
        if type(self).call is not Layer.call:  # as the code names them
            return list(layers_in(vars(self)[name] for name in self._attributes()))
        return [layer for layer in self.by_depth() if not layer.of_function]

    def by_depth(self) -> list[Layer]:
        """The layers of the graph in Keras's order, functions among them, whatever names the code has for them."""
        if self._ordered is None:
            made = {id(t): InputLayer.of(t) for t in self.inputs}
            numbers = range(len(self.outputs))
            form = packed(self.output_keys, numbers) if self.output_form is None else self.output_form
            ends = [self.outputs[i] for i in nesting.by_key(form)]
            found = layers_by_depth(ends, self.calls, lambda t: made[id(t)])
            idle = [layer for layer in made.values() if all(layer is not other for other in found)]
            self._ordered = [*found[:1], *idle, *found[1:]]
        return list(self._ordered)

    def get_layer(self, name: str | None = None, index: int | None = None) -> Layer:
        """A layer by its name or its place among `layers`."""
        if index is not None:
            if not -len(self.layers) <= index < len(self.layers):
                raise ValueError(f'Model "{self.name}": no layer number {index}; it has {len(self.layers)} layers')
            return self.layers[index]
        if name is None:
            raise ValueError(f'Model "{self.name}": get_layer: expected a name or an index')
        for layer in self.layers:
            if layer.name == name:
                return layer
        raise ValueError(f'Model "{self.name}": no layer {name!r}; it has {[layer.name for layer in self.layers]}')

    @property
    def weights(self) -> list[Variable]:
        """All variables, trainable or not: those that the model itself has made, then in the order of `layers`; one
        that several share is listed once."""
        self._require_built("weights")
        return each_once([*self._own_in_order(), *(v for layer in self._one_by_one() for v in layer.weights)])

    @property
    def trainable_weights(self) -> list[Variable]:
        """Variables an optimizer may change, in the order of `weights`."""
        trained = trained_in(self)
        return [v for v in self.weights if id(v) in trained]

    def _one_by_one(self) -> list[Layer]:
        """The layers in the order that their weights have."""
        own = self._held_layers()
        if not self.built:
            return own
        if type(self).call is not Layer.call:  # as the code names them, those that are called on constants among them
            return list({id(layer): layer for layer in (*self.layers, *own)}.values())
        return list({id(layer): layer for layer in (*self.by_depth(), *own)}.values())

    def as_made(self, trainable: bool = False) -> list[Variable]:
        """All variables, or those an optimizer may change, in the order in which outputs need them: that of files."""
        trained = trained_in(self)
        made = each_once(v for layer in self._held_layers() for v in layer.as_made())
        return [v for v in made if id(v) in trained] if trainable else made

    @property
    def trainable_variables(self) -> list[Variable]:
        """Same as `trainable_weights`."""
        return self.trainable_weights

    variables = weights

    def first_nonfinite(self) -> str | None:
        """Path of the first weight that holds NaN or infinity, None where all are finite."""
        return next((v.path for v in self.weights if not np.isfinite(array_of(v.buffer)).all()), None)

    # -- its ends -------------------------------------------------------------------------------------------------

    @property
    def output_shape(self) -> Any:
        """The shape of the output, None for the batch, or the list of those of several."""
        self._require_built("output_shape")
        return [t.shape for t in self.outputs] if len(self.outputs) > 1 else self.outputs[0].shape

    @property
    def input(self) -> Any:
        """The input, or the list of several."""
        self._require_built("input")
        return list(self.inputs) if len(self.inputs) > 1 else self.inputs[0]

    @property
    def output(self) -> Any:
        """The output, or the list of several."""
        self._require_built("output")
        return list(self.outputs) if len(self.outputs) > 1 else self.outputs[0]

    def compute_output_shape(self, input_shape: Any) -> Any:
        given = input_shape if isinstance(input_shape, list) else [input_shape]
        wanted = [open_batch(t.shape) for t in self.inputs]
        if len(given) != len(wanted) or not all(_fits(s, w) for s, w in zip(given, wanted, strict=True)):
            raise ValueError(f'Model "{self.name}": expected inputs {wanted}, got {given}')
        shapes = self._graph.shapes([tuple(s) for s in given])
        return shapes if len(shapes) > 1 else shapes[0]

    supports_masking = True


def _fits(shape: Any, wanted: Any) -> bool:
    """Whether a shape is the one wanted; None stands for any size."""
    return len(shape) == len(wanted) and all(w in (None, d) for d, w in zip(shape, wanted, strict=True))


def _from_inside(
    inputs: list[SymbolicTensor], outputs: list[SymbolicTensor]
) -> tuple[list[SymbolicTensor], list[SymbolicTensor]]:
    """The same layers between new inputs, where the old ones came out of layers."""
    names: Counter[str] = Counter()
    fresh = []
    for t in inputs:
        name = t.name if t.call is None else f"{t.name}_output"
        names[name] += 1
        fresh.append(SymbolicTensor(t.shape, t.dtype, name if names[name] == 1 else f"{name}_{names[name]}"))
        fresh[-1].masked = t.masked
    calls = order_calls(inputs, outputs)
    return fresh, Graph(inputs, outputs, calls).again(fresh, None)
