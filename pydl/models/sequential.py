"""A chain of layers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pydl import layers
from pydl._base.naming import unique_name
from pydl._engine.graph import SymbolicTensor, open_batch
from pydl._engine.variable import Variable
from pydl._training.trainer import Trainer
from pydl.layers.base import Layer
from pydl.layers.input import InputLayer
from pydl.layers.weighted import each_once
from pydl.models import configs
from pydl.models.first_shapes import or_as_column, shape_of_batch
from pydl.models.model import Model


@configs.kind
class Sequential(Model):
    """A chain of layers.

    Parameters
    ----------
    layers : list of Layer, optional
        It may start with `pydl.Input(shape)`, a layer with `input_shape` or `input_dim`, or a model whose input is
        known; otherwise the model is built from the first data it sees.
    name : str, optional

    Examples
    --------
    >>> model = pydl.Sequential([pydl.Input((8,)), pydl.layers.Dense(16, "relu"), pydl.layers.Dense(1)])
    >>> model.compile("adam", "mse")
    """

    def __init__(self, layers: Sequence[Any] | None = None, name: str | None = None, trainable: bool = True) -> None:
        Trainer.__init__(self, name, trainable)
        self._chain: list[Layer] = []
        self._ends: list[SymbolicTensor] = []  # in front of the first layer that is connected, and behind each
        self._start: InputLayer | None = None
        self.inputs, self.outputs, self.output_names = [], [], []
        if layers is not None and not isinstance(layers, list | tuple):
            raise TypeError(f'Sequential "{self.name}": expected a list of layers, got {type(layers).__name__}')
        for layer in layers or ():
            self._append(layer)
        self._rebuild()

    def add(self, layer: Any) -> None:
        """Append a layer; `compile` has to be called again."""
        self._append(layer)
        self._rebuild()

    def pop(self) -> Layer:
        """Remove the last layer and return it."""
        if not self._chain:
            raise ValueError(f'Sequential "{self.name}": there is no layer to remove')
        layer = self._chain.pop()
        self._rebuild()
        return layer

    def _append(self, layer: Any) -> None:
        if isinstance(layer, SymbolicTensor) and layer.call is None:
            layer = InputLayer(batch_shape=layer.shape, dtype=layer.dtype, name=layer.name)
        if isinstance(layer, type) and issubclass(layer, Layer):
            raise TypeError(f'Sequential "{self.name}": {layer.__name__} is a class; create it, with parentheses')
        if not isinstance(layer, Layer):
            raise TypeError(f'Sequential "{self.name}": expected layers, got {layer!r}')
        if isinstance(layer, InputLayer):
            if self._chain or self._start:
                raise ValueError(f'Sequential "{self.name}": Input must come first, and once')
            self._start = layer
        else:
            if not self._chain and self._start is None:
                self._start = _start_of(layer)
            self._chain.append(layer)

    def _rebuild(self) -> None:
        """Connect the chain, where the input's shape is known and there is a layer."""
        self._runner.programs.clear()
        if self._start is None or not self._chain:
            self.inputs, self.outputs, self._ends = [], [], []
            return
        self._ends = self._ends[: len(self._chain) + 1] or [self._start.tensor()]
        for layer in self._chain[len(self._ends) - 1 :]:
            self._ends.append(layer(self._ends[-1]))
        self._connect([self._ends[0]], [self._ends[-1]])
        unique_name("functional")  # Keras makes a graph of such a name here, and numbers those of programs behind it

    def build(self, input_shape: Any) -> None:
        """Make the weights for inputs of this shape, `(None, ...)`."""
        if isinstance(input_shape, str) or not hasattr(input_shape, "__iter__"):
            raise TypeError(f"build: input_shape: expected (None, ...), a tuple, got {input_shape!r}")
        if not self.built:
            dtype = self._chain[0].dtype if self._chain else None
            self._start_with(InputLayer(batch_shape=tuple(input_shape), dtype=dtype))

    def _start_with(self, start: InputLayer) -> None:
        self._start = start
        try:
            self._rebuild()
        except Exception:
            self._start, self._ends = None, []
            raise

    def _connect_anew(self, shapes: list[Any]) -> None:
        assert self._start is not None
        self._ends = []
        self._start_with(InputLayer(shapes[0][1:], dtype=self._start.dtype, name=self._start.name))

    def _build_from(self, method: str, x: Any) -> None:
        if not self._chain:
            raise ValueError(f'{method}: Sequential "{self.name}" has no layers; add some first')
        if self._chain[0].on_host:
            array = np.asarray(x)
            kind = {"b": "bool", "i": "int64", "u": "int64", "f": None}.get(array.dtype.kind, "string")
            or_as_column(
                self, lambda shape: self._start_with(InputLayer(shape[1:], dtype=kind)), (None, *array.shape[1:])
            )
        else:
            or_as_column(self, self.build, shape_of_batch(method, x))

    @property
    def layers(self) -> list[Layer]:
        return list(self._chain)

    @property
    def input(self) -> Any:
        """What it was first called on within another model; else its own input."""
        return super().input if self._first_call is None else self._first_call.input

    @property
    def output(self) -> Any:
        """What came out when it was first called within another model, whose inputs lead to it; else its own output."""
        return super().output if self._first_call is None else self._first_call.output

    @property
    def weights(self) -> list[Variable]:
        """All variables, layer by layer; before the model is built, those of layers that are."""
        return super().weights if self.built else each_once(v for layer in self._chain for v in layer.weights)

    @property
    def trainable_weights(self) -> list[Variable]:
        """Variables an optimizer may change, in the order of `weights`."""
        if self.built:
            return super().trainable_weights
        return each_once(v for layer in self._chain if self.trainable for v in layer.trainable_weights)

    def set_weights(self, weights: Any) -> None:
        self._require_built("set_weights")
        super().set_weights(weights)

    @property
    def of_dicts(self) -> bool:  # type: ignore[override]
        """Whether all of its layers take dicts of pictures."""
        return bool(self._chain) and all(layer.of_dicts for layer in self._chain)

    def _of_dict(self, data: Mapping[str, Any], training: bool | None) -> Any:
        for layer in self._chain:
            data = layer(data, training=training)
        return data

    def _build_symbolic(self, inputs: Any) -> None:
        if isinstance(inputs, SymbolicTensor):
            self.sizes_of_data = self.sizes_of_data or not self.built
            self.build(open_batch(inputs.shape))

    def get_config(self) -> dict[str, Any]:
        start = None if self._start is None else layers.serialize(self._start)
        listed = configs.listed(self)
        of_data = {"sizes_of_data": True} if self.sizes_of_data else {}
        return {"name": self.name, "trainable": self.trainable, "input": start, "layers": listed, **of_data}

    def by_depth(self) -> list[Layer]:
        return self.layers

    @classmethod
    def from_config(cls, config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None) -> Sequential:
        chain = configs.read_listed(config, custom_objects)
        model = Sequential(chain, name=config["name"], trainable=config["trainable"])
        model.sizes_of_data = bool(config.get("sizes_of_data"))
        return model


def _start_of(layer: Layer) -> InputLayer | None:
    """The input of a chain that begins with this layer, if it says what comes in."""
    shape = layer.first_shape
    if isinstance(layer, Model) and len(layer.inputs) == 1:
        shape = layer.inputs[0].shape[1:]
    return None if shape is None else InputLayer(shape, dtype=layer.dtype)
