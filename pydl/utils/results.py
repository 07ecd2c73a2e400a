"""Results that have `numpy`, as those of Keras, for programs that ask for it."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from functools import wraps
from inspect import isfunction
from typing import Any

import numpy as np

from pydl._engine.masked_array import Masked, mask_of, with_mask
from pydl._engine.tape import Op

_DATA_SETS = ("data.labelled_files", "data.mapped", "utils.sequences")


class Result(Masked):
    """An array that a call gave."""

    __array_wrap__: Any = np.ndarray.__array_wrap__

    def numpy(self) -> Any:
        """Itself as a plain array, or as a number where it is one."""
        return self.view(np.ndarray)[()]

    def __getitem__(self, index: Any) -> Any:
        return _result(super().__getitem__(index))


def give_numpy() -> None:
    """From now on, let calls on arrays give a `Result`: of models, layers, losses, metrics, initializers, ops, random;
    and let the batches of data sets consist of such.

    Their classes are changed, so that nothing is spent where nobody asks for this.
    """
    pydl = importlib.import_module("pydl")
    for owner in (pydl.layers.Layer, pydl.Model, pydl.losses.Loss, pydl.initializers.Initializer, Op):
        _wrap(owner, "__call__")
    for module in (pydl.ops, pydl.losses, pydl.metrics):
        found = {name: getattr(module, name) for name in module.__all__}  # which loads all, and sets what it loads
        for name in found.keys() - {"get", "serialize", "deserialize"}:
            if isfunction(found[name]):
                _wrap(module, name)
    for metric in _classes(pydl.metrics.Metric):
        if "result" in vars(metric):
            _wrap(metric, "result")
    of_files, mapped, sequences = (importlib.import_module(f"pydl.{name}") for name in _DATA_SETS)
    for owner, name in ((of_files.LabelledFiles, "__iter__"), (mapped.Mapped, "__iter__"),
                        (mapped.Chained, "cardinality"), (sequences.Windows, "__getitem__")):  # fmt: skip
        _wrap(owner, name)
    for name in pydl.random.__all__:
        if name != "SeedGenerator":
            _wrap(pydl.random, name)


def _classes(base: Any) -> Iterator[Any]:
    """A class of the library and those that derive from it there."""
    yield base
    for derived in base.__subclasses__():
        if derived.__module__.startswith("pydl."):
            yield from _classes(derived)


def _wrap(owner: Any, name: str) -> None:
    method = vars(owner).get(name)
    if method is not None and not hasattr(method, "gives_numpy"):
        setattr(owner, name, _giving(method))


def _giving(method: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(method)
    def giving(*args: Any, **keywords: Any) -> Any:
        return _result(method(*map(_plain, args), **keywords))

    giving.gives_numpy = method  # type: ignore[attr-defined]
    return giving


def _plain(x: Any) -> Any:
    """What a `Result` shows: models know an array at once, others they look at."""
    return with_mask(x.view(np.ndarray), mask_of(x)) if type(x) is Result else x


def _result(y: Any) -> Any:
    if isinstance(y, np.ndarray | np.generic):
        return with_mask(np.asarray(y).view(Result), mask_of(y), Result) if y.dtype.kind in "biufU" else y
    if isinstance(y, Iterator):
        return map(_result, y)
    if type(y) in (list, tuple):
        return type(y)(map(_result, y))
    return {k: _result(v) for k, v in y.items()} if type(y) is dict else y
