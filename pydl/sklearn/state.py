"""What the model of a pickled estimator needs beside the bytes of its file."""

from __future__ import annotations

from collections.abc import Iterator
from types import FunctionType
from typing import Any

import pydl


def custom_objects(model: pydl.Model) -> dict[str, Any]:
    """Classes and functions that the file of a model mentions and pydl does not know, by name."""
    parts = [*_layers(model), model.optimizer, *model.compiled_losses, *(m.metric for m in model.compiled_metrics)]
    parts += [value for part in parts for value in getattr(part, "__dict__", {}).values()]
    named = [p if isinstance(p, FunctionType) else type(p) for p in parts if _has_config(p)]
    return {n.__name__: n for n in named if n.__module__.startswith("pydl.sklearn.") or not _is_pydl(n.__module__)}


def _layers(model: pydl.Model) -> Iterator[Any]:
    for layer in model.layers:
        yield layer
        if isinstance(layer, pydl.Model):
            yield from _layers(layer)


def _has_config(part: Any) -> bool:
    return isinstance(part, FunctionType) or hasattr(part, "get_config")


def _is_pydl(module: str) -> bool:
    return module.split(".")[0] == "pydl"
