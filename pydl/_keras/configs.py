"""Configs as pydl and as Keras write them: JSON values of one form made of those of the other.

Both describe a layer by its class and the arguments of its constructor, so most of them pass as they are. Graphs
differ: pydl lists calls in order, Keras notes at each layer where the inputs of its calls come from.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any, NoReturn

from pydl import activations, constraints, initializers, layers, losses, metrics, optimizers, regularizers
from pydl._base.errors import FormatError
from pydl._base.registry import _arguments, _custom_objects, registered
from pydl._engine.arguments import Arguments
from pydl._keras.calls import TAKES_MASK, histories, idle_functions, mask_of, read_call, usual_training
from pydl._keras.functions import is_function, read_function, written_function
from pydl.layers.base import Layer
from pydl.models.configs import name_of
from pydl.models.nesting import filled, form_of

Config = dict[str, Any]

_MODELS = {"Sequential": "keras", "Functional": "keras.src.models.functional"}
_MODULES: list[tuple[str, Any]] = [
    ("keras.layers", layers), ("keras.initializers", initializers), ("keras.regularizers", regularizers),
    ("keras.constraints", constraints), ("keras.losses", losses), ("keras.metrics", metrics),
    ("keras.optimizers", optimizers), ("keras.optimizers.schedules", optimizers.schedules),
]  # fmt: skip
_KINDS = ("Sequential", "Functional", "Model")
_OURS = {"Quantile"}  # what Keras does not have
# Arguments that classes of Keras refuse although its layers take them: these have no weights, and one format of data.
_NOT_TAKEN = {
    "SpatialDropout1D": ("trainable", "data_format"), "SpatialDropout2D": ("trainable",),
    "SpatialDropout3D": ("trainable",), "Discretization": ("trainable",), "Pipeline": ("trainable", "dtype"),
}  # fmt: skip
_UNKNOWN = {"AddedLoss", "Arithmetic", "Operation"}  # layers that stand for what Keras does not have as a layer
# Arguments of Keras's that pydl lacks: nothing is lost by leaving them out where they have these values.
_NEUTRAL: tuple[Any, ...] = (None, False, [], {}, "channels_last")
_IDLE = {
    "seed",
    "name",
    "jit_compile",
    "run_eagerly",
    "steps_per_execution",
    "dtype",
    "is_legacy_optimizer",
}


def refuse(what: str) -> NoReturn:
    raise FormatError(f"{what}; save it as .safetensors, which holds all that pydl has, or change the model")


# -- from pydl to Keras -----------------------------------------------------------------------------------------------
def written(entry: Mapping[str, Any], key: str = "", of: type | None = None) -> Config:
    """Keras's form of `{"class_name": ..., "config": ...}`, of a layer, a model or anything that they are made of.

    `key`, the argument that it is, or `of`, its class, says which of several classes of that name it is.
    """
    name, config = entry["class_name"], entry["config"]
    if name in ("Model", "Sequential"):
        return _written_graph(config) if name == "Model" else _written_chain(config)
    if name == "InputLayer":
        config = {
            "batch_shape": [config.get("batch_size"), *config["shape"]],
            "dtype": config["dtype"],
            "name": config["name"],
        }
    if name in _NOT_TAKEN:
        config = {key: value for key, value in config.items() if key not in _NOT_TAKEN[name]}
    if name in _OURS:
        refuse(f"Keras has no {name}")
    if name in _UNKNOWN:
        warnings.warn(
            f'a model with "{config["name"]}", which Keras lacks, is read from this file by pydl, not by Keras',
            stacklevel=2,
        )
        return {"module": None, "class_name": name, "config": _written_values(config), "registered_name": name}
    modules = [where for where, ours in _MODULES if hasattr(ours, name)]
    likely = [w for w in modules if key.endswith("initializer") == w.endswith("initializers")]
    exact = [w for w in modules if of is not None and getattr(dict(_MODULES)[w], name) is of]
    module = next(iter([*exact, *likely, *modules]), None)
    named = None if module else registered_name(name)
    shared = {"shared_object_id": entry["shared"]} if "shared" in entry else {}
    if "build_config" in entry:
        shared["build_config"] = entry["build_config"]
    return {"module": module, "class_name": name, "config": _written_values(config), "registered_name": named, **shared}


def registered_name(name: str) -> str:
    """The name with its package of a class or function that the program has registered; of others the name itself."""
    known = registered.get(name)
    return next((n for n, thing in registered.items() if ">" in n and thing is known), name)


def _written_values(config: Mapping[str, Any]) -> Config:
    return {key: written_value(key, value) for key, value in config.items()}


def written_value(key: str, value: Any) -> Any:
    """Keras's form of an argument."""
    if isinstance(value, Mapping) and "class_name" in value and "config" in value:
        if key == "activation":
            refuse(f"in a Keras file, activations are names, not {value['class_name']} with arguments of its own")
        return written(value, key)
    if key.endswith("activation") and isinstance(value, str) and not hasattr(activations, value):
        name = registered_name(value)  # a function of a user's
        return {"module": "builtins", "class_name": "function", "config": name, "registered_name": "function"}
    if isinstance(value, list | tuple):
        return [written_value(key, v) for v in value]
    return {k: written_value(k, v) for k, v in value.items()} if isinstance(value, Mapping) else value


def _model(name: str, config: Config) -> Config:
    return {"module": _MODELS[name], "class_name": name, "config": config, "registered_name": None}


def _written_chain(config: Mapping[str, Any]) -> Config:
    entries = [*([config["input"]] if config["input"] else []), *config["layers"]]
    made: Config = {"name": config["name"], "trainable": config["trainable"], "layers": [written(e) for e in entries]}
    if config["input"]:
        made["build_input_shape"] = [None, *config["input"]["config"]["shape"]]
    if config.get("sizes_of_data"):  # of which Keras takes no note, as it takes other sizes anyway
        made["sizes_of_data"] = True
    return _model("Sequential", made)


def _written_graph(config: Mapping[str, Any]) -> Config:
    shapes = {t["name"]: t for t in config["inputs"]}

    def tensor(place: list[Any]) -> Config:
        layer, call, output = (*place, 0)[:3]
        source = shapes.get(layer, {"shape": [], "dtype": "float32"})
        known = {"shape": [None, *source["shape"]], "dtype": source["dtype"], "keras_history": [layer, call, output]}
        return {"class_name": "__keras_tensor__", "config": known}

    entries = [
        {**written({"class_name": "InputLayer", "config": t}), "name": t["name"], "inbound_nodes": []}
        for t in config["inputs"]
    ]
    for entry in config["layers"]:
        function = written_function(entry, [tensor(place) for place in entry["calls"][0]])
        if function is not None:
            entries.append(function)
            continue
        nodes = []
        for i, places in enumerate(entry["calls"]):
            training = entry.get("training", {}).get(str(i))
            tensors: Any = [tensor(place) for place in places]
            several = len(tensors) > 1 or (entry["class_name"] in _LISTED)
            keywords: Config = {} if training is None else {"training": training}
            args: Any = [tensors if several else tensors[0]]
            if entry["class_name"] == TAKES_MASK and several:
                args, keywords["mask"] = [tensors[0]], tensors[1]
            if "form" in entry:
                args, others = Arguments(entry["form"]).filled(tensors)
                keywords.update(others)
            nodes.append({"args": list(args), "kwargs": keywords})
        entries.append({**written(entry), "name": name_of(entry), "inbound_nodes": nodes})
    made = {"name": config["name"], "trainable": config["trainable"], "layers": entries}
    made["input_layers"] = _ends([[t["name"], 0, 0] for t in config["inputs"]], config.get("input_keys"))
    graphs = {entry["name"] for entry in entries if entry["class_name"] in _GRAPHS}
    ends = [[name, call + (name in graphs), *more, 0][:3] for name, call, *more in config["outputs"]]
    form = config.get("output_form")
    made["output_layers"] = _ends(ends, config.get("output_keys")) if form is None else filled(form, ends)
    return _model("Functional", made)


# Models inside others, whose own graph counts as their first call where outputs are named.
_GRAPHS = {"Functional", "Model"}

_LISTED = {"Add", "Average", "Concatenate", "Dot", "Maximum", "Minimum", "Multiply", "Subtract"}


def _ends(places: list[Any], keys: Any) -> Any:
    """The ends of a graph: under keys, in a list, or the only one."""
    return dict(zip(keys, places, strict=True)) if keys is not None else places if len(places) > 1 else places[0]


# -- from Keras to pydl -----------------------------------------------------------------------------------------------
def read_model(entry: Any) -> Config:
    """pydl's config of a model that Keras described; FormatError for anything else."""
    if not isinstance(entry, Mapping) or entry.get("class_name") not in _KINDS:
        raise FormatError(f"expected the config of a Keras model, got {entry!r:.80}")
    config: Config = read(entry)["config"]
    return config


def read(entry: Any) -> Config:
    """pydl's form of what Keras wrote.

    Raises
    ------
    FormatError
        What is no config; arguments that have no meaning here.
    """
    if not isinstance(entry, Mapping) or not isinstance(entry.get("class_name"), str):
        raise FormatError(f"expected the config of a Keras object, got {entry!r:.80}")
    name, config = entry["class_name"], entry.get("config")
    if name in _KINDS:
        if isinstance(config, list):  # as early versions of Keras wrote chains
            config = {"name": "sequential", "layers": config}
        if not isinstance(config, Mapping):
            raise FormatError(f"expected the config of a Keras model, got {config!r:.80}")
        made = read_chain(config) if name == "Sequential" else read_graph(config)
        made = {"class_name": "Sequential" if name == "Sequential" else "Model", "config": made}
    elif not isinstance(config, Mapping):
        raise FormatError(f"expected the config of a Keras {name}, got {config!r:.80}")
    else:
        made = {"class_name": name, "config": _read_arguments(name, config, entry.get("module"))}
        if _class(name) is None and isinstance(entry.get("build_config"), Mapping):
            made["build_config"] = entry["build_config"]
    shared = entry.get("shared_object_id")
    return made if shared is None else {**made, "shared": shared}


def read_value(value: Any) -> Any:
    """pydl's form of an argument."""
    if isinstance(value, Mapping) and "class_name" in value:
        name, config = value["class_name"], value.get("config")
        if name == "function":  # an activation or loss by its name
            return config
        if name == "DTypePolicy":
            return config.get("name") if isinstance(config, Mapping) else None
        if name == "__tuple__":
            return [read_value(v) for v in value.get("items", [])]
        return read(value)
    if isinstance(value, list):
        return [read_value(v) for v in value]
    return {k: read_value(v) for k, v in value.items()} if isinstance(value, Mapping) else value


def _read_arguments(name: str, config: Mapping[str, Any], module: Any = None) -> Config:
    """The arguments that pydl's class takes; FormatError for others that would change what it does."""
    values = {key: read_value(value) for key, value in config.items()}
    axis = values.get("axis")
    if isinstance(axis, list) and len(axis) == 1:
        values["axis"] = axis[0]
    if name == "InputLayer":
        shape = values.get("batch_shape") or values.get("batch_input_shape")
        if not isinstance(shape, list):
            raise FormatError(f"expected the batch_shape of an InputLayer, got {shape!r:.80}")
        kept = {"name": values.get("name"), "dtype": values.get("dtype"), "shape": shape[1:]}
        return kept if shape[0] is None else {**kept, "batch_size": shape[0]}
    cls = _class(name, module)
    if cls is None:
        return _without_idle(values, _custom_objects.get().get(name, registered.get(name)))
    known = _arguments(cls)
    if "lr" in values and "learning_rate" in known:  # as Keras called it up to version 2.3
        values["learning_rate"] = values.pop("lr")
    lost = [k for k, v in values.items() if k not in known and k not in _IDLE and not _is_neutral(v)]
    lost = [k for k in lost if k not in ("batch_input_shape", "input_length", "vocabulary_size")]
    if lost:
        raise FormatError(
            f"{name} {values.get('name', '')!r}: {lost[0]}={values[lost[0]]!r:.60} is Keras's; pydl's {name} lacks it"
        )
    return {key: value for key, value in values.items() if key in known}


def _without_idle(values: Config, own: Any) -> Config:
    """The arguments of a class of a user's, without those that the class of the library above it has in Keras alone."""
    library = next((c for c in getattr(own, "__mro__", ()) if c.__module__.startswith("pydl.layers.")), Layer)
    if library is Layer:
        return values
    known = {*_arguments(library), *_arguments(own)}
    return {k: v for k, v in values.items() if k in known or not (k in _IDLE or _is_neutral(v))}


def _is_neutral(value: Any) -> bool:
    return any(value is n or value == n for n in _NEUTRAL)


def _class(name: str, module: Any = None) -> Any:
    """pydl's class of this name, unless the user has given one."""
    return None if name in _custom_objects.get() else getattr(room_of(name, module), name, None)


def room_of(name: str, module: Any = None) -> Any:
    """pydl's module that has a class of this name, of several the one that a file says; None if there is none."""
    said = dict(_MODULES).get(module) if isinstance(module, str) else None
    found = [ours for _, ours in _MODULES if hasattr(ours, name)]
    return said if said in found else next(iter(found), None)


def _layers(config: Mapping[str, Any]) -> list[Any]:
    entries = config.get("layers")
    if not isinstance(entries, list) or not all(isinstance(e, Mapping) for e in entries):
        raise FormatError(f"expected the layers of a Keras model, got {entries!r:.80}")
    return entries


def read_chain(config: Mapping[str, Any]) -> Config:
    """pydl's config of a Sequential."""
    entries = [read(e) for e in _layers(config)]
    start = entries.pop(0) if entries and entries[0]["class_name"] == "InputLayer" else None
    of_data = config.get("sizes_of_data") is True or (start is None and bool(config.get("build_input_shape")))
    if start is None:
        first = _layers(config)[0].get("config", {}) if entries else {}
        shape = config.get("build_input_shape") or (
            first.get("batch_input_shape") if isinstance(first, Mapping) else None
        )
        if isinstance(shape, list):
            start = {"class_name": "InputLayer", "config": {"shape": shape[1:], "name": None, "dtype": None}}
    return {
        "name": config.get("name"), "trainable": config.get("trainable", True), "input": start, "layers": entries,
        **({"sizes_of_data": True} if of_data else {}),
    }  # fmt: skip


def read_graph(config: Mapping[str, Any]) -> Config:
    """pydl's config of a Functional model, its calls in an order in which they can be made."""
    inputs: list[Config] = []
    entries: dict[str, Config] = {}
    pending: dict[str, list[list[list[Any]]]] = {}
    graphs = set[Any]()
    by_given_name = {_given_name(e): e for e in _layers(config)}
    for given in _layers(config):
        function = read_function(given) if is_function(given) else None
        entry, name = function or read(given), _given_name(given)
        if entry["class_name"] == "InputLayer":
            inputs.append({**entry["config"], "name": name})
            continue
        if given["class_name"] in _GRAPHS:
            graphs.add(name)
        form = None if function else _form_of(given)
        entry = entry if form is None else {**entry, "form": form}
        nodes = [read_call(name, node, "form" in entry) for node in given.get("inbound_nodes", [])]
        usual = usual_training(entry["class_name"])
        training = {str(i): t for i, (_, t) in enumerate(nodes) if t is not None and t is not usual}
        masks = [mask_of(node, by_given_name) for node in given.get("inbound_nodes", [])]
        masked = [i for i, (place, own) in enumerate(masks) if place and own]
        said = {key: found for key, found in (("training", training), ("masked", masked)) if found}
        entries[name] = {**entry, "name": name, "calls": [], **said}
        pending[name] = [places for places, _ in nodes]
        for places, (place, own) in zip(pending[name], masks, strict=True):
            if place and not own:
                if given["class_name"] != TAKES_MASK:
                    raise FormatError(f'layer "{name}": a mask other than that of layers; only {TAKES_MASK} takes one')
                places.append(place)
    starts, input_keys, _ = _read_ends(config.get("input_layers"))
    outputs, output_keys, form = _read_ends(config.get("output_layers"))
    for name in idle_functions(entries, pending, {place[0] for place in outputs}):  # masks, which layers know
        del entries[name], pending[name]
    known = {(t["name"], 0) for t in inputs}
    order: list[str] = []
    while any(pending.values()):
        ready = [n for n, calls in pending.items() if calls and all(tuple(p[:2]) in known for p in calls[0])]
        if not ready:
            raise FormatError(
                f"expected a graph from its inputs, got layers that wait for each other: {sorted(pending)}"
            )
        for name in ready:
            places = pending[name].pop(0)
            known.add((name, len(entries[name]["calls"])))
            entries[name]["calls"].append([p if p[2] else p[:2] for p in places])
            order.append(name)
    by_name = {t["name"]: t for t in inputs}
    outputs = [[name, max(0, call - (name in graphs)), *more] for name, call, *more in outputs]
    terms = [[n, i] for n, e in entries.items() if e["class_name"] == "AddedLoss" for i in range(len(e["calls"]))]
    more = {"input_keys": input_keys, "output_keys": output_keys, "output_form": form, "added": terms or None}
    return {
        "name": config.get("name"), "trainable": config.get("trainable", True),
        **{which: found for which, found in more.items() if found is not None},
        "inputs": [by_name[p[0]] for p in starts], "layers": list(entries.values()), "order": order,
        "outputs": [p if p[2] else p[:2] for p in outputs],
    }  # fmt: skip


def _given_name(given: Mapping[str, Any]) -> Any:
    config = given.get("config")
    return given.get("name", config.get("name") if isinstance(config, Mapping) else None)


def _form_of(given: Mapping[str, Any]) -> Any:
    """The form of what a layer of the user's is given, where that is more than tensors or a list of them."""
    node = next(iter(given.get("inbound_nodes", [])), None)
    if _class(given["class_name"]) is not None or not isinstance(node, Mapping):
        return None
    keywords = {k: v for k, v in (node.get("kwargs") or {}).items() if k not in ("training", "mask")}
    count = iter(range(len(histories(node.get("args"))) + len(histories(keywords))))

    def placed(value: Any) -> Any:
        if isinstance(value, Mapping):
            if value.get("class_name") == "__keras_tensor__":
                return {"tensor": next(count)}
            return {"dict": {k: placed(v) for k, v in value.items()}}
        return {"list": [placed(v) for v in value]} if isinstance(value, list) else value

    form = {"args": [placed(a) for a in node.get("args", [])], "kwargs": {k: placed(v) for k, v in keywords.items()}}
    plain = all(isinstance(a, dict) and "dict" not in a for a in form["args"]) and not keywords
    return None if plain else form


def _read_ends(ends: Any) -> tuple[list[list[Any]], list[str] | None, Any]:
    """The ends of a graph; their keys if they have any, or their form if they are in lists within each other."""
    form, places = _formed(ends, [])
    if not places:
        raise FormatError(f"expected the ends of a graph, got {ends!r:.80}")
    if form_of(form) is not None:
        return places, None, form
    return places, list(form) if isinstance(form, Mapping) else None, None


def _formed(ends: Any, places: list[list[Any]]) -> tuple[Any, list[list[Any]]]:
    """The form of some ends, and their places, `[layer, call, output]`."""
    if isinstance(ends, Mapping):
        return {key: _formed(part, places)[0] for key, part in ends.items()}, places
    if not isinstance(ends, list) or not ends:
        raise FormatError(f"expected the ends of a graph, got {ends!r:.80}")
    if not isinstance(ends[0], str):
        return [_formed(part, places)[0] for part in ends], places
    places.append(list(ends))
    return len(places) - 1, places
