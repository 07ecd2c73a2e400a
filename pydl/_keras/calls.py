"""The calls of a graph in Keras's files: where what a layer is given comes from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydl._base.errors import FormatError
from pydl.models.configs import FUNCTION


def idle_functions(entries: Mapping[str, Any], calls: Mapping[str, Any], ends: set[Any]) -> list[str]:
    """The functions that no layer and no output gets something from."""
    pending = [name for name, entry in entries.items() if entry["class_name"] != FUNCTION or name in ends]
    used = set(pending)
    while pending:
        sources = {place[0] for places in calls.get(pending.pop(), ()) for place in places}
        pending += sources & entries.keys() - used
        used |= sources
    return [name for name in entries if name not in used]


def has_mask(node: Any) -> bool:
    return isinstance(node, Mapping) and bool(histories((node.get("kwargs") or {}).get("mask")))


def usual_training(name: str) -> bool | None:
    """What Keras notes as the `training` of a layer's calls where nobody said anything, so that it means nothing."""
    if name.startswith("Random"):
        return True
    return False if name.startswith(("Dropout", "SpatialDropout", "Gaussian", "AlphaDropout")) else None


def read_call(name: str, node: Any, free: bool = False) -> tuple[list[list[Any]], bool | None]:
    """Where the inputs of a call come from, and its `training`, as Keras 3 or Keras 2 wrote them.

    `free`: tensors may be anywhere among the arguments.
    """
    if isinstance(node, Mapping):
        keywords = node.get("kwargs") or {}
        places = histories(node.get("args"))
        if free:
            places += histories({k: v for k, v in keywords.items() if k not in ("training", "mask")})
            return places, keywords.get("training")
        other = [k for k, v in keywords.items() if k not in ("training", "mask") and v is not None]
    else:
        parts = [node] if node and isinstance(node[0], str) else node
        places = [list(part[:3]) for part in parts]
        keywords = next((part[3] for part in parts if len(part) > 3), {})
        other = [k for k, v in keywords.items() if k not in ("training", "mask") and v is not None]
    if other or not places:
        raise FormatError(f'layer "{name}": expected calls on tensors, got arguments {other}')
    return places, keywords.get("training")


def histories(value: Any) -> list[list[Any]]:
    """The places of all tensors among some arguments."""
    if isinstance(value, Mapping):
        if value.get("class_name") == "__keras_tensor__":
            return [list(value["config"]["keras_history"])]
        return [place for v in value.values() for place in histories(v)]
    return [place for v in value for place in histories(v)] if isinstance(value, list) else []
