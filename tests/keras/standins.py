"""A plugin for pytest: `keras.src` answered by pydl, other frameworks by what skips, and a report of outcomes."""

from __future__ import annotations

import functools
import importlib
import importlib.util
import json
import os
import re
import sys
from collections.abc import Iterator
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

import pydl
from pydl._engine.masked_array import Masked, mask_of
from pydl.callbacks._monitor import Monitoring
from pydl.layers.masking import MaskOf

SOURCE, REPORT = Path(os.environ["KERAS_SOURCE"]), Path(os.environ["KERAS_REPORT"])
FOREIGN = ("tensorflow", "torch", "jax", "grain", "orbax", "tensorflow_datasets")
APART = re.compile(
    r"quantiz|quantis|overwrite|int8|int4|float8|fp8|gptq|awq|distribut|layout_map|tensor_layout|orbax", re.I
)


class _Refusing(type):
    """Makes classes of which nothing can be had."""

    reason: str

    def __getattr__(cls, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return type(cls)(f"{cls.__name__}.{name}", (), {})

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        cls.refuse(cls.__name__)

    def refuse(cls, name: str) -> None:
        raise NotImplementedError(f"pydl has no {name}")


class _Missing(_Refusing):
    """Names of Keras that pydl lacks: a case that calls one fails."""


class _Foreign(_Refusing):
    """Names of other frameworks: a case that calls one is skipped."""

    def refuse(cls, name: str) -> None:
        pytest.skip(f"calls {name}", allow_module_level=True)


class _StandIn(ModuleType):
    """A module of Keras: its names are looked up in pydl's module of that name, then in those around it."""

    __path__: list[str]

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        parts = self.__name__.split(".")[2:]
        below = SOURCE.joinpath("keras", "src", *parts, name)
        if below.is_dir() or (below.with_suffix(".py").exists() and (len(parts) != 1 or not _found(parts, name))):
            return importlib.import_module(f"{self.__name__}.{name}")
        found = _found(parts, name)
        return _Missing(".".join([*parts[:1], name]), (), {}) if found is None else found[0]


def _found(parts: list[str], name: str) -> list[Any] | None:
    for depth in range(len(parts), -1, -1):
        try:
            module = importlib.import_module(".".join(["pydl", *parts[:depth]]))
        except ImportError:
            continue
        if not isinstance(module, ModuleType):
            continue
        if hasattr(module, name):
            return [getattr(module, name)]
    for module in (pydl.utils, pydl.utils.bounding_boxes):
        if hasattr(module, name):
            return [getattr(module, name)]
    if name in _FROM_KERAS:
        return [_of_keras(_FROM_KERAS[name], name)]
    return [_elsewhere()[name]] if name in _elsewhere() else None


def _mask_of(x: Any) -> Any:
    return MaskOf()(x) if isinstance(x, pydl.KerasTensor) and x.masked else mask_of(x)


def _set_mask(x: Any, mask: Any) -> None:
    x._keras_mask = mask


def _convert_to_tensor(x: Any, *args: Any, **options: Any) -> Any:
    """An array that takes attributes, as the tensors do that cases set masks of."""
    found = pydl.ops._converted(x, *args, **options)
    return found.view(Masked) if type(found) is np.ndarray else found


def _index_lookup(vocabulary_dtype: str, **options: Any) -> Any:
    """The public layer for such a vocabulary, which Keras derives from one that is not."""
    kind = pydl.layers.StringLookup if vocabulary_dtype == "string" else pydl.layers.IntegerLookup
    return kind(**options)


def _elsewhere() -> dict[str, Any]:
    from pydl import config, ops, random, utils

    paths = {name: getattr(os.path, name) for name in ("join", "exists", "isdir", "isfile")}
    return {
        **vars(config), **paths, "dtype_policy": config, "name_scope": pydl.name_scope, "serialize": str,
        "get_keras_mask": _mask_of, "set_keras_mask": _set_mask, "makedirs": os.makedirs, "listdir": os.listdir,
        "compute_output_spec": lambda function, *args, **options: function(*args, **options),
        "KerasTensor": pydl.KerasTensor, "Variable": pydl.Variable, "SUPPORTS_SPARSE_TENSORS": False,
        "SUPPORTS_RAGGED_TENSORS": False, "SUPPORTS_COMPLEX_DTYPES": False, "numpy": ops, "nn": ops, "random": random,
        "MonitorCallback": Monitoring, "IndexLookup": _index_lookup, "AUCCurve": SimpleNamespace(ROC="ROC", PR="PR"),
        "AUCSummationMethod": SimpleNamespace(MAJORING="majoring", MINORING="minoring", INTERPOLATION="interpolation"),
        "SeedGenerator": random.SeedGenerator, "clear_session": utils.clear_session, "is_tensor": ops.is_tensor,
        "convert_to_tensor": _convert_to_tensor, "convert_to_numpy": np.asarray, "layer": pydl.layers,
        "convert_tf_tensor": np.asarray,
    }  # fmt: skip


#: What Keras's tests compare with, by the file it is in, which needs nothing else of Keras.
_FROM_KERAS = dict.fromkeys(
    ("compute_conv_transpose_output_shape", "compute_conv_transpose_padding_args_for_jax"),
    "backend/common/backend_utils.py",
)


@functools.cache
def _of_keras(path: str, name: str) -> Any:
    """A function of Keras itself."""
    spec = importlib.util.spec_from_file_location(f"of_keras.{Path(path).stem}", SOURCE / "keras" / "src" / path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return getattr(module, name)


class _Finder(MetaPathFinder, Loader):
    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        if fullname.split(".")[0] in FOREIGN:
            return ModuleSpec(fullname, self, is_package=True)
        if fullname == "keras.src" or fullname.startswith("keras.src."):
            below = SOURCE.joinpath(*fullname.split("."))
            if fullname.endswith("_test"):
                return importlib.util.spec_from_file_location(fullname, below.with_suffix(".py"))
            if below.is_dir() or below.with_suffix(".py").exists():
                return ModuleSpec(fullname, self, is_package=True)
        return None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        if spec.name.startswith("keras."):
            return _StandIn(spec.name)
        module = ModuleType(spec.name)
        module.__dict__["__getattr__"] = lambda name: getattr(_Foreign(spec.name, (), {}), name)
        return module

    def exec_module(self, module: ModuleType) -> None:
        if module.__name__ == "keras.src.testing":
            from tests.keras import case

            vars(module).update({name: value for name, value in vars(case).items() if not name.startswith("_")})
            sys.modules.update({f"keras.src.testing.{name}": module for name in ("test_case", "test_utils")})
            module.test_case = module.test_utils = module  # type: ignore[attr-defined]


def _skip_if_backend(name: str, reason: str) -> Any:
    return pytest.mark.skipif(False, reason=reason)


pydl.ops._converted, pydl.ops.convert_to_tensor = pydl.ops.convert_to_tensor, _convert_to_tensor  # type: ignore
pydl.utils.install_as_keras(["keras"])
sys.meta_path.insert(0, _Finder())
pydl.src = importlib.import_module("keras.src")  # type: ignore[attr-defined]
sys.modules["conftest"] = ModuleType("conftest")
sys.modules["conftest"].skip_if_backend = _skip_if_backend  # type: ignore[attr-defined]


def _note(name: str, outcome: str, line: str = "") -> None:
    if outcome == "failed" and APART.search(name):
        outcome = "apart"
    with REPORT.open("a") as file:
        file.write(json.dumps([name, outcome, line]) + "\n")


def _line(report: Any) -> str:
    """The error's first line, without paths of this machine."""
    crash = getattr(report.longrepr, "reprcrash", None)
    text = (crash.message if crash else str(report.longrepr)).strip().splitlines() or [""]
    return f"{text[0] if crash else text[-1]}"[:200]


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: Any, call: Any) -> Iterator[None]:
    report = (yield).get_result()  # type: ignore[misc]
    if report.when == "call" or report.outcome != "passed":
        name = item.nodeid.split("/")[-1].replace(".py::", ".").replace("::", ".")
        _note(name, report.outcome, _line(report) if report.outcome == "failed" else "")


def pytest_collectreport(report: Any) -> None:
    """A file that cannot be imported counts as one failing case for each of its functions."""
    if report.failed and report.nodeid.endswith(".py"):
        path = Path(os.environ["PYTEST_FOLDER"]) / report.nodeid
        for name in re.findall(r"def (test_\w+)", path.read_text()):
            _note(f"{path.stem}.{name}", "failed", _line(report))


def pytest_configure(config: Any) -> None:
    os.environ["PYTEST_FOLDER"] = str(config.rootpath)
    for mark in ("requires_trainable_backend", "multi_device"):
        config.addinivalue_line("markers", f"{mark}: of Keras")
