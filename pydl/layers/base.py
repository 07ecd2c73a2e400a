"""The base class of layers: how they are built and called, masks, terms of the loss."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from pydl import regularizers
from pydl._base.registry import noting, settings
from pydl._engine import arguments, numpy_layer, own_masks
from pydl._engine.builder import Builder
from pydl._engine.cache import forget_programs
from pydl._engine.graph import Call, Shape, SymbolicTensor, is_symbolic, open_batch
from pydl._engine.masked_array import mask_of
from pydl._engine.masks import flags
from pydl._engine.operators import recorder, recording
from pydl._engine.tape import is_traced, value_of
from pydl._engine.tensor import Tensor
from pydl._engine.tracing import Graph, Phase, packed
from pydl._engine.variable import Variable
from pydl.config import DTypePolicy
from pydl.layers.given_shapes import first_shape, noting_shape
from pydl.layers.input_spec import require
from pydl.layers.own_code import OwnCode, routed
from pydl.layers.weighted import _tree


def _same(a: Any, b: Any) -> bool:
    """Whether settings are the same numbers, names and such; of others nothing is known."""
    return isinstance(a, str | int | float | tuple | type(None)) and bool(a == b)


#: Arguments of layers that change nothing in what they compute.
_NO_SETTINGS = ("name", "trainable")


class Layer(OwnCode):
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
        self.first_shape = first_shape(type(self).__name__, **first)
        self._first_call: Call | None = None
        self._graph: Graph | None = None
        self.added_losses: list[Any] = []  # by `add_loss` in the last run of `call`
        self.no_graph: Exception | None = None

    def __init_subclass__(cls, **options: Any) -> None:
        """Let a layer whose `build` is called by the layer that holds it know that it is built, and one of a user's
        what it was given; and a class that overrides the `call` of one with kernels be the code that it brings."""
        super().__init_subclass__(**options)
        own = vars(cls)
        if "__init__" in own and not cls.__module__.startswith("pydl."):
            cls.__init__ = noting(own["__init__"])  # type: ignore[method-assign]
        if "build" in own:
            of_library = cls.__module__.startswith("pydl.")
            cls.build = noting_shape(own["build"], of_library)  # type: ignore[method-assign]
        if "call" in own and cls.__module__.startswith("pydl."):
            cls.call = routed(own["call"])  # type: ignore[method-assign]
        elif "call" in own and "emit_forward" not in own:
            library = next(base for base in cls.__mro__ if base.__module__.startswith("pydl."))
            if issubclass(library, Layer) and (library.emit_forward, library.call) != (Layer.emit_forward, Layer.call):
                cls._library = library
                for name in ("emit_forward", "emit_backward", "compute_output_shape", "emit_masks", "output_masks",
                             "code_limits", "has_backward", "backward"):  # fmt: skip
                    if name not in own:
                        setattr(cls, name, inspect.getattr_static(Layer, name))

    def __setattr__(self, name: str, value: Any) -> None:
        known = vars(self)
        if not known.get("built") or name in _NO_SETTINGS:
            super().__setattr__(name, value)
            return
        before = known.get(name)
        if isinstance(before, Variable) and value is not before and type(self).__module__.startswith("pydl."):
            raise ValueError(
                f'layer "{self.name}": weights of a built layer cannot be exchanged; set its {name}, as in '
                f"layer.{name}.assign(...), or make a layer that uses other ones"
            )
        super().__setattr__(name, value)
        if name in settings(type(self)) and not (type(before) is type(value) and _same(before, value)):
            forget_programs()  # of an activation, say, that is taken away

    # -- calling --------------------------------------------------------------------------------------------------

    def build(self, input_shape: Any) -> None:
        """Make the weights; `input_shape` (a list of them where there are several inputs) has None for the batch."""
        if self._library is None and type(self).__module__.startswith("pydl."):
            self.built = True  # there are none; code of a user's is built by its first call

    def get_build_config(self) -> dict[str, Any] | None:
        """What `build_from_config` needs; override both where `build` takes more than a shape."""
        return {"input_shape": self.input_shape} if self.built else None

    def build_from_config(self, config: dict[str, Any]) -> None:
        """Build the layer as `get_build_config` says."""
        self.build(config["input_shape"])

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Shape of the output, None for the batch; a list of shapes for several outputs.

        Default: what `call` returns for zeros, or for a layer without it the shape of the (first) input.
        """
        if self._library is not None and not self.built:  # asked for by its `build`
            return self._library.compute_output_shape(self, input_shape)
        several = isinstance(input_shape, list)
        shapes = [tuple(s) for s in input_shape] if several else [tuple(input_shape)]
        if type(self).call is Layer.call:
            return shapes[0]
        if () in shapes:
            raise ValueError(f'layer "{self.name}": expected a shape with the batch in front, (None, ...), got ()')
        batch, shapes = shapes[0][0], [(None, *s[1:]) for s in shapes]
        if self._graph is not None:
            found = self._graph.shapes(shapes)
        else:
            found = numpy_layer.output_shapes(self, shapes, several)
        found = [(batch, *s[1:]) for s in found]
        return found if len(found) > 1 else found[0]

    def output_shapes(self, input_shape: Any) -> list[Shape]:
        """Shapes of all outputs: `compute_output_shape` returns a list of them if there are several."""
        if self._call_form is not None and type(self).compute_output_shape is not Layer.compute_output_shape:
            shape = self.compute_output_shape(
                **self._call_form.for_build(self.compute_output_shape, self.call, input_shape)
            )
        else:
            shape = self.compute_output_shape(input_shape)
        if isinstance(shape, dict):
            return [tuple(s) for s in shape.values()]
        return [tuple(s) for s in shape] if _are_shapes(shape) else [tuple(shape)]

    def _several(self, input_shape: Any) -> bool:
        if self._call_form is not None:
            return len(self.output_shapes(input_shape)) > 1
        return _are_shapes(self.compute_output_shape(input_shape))

    def code_limits(self, limit: int | None, inputs: int) -> list[int | None]:
        """For each of the inputs, None, or the number of codes where all values must be codes: whole numbers below it.

        `limit` is that of the output; layers that move values about, and change none, pass it on. What others give is
        checked in each step (`Value.codes`).
        """
        return [None] * inputs if self._graph is None else self._graph.code_limits()

    #: Whether it takes a dict of pictures and what was noted about them, see `layers/annotated.py`.
    of_dicts: bool = False

    #: Whether it takes a list, be it of one tensor.
    merges: bool = False

    #: Whether it was made for a call of a function of `pydl.ops`.
    of_function: bool = False

    #: Whether what comes out is one number for the whole batch, as often as there are samples.
    one_for_all: bool = False

    #: Calls on arrays that drew random numbers: those with a seed of their own draw by it.
    draws: int = 0

    #: Whether it changes nothing but in training.
    only_in_training: bool = False

    #: The dtypes of what `call` was seen to give, where they are of whole numbers or truth values.
    result_kinds: Sequence[str | None] = ()

    #: Whether `preprocess` computes it when data are opened, in NumPy, and no kernel does: see `_engine/host.py`.
    on_host: bool = False

    #: Whether such a layer makes numbers of text, or text of numbers.
    of_text: bool = False

    def preprocess(self, x: Any) -> Any:
        """The output for an array of any dtype, text included, the batch first; of a layer with `on_host`."""
        raise NotImplementedError(f"{type(self).__name__}: override preprocess(x)")

    #: Whether the mask of its input is that of its output. A layer that neither uses nor passes on masks ends them.
    supports_masking: bool = False

    #: What its inputs have to be, see `InputSpec`; a list for several.
    input_spec: Any = None

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

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        """The mask of the output for arrays; a class that overrides it decides which steps count behind its layer.

        Parameters
        ----------
        inputs : array, or list of arrays
        previous_mask : array of bool, or list of such or None
            That of the inputs.

        Returns
        -------
        array of bool, shape (batch, steps), a list of such for several outputs, or None: all steps count.
        """
        return previous_mask

    def _build_once(self, input_shape: Any, dtypes: Sequence[str] = (), runs: bool = False) -> None:
        """`build`, unless it is; `runs`: `call` is about to run on arrays, which builds the layers that are held."""
        if self.input_spec is not None:
            require(self, input_shape)
        if not self.built:
            with recording(None):  # weights may be assigned
                if self._call_form is not None:
                    self.build(**self._call_form.for_build(self.build, self.call, input_shape))
                elif (n := len(inspect.signature(self.build).parameters)) == 0:  # it needs no shape
                    self.build()  # type: ignore[call-arg]
                elif n > 1 and isinstance(input_shape, list):  # a shape for each argument of `call`
                    form = arguments.Arguments.of(input_shape, {})[0]
                    self.build(**form.for_build(self.build, self.call, input_shape))
                else:
                    self.build(input_shape)
            self.built = True
            if self.input_spec is not None:  # of `build`
                require(self, input_shape)
            self.input_shape = input_shape
            self._find_graph(input_shape, dtypes)
            if self._graph is None and not runs:
                self._build_held(input_shape)

    def __call__(self, *inputs: Any, **keywords: Any) -> Any:
        """Connect the layer to symbolic tensors, or apply it to arrays.

        Parameters
        ----------
        *inputs : SymbolicTensor, array, or list of them
            Several for a layer whose `call` takes several; for a layer of your own dicts, None and numbers as well.
        training : bool, optional
            Whether the layer behaves as in training: Dropout draws, BatchNormalization takes the batch's statistics.
            Default: on arrays not; in a model as the model does, whatever that is. Given to a call on symbolic tensors,
            it holds for that call in whatever the model does.
        mask : array, optional
            With an array as input: which of its steps count; with a list of arrays, a list of such. None: all.
        **keywords
            Further arguments of `call`, of a layer of your own.
        """
        if "inputs" in keywords and not inputs:
            inputs = (keywords.pop("inputs"),)
        training = keywords.pop("training", None)
        if isinstance(training, Phase):
            training = None
        if not arguments.is_plain(inputs, keywords) and self._takes_more():
            return self._call_with(inputs, keywords, training)
        mask = keywords.pop("mask", None)
        if keywords or not inputs:
            wrong = f"got {next(iter(keywords))}=" if keywords else "got none"
            raise TypeError(f'layer "{self.name}" ({type(self).__name__}): expected tensors or arrays, {wrong}')
        given: Any = inputs[0] if len(inputs) == 1 else list(inputs)
        if isinstance(given, list | tuple) and not given:
            raise ValueError(f'layer "{self.name}": expected an input, got an empty {type(given).__name__}')
        if is_symbolic(given):
            if mask is not None:
                raise TypeError(
                    f'layer "{self.name}" ({type(self).__name__}): symbolic tensors bring their masks, from Masking or '
                    "Embedding(mask_zero=True): leave mask= out"
                )
            return self._connected(given, training)
        if mask is not None:
            return self._applied_masked(given, training, mask)
        if self.on_host:
            return self.preprocess(np.asarray(given))
        notes = recorder.get()
        if notes is not None:
            return notes.of_layer(self, given, training)
        mask = None if self._is_code() else self._fitting(mask_of(given), given)
        if mask is not None and not self.supports_masking:
            self._warn_of_mask(stacklevel=2)
        y = self._applied(given, training) if mask is None else self._applied_masked(given, training, mask)
        if self.activity_regularizer is not None:
            outputs = y if isinstance(y, list | tuple) else [y]
            self._output_penalties = tuple(self.activity_regularizer(out) / len(out) for out in outputs)
        return y

    def _connected(self, given: Any, training: Any) -> Any:
        """What comes out for symbolic tensors."""
        tensors = list(given) if isinstance(given, list | tuple) else [given]
        if self._takes_more():
            listed = isinstance(given, list | tuple)
            shapes = [open_batch(t.shape) for t in tensors]
            self._build_once(shapes if listed else shapes[0], [t.dtype for t in tensors])
            if self._graph is not None and any(call.layer.on_host for call in self._graph.calls):
                return packed(self._output_keys, self._graph.again(tensors, training))
        call = self.connect(given, training)
        self._first_call = self._first_call or call
        return call.output

    def _applied(self, inputs: Any, training: Any, tape: Any = None) -> Any:
        """What comes out for arrays, or for values with a history on a tape."""
        followed = is_traced(inputs) or (tape is not None and self.trainable_weights)
        if self._is_code() and not (self.has_backward and followed):
            return self._run_code(inputs, training)
        from pydl._training.eager import apply_layer  # a layer on arrays is a model of one layer

        return apply_layer(self, inputs, bool(training), tape=tape)

    def _applied_masked(self, inputs: Any, training: Any, mask: Any) -> Any:
        """What comes out for arrays of which some steps do not count; layers that know no masks count them all."""
        from pydl._training.eager import apply_layer

        masked = self.supports_masking and not self.on_host
        return apply_layer(self, inputs, bool(training), mask) if masked else self._applied(inputs, training)

    def _fitting(self, mask: Any, given: Any) -> Any:
        """Masks that inputs brought, where they say of each step whether it counts."""
        if isinstance(mask, list):
            found = [self._fitting(m, x) for m, x in zip(mask, given, strict=True)]
            return found if any(m is not None for m in found) else None
        return mask if mask is not None and np.shape(mask) == np.shape(given)[:-1] else None

    def _called_masked(self, inputs: Any, training: Any, masks: Any) -> Any:
        """What a model returns for arrays, where some steps do not count, of what comes in or goes out."""
        from pydl._training.eager import call_masked

        return call_masked(self, inputs, bool(training), masks)

    def _warn_of_mask(self, stacklevel: int) -> None:
        warnings.warn(
            f'layer "{self.name}" ({type(self).__name__}) does not support masking: the mask of its input ends here, '
            "and losses and metrics behind it count all steps",
            stacklevel=stacklevel + 1,
        )

    def connect(self, inputs: Any, training: bool | None = None) -> Call:
        """A use of the layer on symbolic tensors, of which the layer itself takes no note."""
        listed = isinstance(inputs, list | tuple)
        tensors: list[SymbolicTensor] = list(inputs) if listed else [inputs]
        shapes = [open_batch(t.shape) for t in tensors]
        shape = shapes if listed else shapes[0]
        for t in () if self.on_host else tensors:
            self._check_dtype(t)
        self._build_once(shape, [t.dtype for t in tensors])
        found_shapes = self.output_shapes(shape)
        kind = self._output_kind()
        call = Call(self, tensors, found_shapes, kind, listed, self._several(shape), training)
        call.keys = self._output_keys
        for t, whole in zip(call.outputs, self.kinds_of(tensors), strict=False):
            t.kind = whole
        masked = [t.masked for t in tensors]
        found = flags(self, masked, len(call.outputs))
        if any(masked) and not (self.supports_masking or any(found) or own_masks.says(self)):
            self._warn_of_mask(stacklevel=4)
        for t, flag in zip(call.outputs, found, strict=True):
            t.masked = flag
        return call

    def kinds_of(self, tensors: Sequence[Any]) -> Sequence[str | None]:
        """For each output, the dtype of what a model returns for it, where that is no float."""
        return self.result_kinds if self._graph is None else [t.kind for t in self._graph.outputs]

    def _output_kind(self) -> str:
        """The dtype of what comes out of it in a graph."""
        return self.dtype

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
    def compute_dtype(self) -> str:
        """What it computes in."""
        return self.dtype

    @property
    def dtype_policy(self) -> DTypePolicy:
        """Its dtype: what Keras's programs give to the layers that a layer makes."""
        return DTypePolicy(self.dtype)

    @property
    def variable_dtype(self) -> str:
        """The dtype of its weights."""
        return self.dtype

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
        """Add a term to the loss of the model, from within `call`: a number for the batch, or the sum of several.

        It is trained with, and reported as part of the loss, in `evaluate` too.
        """
        notes = recorder.get()
        for term in numpy_layer.listed(loss):
            if isinstance(term, SymbolicTensor):
                if notes is None or not hasattr(notes, "added"):
                    raise ValueError(f'layer "{self.name}": add_loss: call it in call, where {term!r} comes about')
                notes.added.append(AddedLoss(total=not term.single)(term))
            elif hasattr(notes, "added"):  # of weights alone
                notes.added.append(AddedLoss()(notes.by_batch("_of_batch", term)))
            else:
                self.added_losses.append(term)

    @property
    def adds_loss(self) -> bool:
        """Whether a call adds to the loss, by `add_loss` or a penalty of the output, of the layer's or of one in it."""
        if self.activity_regularizer is not None or (self._is_code() and self.terms):
            return True
        return self._graph is not None and any(call.layer.adds_loss for call in self._graph.calls)

    @property
    def losses(self) -> list[Any]:
        """Terms of the loss as they are now: penalties of weights, and, of the last call on arrays, that of the output
        and what `call` added."""
        of_weights = [v.regularizer(v.numpy()) for v in self.trainable_weights if v.regularizer is not None]
        held = [layer for layer in _tree(self) if isinstance(layer, Layer)]
        terms = [term for layer in held for term in (*layer._output_penalties, *layer.added_losses)]
        return [*of_weights, *(value_of(term) for term in terms)]

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments as plain JSON values."""
        config = super().get_config()
        if config.get("activity_regularizer", "") is None:  # as files say that were written before there was one
            del config["activity_regularizer"]
        return config

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}, built={self.built}>"


def _are_shapes(shape: Any) -> bool:
    """Whether it is a list of shapes rather than one, which may be a list of sizes."""
    return isinstance(shape, list) and not all(d is None or isinstance(d, int) for d in shape)


class AddedLoss(Layer):
    """What a layer adds to the loss: the mean of a tensor, or in `total` its sum, which nothing else needs."""

    def __init__(self, total: bool = False, **kwargs: Any) -> None:
        super().__init__(activity_regularizer=_OfSamples(total), **kwargs)
        self.total = total

    def get_config(self) -> dict[str, Any]:
        """Its name and dtype, and whether it is a sum."""
        return {"name": self.name, "dtype": self.dtype, **({"total": True} if self.total else {})}

    def emit_forward(self, b: Builder, *x: Tensor) -> Any:
        return x[0]

    def emit_backward(self, b: Builder, *x: Tensor, y: Any) -> None:
        """The gradient is the same buffer."""


class _OfSamples(regularizers.Regularizer):
    """The mean, or the sum, times the number of samples, by which it is then divided."""

    def __init__(self, total: bool) -> None:
        self.total = total

    def __call__(self, x: Any) -> float:
        return float((np.sum if self.total else np.mean)(x, dtype=np.float64) * len(x))

    def gradient(self, x: np.ndarray) -> np.ndarray:
        return np.full(x.shape, len(x) if self.total else len(x) / x.size, x.dtype)
