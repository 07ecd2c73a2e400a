"""What models become in files: JSON values, and models from them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from itertools import count
from typing import TYPE_CHECKING, Any, TypeVar

from pydl import layers
from pydl._base import sharing
from pydl._base.registry import custom_object_scope
from pydl._engine.arguments import Arguments
from pydl.layers.base import Layer
from pydl.models.nesting import filled

if TYPE_CHECKING:
    from pydl._engine.graph import SymbolicTensor
    from pydl.models.model import Model
    from pydl.models.sequential import Sequential

FUNCTION = "function"  # what stands for the class of a layer where a graph calls a function, which its config holds
_kinds: dict[str, Any] = {}
Kind = TypeVar("Kind", bound=type)


def kind(cls: Kind) -> Kind:
    """Let a kind of model be found by its name, as configs give it."""
    _kinds[cls.__name__] = cls
    return cls


def model_from_config(config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None) -> Model:
    """A new model from `get_config()`, whichever of the two kinds it is of."""
    model: Model = _kinds["Model" if "order" in config else "Sequential"].from_config(config, custom_objects)
    return model


def kind_of(layer: Any) -> str | None:
    """The kind of a model, None of any other layer."""
    if not isinstance(layer, _kinds["Model"]):
        return None
    return "Sequential" if isinstance(layer, _kinds["Sequential"]) else "Model"


def entry(model: Model) -> dict[str, Any]:
    """The kind of a model and its config."""
    name = kind_of(model) or "Model"
    return {"class_name": name, "config": _kinds[name].get_config(model)}


#: What `graph_config` says beside name and whether it is trainable.
OF_GRAPH = (
    "input_keys", "output_keys", "output_form", "inputs", "layers", "order", "outputs", "added", "sizes_of_data",
)  # fmt: skip


def _input(t: SymbolicTensor) -> dict[str, Any]:
    known = {} if t.shape[0] is None else {"batch_size": t.shape[0]}
    return {"name": t.name, "shape": list(t.shape[1:]), "dtype": t.dtype, **known}


def graph_config(model: Model) -> dict[str, Any]:
    """The graph of a model; a layer in several places, such as two models within this one, has a number."""
    producers: dict[int, list[Any]] = {id(t): [t.name, 0] for t in model.inputs}
    with sharing.written(lambda: _places(model)):
        entries = {layer.name: {**_placed(layer), "calls": []} for layer in model._layers}
    for call in model.calls:
        entry = entries[call.layer.name]
        entry["calls"].append([producers[id(t)] for t in call.inputs])
        if call.training is not None:
            entry.setdefault("training", {})[str(len(entry["calls"]) - 1)] = call.training
        for i, t in enumerate(call.outputs):  # the number of the output follows from the second one on
            producers[id(t)] = [call.layer.name, len(entry["calls"]) - 1, *([i] if i else [])]
    keys = {"input_keys": model.input_keys, "output_keys": model.output_keys, "output_form": model.output_form}
    return {
        "name": model.name,
        "trainable": model.trainable,
        **{name: value for name, value in keys.items() if value is not None},
        "inputs": [_input(t) for t in model.inputs],
        "layers": list(entries.values()),
        "order": [c.layer.name for c in model.calls],
        "outputs": [producers[id(t)] for t in model.outputs],
        **({"added": [producers[id(t)] for t in model.added]} if model.added else {}),
        **({"sizes_of_data": True} if model.sizes_of_data else {}),
    }


def graph(config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None) -> tuple[Any, Any, list[Any]]:
    """Inputs and outputs of a new graph, of new layers, that `graph_config` described, and terms of its loss."""
    with custom_object_scope(custom_objects), sharing.read():
        tensors: dict[tuple[Any, ...], SymbolicTensor] = {}
        for entry in config["inputs"]:
            options = {key: entry.get(key) for key in ("batch_size", "dtype", "name")}
            tensors[entry["name"], 0] = layers.Input(tuple(entry["shape"]), **options)
        inputs = list(tensors.values())
        made = {name_of(e): (None if e.get("class_name") == FUNCTION else _layer(e), e) for e in config["layers"]}
        done: Counter[str] = Counter()
        for name in config["order"]:
            layer, entry = made[name]
            if layer is not None:
                layer.name = name  # a config of a layer's own may not tell
            xs = [tensors[tuple(place)] for place in entry["calls"][done[name]]]
            training = entry.get("training", {}).get(str(done[name]))
            if done[name] in entry.get("masked", ()) and not any(x.masked for x in xs):
                raise ValueError(f'layer "{name}": its mask, as the file has it, ends at a layer before it in pydl')
            if layer is None:
                ys = _of_function(entry, xs)
            elif "form" in entry:
                args, keywords = Arguments(entry["form"]).filled(xs)
                ys = layer(*args, **keywords, training=training)
            else:
                ys = layer(xs if len(xs) > 1 or layer.merges else xs[0], training=training)
            found = list(ys.values()) if isinstance(ys, Mapping) else list(ys) if isinstance(ys, list | tuple) else [ys]
            for i, y in enumerate(found):
                tensors[(name, done[name], *([i] if i else []))] = y
            done[name] += 1
        outputs = [tensors[tuple(place)] for place in config["outputs"]]
        added = [tensors[tuple(place)] for place in config.get("added", ())]
    form = config.get("output_form")
    ends = _keyed(outputs, config.get("output_keys")) if form is None else filled(form, outputs)
    return _keyed(inputs, config.get("input_keys")), ends, added


def _of_function(entry: Mapping[str, Any], xs: list[SymbolicTensor]) -> Any:
    """What a function makes of tensors; of the layers that it calls, the last has the entry's name. Masks end here."""
    from pydl import ops  # which not every program needs

    args, keywords = Arguments(entry["form"]).filled(xs)
    ys = entry["config"]["function"](*args, **keywords)
    if not isinstance(ys, list | tuple) and ys.masked and all(ys is not x for x in xs):
        ys = ops.copy(ys)  # an activation, which some functions come as, passes masks on; this ends them
    pending, known = list(ys) if isinstance(ys, list | tuple) else [ys], {id(x) for x in xs}
    names = (f"{name_of(entry)}{f'.{i}' * (i > 0)}" for i in count())
    while pending:
        t = pending.pop(0)
        if id(t) not in known and t.call is not None:
            t.call.layer.name = next(names)
            for y in t.call.outputs:
                y.name = t.call.layer.name
                known.add(id(y))
            pending += t.call.inputs
    return ys


def listed(model: Sequential) -> list[dict[str, Any]]:
    """The layers of a chain, one after the other."""
    with sharing.written(lambda: _places(model)):
        return [_entry(layer) for layer in model.layers]


def read_listed(config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None) -> list[Layer]:
    """The layers of a chain, its input first if it is known."""
    with custom_object_scope(custom_objects), sharing.read():
        chain = [_layer(entry) for entry in config["layers"]]
        return chain if config["input"] is None else [layers.deserialize(config["input"]), *chain]


def _places(model: Model) -> dict[int, int]:
    """A number for each layer, by id, that stands in several places of a model and of models within it."""
    places: Counter[int] = Counter()
    pending: list[Any] = [model]
    while pending:
        for layer in pending.pop().layers:
            places[id(layer)] += 1
            if isinstance(layer, tuple(_kinds.values())) and places[id(layer)] == 1:
                pending.append(layer)
    return {key: n for n, key in enumerate(key for key, count in places.items() if count > 1)}


def _entry(layer: Layer) -> dict[str, Any]:
    """What a config says of a layer, or a model used as one."""
    entry = {**layers.serialize(layer), **sharing.mark(layer)}
    if type(layer).get_build_config is not Layer.get_build_config:
        entry["build_config"] = layer.get_build_config()
    return entry


def _placed(layer: Layer) -> dict[str, Any]:
    """The entry of a layer of a graph, with its name, if its own config leaves that out, and the form of its calls."""
    entry, form = _entry(layer), layer._call_form
    more: dict[str, Any] = {} if "name" in entry["config"] else {"name": layer.name}
    return {**entry, **more, **({} if form is None else {"form": form.form})}


def name_of(entry: Mapping[str, Any]) -> str:
    """The name of a layer of a graph."""
    name: str = entry["config"].get("name") or entry["name"]
    return name


def _layer(entry: Mapping[str, Any]) -> Layer:
    """The layer, or the model used as one, that `_entry` described."""

    def make() -> Layer:
        if entry.get("class_name") in list(_kinds):  # of a file: it may be anything
            return model_from_config(entry["config"])
        made: Layer = layers.deserialize({k: entry[k] for k in ("class_name", "config")})
        if entry.get("build_config") is not None:
            made.build_from_config(dict(entry["build_config"]))
        if not made.trainable:
            made.trainable = False  # of the layers that it holds too
        return made

    layer: Layer = sharing.once(entry, make)
    return layer


def _keyed(tensors: list[SymbolicTensor], keys: Any) -> Any:
    """Tensors under the keys of a config, if it has any."""
    return tensors if keys is None else dict(zip(keys, tensors, strict=True))
