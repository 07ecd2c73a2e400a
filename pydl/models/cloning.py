"""New models of the same layers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pydl._engine.graph import is_symbolic
from pydl._engine.tracing import leaves
from pydl.layers.base import Layer
from pydl.layers.input import Input
from pydl.models.model import Model
from pydl.models.sequential import Sequential


def clone_model(
    model: Model,
    input_tensors: Any = None,
    clone_function: Callable[[Layer], Layer] | None = None,
    call_function: Callable[..., Any] | None = None,
    recursive: bool = False,
) -> Model:
    """A model of the same graph, of new layers with new weights; it is not compiled.

    Of a class whose `call` and `get_config` are its own, one of that class, made with what `get_config` says.

    Parameters
    ----------
    model : Model
    input_tensors : SymbolicTensor, or list or dict of them, optional
        Inputs of the new model, instead of ones like the old model's.
    clone_function : callable, optional
        Gives the new layer for each layer of the model; default one of the same class and config. It may return the
        layer itself, which both models then share.
    call_function : callable, optional
        `call_function(layer, inputs)` connects a new layer to its inputs; default `layer(inputs)`.
    recursive : bool
        Whether `clone_function` is asked for the layers of models within the model as well.

    Raises
    ------
    TypeError
        When `model` is no model, `clone_function` returns no layer, or `input_tensors` are no symbolic tensors.
    ValueError
        When `model` is not built.
    """
    if not isinstance(model, Model):
        raise TypeError(f"clone_model: expected a model, got {model!r}")

    def copy(layer: Any) -> Any:
        if isinstance(layer, Model) and (recursive or clone_function is None):
            return clone_model(layer, None, clone_function, call_function, recursive)
        new = _new(layer) if clone_function is None else clone_function(layer)
        if not isinstance(new, Layer):
            raise TypeError(f'clone_model: expected a layer from clone_function for "{layer.name}", got {new!r}')
        new.of_function = layer.of_function
        return new

    if isinstance(model, Sequential):
        start: list[Any] = [] if model._start is None else [_new(model._start)]
        if input_tensors is not None:
            start = [input_tensors[0] if isinstance(input_tensors, list | tuple) else input_tensors]
        made = Sequential([*start, *(copy(layer) for layer in model.layers)], model.name, model.trainable)
        made.sizes_of_data = model.sizes_of_data
        return made
    if clone_function is None and input_tensors is None and _says_its_config(type(model)):
        return _new(model)
    model._require_built("clone_model")
    return _graph(
        model, input_tensors, copy, call_function or (lambda layer, *args, **keywords: layer(*args, **keywords))
    )


def _says_its_config(cls: type[Model]) -> bool:
    """Whether a class of one's own has code that `get_config` describes, rather than a graph."""
    return cls.get_config is not Model.get_config and cls.call is not Layer.call


def _new(layer: Any) -> Any:
    return type(layer).from_config(layer.get_config())


def _graph(model: Model, given: Any, copy: Callable[[Any], Any], call: Callable[..., Any]) -> Model:
    """The same graph between new inputs, or those that are given."""
    if given is None:
        inputs = [Input(t.shape[1:], dtype=t.dtype, name=t.name) for t in model.inputs]
    else:
        listed: Any = list(given.values()) if isinstance(given, Mapping) else given
        inputs = list(listed) if isinstance(listed, list | tuple) else [listed]
        if not is_symbolic(inputs) or len(inputs) != len(model.inputs):
            raise TypeError(
                f"clone_model: input_tensors: expected {len(model.inputs)} made by pydl.Input, got {given!r}"
            )
    tensors = {id(t): new for t, new in zip(model.inputs, inputs, strict=True)}
    layers: dict[int, Any] = {}
    for use in model.calls:
        if id(use.layer) not in layers:
            layers[id(use.layer)] = copy(use.layer)
        xs = [tensors[id(t)] for t in use.inputs]
        keywords = {} if use.training is None else {"training": use.training}
        form = use.layer._call_form
        if form is None:
            found = call(layers[id(use.layer)], xs if use.listed else xs[0], **keywords)
        else:
            args, others = form.filled(xs)
            found = call(layers[id(use.layer)], *args, **others, **keywords)
        tensors |= {id(old): new for old, new in zip(use.outputs, leaves(found), strict=True)}
    outputs = [tensors[id(t)] for t in model.outputs]
    clone = Model(
        inputs if model.input_keys is None else dict(zip(model.input_keys, inputs, strict=True)),
        model.packed(outputs),
        name=model.name, trainable=model.trainable,
    )  # fmt: skip
    if model.added:
        clone._connect(clone.inputs, clone.outputs, [tensors[id(t)] for t in model.added])
    return clone
