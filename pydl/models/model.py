"""A model: a graph of layers from inputs to outputs."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pydl._base import check
from pydl._base.frames import array_of_any
from pydl._engine.graph import (
    SymbolicTensor,
    is_open,
    is_symbolic,
    layers_by_depth,
    order_calls,
    unique_layers,
)
from pydl._engine.host import Host, split
from pydl._engine.layout import array_of
from pydl._engine.tracing import Graph, leaves, trace_call
from pydl._engine.variable import Variable
from pydl._training import passes
from pydl._training.inputs import open_rows
from pydl._training.rows import per_name
from pydl._training.trainer import Trainer
from pydl.layers.base import AddedLoss, Layer
from pydl.layers.input import InputLayer
from pydl.layers.weighted import layers_in
from pydl.models import configs, nesting

if TYPE_CHECKING:
    from pydl._engine import listing

Array = np.ndarray


@configs.kind
class Model(Trainer):
    """A graph of layers from inputs to outputs.

    Parameters
    ----------
    inputs, outputs : SymbolicTensor, or list or dict of them
        Made by `pydl.Input` and by calling layers. Every input must lead to an output, and every output depend on
        inputs only. Outputs may be in lists and dicts within each other, and come back so; losses and targets are then
        a list of them all. Layers may be shared, and a model may be called like a layer. The keys of a dict name the
        data: of inputs beside the names of the tensors, of outputs instead of them; outputs come back as such a dict.
    name : str, optional

    A subclass may do without inputs and outputs: its `call` is run once, on symbolic tensors in the shape of the first
    data (or of `build`), and the model is the graph of the layers that it called. It is saved, and loaded, as that
    graph.

    Raises
    ------
    ValueError
        A graph that is not closed; two layers of one name; layers of different dtypes.

    Examples
    --------
    >>> x = pydl.Input((784,))
    >>> h = pydl.layers.Dense(128, activation="relu")(x)
    >>> model = pydl.Model(x, pydl.layers.Dense(10, activation="softmax")(h))
    >>> model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])

    >>> class Net(pydl.Model):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.hidden = pydl.layers.Dense(64, "relu")
    ...         self.head = pydl.layers.Dense(10)
    ...     def call(self, x):
    ...         return self.head(self.hidden(x))
    """

    def __init__(
        self, inputs: Any = None, outputs: Any = None, name: str | None = None, trainable: bool = True, **kwargs: Any
    ) -> None:
        if "input" in kwargs or "output" in kwargs:
            raise TypeError("Model: expected inputs= and outputs=, got input= or output=")
        Trainer.__init__(self, name, trainable, **kwargs)
        self.inputs, self.outputs, self.output_names = [], [], []
        if inputs is None and outputs is None and type(self).call is not Layer.call:
            return  # built from the first data, by `call`
        self.output_form = nesting.form_of(outputs)
        outputs = outputs if self.output_form is None else nesting.flat(outputs)
        self.input_keys, self.output_keys = _keys("inputs", inputs), _keys("outputs", outputs)
        self._connect(_tensors("inputs", inputs), _tensors("outputs", outputs))

    # -- by subclassing -------------------------------------------------------------------------------------------

    def build(self, input_shape: Any) -> None:
        """Find the graph that `call` amounts to for inputs of this shape, `(None, ...)`, or a list or dict of them."""
        if self.built:
            return
        if isinstance(input_shape, Mapping):
            given: Any = {k: self._given(s, k) for k, s in input_shape.items()}
        elif isinstance(input_shape, list) or (isinstance(input_shape, tuple) and isinstance(input_shape[0], tuple)):
            given = [self._given(s, f"input_{i + 1}") for i, s in enumerate(input_shape)]
        else:
            given = self._given(input_shape, "input")
        listed, owner = isinstance(given, list), f'model "{self.name}": {type(self).__name__}.call'
        outputs, _, added = trace_call(owner, self.call, given if listed else [given], listed)
        self.input_keys, self.output_keys = _keys("inputs", given), _keys("outputs", outputs)
        self._connect(leaves(given), leaves(outputs), added)
        own = {id(layer): i for i, layer in enumerate(self.layers)}
        self._layers.sort(key=lambda layer: own.get(id(layer), len(own)))  # as Keras has them: by attribute

    def _given(self, shape: Any, name: str) -> SymbolicTensor:
        """What stands for data of a shape, that of a batch, or of a `_Text`."""
        return SymbolicTensor(_open(shape), "string" if isinstance(shape, _Text) else self.dtype, name)

    def _attributes(self) -> list[str]:
        return [name for name in vars(self) if not name.startswith("_") and name not in ("calls", "inputs", "outputs")]

    def _build_from(self, method: str, x: Any) -> None:
        if isinstance(x, Mapping):
            self._build_by({k: shape_of_batch(method, v) for k, v in x.items()})
        elif isinstance(x, list | tuple) and len(x) and hasattr(x[0], "shape") and np.ndim(x[0]):
            self._build_by([shape_of_batch(method, v) for v in x])
        else:
            self._build_by(shape_of_batch(method, x))

    def _build_symbolic(self, inputs: Any) -> None:
        """Learn the inputs' shapes from symbolic tensors, where they have been left open."""
        if isinstance(inputs, Mapping):
            self._build_by({k: _shape_of(t) for k, t in inputs.items()})
        else:
            self._build_by([_shape_of(t) for t in inputs] if isinstance(inputs, list | tuple) else _shape_of(inputs))

    def _build_by(self, shape: Any) -> None:
        """`build`, and what it leaves out where a class overrides it to make its layers."""
        if not self.built:
            self.build(shape)
            Model.build(self, shape)

    # -- its graph ------------------------------------------------------------------------------------------------

    _graph: Graph
    host: Host | None = None
    output_form: Any = None  # of outputs in lists and dicts within each other

    def packed(self, outputs: list[Any]) -> Any:
        """One thing per output, in the form that the model was made with."""
        return super().packed(outputs) if self.output_form is None else nesting.filled(self.output_form, outputs)

    @property
    def computed(self) -> Graph:
        """What kernels compute: the whole graph but for the first layers that are computed on the host."""
        return self._graph

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
        self.dtype = outputs[0].dtype
        self._layers = unique_layers(self.calls)
        self._ordered: list[Any] | None = None
        if not self.trainable:
            self.trainable = False
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

    # -- layers and weights ---------------------------------------------------------------------------------------

    @property
    def layers(self) -> list[Layer]:
        """The layers, each once, in Keras's order: by depth from the outputs, with an InputLayer for each input."""
        if type(self).call is not Layer.call:  # as the code names them
            return list(layers_in(vars(self)[name] for name in self._attributes()))
        return self.by_depth()

    def by_depth(self) -> list[Layer]:
        """The layers of the graph in Keras's order, whatever names the code of a class has for them."""
        if self._ordered is None:
            made = {id(t): InputLayer.of(t) for t in self.inputs}
            self._ordered = layers_by_depth(self.outputs, self.calls, lambda t: made[id(t)])
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
        """All variables, trainable or not, layer by layer; one that several layers share stands where it is first."""
        self._require_built("weights")
        return _each_once(v for layer in self._layers for v in layer.weights)

    @property
    def trainable_weights(self) -> list[Variable]:
        """Variables an optimizer may change."""
        return _each_once(v for layer in self._held_layers() for v in layer.trainable_weights)

    @property
    def trainable(self) -> bool:
        """Whether weights may change; setting it sets that of all layers."""
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        self._trainable = value
        for layer in self.__dict__.get("_layers", ()):
            layer.trainable = value

    @property
    def trainable_variables(self) -> list[Variable]:
        """Same as `trainable_weights`."""
        return self.trainable_weights

    variables = weights

    def first_nonfinite(self) -> str | None:
        """Path of the first weight that holds NaN or infinity, None where all are finite."""
        return next((v.path for v in self.weights if not np.isfinite(array_of(v.buffer)).all()), None)

    # -- calling --------------------------------------------------------------------------------------------------

    def __call__(self, inputs: Any, training: bool | None = None, out: Any = None) -> Any:
        """Outputs for arrays, as `predict_on_batch`; or, on symbolic tensors, the model as a layer of another.

        Parameters
        ----------
        inputs : array, SymbolicTensor, or list or dict of them
        training : bool, optional
            True: layers behave as in training, but nothing is trained. Dropout draws, anew at each call, from the
            stream that `pydl.utils.set_random_seed` starts; BatchNormalization takes the batch's statistics and moves
            its running ones. On symbolic tensors it holds, True or False, in whatever the outer model does.
        out : array, or list of them, optional
            Where to put the outputs.
        """
        if not training:
            y = self._runner.programs.predictor.run(inputs, out)
            if y is not None:
                return y
        if isinstance(inputs, Mapping) and is_symbolic(list(inputs.values())):
            self._build_symbolic(inputs)
            names = [t.name for t in self.inputs]
            listed = per_name(f'Model "{self.name}"', "inputs", inputs, names, keys=self.input_keys)
            inputs = listed if len(listed) > 1 else listed[0]
        if is_symbolic(inputs):
            self._build_symbolic(inputs)
            if self.host is not None:
                return self.packed(Graph(self.inputs, self.outputs, self.calls).again(leaves(inputs), training))
            outputs = Layer.__call__(self, inputs, training=training)
            return self.packed(outputs if isinstance(outputs, list) else [outputs])
        if training:
            return passes.predict_at_once(self, "call", inputs, out, training=True)
        return self.predict_on_batch(inputs, out)

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
        wanted = [t.shape for t in self.inputs]
        if len(given) != len(wanted) or not all(_fits(s, w) for s, w in zip(given, wanted, strict=True)):
            raise ValueError(f'Model "{self.name}": expected inputs {wanted}, got {given}')
        shapes = self._graph.shapes([tuple(s) for s in given])
        return shapes if len(shapes) > 1 else shapes[0]

    supports_masking = True

    # -- looking at it --------------------------------------------------------------------------------------------

    def summary(
        self,
        line_length: int | None = None,
        positions: Sequence[float] | None = None,
        print_fn: Any = None,
        expand_nested: bool = False,
        show_trainable: bool = False,
        layer_range: Sequence[str] | None = None,
    ) -> None:
        """Print the layers with their output shapes and numbers of parameters.

        Parameters
        ----------
        line_length : int, optional
            Width of the table; default as wide as it needs to be. What does not fit is cut off.
        positions : list of float, optional
            Where columns end: shares of the width, or numbers of characters.
        print_fn : callable, optional
            Takes the whole text; default `print`.
        expand_nested : bool
            Show the layers of models within this one as well.
        show_trainable : bool
            Add a column that says which layers are trained.
        layer_range : list of two str, optional
            Regular expressions for the names of the first and the last layer to show.
        """
        from pydl._engine import listing  # few programs print a model

        text = listing.summary(self, line_length, positions, expand_nested, show_trainable, layer_range)
        (print if print_fn is None else print_fn)(text)

    def plan(self, batch_size: int = 32, kind: str | None = None, input_shape: Any = None) -> listing.PlanListing:
        """The kernel records of one step; `print(model.plan(32))` shows op, shapes, bytes, threads and ISA.

        Parameters
        ----------
        batch_size : int
        kind : {"train", "test", "predict"}, optional
            Default "train" for a compiled model, else "predict".
        input_shape : tuple, or list of them, optional
            `(None, ...)` for each input, needed if sizes of theirs are open.
        """
        from pydl._engine import listing

        self._require_built("plan")
        batch_size = check.batch_size("plan", batch_size)
        kind = kind or ("train" if self.optimizer is not None else "predict")
        if kind not in ("train", "test", "predict"):
            raise ValueError(f'plan: kind: expected "train", "test" or "predict", got {kind!r}')
        if kind != "predict":
            self._require_compiled("plan")
        if kind == "train":
            self._runner.prepare_training()
        given = input_shape if isinstance(input_shape, list) else [input_shape]
        bound = tuple(tuple(s or ()) for s in given) if is_open(self.inputs) else None
        if bound is not None and (input_shape is None or any(None in s[1:] for s in bound)):
            shapes = [t.shape for t in self.inputs]
            raise ValueError(f"plan: sizes of the inputs {shapes} are open; say which, as in input_shape=(None, 20)")
        with self._runner.program_for(kind, batch_size, shapes=bound) as program:
            return listing.PlanListing(kind, program)

    def trace(self, x: Any, y: Any, sample_weight: Any = None) -> listing.Trace:
        """Take one training step record by record: seconds of each, and the first that made a NaN or infinity.

        The debug mode: the same records as `train_on_batch`, one at a time. The optimizer's step is taken as well.
        """
        from pydl._engine import listing

        self._require_compiled("trace")
        data = open_rows(self, "trace", x, y, sample_weight)
        with self._runner.training("trace"), self._runner.program("trace", data) as program:
            arguments = self._runner.arguments(program, 1)
            trace = listing.trace(program, data, arguments)
            self.optimizer.batches += 1
            return trace

    def _adds_loss(self) -> bool:
        terms = any(layer.adds_loss for layer in self._layers)
        return bool(self.added) or terms or any(v.regularizer is not None for v in self.trainable_weights)

    def _require_built(self, method: str) -> None:
        if not self.built:
            raise ValueError(
                f'{method}: model "{self.name}" is not built; start it with pydl.Input(shape), call '
                f"build(input_shape), or fit it"
            )

    # -- files and configs ----------------------------------------------------------------------------------------

    def save(self, filepath: str | os.PathLike[str], overwrite: bool = True) -> None:
        """Write architecture, weights, optimizer and its state to a `.safetensors` file, atomically.

        Parameters
        ----------
        filepath : str or path-like
        overwrite : bool
            False: raise FileExistsError where there is such a file.
        """
        from pydl import saving

        self._require_built("save")
        saving.save_model(self, filepath, overwrite)

    def save_weights(self, filepath: str | os.PathLike[str], overwrite: bool = True) -> None:
        """Write the weights to a `.safetensors` file, atomically; `overwrite` as for `save`."""
        from pydl import saving

        self._require_built("save_weights")
        saving.save_weights(self, filepath, overwrite)

    def load_weights(self, filepath: str | os.PathLike[str], skip_mismatch: bool = False) -> None:
        """Read the weights from such a file, or from that of a whole model.

        Parameters
        ----------
        filepath : str or path-like
        skip_mismatch : bool
            Take the layers that fit, and leave the others as they are, with a warning that names them: for another
            number of classes, for instance.

        Raises
        ------
        pydl.FormatError
            When the file is damaged or, without `skip_mismatch`, does not fit; the model is then unchanged.
        """
        from pydl import saving

        self._require_built("load_weights")
        saving.load_weights(self, filepath, skip_mismatch)

    def clone(self) -> Model:
        """A model of its own, in the state that this one is in: weights, compilation, the optimizer's slots.

        The same as `copy.deepcopy(model)`; both go on with the same bits, each by itself. `models.clone_model` makes
        one of the same layers with new weights.
        """
        import copy

        return copy.deepcopy(self)

    def export(self, filepath: str | os.PathLike[str], format: str | None = None, **options: Any) -> None:
        """Write what predicts, for programs other than pydl, to a file of the kind that its name's ending says.

        ``.onnx``: for ONNX Runtime and others, with the options ``opset=17`` (13 to 21), ``dtype="float32"`` (or
        "float64"), ``inputs="nhwc"`` (or "nchw", of images), ``class_names=``, ``feature_names=`` and ``metadata=``;
        `docs/deployment.md` tells more.

        Parameters
        ----------
        filepath : str or path-like
            The file to write; one that is there is replaced in one step.
        format : str, optional
            The ending, without its first dot, if the name has another one.
        **options
            Of the format.

        Raises
        ------
        ValueError
            Another ending; a model that is not built, or has a layer that the format cannot express.
        OSError
            The file cannot be written; an old one is left as it was.
        """
        from pydl.models import exporting

        self._require_built("export")
        exporting.export(self, filepath, format, **options)

    def to_json(self, **kwargs: Any) -> str:
        """Kind and graph of the model as JSON text, without weights; `models.model_from_json` reads it.

        Parameters
        ----------
        **kwargs
            For `json.dumps`, such as `indent`.
        """
        import json

        return json.dumps(configs.entry(self), **kwargs)

    def get_config(self) -> dict[str, Any]:
        """The graph as JSON values; a layer in several places, such as two models within this one, has a number."""
        return configs.graph_config(self)

    @classmethod
    def from_config(cls, config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None) -> Model:
        """A new model, with new weights, of the graph that `get_config` described."""
        inputs, outputs, added = configs.graph(config, custom_objects)
        model = Model(inputs, outputs, name=config["name"], trainable=config["trainable"])
        if added:
            model._connect(model.inputs, model.outputs, added)
        return model


def _open(shape: Any) -> Any:
    """The shape of a batch of any size."""
    return (None, *shape[1:])


class _Text(tuple[Any, ...]):
    """The shape of what holds text."""


def _shape_of(t: SymbolicTensor) -> Any:
    return _Text(t.shape) if t.dtype == "string" else t.shape


def shape_of_batch(method: str, x: Any) -> Any:
    """The shape of an array of rows, None for their number."""
    if isinstance(x, np.ndarray) and x.dtype.kind in "OSTU" and array_of_any(x).dtype.kind == "U":
        return _Text((None, *(x.shape[1:] or (1,))))
    shape = check.numeric(method, "x", x).shape
    if not shape:
        raise ValueError(f"{method}: x: expected rows (batch, ...), got a single number")
    return (None, *(shape[1:] or (1,)))


def _fits(shape: Any, wanted: Any) -> bool:
    """Whether a shape is the one wanted; None stands for any size."""
    return len(shape) == len(wanted) and all(w in (None, d) for d, w in zip(shape, wanted, strict=True))


def _tensors(what: str, given: Any) -> list[SymbolicTensor]:
    tensors = list(given.values()) if isinstance(given, Mapping) else given
    if not is_symbolic(tensors):
        raise TypeError(
            f"Model: {what}: expected symbolic tensors (pydl.Input, or the result of a layer), got {given!r}"
        )
    return list(tensors) if isinstance(tensors, list | tuple) else [tensors]


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


def _keys(what: str, given: Any) -> list[str] | None:
    """The keys of a dict of tensors, None of anything else."""
    if not isinstance(given, Mapping):
        return None
    if not all(isinstance(key, str) for key in given):
        raise TypeError(f"Model: {what}: expected a dict from strings to symbolic tensors, got the keys {list(given)}")
    return list(given)


def _each_once(variables: Iterable[Variable]) -> list[Variable]:
    return list({id(v): v for v in variables}.values())
