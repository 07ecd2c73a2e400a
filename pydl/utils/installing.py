"""pydl under the names `keras` and `tensorflow.keras`, for programs that are to run unchanged."""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.util
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

from pydl.utils.results import give_numpy

NAMES = ("keras", "tensorflow.keras")

# Modules that Keras 1 and 2 had, and where their names are now.
_OLD = {
    **dict.fromkeys(
        ("advanced_activations", "convolutional", "core", "embeddings", "local", "merge", "noise", "normalization",
         "pooling", "recurrent", "wrappers"), "layers",
    ),
    **dict.fromkeys(
        ("data_utils", "generic_utils", "io_utils", "layer_utils", "numerical_utils", "vis_utils"), "utils"
    ),
}  # fmt: skip
_WHOLE = {"engine": "layers", "engine.topology": "layers", "engine.base_layer": "layers", "engine.training": "models"}


class _Loader(importlib.abc.Loader):
    """Puts a module of pydl in the place of the one to be loaded."""

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        assert module.__spec__ is not None
        sys.modules[module.__name__] = module.__spec__.loader_state


class _Finder(importlib.abc.MetaPathFinder):
    def __init__(self, names: Sequence[str]) -> None:
        self.names = tuple(names)

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        prefix = next((n for n in self.names if fullname.startswith(f"{n}.")), None)
        if prefix is None:
            return None
        module = _module(fullname.removeprefix(f"{prefix}."))
        if module is None:
            return None
        return ModuleSpec(fullname, _Loader(), loader_state=module, is_package=hasattr(module, "__path__"))


def _module(name: str) -> ModuleType | None:
    """pydl's module for what is behind `keras.`; None if it has none."""
    if name.partition(".")[0] == "src":  # where Keras 3 keeps its code, each class in a file
        inner = name.removeprefix("src").removeprefix(".")
        return _module(inner) or _module(inner.partition(".")[0]) if inner else sys.modules["pydl"]
    package, _, last = name.rpartition(".")
    found = _WHOLE.get(name, _OLD.get(last, name) if package in ("layers", "utils") else name)
    try:
        return importlib.import_module(f"pydl.{found}")
    except ModuleNotFoundError as error:
        if error.name is None or not f"pydl.{found}".startswith(error.name):
            raise  # it is there, and something that it needs is not
        return None


def install_as_keras(names: Sequence[str] = NAMES) -> None:
    """Let `import keras`, `from tensorflow.keras import layers` and the like bring pydl, in this process from now on.

    Call it before anything imports Keras. Modules of Keras 1 and 2, such as `keras.layers.core`, are found as well.
    Where TensorFlow is not installed, an empty module `tensorflow` holds `keras`. Results of calls, of models, layers,
    losses, metrics and `ops`, are arrays that have `numpy()` from then on, which makes arithmetic on small ones slower.

    Parameters
    ----------
    names : list of str
        Instead of the two.

    Raises
    ------
    ImportError
        When Keras has been imported under one of the names.
    """
    pydl = importlib.import_module("pydl")
    for name in names:
        there = sys.modules.get(name)
        if there is not None and there is not pydl:
            raise ImportError(f"install_as_keras: {name} has been imported already; call it before")
    for name in names:
        parent, _, last = name.rpartition(".")
        if parent and parent not in sys.modules and importlib.util.find_spec(parent) is None:
            stand_in = ModuleType(parent, "A stand-in that holds keras, made by pydl.utils.install_as_keras.")
            stand_in.__path__ = []
            sys.modules[parent] = stand_in
        if parent in sys.modules:
            setattr(sys.modules[parent], last, pydl)
        sys.modules[name] = pydl
    sys.meta_path[:] = [finder for finder in sys.meta_path if not isinstance(finder, _Finder)]
    sys.meta_path.insert(0, _Finder(names))
    give_numpy()
