"""A model: a graph of layers from inputs to outputs."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pydl._base import check
from pydl._base.errors import FormatError
from pydl._base.naming import unique_name
from pydl._engine.graph import SymbolicTensor, is_open, is_symbolic
from pydl._engine.masked_array import mask_of
from pydl._engine.operators import NoGraph, recorder, recording, recordings
from pydl._engine.tape import Expression, value_of
from pydl._engine.tracing import Graph, leaves, trace_call
from pydl._training import passes
from pydl._training.inputs import open_rows
from pydl._training.rows import per_name
from pydl.layers.base import Layer
from pydl.models import configs, nesting
from pydl.models.code import ModelCode
from pydl.models.first_shapes import Text, open_shape, or_as_column, shape_of_batch, shape_of_tensor
from pydl.models.network import Network

if TYPE_CHECKING:
    from pydl._engine import listing


@configs.kind
class Model(Network):
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
        if name is None and type(self) is Model:
            name = unique_name("functional")  # as Keras calls the graphs that it makes of models
        Network.__init__(self, name, trainable, **kwargs)
        self.inputs, self.outputs, self.output_names = [], [], []
        if inputs is None and outputs is None and type(self).call is not Layer.call:
            return  # built from the first data, by `call`
        self.output_form = nesting.form_of(outputs)
        self.tupled = isinstance(outputs, tuple) and len(outputs) > 1
        outputs = outputs if self.output_form is None else nesting.flat(outputs)
        self.input_keys, self.output_keys = _keys("inputs", inputs), _keys("outputs", outputs)
        self._connect(_tensors("inputs", inputs), _tensors("outputs", outputs))
        if not trainable:
            self.trainable = False  # the layers as well

    # -- by subclassing -------------------------------------------------------------------------------------------

    def build(self, input_shape: Any) -> None:
        """Find the graph that `call` amounts to for inputs of this shape, `(None, ...)`, or a list or dict of them."""
        if not self.built:
            self._trace(input_shape)

    def _trace(self, input_shape: Any) -> None:
        self._traced = input_shape
        if isinstance(input_shape, Mapping):
            given: Any = {k: self._given(s, k) for k, s in input_shape.items()}
        elif isinstance(input_shape, list) or (isinstance(input_shape, tuple) and isinstance(input_shape[0], tuple)):
            given = [self._given(s, f"input_{i + 1}") for i, s in enumerate(input_shape)]
        else:
            given = self._given(input_shape, "input")
        listed, owner = isinstance(given, list), f'model "{self.name}": {type(self).__name__}.call'
        try:
            outputs, _, added = trace_call(owner, self.call, given if listed else [given], listed)
        except NoGraph as error:
            outputs, added = ModelCode(self, error)(given), []
        self.input_keys, self.output_keys = _keys("inputs", given), _keys("outputs", outputs)
        self.tupled = isinstance(outputs, tuple) and len(outputs) > 1
        self._connect(leaves(given), leaves(outputs), added)
        own = {id(layer): i for i, layer in enumerate(self.layers)}
        self._layers.sort(key=lambda layer: own.get(id(layer), len(own)))  # as Keras has them: by attribute

    _traced: Any = None  # the shapes that `call` was run for

    def _connect_anew(self, shapes: list[Any]) -> None:
        """Find the graph of `call` again, for inputs of other shapes."""
        before = self._traced
        if before is None:  # a graph that was read
            inputs = [SymbolicTensor(s, t.dtype, t.name) for t, s in zip(self.inputs, shapes, strict=True)]
            found = Graph(self.inputs, [*self.outputs, *self.added], self.calls).again(inputs, None)
            self._connect(inputs, found[: len(self.outputs)], found[len(self.outputs) :])
            return
        kinds = iter([Text(s) if t.dtype == "string" else s for t, s in zip(self.inputs, shapes, strict=True)])
        self.outputs = []  # terms that `call` adds to the loss are of the new graph
        if isinstance(before, Mapping):
            self._trace({key: next(kinds) for key in before})
        else:
            self._trace(list(kinds) if len(shapes) > 1 or isinstance(before, list) else next(kinds))

    def _given(self, shape: Any, name: str) -> SymbolicTensor:
        """What stands for data of a shape, that of a batch, or of a `Text`."""
        return SymbolicTensor(open_shape(shape), "string" if isinstance(shape, Text) else self.dtype, name)

    def _build_from(self, method: str, x: Any) -> None:
        if isinstance(x, Mapping):
            shape: Any = {k: shape_of_batch(method, v) for k, v in x.items()}
        elif isinstance(x, list | tuple) and len(x) and hasattr(x[0], "shape") and np.ndim(x[0]):
            shape = [shape_of_batch(method, v) for v in x]
        else:
            shape = shape_of_batch(method, x)
        or_as_column(self, self._build_by, shape)

    def _build_symbolic(self, inputs: Any) -> None:
        """Learn the inputs' shapes from symbolic tensors, where they have been left open."""
        self.sizes_of_data = self.sizes_of_data or not self.built
        if isinstance(inputs, Mapping):
            self._build_by({k: shape_of_tensor(t) for k, t in inputs.items()})
        else:
            listed = isinstance(inputs, list | tuple)
            self._build_by([shape_of_tensor(t) for t in inputs] if listed else shape_of_tensor(inputs))

    def _build_by(self, shape: Any) -> None:
        """`build`, and what it leaves out where a class overrides it to make its layers."""
        if not self.built:
            self.build(shape)
            Model.build(self, shape)

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
        if not training and (not recordings or recorder.get() is None):
            y = self._runner.programs.predictor.run(inputs, out)
            if y is not None:
                return y
        if isinstance(inputs, Mapping) and self.of_dicts and "images" in inputs:
            return self._of_dict(inputs, training)
        if isinstance(inputs, Mapping) and is_symbolic(list(inputs.values())):
            self._build_symbolic(inputs)
            names = [t.name for t in self.inputs]
            listed = per_name(f'Model "{self.name}"', "inputs", inputs, names, keys=self.input_keys)
            inputs = listed if len(listed) > 1 else listed[0]
        if recorder.get() is not None and not isinstance(inputs, Mapping) and not _any_symbolic(inputs):
            if not self.built:
                self._build_from("call", _values(inputs))
            return Layer.__call__(self, inputs, training=training)
        if is_symbolic(inputs):
            self._build_symbolic(inputs)
            if self.sizes_of_data:  # a part of a model that learnt its inputs' shapes from data
                self.open_sizes([t.shape for t in leaves(inputs)])
            if self.host is not None:
                return self.packed(Graph(self.inputs, self.outputs, self.calls).again(leaves(inputs), training))
            outputs = Layer.__call__(self, inputs, training=training)
            return self.packed(outputs if isinstance(outputs, list) else [outputs])
        if not self.built:
            self._build_from("call", inputs)
        if out is None:
            given = self._arrays(inputs)
            masks = self._fitting(mask_of(given), given) if self.host is None else None
            if masks is not None or any(t.masked for t in self.outputs):
                return self._called_masked(inputs if masks is None else given, training, masks)
        if training:
            return passes.predict_at_once(self, "call", inputs, out, training=True)
        return self.predict_on_batch(inputs, out)

    def _of_dict(self, data: Mapping[str, Any], training: bool | None) -> Any:
        """What layers of pictures make of a dict of arrays."""
        raise NotImplementedError

    def _arrays(self, inputs: Any) -> list[Any]:
        """What is given for each input; of a dict without masks, which is sorted out later, nothing."""
        if isinstance(inputs, Mapping):
            if all(mask_of(x) is None for x in inputs.values()):
                return []
            names = [t.name for t in self.inputs]
            return per_name(f'Model "{self.name}"', "inputs", inputs, names, keys=self.input_keys)
        several = isinstance(inputs, list | tuple) and all(isinstance(x, np.ndarray) for x in inputs)
        return list(inputs) if several else [inputs]

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

    # -- files and configs ----------------------------------------------------------------------------------------

    def save(
        self, filepath: str | os.PathLike[str], overwrite: bool = True, zipped: bool | None = None,
        include_optimizer: bool = True, save_format: str | None = None,
    ) -> None:  # fmt: skip
        """Write architecture, weights, optimizer and its state to a file, atomically; see `pydl.saving.save_model`.

        Parameters
        ----------
        filepath : str or path-like
            Its ending says the format: ``.safetensors``, ``.keras`` or ``.h5``.
        overwrite : bool
            False: raise FileExistsError where there is such a file.
        zipped, save_format
            Taken for Keras's sake; they change nothing.
        include_optimizer : bool
            False: leave out the optimizer with its state, and the losses and metrics.
        """
        from pydl import saving

        self._require_built("save")
        saving.save_model(self, filepath, overwrite, include_optimizer=include_optimizer)

    def save_weights(self, filepath: str | os.PathLike[str], overwrite: bool = True) -> None:
        """Write the weights to a `.safetensors` file, atomically; `overwrite` as for `save`."""
        from pydl import saving

        self._require_built("save_weights")
        saving.save_weights(self, filepath, overwrite)

    def load_weights(
        self, filepath: str | os.PathLike[str], skip_mismatch: bool = False, by_name: bool = False
    ) -> None:
        """Read the weights from such a file, or from that of a whole model.

        Parameters
        ----------
        filepath : str or path-like
        by_name : bool
            For ``.h5`` files in the form of Keras 2: read the layers that the file names as this model does, and leave
            the others as they are.
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
        saving.load_weights(self, filepath, skip_mismatch, by_name)

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

        Keras's reads it as well, unless there is something in the model that Keras has not.

        Parameters
        ----------
        **kwargs
            For `json.dumps`, such as `indent`.
        """
        import json

        from pydl._keras import configs as keras_form

        entry = configs.entry(self)
        try:
            return json.dumps(keras_form.written(entry), **kwargs)
        except FormatError:
            return json.dumps(entry, **kwargs)

    def get_config(self) -> dict[str, Any]:
        """The graph as JSON values; a layer in several places, such as two models within this one, has a number.

        Of a class of one's own that is not built, its name and whether it is trainable alone.
        """
        if not self.built and type(self).call is not Layer.call:
            return {"name": self.name, "trainable": self.trainable}
        self._require_built("get_config")
        return configs.graph_config(self)

    @classmethod
    def from_config(cls, config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None) -> Model:
        """A new model, with new weights, of the graph that `get_config` described; of a class whose `get_config` and
        `call` are its own, one of that class, which is made with what it says beside the graph."""
        if cls.get_config is not Model.get_config and (cls.call is not Layer.call or "inputs" not in config):
            return cls(**{name: value for name, value in config.items() if name not in configs.OF_GRAPH})
        inputs, outputs, added = configs.graph(config, custom_objects)
        model = Model(inputs, outputs, name=config["name"], trainable=config["trainable"])
        if added:
            model._connect(model.inputs, model.outputs, added)
        model.sizes_of_data = bool(config.get("sizes_of_data"))
        return model


def _any_symbolic(inputs: Any) -> bool:
    return any(isinstance(t, SymbolicTensor) for t in (inputs if isinstance(inputs, list | tuple) else [inputs]))


def _values(inputs: Any) -> Any:
    """The arrays that inputs in code stand for."""
    if isinstance(inputs, list | tuple):
        return [_values(x) for x in inputs]
    with recording(None):
        return np.asarray(value_of(inputs.compute() if isinstance(inputs, Expression) else inputs))


def _tensors(what: str, given: Any) -> list[SymbolicTensor]:
    tensors = list(given.values()) if isinstance(given, Mapping) else given
    if not is_symbolic(tensors):
        raise TypeError(
            f"Model: {what}: expected symbolic tensors (pydl.Input, or the result of a layer), got {given!r}"
        )
    return list(tensors) if isinstance(tensors, list | tuple) else [tensors]


def _keys(what: str, given: Any) -> list[str] | None:
    """The keys of a dict of tensors, None of anything else."""
    if not isinstance(given, Mapping):
        return None
    if not all(isinstance(key, str) for key in given):
        raise TypeError(f"Model: {what}: expected a dict from strings to symbolic tensors, got the keys {list(given)}")
    return list(given)
