"""Metrics that code of layers updates."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydl.metrics.base import Metric, held

_OF_COMPILE = ("compiled_metrics", "layer_metrics", "_compile_arguments")  # attributes of models


def metrics_of(layer: Any) -> Iterator[Metric]:
    """Those that attributes of a layer hold, and of the layers that it holds, each once; none of `compile`'s."""
    found: dict[int, Metric] = {}
    pending, seen = [layer], {id(layer)}
    for current in pending:
        attributes = {name: value for name, value in vars(current).items() if name not in _OF_COMPILE}
        found |= {id(m): m for m in held(attributes) if isinstance(m, Metric)}
        inner = [other for other in current._held_layers() if id(other) not in seen]
        seen |= set(map(id, inner))
        pending += inner
    yield from found.values()
