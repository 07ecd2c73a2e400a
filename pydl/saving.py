"""Models, weights and checkpoints on disk: safetensors files with the model's configuration as JSON in their metadata.

One file holds, by kind:

============  ======================================  ==========================================================
kind          tensors                                 metadata besides ``format``, ``version``, ``kind``, ``order``
============  ======================================  ==========================================================
weights       every weight under its path             none
model         weights, and the optimizer's slots      ``config``, ``compile``, ``state``
checkpoint    weights, slots, weights that callbacks  ``state``, with the position of fit and of its callbacks
              keep (``callbacks/<key>/<path>``)
============  ======================================  ==========================================================

``order`` lists the paths as the model orders them, so that the weights of a model built twice in one process, whose
layers are then numbered differently, still find their places. Nothing in a file is code: layers come from a closed
table and from the `custom_objects` of the caller.
"""

import io
import json
import math
import os
import warnings
from collections.abc import Callable, Mapping, Sequence, Set
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from pydl._base import safetensors
from pydl._base.errors import FormatError, memory_errors
from pydl._base.missing import MissingName
from pydl._base.registry import custom_object_scope, unsavable
from pydl._base.safetensors import Reader, refuse, shorten
from pydl._engine.variable import Variable
from pydl._training.state import FitState

__all__ = [
    "CustomObjectScope", "custom_object_scope", "deserialize_keras_object", "get_custom_objects", "get_registered_name",
    "get_registered_object", "load_checkpoint", "load_model", "load_weights", "register_keras_serializable",
    "save_checkpoint", "save_model", "save_weights", "serialize_keras_object",
]  # fmt: skip

CustomObjectScope = custom_object_scope

_OBJECTS = (
    "deserialize_keras_object", "get_custom_objects", "get_registered_name", "get_registered_object",
    "register_keras_serializable", "serialize_keras_object",
)  # fmt: skip

if TYPE_CHECKING:
    from pydl._keras.objects import (  # by __getattr__
        deserialize_keras_object,
        get_custom_objects,
        get_registered_name,
        get_registered_object,
        register_keras_serializable,
        serialize_keras_object,
    )
    from pydl.models import Model

FORMAT, VERSION = "pydl", "1"

_OTHER_MODEL = "load the file into the model it was saved from"

_T = TypeVar("_T")

Weights = Mapping[str, np.ndarray]
Pairs = list[tuple[Variable, str]]  # a variable and the name of its tensor in a file


def __getattr__(name: str) -> Any:
    if name in _OBJECTS:
        from pydl._keras import objects

        return getattr(objects, name)
    raise MissingName(__name__, name, __all__)


@memory_errors
def save_model(
    model: "Model", filepath: str | os.PathLike[str], overwrite: bool = True, zipped: bool | None = None,
    include_optimizer: bool = True, save_format: str | None = None,
) -> None:  # fmt: skip
    """Save a model: its architecture, weights, compile arguments and optimizer state.

    Training a loaded model goes on as it would have without saving, bit for bit.

    Parameters
    ----------
    model : Model
        A built model.
    filepath : str or path-like
        The file to write. It ends in ``.safetensors``, which holds everything; or in ``.keras`` or ``.h5``, which Keras
        reads too: these need the extra ``keras`` and hold what both have, without the seed. A file that is there is
        replaced in one step: after a crash at any moment, the old file or the new one is there, whole.
    overwrite : bool, default True
        Whether a file that is there may be replaced.
    zipped, save_format
        Taken for Keras's sake; they change nothing.
    include_optimizer : bool, default True
        Whether what the model was compiled with, and the optimizer's state, are in the file.

    Raises
    ------
    ValueError
        When `filepath` has another ending or the model is not built.
    OSError
        When the file cannot be written; an old file is left as it was.
    """
    if (keras := _keras(filepath)) is not None:
        return keras.save_model(model, _free(filepath, overwrite), include_optimizer)
    _write_model(model, _free(filepath, overwrite), include_optimizer)


@memory_errors
def to_bytes(model: "Model") -> bytes:
    """The content of the file that `save_model` writes, made in memory."""
    file = io.BytesIO()
    _write_model(model, file)
    return file.getvalue()


@memory_errors
def from_bytes(content: bytes, custom_objects: Mapping[str, Any] | None = None) -> "Model":
    """The model of `to_bytes`; FormatError as for `load_model`."""
    return _read_model(io.BytesIO(content), custom_objects, True)


@memory_errors
def load_model(
    filepath: str | os.PathLike[str],
    custom_objects: Mapping[str, Any] | None = None,
    compile: bool = True,
    safe_mode: bool = True,
) -> "Model":
    """Load a model that `save_model` wrote.

    Parameters
    ----------
    filepath : str or path-like
        A ``.safetensors``, ``.keras`` or ``.h5`` file, the latter two of Keras or pydl.
    custom_objects : dict of str to class or function, optional
        Layers, losses, metrics and functions of your own, by the name under which the file mentions them.
    compile : bool, default True
        Whether to compile the model as the saved one was and restore its optimizer.
    safe_mode : bool
        Taken because Keras takes it: code in a file is never run.

    Returns
    -------
    Model

    Raises
    ------
    FormatError
        When the file is not a model of pydl, is damaged, or names objects that are neither pydl's nor in
        `custom_objects`. A file from an untrusted source can do no worse: nothing in it is executed.
    """
    if (keras := _keras(filepath)) is not None:
        loaded: Model = keras.load_model(filepath, custom_objects, compile)
        return loaded
    return _read_model(filepath, custom_objects, compile)


def _write_model(model: "Model", target: str | os.PathLike[str] | io.BytesIO, include_optimizer: bool = True) -> None:
    from pydl.models import configs

    _build_optimizer(model)
    compiled = include_optimizer and model.optimizer is not None
    documents = {
        "config": configs.entry(model)["config"],
        "compile": model.get_compile_config() if compiled else None,
        "state": _state(model),
    }
    _write(target, "model", _weights(model), _slots(model) if compiled else [], documents)


def _read_model(
    filepath: str | os.PathLike[str] | io.BytesIO, custom_objects: Mapping[str, Any] | None, compile: bool
) -> "Model":
    from pydl.models.configs import model_from_config

    with _open(filepath, ("model",)) as reader:
        config, state = reader.json("config"), reader.json("state")
        compiled = reader.json("compile") if compile else None
        with Variable.limit(sum(entry.stop - entry.start for entry in reader.tensors.values())):
            model: Model = _rebuild(reader, "config", lambda: model_from_config(config, custom_objects))
            if compiled is not None:
                _rebuild(reader, "compile", lambda: model.compile_from_config(compiled, custom_objects))
                _rebuild(reader, "compile", lambda: _build_optimizer(model))
        pairs = _match(reader, "weights", _weights(model))
        if compiled is not None:
            pairs += _match(reader, "optimizer", _slots(model))
            if odd := sorted(reader.tensors.keys() - {name for _, name in pairs})[:4]:
                refuse(reader.path, "the tensors of its config", f"others as well: {shorten(odd)}")
        _restore_state(reader, model, state)
        _assign(reader, pairs)
    return model


@memory_errors
def save_weights(model: "Model", filepath: str | os.PathLike[str], overwrite: bool = True) -> None:
    """Save the weights of a built model, trainable or not, and nothing else.

    Raises
    ------
    ValueError
        When `filepath` does not end in ``.safetensors`` (``.weights.safetensors`` does) or the model is not built.
    OSError
        When the file cannot be written; an old file is left as it was.
    """
    if (keras := _keras(filepath)) is not None:
        return keras.save_weights(model, _free(filepath, overwrite))
    _write(_free(filepath, overwrite), "weights", _weights(model), [], {})


@memory_errors
def load_weights(
    model: "Model", filepath: str | os.PathLike[str], skip_mismatch: bool = False, by_name: bool = False
) -> None:
    """Load weights into a built model, from a file of weights, a whole model or a checkpoint.

    Weights are matched by path; where the paths differ, because layers are numbered within a process, by order. With
    `skip_mismatch`, layers are matched in that way one by one, and those that do not fit stay as they are; with
    `by_name`, for `.h5` files whose layers have names, only those of a layer's own name are read.

    Raises
    ------
    ValueError
        `by_name` for another file.
    FormatError
        When the file is not one of pydl's, is damaged, or its weights differ in number, shape or dtype from the
        model's. The model is then unchanged.
    """
    try:
        _load_weights(model, filepath, skip_mismatch, by_name)
    finally:
        if model.optimizer is not None:
            model.optimizer.average_anew()


def _load_weights(model: "Model", filepath: str | os.PathLike[str], skip_mismatch: bool, by_name: bool) -> None:
    if (keras := _keras(filepath)) is not None:
        keras.load_weights(model, filepath, skip_mismatch, by_name)
        return
    if by_name:
        raise ValueError(
            f'load_weights: by_name is for .h5 files, got "{os.fspath(filepath)}"; with skip_mismatch=True the layers '
            "that fit are read"
        )
    with _open(filepath, ("weights", "model", "checkpoint")) as reader:
        weights = _weights(model)
        _assign(reader, _match_layers(reader, weights) if skip_mismatch else _match(reader, "weights", weights))


@memory_errors
def save_checkpoint(model: "Model", path: str | os.PathLike[str], kept: Mapping[str, Weights] | None = None) -> None:
    """Save what a run of `fit` needs to go on from here: weights, optimizer, `model.fit_state`.

    Parameters
    ----------
    model : Model
        A compiled model, in `fit`.
    path : str or path-like
        The file to write, ending in ``.safetensors``.
    kept : dict of str to dict of str to array, optional
        By callback, weights of the model that it keeps, by path.
    """
    documents = {
        "state": _state(model) | {"fit": model.fit_state.to_config(), "stop_training": bool(model.stop_training)}
    }
    extra = {_kept_name(key, name): array for key, arrays in (kept or {}).items() for name, array in arrays.items()}
    _build_optimizer(model)
    _write(path, "checkpoint", _weights(model), _slots(model), documents, extra)


@memory_errors
def load_checkpoint(model: "Model", path: str | os.PathLike[str]) -> dict[str, dict[str, np.ndarray]]:
    """Restore a model, its optimizer and `model.fit_state` from a checkpoint; returns the weights that callbacks kept.

    Raises
    ------
    FormatError
        When the file is not a checkpoint, is damaged or does not fit the model, which is then unchanged.
    """
    with _open(path, ("checkpoint",)) as reader:
        state = reader.json("state")
        if not isinstance(state, dict) or "fit" not in state or type(state.get("stop_training")) is not bool:
            refuse(reader.path, "the state of fit", shorten(state))
        fit_state = _rebuild(reader, "state", lambda: FitState.from_config(state.pop("fit")))
        stop_training = state.pop("stop_training")
        _build_optimizer(model)
        weights, slots = _match(reader, "weights", _weights(model)), _match(reader, "optimizer", _slots(model))
        kept = _read_kept(reader, weights, reader.tensors.keys() - {name for _, name in weights + slots})
        _restore_state(reader, model, state)
        _assign(reader, weights + slots)
    model.fit_state, model.stop_training = fit_state, stop_training
    return kept


def _kept_name(key: str, path: str) -> str:
    return f"callbacks/{key}/{path}"


def _read_kept(reader: Reader, weights: Pairs, names: Set[str]) -> dict[str, dict[str, np.ndarray]]:
    """The weights that callbacks kept, each a whole set, by the paths that the model gives them."""
    keys = {name.split("/")[1] for name in names if name.startswith("callbacks/")}
    wanted = {_kept_name(key, name): (key, variable) for key in keys for variable, name in weights}
    if names != wanted.keys():
        odd = sorted(names ^ wanted.keys())[:4]
        refuse(reader.path, "weights, optimizer slots, and whole sets of weights kept by callbacks", shorten(odd))
    kept: dict[str, dict[str, np.ndarray]] = {key: {} for key in keys}
    for name, (key, variable) in wanted.items():
        _check_tensor(reader, name, variable)
        kept[key][variable.path] = reader.read(name)
    return kept


def _keras(path: str | os.PathLike[str]) -> Any:
    """What reads and writes Keras's files, None for a name that is not of one."""
    if not os.fspath(path).endswith((".keras", ".h5", ".hdf5")):
        return None
    from pydl._keras import files

    return files


def _free(path: str | os.PathLike[str], overwrite: bool) -> str | os.PathLike[str]:
    if not overwrite and os.path.exists(path):
        raise FileExistsError(
            f'"{os.fspath(path)}" is there already; pass overwrite=True to replace it, or another name'
        )
    return path


def _checked(path: str | os.PathLike[str] | io.BytesIO) -> Path | io.BytesIO:
    if isinstance(path, io.BytesIO):
        return path
    if not os.fspath(path).endswith(".safetensors"):
        raise ValueError(
            f'expected a file name that ends in .safetensors (or .keras, .h5), got "{os.fspath(path)}"; add the ending'
        )
    return Path(path)


def _write(
    path: str | os.PathLike[str] | io.BytesIO,
    kind: str,
    weights: Sequence[Variable],
    slots: Sequence[Variable],
    documents: Mapping[str, Any],
    extra: Weights | None = None,
) -> None:
    target = _checked(path)
    order = {"weights": [variable.path for variable in weights], "optimizer": [slot.path for slot in slots]}
    metadata = {"format": FORMAT, "version": VERSION, "kind": kind}
    texts = {key: json.dumps(document, default=unsavable) for key, document in {"order": order, **documents}.items()}
    for key, text in texts.items():  # what no reader would take is not to replace a file
        safetensors.parse_json(Path("") if isinstance(target, io.BytesIO) else target, text, f'metadata "{key}"')
    metadata |= texts
    tensors = {v.path: v.numpy().astype(v.dtype, copy=False) for v in [*weights, *slots]}
    safetensors.write(target, tensors | dict(extra or {}), metadata)


def _open(path: str | os.PathLike[str] | io.BytesIO, kinds: tuple[str, ...]) -> Reader:
    reader = Reader(_checked(path))
    try:
        found = reader.metadata
        if found.get("format") != FORMAT:
            refuse(reader.path, "a file of pydl", "a safetensors file without its mark", "pass a file that pydl saved")
        if found.get("version") != VERSION:
            remedy = "load it with the version of pydl that wrote it, or a newer one"
            refuse(reader.path, f"format version {VERSION}", shorten(found.get("version")), remedy)
        if found.get("kind") not in kinds:
            remedy = "use load_model for a model, load_weights for weights"
            refuse(reader.path, f"a file of kind {' or '.join(kinds)}", shorten(found.get("kind")), remedy)
    except BaseException:
        reader.__exit__(None, None, None)
        raise
    return reader


def _rebuild(reader: Reader, what: str, make: Callable[[], _T]) -> _T:
    """Call what builds objects from a file's configuration; all it meets there but want of memory is its fault."""
    try:
        return memory_errors(make)()
    except MemoryError:
        raise
    except Exception as error:
        message = f'"{reader.path}": its {what} cannot be rebuilt: {error}; pass your own classes in custom_objects'
        raise FormatError(message) from error


def _build_optimizer(model: "Model") -> None:
    if model.optimizer is not None:
        model.optimizer.prepare(model.as_made(trainable=True))


def _weights(model: "Model") -> list[Variable]:
    """The weights, under the names of their places in this model: another one with the same layers names them anew."""
    model.name_variables()
    return model.as_made()


def _slots(model: "Model") -> list[Variable]:
    return [] if model.optimizer is None else list(model.optimizer.state_variables)


def _state(model: "Model") -> dict[str, Any]:
    state: dict[str, Any] = {"seed": model._runner.seed, "iterations": 0, "learning_rate": None}
    if model.optimizer is not None:
        state["iterations"] = int(model.optimizer.batches)
        state["learning_rate"] = None if model.optimizer.schedule else float(model.optimizer.learning_rate)
    return state


def _restore_state(reader: Reader, model: "Model", state: Any) -> None:
    """Set the seed of the random streams, the optimizer's step number and, unless a schedule sets it, its rate."""
    keys = {"seed", "iterations", "learning_rate"}
    if not isinstance(state, dict) or state.keys() != keys:
        refuse(reader.path, f"a state with {', '.join(sorted(keys))}", shorten(state))
    seed, iterations, rate = state["seed"], state["iterations"], state["learning_rate"]
    if seed is not None and (type(seed) is not int or not 0 <= seed < 2**64):
        refuse(reader.path, "a seed from 0 to 2^64 - 1, or null", shorten(seed))
    if type(iterations) is not int or not 0 <= iterations < 2**63:
        refuse(reader.path, "iterations from 0 to 2^63 - 1", shorten(iterations))
    if rate is not None and (type(rate) is not float or not 0 <= rate < math.inf):
        refuse(reader.path, "a learning rate of 0 or more", shorten(rate))
    model._runner.seed = seed
    if model.optimizer is not None:
        model.optimizer.batches = iterations
        if rate is not None:
            model.optimizer.learning_rate = rate


def _stored(reader: Reader, group: str) -> list[str]:
    """The names of a file's tensors, in the order of the model that wrote it."""
    order = reader.json("order")
    stored = order.get(group) if isinstance(order, dict) else None
    if not isinstance(stored, list) or not all(isinstance(name, str) for name in stored):
        refuse(reader.path, f"the order of its {group}", shorten(order))
    return stored


def _match_layers(reader: Reader, variables: Sequence[Variable]) -> Pairs:
    """Pair the variables of the layers that fit with the tensors of a file, and warn of the others.

    A layer is that of its name in the file or, where there is none, the one in its place, unless that is another's.
    """
    layers: dict[str, list[Variable]] = {}
    for variable in variables:
        layers.setdefault(_layer(variable.path), []).append(variable)
    stored: dict[str, list[str]] = {}
    for name in _stored(reader, "weights"):
        stored.setdefault(_layer(name), []).append(name)
    unnamed = dict(zip(layers, stored, strict=False))
    pairs, skipped = [], []
    for layer, weights in layers.items():
        place = unnamed.get(layer)
        names = stored.get(layer, [] if place is None or place in layers else stored[place])
        if _ends(names) == _ends([v.path for v in weights]) and all(map(partial(_fits, reader), names, weights)):
            pairs += list(zip(weights, names, strict=True))
        else:
            skipped.append(layer)
    if skipped:
        warnings.warn(
            f'"{reader.path}": left as they were, as the file has nothing that fits: {", ".join(skipped)}', stacklevel=4
        )
    return pairs


def _layer(path: str) -> str:
    """The layer's part of a weight's path."""
    return path.rpartition("/")[0]


def _ends(paths: Sequence[str]) -> list[str]:
    return [path.rpartition("/")[2] for path in paths]


def _match(reader: Reader, group: str, variables: Sequence[Variable]) -> Pairs:
    """Pair variables with the tensors of a file, having checked that every shape and dtype fits."""
    stored = _stored(reader, group)
    names = [variable.path for variable in variables]
    if len(stored) != len(names) or len(set(stored)) != len(stored):
        odd = sorted(set(stored) ^ set(names))[:4]
        refuse(
            reader.path,
            f"{len(names)} tensors for {group}",
            f"{len(stored)}, differing in {shorten(odd)}",
            _OTHER_MODEL,
        )
    if set(stored) != set(names):
        names = stored
    for variable, name in zip(variables, names, strict=True):
        _check_tensor(reader, name, variable)
    return list(zip(variables, names, strict=True))


def _fits(reader: Reader, name: str, variable: Variable) -> bool:
    entry = reader.tensors.get(name)
    return entry is not None and (entry.dtype.name, entry.shape) == (str(variable.dtype), tuple(variable.shape))


def _check_tensor(reader: Reader, name: str, variable: Variable) -> None:
    entry = reader.tensors.get(name)
    if entry is None:
        refuse(reader.path, f"tensor {shorten(name)}", "none")
    wanted, found = (str(variable.dtype), tuple(variable.shape)), (entry.dtype.name, entry.shape)
    if wanted != found:
        refuse(reader.path, f'"{variable.path}" of {wanted[0]} {wanted[1]}', f"{found[0]} {found[1]}", _OTHER_MODEL)


def _assign(reader: Reader, pairs: Pairs) -> None:
    for variable, name in pairs:
        variable.assign(reader.read(name))
