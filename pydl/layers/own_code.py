"""Layers of one's own: what a class that overrides `call` is given, and how its code runs, alone and in models."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

import numpy as np

from pydl._base import check
from pydl._base.errors import of_memory
from pydl._base.frames import array_of_any
from pydl._engine import numpy_layer, own_masks
from pydl._engine.arguments import Arguments
from pydl._engine.builder import Builder
from pydl._engine.graph import SymbolicTensor
from pydl._engine.lent import given_back, is_of_writing, lent, read_only
from pydl._engine.masked_array import mask_of, with_mask
from pydl._engine.operators import recording
from pydl._engine.tape import Traced, is_followed, value_of
from pydl._engine.tensor import Tensor
from pydl._engine.tracing import Graph, leaves, trace_call
from pydl._engine.variable import state_of
from pydl.layers.weighted import Weighted, _tree


class OwnCode(Weighted):
    """The part of a layer that is about code of a user's: `call` and `backward`, where a class brings them."""

    built: bool
    input_shape: Any
    added_losses: list[Any]  # by `add_loss` in the last run of `call`
    no_graph: Exception | None
    _graph: Graph | None
    supports_masking: bool
    compute_mask: Callable[..., Any]
    _build_once: Callable[..., None]
    _warn_of_mask: Callable[..., None]
    _connected: Callable[[Any, Any], Any]

    #: The form of what `call` takes, where that is more than tensors or a list of them; known from the first call.
    _call_form: Arguments | None = None

    #: Weights that the `build` of a class of the library made.
    _of_library: list[Any] = []  # noqa: RUF012 - each layer gets its own

    told_of_weights: bool = False

    #: Whether `call` has been seen to use `+=` and the like on its inputs.
    writes_inputs: bool = False

    #: The keys of what `call` returns, if it is a dict.
    _output_keys: list[str] | None = None

    #: The class of the library that a class derives from which overrides `call`: what `super().call(x)` computes.
    _library: type[Any] | None = None

    def call(self, *inputs: Any, **flags: Any) -> Any:
        """The forward pass in NumPy; may take `training=` as a keyword.

        In a class that overrides the `call` of one with kernels, `super().call(x)` computes what that one does, out of
        training unless it is told `training=training`.
        """
        if self._library is not None:
            return self._as_library()(*inputs, **{"training": False, **flags})
        raise NotImplementedError(f"{type(self).__name__}: override call(x) and backward(x, y, dy) in NumPy")

    def backward(self, *args: Any) -> Any:
        """`backward(x, y, dy)`: the gradient(s) of the input(s); write weights' gradients to `weight.gradient[...]`.

        y and dy are lists if `call` returns several arrays.
        """
        raise NotImplementedError(f"{type(self).__name__}: override backward(x, y, dy)")

    @property
    def terms(self) -> list[Any]:
        """What the last run of `call`, and of layers in it, added to the loss."""
        return [term for layer in _tree(self) for term in getattr(layer, "added_losses", ())]

    def forget_losses(self) -> None:
        """Let there be no such terms."""
        for layer in _tree(self):
            layer.added_losses = []

    def add_metric(self, value: Any, name: str | None = None, aggregation: str | None = "mean") -> None:
        """Report the mean of a value over the batches of a pass, from within `call`, as Keras 2 had it.

        A metric of the layer's own does the same, and more: `self.spread.update_state(value)`.
        """
        from pydl.metrics import Mean

        metrics = vars(self).setdefault("_added_metrics", {})
        key = name or self.name
        if key not in metrics:
            metrics[key] = Mean(key)
        metrics[key].update_state(value)

    def _as_library(self) -> Any:
        """The layer of the library that this one derives from, with the weights that it made, and nothing else."""
        assert self._library is not None
        layer = object.__new__(self._library)
        layer.__dict__.update({**self.__dict__, "_graph": None, "_first_call": None, "activity_regularizer": None})
        if self._of_library:
            layer.__dict__["_own"] = [v for v in self._own if any(v is made for made in self._of_library)]
        return layer

    @property
    def has_backward(self) -> bool:
        """Whether the class brings its backward pass; else gradients follow from the functions that `call` uses."""
        return type(self).backward is not OwnCode.backward

    def emit_forward(self, b: Builder, *x: Tensor) -> Any:
        """Emit the records of the forward pass; returns the output, or a list of several."""
        if self._graph is not None:
            return self._graph.emit_forward(b, *x)
        ys = numpy_layer.emit_call(self._whole(), b, x, isinstance(self.input_shape, list))
        return ys if len(ys) > 1 else ys[0]

    def emit_backward(self, b: Builder, *x: Tensor, y: Any) -> None:
        """Emit the records of the backward pass; `y`: the output, or the list of several, with their gradients."""
        if self._graph is not None:
            self._graph.emit_backward(b, *x, y=y)
        else:
            numpy_layer.emit_backward(self._whole(), b, x, numpy_layer.listed(y))

    def _whole(self) -> Any:
        """The layer that this is a part of."""
        return self

    def _takes_more(self) -> bool:
        """Whether it is code that may be given anything."""
        return type(self).call is not OwnCode.call and (self._is_code() or self._graph is not None)

    def _call_with(self, args: Any, keywords: Any, training: Any) -> Any:
        """A call with more than tensors one by one, or in a list."""
        form, tensors = Arguments.of(args, keywords)
        symbolic = [t for t in tensors if isinstance(t, SymbolicTensor)]
        if symbolic and len(symbolic) < len(tensors):
            raise TypeError(f'layer "{self.name}": expected either symbolic tensors or arrays, got some of both')
        if self.built and self._call_form is not None and self._call_form != form and symbolic:
            raise ValueError(
                f'layer "{self.name}": it was called with other arguments before; make a layer for each way of calling'
            )
        if symbolic or not self.built:
            self._call_form = form
        if symbolic:
            return self._connected(tensors, training)
        values = [self._operand(x) for x in tensors]
        self._build_once([(None, *np.shape(x)[1:]) for x in values], [_kind(x) for x in values], runs=True)
        masks = mask_of(values)
        arguments = numpy_layer.Signature(self.call, form).arguments(values, True, bool(training), masks and masks[0])
        return self._marked(self._ran(*arguments), values, masks)

    def _is_code(self) -> bool:
        """Whether it is Python code that runs on arrays, and nothing else."""
        return type(self).call is not OwnCode.call and type(self).emit_forward is OwnCode.emit_forward

    def _run_code(self, inputs: Any, training: Any) -> Any:
        """What `call` returns for arrays, or for values with a history."""
        listed = isinstance(inputs, list | tuple)
        values = [self._operand(x) for x in (inputs if listed else [inputs])]
        shapes = [(None, *np.shape(x)[1:]) for x in values]
        self._build_once(shapes if listed else shapes[0], runs=True)
        masks = mask_of(values)
        mask = masks if listed or masks is None else masks[0]
        arguments = numpy_layer.Signature(self.call).arguments(values, listed, bool(training), mask)
        return self._marked(self._ran(*arguments), values if listed else values[0], mask)

    def _marked(self, outputs: Any, inputs: Any, mask: Any) -> Any:
        """What `call` returned, with masks where it has none: as `compute_mask` says, of a layer that supports them."""
        listed = numpy_layer.listed(outputs)
        if isinstance(inputs, Traced) or isinstance(outputs, dict) or all(mask_of(y) is not None for y in listed):
            return outputs
        if not self._says_steps():
            if mask is not None:
                self._warn_of_mask(stacklevel=5)
            return outputs
        found = self.compute_mask(inputs, mask)
        found = list(found) if isinstance(found, list | tuple) else [found]
        marked = [y if mask_of(y) is not None else with_mask(y, m) for y, m in zip(listed, found, strict=False)]
        marked += listed[len(marked) :]
        return type(outputs)(marked) if isinstance(outputs, list | tuple) else marked[0]

    def _says_steps(self) -> bool:
        """Whether the outputs have masks, if not those that `call` gives them."""
        return self.supports_masking or own_masks.says(self)

    def _ran(self, args: Any, keywords: dict[str, Any]) -> Any:
        self.forget_losses()
        if self.writes_inputs:
            return _given_back(self.call(*_each(lent, args), **_each(lent, keywords)))
        put_back = state_of(self.weights)
        try:
            return _given_back(self.call(*_each(read_only, args), **_each(read_only, keywords)))
        except ValueError as error:
            if not is_of_writing(error):
                raise
        self.writes_inputs = True
        put_back()
        return self._ran(args, keywords)

    def _signature_of_call(self) -> numpy_layer.Signature:
        return numpy_layer.Signature(self.call, self._call_form)

    def _operand(self, x: Any) -> Any:
        if isinstance(x, Traced):
            return x
        mask = mask_of(x)
        if type(x) is not np.ndarray or x.dtype.kind in "OSTU":
            x = array_of_any(x)
            if x.dtype.kind == "U":
                return x
        array = check.numeric(f'layer "{self.name}"', "inputs", x)
        return with_mask(array.astype(self.dtype) if array.dtype.kind == "f" else array, mask)

    def _find_graph(self, input_shape: Any, dtypes: Sequence[str]) -> None:
        """The graph of the layers that `call` uses: then they run, and are trained, as in any model.

        Code that cannot run on symbolic tensors stays NumPy code, which needs a `backward` to be trained.
        """
        if self.has_backward or type(self).call is OwnCode.call:
            return
        if not self._held_layers() and self._library is None and "string" not in dtypes:
            return
        several = isinstance(input_shape, list)
        shapes = input_shape if several else [input_shape]
        kinds = [*dtypes, *[self.dtype] * (len(shapes) - len(dtypes))]
        inputs = [SymbolicTensor(tuple(s), kind, self.name) for s, kind in zip(shapes, kinds, strict=True)]
        try:
            outputs, calls, _ = trace_call(f'layer "{self.name}"', self.call, inputs, several, self._call_form)
        except (TypeError, ValueError, AttributeError, NotImplementedError) as error:
            if of_memory(error):
                raise
            self.no_graph = error
            return
        self._output_keys = list(outputs) if isinstance(outputs, dict) else None
        self._graph = Graph(inputs, leaves(outputs), calls)
        if any(call.layer.on_host for call in calls):  # they will stand beside the layers of the model
            for layer in self._held_layers():
                layer.name = f"{self.name}_{layer.name}"

    def _build_held(self, input_shape: Any) -> None:
        """Build the layers that this one holds, by a call on zeros, where `build` has not done so."""
        if all(layer.built for layer in self._held_layers()) or type(self).call is OwnCode.call:
            return
        shapes = input_shape if isinstance(input_shape, list) else [input_shape]
        zeros = [np.zeros((1, *(d or 1 for d in shape[1:])), self.dtype) for shape in shapes]
        put_back = state_of(self.weights)
        try:
            args, flags = self._signature_of_call().arguments(zeros, isinstance(input_shape, list), False)
            with recording(None):
                self.call(*args, **flags)
            put_back()
        except Exception as error:
            raise ValueError(
                f'layer "{self.name}": a call on zeros of shape {zeros[0].shape}, to build the layers that it holds, '
                f"failed: {error}; build them in {type(self).__name__}.build, as in self.inner.build(input_shape)"
            ) from error


def routed(call: Callable[..., Any]) -> Callable[..., Any]:
    """`call` of a class of the library in NumPy, which knows the gradient of it: what a derived class calls by `super`
    on values with a history, or on symbolic tensors, is the layer of the library itself."""

    @wraps(call)
    def calling(self: Any, *inputs: Any, **flags: Any) -> Any:
        if self._library is not None and any(is_followed(x) for given in inputs for x in numpy_layer.listed(given)):
            return self._as_library()(*inputs, **flags)
        return call(self, *inputs, **flags)

    return calling


def _each(change: Callable[[Any], Any], values: Any) -> Any:
    """Values in dicts, lists and tuples, changed one by one."""
    if isinstance(values, dict):
        return {key: _each(change, value) for key, value in values.items()}
    if type(values) in (list, tuple):
        return type(values)(_each(change, value) for value in values)
    return change(values)


def _given_back(values: Any) -> Any:
    return _each(lambda y: y if isinstance(y, Traced) else given_back(value_of(y)), values)


def _kind(x: Any) -> str:
    return "string" if np.asarray(value_of(x)).dtype.kind == "U" else "float32"
