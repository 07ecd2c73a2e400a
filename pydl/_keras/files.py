"""Whole models and weights in Keras's files: `.keras`, `.weights.h5` and, as versions before 3 wrote them, `.h5`.

Read is what both have; a config may name classes of pydl and of the caller's `custom_objects`, and code in it is never
run. Of the state of training, `.keras` files carry the optimizer's, but neither the seed nor the position in `fit`;
that of an `.h5` file is read, but not written: Keras 3 cannot train on from a file that has it.
"""

from __future__ import annotations

import io
import json
import os
import warnings
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydl._base.errors import FormatError
from pydl._base.registry import custom_object_scope, unsavable
from pydl._base.replacing import replaced
from pydl._engine.variable import Variable
from pydl._keras import assets, compiling, configs, weights
from pydl.models.configs import entry, model_from_config

if TYPE_CHECKING:
    from pydl.models.model import Model

_VERSION = "3.15.1"  # of Keras, whose format this is
_MOST = 64 * 2**20  # bytes of a config
_MOST_PER_BYTE = 64  # bytes of weights for each byte of a file, which may be compressed


def _h5py() -> Any:
    try:
        import h5py
    except ImportError as error:
        raise ImportError(
            'Keras files need h5py: pip install "pydl[keras]"; .safetensors files need nothing'
        ) from error
    return h5py


def _weights_only(path: str | os.PathLike[str]) -> bool:
    return os.fspath(path).endswith((".weights.h5", ".weights.hdf5"))


@contextmanager
def _faults(path: str | os.PathLike[str]) -> Iterator[None]:
    """Whatever is met in a file, but want of memory and rights, is its fault: a FormatError that names it."""
    try:
        yield
    except (MemoryError, PermissionError, FileNotFoundError, ImportError):
        raise
    except Exception as error:
        raise FormatError(f'"{os.fspath(path)}": {error}') from error


def save_model(model: Model, path: str | os.PathLike[str], include_optimizer: bool = True) -> None:
    """Write a model with its weights and, unless told not to, what it was compiled with and the optimizer's state."""
    h5py = _h5py()
    if _weights_only(path):
        raise ValueError(f'"{os.fspath(path)}" ends like a file of weights; use save_weights, or another ending')
    document = configs.written(entry(model))
    document["compile_config"] = compiling.written(model) if include_optimizer else None
    raw = io.BytesIO()
    if os.fspath(path).endswith(".keras"):
        with h5py.File(raw, "w") as file:
            weights.write(file, model, whole=True, optimizer=include_optimizer and model.optimizer is not None)
        with replaced(Path(path)) as target, zipfile.ZipFile(target, "w") as packed:
            packed.writestr("metadata.json", json.dumps({"keras_version": _VERSION, "date_saved": _now()}))
            packed.writestr("config.json", json.dumps(document, default=unsavable))
            packed.writestr("model.weights.h5", raw.getvalue())
            assets.write(packed, model)
        return
    with h5py.File(raw, "w") as file:
        file.attrs["keras_version"] = _VERSION
        file.attrs["backend"] = "pydl"
        file.attrs["model_config"] = json.dumps({k: document[k] for k in ("class_name", "config")}, default=unsavable)
        if document["compile_config"]:
            file.attrs["training_config"] = json.dumps(compiling.older(document["compile_config"]))
        weights.write_by_name(file.create_group("model_weights"), model)
    with replaced(Path(path)) as target:
        target.write(raw.getvalue())


def _now() -> str:
    import datetime

    return datetime.datetime.now().strftime("%Y-%m-%d@%H:%M:%S")


def save_weights(model: Model, path: str | os.PathLike[str]) -> None:
    """Write the weights: in the form of Keras 3 if the name ends in `.weights.h5`, then with the optimizer's state, if
    there is one, as Keras does; else in the older one."""
    if os.fspath(path).endswith(".keras"):
        raise ValueError(f'"{os.fspath(path)}": .keras files hold whole models; use save, or end in .weights.h5')
    raw = io.BytesIO()
    with _h5py().File(raw, "w") as file:
        if _weights_only(path):
            weights.write(file, model, whole=False, optimizer=_trains(model))
        else:
            weights.write_by_name(file, model)
    with replaced(Path(path)) as target:
        target.write(raw.getvalue())


def load_model(
    path: str | os.PathLike[str], custom_objects: Mapping[str, Any] | None = None, compile: bool = True
) -> Model:
    """A model from a file; without a config it cannot understand, FormatError says which part of it that is."""
    _h5py()
    with _faults(path), custom_object_scope(custom_objects), _opened(path) as (document, file, packed):
        if document is None:
            raise FormatError("it holds weights and no model; make the model and call its load_weights")
        with Variable.limit(_MOST_PER_BYTE * os.path.getsize(path)):
            model = model_from_config(configs.read_model(document))
        if not model.built:
            raise FormatError("the model in it was saved before it was built: there are no weights in it")
        given = document.get("compile_config") if compile else None
        if given:
            try:
                model.compile(**compiling.read(given))
            except (ValueError, TypeError) as error:
                warnings.warn(f'"{os.fspath(path)}": not compiled: {error}', stacklevel=4)
                model.optimizer = None
        weights.load(file, model, optimizer=bool(given) and model.optimizer is not None)
        if packed is not None:
            assets.load(packed, model, _most(path))
    return model


def load_weights(
    model: Model, path: str | os.PathLike[str], skip_mismatch: bool = False, by_name: bool = False
) -> None:
    """Read weights into a model, from a file of weights or of a whole model; an optimizer that has begun goes on from
    its state there, if there is one, as in Keras."""
    _h5py()
    with _faults(path), _opened(path) as (_, file, _packed):
        whole = not (skip_mismatch or by_name) and _trains(model) and weights.has_state(file, model)
        weights.load(file, model, optimizer=whole, skip_mismatch=skip_mismatch, by_name=by_name)
        if _trains(model) and not whole and not (skip_mismatch or by_name):
            warnings.warn(
                "load_weights: the file has no state that fits the optimizer, whose moments and counter stay as they "
                "are; compile again to begin anew",
                stacklevel=4,
            )


def _trains(model: Model) -> bool:
    """Whether its optimizer has begun."""
    return model.optimizer is not None and model.optimizer.built


@contextmanager
def _opened(path: str | os.PathLike[str]) -> Iterator[tuple[dict[str, Any] | None, Any, zipfile.ZipFile | None]]:
    """The config of a file, if it has one, its HDF5 file of weights, and the archive that both are in, if they are."""
    import h5py

    if os.fspath(path).endswith(".keras"):
        with zipfile.ZipFile(path) as packed:
            document = json.loads(_entry(packed, "config.json", _MOST))
            raw = io.BytesIO(_entry(packed, "model.weights.h5", _most(path)))
            with h5py.File(raw, "r") as file:
                yield document, file, packed
        return
    with h5py.File(path, "r") as file:
        text = file.attrs.get("model_config")
        document = None if text is None else json.loads(text)
        trained = file.attrs.get("training_config")
        if document is not None and trained is not None:
            document["compile_config"] = compiling.newer(json.loads(trained))
        yield document, file, None


def _most(path: str | os.PathLike[str]) -> int:
    """Bytes that a part of a file may have."""
    return 8 * os.path.getsize(path) + _MOST


def _entry(packed: zipfile.ZipFile, name: str, most: int) -> bytes:
    info = packed.getinfo(name)
    if info.file_size > most:
        raise FormatError(f"expected at most {most} bytes in its {name}, got {info.file_size}")
    return packed.read(info)
