"""Shapes of the inputs of a model that is built from its first data."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from pydl._base import check
from pydl._base.errors import of_memory
from pydl._base.frames import array_of_any
from pydl._engine.graph import SymbolicTensor
from pydl.layers.weighted import _tree


def open_shape(shape: Any) -> Any:
    """The shape of a batch of any size."""
    return (None, *shape[1:])


class Text(tuple[Any, ...]):
    """The shape of what holds text."""


def shape_of_tensor(t: SymbolicTensor) -> Any:
    return Text(t.shape) if t.dtype == "string" else t.shape


def shape_of_batch(method: str, x: Any) -> Any:
    """The shape of an array of rows, None for their number."""
    if isinstance(x, np.ndarray) and x.dtype.kind in "OSTU" and array_of_any(x).dtype.kind == "U":
        return Text((None, *x.shape[1:]))
    shape = check.numeric(method, "x", x).shape
    if not shape:
        raise ValueError(f"{method}: x: expected rows (batch, ...), got a single number")
    return (None, *shape[1:])


def or_as_column(model: Any, build: Callable[[Any], None], shape: Any) -> None:
    """`build(shape)`; where its layers cannot take numbers one by one, and those came so, with columns of them."""
    model.sizes_of_data = True
    parts = shape.values() if isinstance(shape, dict) else shape if isinstance(shape, list) else [shape]
    if all(len(part) > 1 for part in parts):
        build(shape)
        return
    held = [layer for top in model.layers for layer in _tree(top)]
    unbuilt = [(layer, _copied(vars(layer))) for layer in held if not layer.built]
    for tried in (shape, _each_as_column(shape)):
        try:
            build(tried)
            return
        except (ValueError, TypeError) as error:
            if of_memory(error):
                raise
            for layer, state in unbuilt:  # some have been built for numbers one by one
                vars(layer).clear()
                vars(layer).update(_copied(state))
            failed = error
    raise failed


def _copied(state: dict[str, Any]) -> dict[str, Any]:
    """Attributes of a layer, as they stay whatever becomes of it."""
    return {name: value.copy() if type(value) in (list, dict) else value for name, value in state.items()}


def _each_as_column(shape: Any) -> Any:
    if isinstance(shape, dict):
        return {key: _each_as_column(part) for key, part in shape.items()}
    if isinstance(shape, list):
        return [_each_as_column(part) for part in shape]
    return type(shape)((*shape, 1)) if len(shape) == 1 else shape
