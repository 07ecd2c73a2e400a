"""Variables that users make: the class that weights and an optimizer's slots are of, with an initial value."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pydl import initializers
from pydl._base.args import shape_of, text
from pydl._base.scoped import Block, Scoped
from pydl._engine import variable
from pydl._engine.layout import Layout
from pydl.config import floatx

__all__ = ["Variable", "name_scope"]

_TRAINED = ("float32", "float64")
_scopes: Scoped[tuple[str, ...]] = Scoped(())


def name_scope(
    name: str, caller: Any = None, deduplicate: bool = True, override_parent: str | None = None
) -> Block[tuple[str, ...]]:
    """Within the `with` block, paths of variables that are made begin with this name, after those of blocks around it.

    `path` only: weights that layers make have paths of their own, ``layer/name``.

    Parameters
    ----------
    name : str
        Without "/".
    caller, deduplicate
        Taken for Keras's sake: layers open no scopes here.
    override_parent : str, optional
        The names to stand before this one instead of those of blocks around, with "/" between them.

    Raises
    ------
    TypeError, ValueError
        A name that is no string, or has a "/".
    """
    _without_slash("name_scope", name)
    around = _scopes.get() if override_parent is None else tuple(filter(None, override_parent.split("/")))
    return _scopes.bound((*around, name))


def _without_slash(owner: str, name: Any) -> str:
    if "/" in text(owner, "name", name):
        raise ValueError(f'{owner}: name must not contain "/", got {name!r}')
    return str(name)


class Variable(variable.Variable):
    """An array with a name, which `optimizer.apply` and `assign` change.

    Parameters
    ----------
    initializer : array_like, str, Initializer or callable
        The first value, or what gives it: a name, or ``initializer(shape, dtype)``.
    shape : tuple of int, optional
        Needed where `initializer` is not a value.
    dtype : str, optional
        Any NumPy dtype; only float32 and float64 can be trained. By default `pydl.config.floatx()` for real numbers,
        int32 for whole ones, bool for truth values.
    trainable : bool, default True
    name : str, default "variable"
        Without "/".
    autocast, aggregation, synchronization
        Taken for Keras's sake; they mean nothing here.

    Raises
    ------
    ValueError
        No shape for an initializer; a value of another shape than `shape`; a name with "/".
    """

    def __init__(
        self,
        initializer: Any,
        shape: Sequence[int] | None = None,
        dtype: Any = None,
        trainable: bool = True,
        autocast: bool = True,
        aggregation: str | None = "none",
        synchronization: str | None = "auto",
        name: str | None = None,
    ) -> None:
        name = "variable" if name is None else _without_slash("Variable", name)
        make = initializers.get(initializer) if isinstance(initializer, str) else initializer
        if callable(make):
            if shape is None:
                raise ValueError(f"Variable: give the shape that {initializer!r} is to fill")
            wanted = floatx() if dtype is None else np.dtype(dtype).name
            drawn = wanted if wanted in _TRAINED else floatx()
            value = np.asarray(make(shape_of("Variable", shape), dtype=drawn))
        else:
            value = np.asarray(make)
            wanted = _dtype_of(value) if dtype is None else np.dtype(dtype).name
        if shape is not None and value.shape != shape_of("Variable", shape):
            raise ValueError(f"Variable: the value has shape {value.shape}, not {tuple(shape)}")
        layout = Layout if wanted in _TRAINED else _Plain
        super().__init__(value.shape, wanted, name, trainable=bool(trainable), layout=layout)
        self.path = "/".join((*_scopes.get(), name))
        self.assign(value)

    def __bool__(self) -> bool:
        return bool(self._only())


class _Plain(Layout):
    """Of dtypes that no kernel reads."""

    def buffer(self) -> Any:
        return np.zeros(self.shape, self.dtype)

    def pack(self, values: Any, stored: np.ndarray) -> None:
        given = np.asarray(values)
        if stored.dtype.kind in "iu" and given.size and given.dtype.kind in "iuf":
            limits = np.iinfo(stored.dtype)
            if given.min() < limits.min or given.max() > limits.max:
                raise ValueError(
                    f"expected numbers from {limits.min} to {limits.max} for a variable of {stored.dtype}, got some "
                    f"from {given.min()} to {given.max()}"
                )
        super().pack(given, stored)


def _dtype_of(value: np.ndarray) -> str:
    return {"f": floatx(), "i": "int32", "u": "int32", "b": "bool"}.get(value.dtype.kind, value.dtype.name)
