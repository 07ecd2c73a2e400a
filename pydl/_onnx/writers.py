"""What writes the layers of a kind: functions by the class of the layer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from pydl._onnx.graph import Graph, Value

#: It gets the graph, the layer and its inputs, and returns the output; shape, dtype and mask follow from the layer
#: where they are not given.
Write = Callable[..., Value]

_W = TypeVar("_W", bound=Write)


class Writers(dict[type, Write]):
    """Functions that write layers, by the class of the layer."""

    def of(self, *classes: type) -> Callable[[_W], _W]:
        """Decorates what writes layers of these classes."""

        def note(write: _W) -> _W:
            self.update(dict.fromkeys(classes, write))
            return write

        return note


def unchanged(g: Graph, layer: Any, x: Value) -> Value:
    """Of a layer that changes nothing but in training."""
    return x
