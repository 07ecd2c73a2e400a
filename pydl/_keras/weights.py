"""Weights as Keras stores them in HDF5: in the form of Keras 3 (`.keras`, `.weights.h5`) and in the older one (`.h5`).

Keras 3 numbers the weights of each layer, and names layers by class and place: `layers/dense_1/vars/0`. The older form
lists the names of layers and, at each of them, those of its weights.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from pydl._base.errors import FormatError
from pydl._engine.variable import Variable
from pydl._keras.placing import Form, FormOf, placed
from pydl.layers import Normalization
from pydl.layers.base import Layer
from pydl.layers.low_rank import LowRank
from pydl.layers.weighted import _tree, each_once
from pydl.models import configs

if TYPE_CHECKING:
    from pydl.models.model import Model

Array = np.ndarray

# Slots of an optimizer, by class, in the order in which Keras makes them: those of a group variable by variable.
_SLOTS: dict[str, list[tuple[str, ...]]] = {
    "Adadelta": [("accumulated_grad", "accumulated_delta_var")],
    "Adagrad": [("accumulator",)],
    "Adam": [("momentum", "velocity"), ("velocity_hat",)],
    "AdamW": [("momentum", "velocity"), ("velocity_hat",)],
    "Adamax": [("momentum", "norm")],
    "Ftrl": [("accumulator", "linear")],
    "Lamb": [("momentum", "velocity")],
    "Lion": [("momentum",)],
    "RMSprop": [("velocity",), ("momentum",), ("average_gradient",)],
    "SGD": [("momentum",)],
}


def _variables(layer: Layer) -> list[Variable]:
    """A layer's variables in Keras's order."""
    if isinstance(layer, LowRank) and layer.lora_enabled:  # the kernel stands for itself and its adapter
        return [v for v in layer._variables if all(v is not other for other in layer.adapter)]
    return [*layer._own_in_order()]


def _value(layer: Layer, variable: Variable) -> Array:
    """What a file says of one of a layer's variables."""
    if isinstance(layer, Normalization) and variable is layer._count:  # a whole number in Keras
        return variable.numpy().astype(np.int32)
    if isinstance(layer, LowRank) and variable is layer.own_kernel():
        return layer.merged()
    return variable.numpy().astype(variable.dtype, copy=False)


def _slots(model: Model) -> list[Variable] | None:
    """The slots of a model's optimizer in Keras's order; None where that is not known."""
    optimizer = model.optimizer
    groups = _SLOTS.get(type(optimizer).__name__)
    if optimizer is None or groups is None or optimizer.use_ema or optimizer.gradient_accumulation_steps:
        return None
    optimizer.prepare(model.as_made(trainable=True))
    found: list[Variable] = []
    for group in groups:
        for variable in model.trainable_variables:
            kept = optimizer.slot_variables(variable)
            names = {name: kept[i] for i, name in enumerate(optimizer.slots) if i in kept}
            found += [names[name] for name in group if name in names]
    return found


def _has_rate(model: Model) -> bool:
    """Whether the learning rate is a number that the optimizer keeps: a schedule is part of its config."""
    return model.optimizer.schedule is None


def _vars(group: str) -> str:
    """Where the weights of a group are."""
    return f"{group}/vars" if group else "vars"


# -- writing ----------------------------------------------------------------------------------------------------------
def write(file: Any, model: Model, *, whole: bool, optimizer: bool = False) -> None:
    """Write the weights of a model, and the optimizer's state, in the form of Keras 3; `whole`: beside its config."""
    file.create_group("vars").attrs["name"] = model.name
    places = list(placed(model, Form(whole)))
    written = {id(v) for _, layer in places for v in (*layer._variables, *layer._own_in_order())}
    if lost := [v.path for v in model.weights if id(v) not in written]:
        raise FormatError(
            f"{', '.join(lost[:5])}: no attribute of the model leads to them, so that no file has a place"
        )
    for group, layer in places:
        store = file.require_group(_vars(group))
        store.attrs["name"] = layer.name
        if layer.stores_itself:
            own: dict[str, Any] = {}
            layer.save_own_variables(own)
            for key, value in own.items():
                store[key] = np.asarray(value)
            continue
        for i, variable in enumerate(_variables(layer)):
            store[str(i)] = _value(layer, variable)
    slots = _slots(model) if optimizer else None
    if slots is not None:
        store = file.create_group("optimizer/vars")
        store.attrs["name"] = model.optimizer.name
        head = [np.asarray(model.optimizer.iterations, np.int32)]
        head += [np.asarray(float(model.optimizer.learning_rate), np.float32)] if _has_rate(model) else []
        for i, value in enumerate([*head, *(slot.numpy() for slot in slots)]):
            store[str(i)] = value


def write_by_name(file: Any, model: Model) -> None:
    """Write the weights of a model in the older form."""
    file.attrs["layer_names"] = np.array([layer.name.encode() for layer in model.layers])
    owners = {id(v): layer for _, layer in placed(model, Form()) for v in layer._variables}
    for layer in model.layers:
        store = file.create_group(layer.name)
        variables = _flat(layer, model)
        names = [f"{model.name}/{v.path}" for v in variables]
        store.attrs["weight_names"] = np.array([name.encode() for name in names]) if names else np.zeros((0,), "S1")
        for name, variable in zip(names, variables, strict=True):
            store[name] = _value(owners.get(id(variable), layer), variable)
    file.create_group("top_level_model_weights").attrs["weight_names"] = np.zeros((0,), "S1")


def _flat(layer: Layer, model: Model) -> list[Variable]:
    """All variables of a layer of a model, or of one as a layer: those come first that are trained as things are."""
    own = configs.kind_of(layer) is None
    layers = _tree(layer) if own else [inner for _, inner in placed(cast("Model", layer), Form())]
    found = each_once(v for inner in layers for v in _variables(inner))  # a wrapper may list what its layer has
    trained = {id(v) for v in layer.trainable_weights} if model.trainable else set()
    return sorted(found, key=lambda v: id(v) not in trained)


# -- reading ----------------------------------------------------------------------------------------------------------
def load(
    file: Any, model: Model, *, optimizer: bool = False, skip_mismatch: bool = False, by_name: bool = False
) -> None:  # fmt: skip
    """Read weights, and the optimizer's state, in either form; nothing is changed unless all of them fit.

    `skip_mismatch`: layers that do not fit stay as they are, with a warning that names them. `by_name`: so do layers
    of whose name the file has none.
    """
    whole, file = file, file.get("model_weights", file)
    if by_name and "layer_names" not in file.attrs:
        raise FormatError(
            "by_name is for files in which Keras 2 names layers; with skip_mismatch those that fit are read"
        )
    named = "layer_names" in file.attrs
    layers = _in_order(file, model, by_name) if named else _by_place(file, model, skip_mismatch)
    pairs: list[tuple[Variable, Array]] = []
    skipped = []
    for layer, variables, arrays in layers:
        try:
            pairs += _fitted(layer.name, variables, arrays)
        except FormatError:
            if not skip_mismatch:
                raise
            skipped.append(layer.name)
    read, own = {id(variable) for variable, _ in pairs}, {}
    if not named:
        own = {group: layer for group, layer in _found(file, model) if layer.stores_itself}
    state = _restored(_stored_state(whole), model) if optimizer else None
    for variable, array in pairs:
        variable.assign(array)
    for group, layer in own.items():
        store = _group(file, _vars(group))
        layer.load_own_variables({key: _dataset(store, key)[...] for key in store})
    for _, layer in placed(model, Form()):
        if not any(id(variable) in read for variable in layer._variables):
            continue
        if isinstance(layer, LowRank) and layer.lora_enabled:
            layer.adapter[1].assign(np.zeros(layer.adapter[1].shape))
    if skipped:
        warnings.warn(f"left as they were, as the file has nothing that fits: {', '.join(skipped)}", stacklevel=4)
    if state is not None:
        state()


def _found(file: Any, model: Model) -> Iterator[tuple[str, Layer]]:
    """Where the layers of a model are in a file."""
    return placed(model, FormOf(file))


Found = Iterator[tuple[Layer, Sequence[Variable], list[Any]]]


def _by_place(file: Any, model: Model, skips: bool) -> Found:
    """Of Keras 3's form; `skips`: a layer of which the file says nothing gets no arrays."""
    for group, layer in _found(file, model):
        variables = _variables(layer)
        try:
            store = _group(file, _vars(group))
        except FormatError:
            if (variables and not skips) or layer.stores_itself:
                raise
            if variables:
                yield layer, variables, []
            continue  # what stands for a function, which has no group
        if layer.stores_itself:
            continue
        yield layer, variables, [_dataset(store, str(i)) for i in range(len(store))]


def _in_order(file: Any, model: Model, by_name: bool) -> Found:
    """Of the older form: by their names, or else in the order in which layers come; by names alone if asked for."""
    stored = [(name, _listed(_group(file, name), "weight_names")) for name in _listed(file, "layer_names")]
    stored = [(name, names) for name, names in stored if names]
    wanted = [(layer, variables) for layer in model.layers if (variables := _flat(layer, model))]
    named = dict(stored)
    if by_name:
        wanted = [(layer, variables) for layer, variables in wanted if layer.name in named]
        stored = [(layer.name, named[layer.name]) for layer, _ in wanted]
        named = dict(stored)
    if {layer.name for layer, _ in wanted} != set(named):
        if len(stored) != len(wanted):
            raise FormatError(f"expected weights of {len(wanted)} layers, got those of {len(stored)}")
        named = {layer.name: names for (layer, _), (_, names) in zip(wanted, stored, strict=True)}
    places = {layer.name: name for (layer, _), (name, _) in zip(wanted, stored, strict=True)}
    for layer, variables in wanted:
        group, names = _group(file, layer.name if layer.name in file else places[layer.name]), named[layer.name]
        paths = [v.path for v in variables]
        by_path = {name.partition("/")[2]: name for name in names}
        if len(by_path) == len(names) and set(by_path) == set(paths):  # of pydl, whose older files have another order
            names = [by_path[path] for path in paths]
        yield layer, variables, [_dataset(group, name) for name in names]


def _fitted(name: str, variables: Sequence[Variable], arrays: list[Any]) -> list[tuple[Variable, Array]]:
    if len(arrays) != len(variables):
        raise FormatError(f'layer "{name}": expected {len(variables)} weights, got {len(arrays)}')
    pairs = []
    for variable, array in zip(variables, arrays, strict=True):
        numbers = "fiub" if variable.dtype == "bool" else "fiu"
        if array.shape != variable.shape or array.dtype.kind not in numbers:
            raise FormatError(
                f'layer "{name}": expected numbers of shape {variable.shape} for {variable.name}, got '
                f"{array.dtype} of shape {array.shape}"
            )
        pairs.append((variable, array[...]))
    return pairs


def _stored_state(file: Any) -> list[Any] | None:
    """What a file of either form says of an optimizer, in order; None if it says nothing."""
    if "optimizer/vars" in file:
        store = _group(file, "optimizer/vars")
        return [_dataset(store, str(i)) for i in range(len(store))]
    if "optimizer_weights" in file:
        store = _group(file, "optimizer_weights")
        return [_dataset(store, name) for name in _listed(store, "weight_names")]
    return None


def has_state(file: Any, model: Model) -> bool:
    """Whether the file has a state that fits the model's optimizer."""
    arrays = _stored_state(file)
    return arrays is not None and _fit(arrays, model)


def _fit(arrays: list[Any], model: Model) -> bool:
    slots, head = _slots(model), 1 + _has_rate(model)
    return slots is not None and [a.shape for a in arrays] == [()] * head + [s.shape for s in slots]


def _restored(arrays: list[Any] | None, model: Model) -> Callable[[], None] | None:
    """What restores the optimizer, if the file has a state that fits it; else a warning."""
    if arrays is None:
        return None
    slots, rated = _slots(model), _has_rate(model)
    head, rest = arrays[: 1 + rated], arrays[1 + rated :]
    if slots is None or not _fit(arrays, model):
        warnings.warn("the optimizer starts anew: the file has no state that fits it", stacklevel=5)
        return None

    def restore() -> None:
        model.optimizer.iterations = int(head[0][()])
        if rated and head[1][()] != np.float32(float(model.optimizer.learning_rate)):  # which it was rounded to
            model.optimizer.learning_rate = float(head[1][()])
        for slot, array in zip(slots, values, strict=True):
            slot.assign(array)

    values = [a[...] for a in rest]
    return restore


def _group(file: Any, name: str) -> Any:
    found = _own(file, name)
    if not hasattr(found, "keys"):
        raise FormatError(f"expected the group {name!r} in the file, got none")
    return found


def _dataset(group: Any, name: str) -> Any:
    """An array that lies in this very file."""
    found = _own(group, name)
    if not hasattr(found, "dtype") or found.external or found.is_virtual:
        raise FormatError(f"expected the array {name!r} in {group.name}, got none")
    return found


def _own(group: Any, name: str) -> Any:
    """What is under a path, if no link on the way leads elsewhere: a file might name others by links."""
    import h5py

    for part in name.split("/"):
        if part not in group or not isinstance(group.get(part, getlink=True), h5py.HardLink):
            raise FormatError(f"expected {name!r} in the file, got no {part!r} in {group.name}")
        group = group[part]
    return group


def _listed(group: Any, name: str) -> list[str]:
    """A list of names, which is in parts where it is long."""
    parts = [group.attrs[name]] if name in group.attrs else []
    while f"{name}{len(parts)}" in group.attrs:
        parts.append(group.attrs[f"{name}{len(parts)}"])
    return [n.decode() if isinstance(n, bytes) else str(n) for part in parts for n in part]
