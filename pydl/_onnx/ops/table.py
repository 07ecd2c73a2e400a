"""Which function builds which op, by ranges of the versions of ONNX's set of ops."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pydl._onnx.parsing import Node
from pydl._onnx.reading import refuse

LAST = 10**6


@dataclass(frozen=True)
class Handler:
    """A function `(building, node, *inputs)` that returns an output or a list of them."""

    function: Callable[..., Any]
    since: int
    until: int


_handlers: dict[str, list[Handler]] = {}


def handles(*ops: str, since: int = 1, until: int = LAST) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Make a function build these ops, of files with these versions."""

    def note(function: Callable[..., Any]) -> Callable[..., Any]:
        for op in ops:
            _handlers.setdefault(op, []).append(Handler(function, since, until))
        return function

    return note


def known() -> list[str]:
    """The names of all ops that are built."""
    return sorted(_handlers)


def handler(node: Node, version: int) -> Callable[..., Any]:
    """The function that builds a node."""
    name = f"{node.domain}.{node.op}" if node.domain else node.op
    for h in _handlers.get(name, []):
        if h.since <= version <= h.until:
            return h.function
    refuse(
        "ops that pydl can build layers of", f"{node} of version {version}",
        "replace that part of the model before it is exported to ONNX",
    )  # fmt: skip
