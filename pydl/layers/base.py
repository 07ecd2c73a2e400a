"""The base class of layers: symbolic calls, code of one's own, terms of the loss."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np

from pydl import regularizers
from pydl._base import check
from pydl._base.args import open_shape_of, whole
from pydl._base.errors import of_memory
from pydl._engine import numpy_layer
from pydl._engine.builder import Builder
from pydl._engine.graph import Call, Shape, SymbolicTensor, is_symbolic
from pydl._engine.masks import flags
from pydl._engine.operators import recorder
from pydl._engine.tape import Traced, value_of
from pydl._engine.tensor import Tensor
from pydl._engine.tracing import Graph, Phase, leaves, trace_call
from pydl.layers.weighted import Weighted


class Layer(Weighted):
    """A function with weights.

    A layer of the library emits kernel records (`emit_forward`, `emit_backward`). A layer of your own overrides `call`
    with functions of `pydl.ops` and operators, which know their gradients; or `call` and `backward(x, y, dy)` in NumPy.
    Both are slower, as they take the GIL, but take part in every model like any other. A `call` that uses other layers,
    held as attributes, is run once on symbolic tensors, and stands for the graph of the layers that it called.

    Layers that it holds as attributes, themselves or in lists, tuples and dicts, are part of it: their weights count,
    are saved and are trained with the gradients that `backward` writes for them. Those that `build` does not build are
    built by a call on zeros.

    Parameters
    ----------
    name : str, optional
        Default: the class name in snake case, numbered.
    trainable : bool
        False freezes the layer's weights; takes effect with the next `compile`, `fit` or `train_on_batch`. A model of
        which nothing is left to train, or of which something is that was frozen at `compile`, warns.
    dtype : str, optional
        "float32" or "float64"; default `pydl.config.floatx()`. All layers of a model must agree.
    activity_regularizer : str, Regularizer, optional
        Its penalty of the output, divided by the rows of the batch, is added to the loss. See `pydl.regularizers`.
    input_shape, input_dim, batch_input_shape : tuple of int or None, int, tuple, optional
        Shape of a row, its size, or the shape with the batch in front, of the first layer of a `Sequential`: what an
        `Input` in front would say. One of them at most.

    Examples
    --------
    >>> class Scale(pydl.layers.Layer):
    ...     def build(self, input_shape):
    ...         self.factor = self.add_weight((input_shape[-1],), "ones", name="factor")
    ...     def call(self, x):
    ...         return x * self.factor.numpy()
    ...     def backward(self, x, y, dy):
    ...         self.factor.gradient[...] = (dy * x).sum(axis=0)
    ...         return dy * self.factor.numpy()
    """

    activity_regularizer: regularizers.Regularizer | None = None

    def __init__(
        self, *, name: str | None = None, trainable: bool = True, dtype: str | None = None,
        activity_regularizer: Any = None, **first: Any,
    ) -> None:  # fmt: skip
        super().__init__(name, trainable, dtype)
        self.activity_regularizer = regularizers.get(activity_regularizer)
        self.built = False
        self.input_shape: Any = None
        self.first_shape = _first_shape(type(self).__name__, **first)
        self._first_call: Call | None = None
        self._graph: Graph | None = None
        self.added_losses: list[Any] = []  # by `add_loss` in the last run of `call`
        self.no_graph: Exception | None = None

    def __init_subclass__(cls, **options: Any) -> None:
        """Let a layer whose `build` is called by the layer that holds it know that it is built."""
        super().__init_subclass__(**options)
        if "build" in vars(cls):
            cls.build = _noted(vars(cls)["build"])  # type: ignore[method-assign]

    # -- calling --------------------------------------------------------------------------------------------------

    def build(self, input_shape: Any) -> None:
        """Make the weights; `input_shape` (a list of them where there are several inputs) has None for the batch."""

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Shape of the output, None for the batch; a list of shapes for several outputs.

        Default: what `call` returns for zeros, or for a layer without it the shape of the (first) input.
        """
        several = isinstance(input_shape, list)
        shapes = [tuple(s) for s in input_shape] if several else [tuple(input_shape)]
        if type(self).call is Layer.call:
            return shapes[0]
        if self._graph is not None:
            found = self._graph.shapes(shapes)
        else:
            found = numpy_layer.output_shapes(self, shapes, several)
        return found if len(found) > 1 else found[0]

    def output_shapes(self, input_shape: Any) -> list[Shape]:
        """Shapes of all outputs: `compute_output_shape` returns a list of them if there are several."""
        shape = self.compute_output_shape(input_shape)
        return [tuple(s) for s in shape] if isinstance(shape, list) else [tuple(shape)]

    def _several(self, input_shape: Any) -> bool:
        return isinstance(self.compute_output_shape(input_shape), list)

    def code_limits(self, limit: int | None, inputs: int) -> list[int | None]:
        """For each of the inputs, None, or the number of codes where all values must be codes: whole numbers below it.

        `limit` is that of the output; layers that move values about, and change none, pass it on.
        """
        if limit is not None:
            raise ValueError(
                f'layer "{self.name}": an Embedding takes its output for codes, which only an Input can bring, through '
                "Flatten, Reshape and Concatenate at most"
            )
        return [None] * inputs if self._graph is None else self._graph.code_limits()

    #: Whether it was made for a call of a function of `pydl.ops`.
    of_function: bool = False

    #: Whether it changes nothing but in training.
    only_in_training: bool = False

    #: Whether `preprocess` computes it when data are opened, in NumPy, and no kernel does: see `_engine/host.py`.
    on_host: bool = False

    def preprocess(self, x: Any) -> Any:
        """The output for an array of any dtype, text included, the batch first; of a layer with `on_host`."""
        raise NotImplementedError(f"{type(self).__name__}: override preprocess(x)")

    #: Whether the mask of its input is that of its output. A layer that neither uses nor passes on masks ends them.
    supports_masking: bool = False

    def output_masks(self, masked: list[bool]) -> list[bool]:
        """For each output, whether it has a mask; `masked`: whether each input has one. Default: as the first input."""
        if self._graph is not None:
            return self._graph.masks(masked)
        return [self.supports_masking and masked[0]]

    def emit_masks(self, b: Builder, x: list[Tensor], y: list[Tensor]) -> None:
        """Give the outputs their masks. Default: that of the first input, if the layer supports masking."""
        for t in () if self._graph is not None else y:  # layers inside have done so
            if t is not x[0]:
                t.mask = x[0].mask if self.supports_masking else None

    def _build_once(self, input_shape: Any) -> None:
        if not self.built:
            self.build(input_shape)
            self.input_shape = input_shape
            self.built = True
            self._find_graph(input_shape)
            if self._graph is None:
                self._build_held(input_shape)

    def _find_graph(self, input_shape: Any) -> None:
        """The graph of the layers that `call` uses: then they run, and are trained, as in any model.

        Code that cannot run on symbolic tensors stays NumPy code, which needs a `backward` to be trained.
        """
        if self.has_backward or type(self).call is Layer.call or not self._held_layers():
            return
        several = isinstance(input_shape, list)
        inputs = [SymbolicTensor(tuple(s), self.dtype, self.name) for s in (input_shape if several else [input_shape])]
        try:
            outputs, calls, _ = trace_call(f'layer "{self.name}"', self.call, inputs, several)
        except (TypeError, ValueError, AttributeError, NotImplementedError) as error:
            if of_memory(error):
                raise
            self.no_graph = error
            return
        self._graph = Graph(inputs, leaves(outputs), calls)

    def _build_held(self, input_shape: Any) -> None:
        """Build the layers that this one holds, by a call on zeros, where `build` has not done so."""
        if all(layer.built for layer in self._held_layers()) or type(self).call is Layer.call:
            return
        shapes = input_shape if isinstance(input_shape, list) else [input_shape]
        zeros = [np.zeros((1, *(d or 1 for d in shape[1:])), self.dtype) for shape in shapes]
        try:
            args, flags = numpy_layer.Signature(self.call).arguments(zeros, isinstance(input_shape, list), False)
            self.call(*args, **flags)
        except Exception as error:
            raise ValueError(
                f'layer "{self.name}": a call on zeros of shape {zeros[0].shape}, to build the layers that it holds, '
                f"failed: {error}; build them in {type(self).__name__}.build, as in self.inner.build(input_shape)"
            ) from error

    def __call__(self, inputs: Any, *others: Any, training: Any = None) -> Any:
        """Connect the layer to symbolic tensors, or apply it to arrays.

        Parameters
        ----------
        inputs : SymbolicTensor, array, or list of them
        *others : SymbolicTensor or array
            Further inputs, for a layer whose `call` takes several.
        training : bool, optional
            Whether the layer behaves as in training: Dropout draws, BatchNormalization takes the batch's statistics.
            Default: on arrays not; in a model as the model does, whatever that is. Given to a call on symbolic tensors,
            it holds for that call in whatever the model does.
        """
        if others:
            inputs = [inputs, *others]
        if isinstance(training, Phase):
            training = None
        if isinstance(inputs, list | tuple) and not inputs:
            raise ValueError(f'layer "{self.name}": expected an input, got an empty {type(inputs).__name__}')
        if is_symbolic(inputs):
            call = self.connect(inputs, training)
            self._first_call = self._first_call or call
            return call.output
        if self.on_host:
            return self.preprocess(np.asarray(inputs))
        y = self._applied(inputs, training)
        if self.activity_regularizer is not None:
            outputs = y if isinstance(y, list | tuple) else [y]
            self._output_penalties = tuple(self.activity_regularizer(out) / len(out) for out in outputs)
        return y

    def _applied(self, inputs: Any, training: Any) -> Any:
        """What comes out for arrays."""
        if self._is_code():
            return self._run_code(inputs, training)
        from pydl._training.eager import apply_layer  # a layer on arrays is a model of one layer

        return apply_layer(self, inputs, bool(training))

    def _is_code(self) -> bool:
        """Whether it is Python code that runs on arrays, and nothing else."""
        return type(self).call is not Layer.call and type(self).emit_forward is Layer.emit_forward

    def _run_code(self, inputs: Any, training: Any) -> Any:
        """What `call` returns for arrays, or for values with a history."""
        listed = isinstance(inputs, list | tuple)
        values = [self._operand(x) for x in (inputs if listed else [inputs])]
        shapes = [(None, *np.shape(x)[1:]) for x in values]
        self._build_once(shapes if listed else shapes[0])
        args, flags = numpy_layer.Signature(self.call).arguments(values, listed, bool(training))
        self.added_losses = []
        y = self.call(*args, **flags)
        return y if isinstance(y, list | tuple | dict | Traced) else np.asarray(value_of(y))

    def _operand(self, x: Any) -> Any:
        if isinstance(x, Traced):
            return x
        array = check.numeric(f'layer "{self.name}"', "inputs", x)
        return array.astype(self.dtype) if array.dtype.kind == "f" else array

    def connect(self, inputs: Any, training: bool | None = None) -> Call:
        """A use of the layer on symbolic tensors, of which the layer itself takes no note."""
        listed = isinstance(inputs, list | tuple)
        tensors: list[SymbolicTensor] = list(inputs) if listed else [inputs]
        shapes = [t.shape for t in tensors]
        shape = shapes if listed else shapes[0]
        for t in () if self.on_host else tensors:
            self._check_dtype(t)
        self._build_once(shape)
        call = Call(self, tensors, self.output_shapes(shape), self.dtype, listed, self._several(shape), training)
        masked = [t.masked for t in tensors]
        found = flags(self, masked, len(call.outputs))
        if any(masked) and not self.supports_masking and not any(found):
            warnings.warn(
                f'layer "{self.name}" ({type(self).__name__}) does not support masking: the mask of its input ends '
                "here, and losses and metrics behind it count all steps",
                stacklevel=3,
            )
        for t, flag in zip(call.outputs, found, strict=True):
            t.masked = flag
        return call

    def _check_dtype(self, t: SymbolicTensor) -> None:
        if t.dtype == "string":
            raise ValueError(
                f'layer "{self.name}" computes with numbers, its input "{t.name}" is text; put a layer between them '
                "that makes numbers of it, such as StringLookup or Hashing"
            )
        if t.dtype.startswith("float") and t.dtype != self.dtype:  # others are cast
            raise ValueError(
                f'layer "{self.name}" computes in {self.dtype}, its input "{t.name}" in {t.dtype}; give both '
                f"the same dtype (pydl.config.set_floatx sets the default)"
            )

    @property
    def input(self) -> Any:
        """The symbolic tensor, or the list of them, that the layer was first called on."""
        return self._known_call("input").input

    @property
    def output(self) -> Any:
        """What came out when the layer was first called on symbolic tensors: the input of other layers, or a model's
        output."""
        return self._known_call("output").output

    def _known_call(self, what: str) -> Call:
        if self._first_call is None:
            raise AttributeError(
                f'layer "{self.name}" has no {what} yet: it was not called on a symbolic tensor, nor is it in a model '
                "that is built"
            )
        return self._first_call

    _output_penalties: tuple[float, ...] = ()

    # -- losses -----------------------------------------------------------------------------------------------------

    def add_loss(self, loss: Any) -> None:
        """Add a term to the loss of the model, from within `call`: a number for the batch, or the mean of several.

        It is trained with, and reported as part of the loss, in `evaluate` too.
        """
        for term in _listed(loss):
            if isinstance(term, SymbolicTensor):
                notes = recorder.get()
                if notes is None or not hasattr(notes, "added"):
                    raise ValueError(f'layer "{self.name}": add_loss: call it in call, where {term!r} comes about')
                notes.added.append(AddedLoss()(term))
            else:
                self.added_losses.append(term)

    @property
    def losses(self) -> list[Any]:
        """Terms of the loss as they are now: penalties of weights, and, of the last call on arrays, that of the output
        and what `call` added."""
        of_weights = [v.regularizer(v.numpy()) for v in self.trainable_weights if v.regularizer is not None]
        return [*of_weights, *self._output_penalties, *(value_of(term) for term in self.added_losses)]

    # -- the NumPy escape hatch -----------------------------------------------------------------------------------

    def call(self, *inputs: np.ndarray) -> np.ndarray:
        """The forward pass in NumPy; may take `training=` as a keyword."""
        raise NotImplementedError(f"{type(self).__name__}: override call(x) and backward(x, y, dy) in NumPy")

    def backward(self, *args: Any) -> Any:
        """`backward(x, y, dy)`: the gradient(s) of the input(s); write weights' gradients to `weight.gradient[...]`.

        y and dy are lists if `call` returns several arrays.
        """
        raise NotImplementedError(f"{type(self).__name__}: override backward(x, y, dy)")

    @property
    def has_backward(self) -> bool:
        """Whether the class brings its backward pass; else gradients follow from the functions that `call` uses."""
        return type(self).backward is not Layer.backward

    def emit_forward(self, b: Builder, *x: Tensor) -> Any:
        """Emit the records of the forward pass; returns the output, or a list of several."""
        if self._graph is not None:
            return self._graph.emit_forward(b, *x)
        ys = numpy_layer.emit_call(self, b, x, isinstance(self.input_shape, list))
        return ys if len(ys) > 1 else ys[0]

    def emit_backward(self, b: Builder, *x: Tensor, y: Any) -> None:
        """Emit the records of the backward pass; `y`: the output, or the list of several, with their gradients."""
        if self._graph is not None:
            self._graph.emit_backward(b, *x, y=y)
        else:
            numpy_layer.emit_backward(self, b, x, _listed(y))

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments as plain JSON values."""
        config = super().get_config()
        if config.get("activity_regularizer", "") is None:  # as files say that were written before there was one
            del config["activity_regularizer"]
        return config

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}, built={self.built}>"


class AddedLoss(Layer):
    """What a layer adds to the loss: the mean of a tensor, which nothing else needs."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(activity_regularizer=_MeanOfSamples(), **kwargs)

    def get_config(self) -> dict[str, Any]:
        """Its name and dtype."""
        return {"name": self.name, "dtype": self.dtype}

    def emit_forward(self, b: Builder, *x: Tensor) -> Any:
        return x[0]

    def emit_backward(self, b: Builder, *x: Tensor, y: Any) -> None:
        """The gradient is the same buffer."""


class _MeanOfSamples(regularizers.Regularizer):
    """The sum over the samples of what is then divided by their number."""

    def __call__(self, x: Any) -> float:
        return float(np.mean(x, dtype=np.float64) * len(x))

    def gradient(self, x: np.ndarray) -> np.ndarray:
        return np.full(x.shape, len(x) / x.size, x.dtype)


def _first_shape(
    owner: str,
    input_shape: Any = None,
    input_dim: Any = None,
    batch_input_shape: Any = None,
    autocast: bool = True,
    **unknown: Any,
) -> tuple[int | None, ...] | None:
    """The shape of a row that a layer's constructor was given, if any."""
    if unknown:
        raise TypeError(f"{owner}.__init__() got an unexpected keyword argument {next(iter(unknown))!r}")
    if sum(given is not None for given in (input_shape, input_dim, batch_input_shape)) > 1:
        raise TypeError(
            f"{owner}: expected input_shape, input_dim or batch_input_shape, not both; input_dim=n stands for "
            "input_shape=(n,), and batch_input_shape has the batch in front"
        )
    if batch_input_shape is not None:
        return open_shape_of(f"{owner}: batch_input_shape", batch_input_shape)[1:]
    if input_dim is not None:
        return (whole(owner, "input_dim", input_dim, at_least=1),)
    return None if input_shape is None else open_shape_of(f"{owner}: input_shape", input_shape)


def _noted(build: Callable[..., None]) -> Callable[..., None]:
    @wraps(build)
    def noting(self: Layer, input_shape: Any = None) -> None:
        build(self, input_shape)
        self.built = True
        if self.input_shape is None:
            self.input_shape = input_shape

    return noting


def _listed(values: Any) -> list[Any]:
    return list(values) if isinstance(values, list | tuple) else [values]
