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


TAKES_MASK = "GlobalAveragePooling1D"  # the layer that takes a mask by hand, as its second input


def mask_of(node: Any, entries: Mapping[str, Any]) -> tuple[list[Any] | None, bool]:
    """Where the mask of a call comes from, and whether it is the one that layers in front of it make by themselves.

    Keras writes the latter too: codes that are not 0 behind an Embedding, steps of which any value is none that a
    Masking masks. `entries`: all of the graph by name.
    """
    found = histories((node.get("kwargs") or {}).get("mask")) if isinstance(node, Mapping) else []
    if not found:
        return None, True
    source: Any = next(iter(histories(node.get("args"))), None)
    passed: set[Any] = set()  # a damaged graph may go round
    while source is not None and entries[source[0]].get("class_name") not in ("Embedding", "Masking"):
        again = source[0] in passed
        passed.add(source[0])
        source = None if again else _first_input(entries[source[0]])
    made = entries[found[0][0]]
    if made.get("class_name") == "Any":
        made = entries[(_first_input(made) or found[0])[0]]
    own = source is not None and made.get("class_name") == "NotEqual"
    return found[0], own and _first_input(made) == _first_input(entries[source[0]]) and _constant_of(made) == (
        _masked_value(entries[source[0]])
    )


def _first_input(entry: Mapping[str, Any]) -> list[Any] | None:
    nodes = entry.get("inbound_nodes") or [{}]
    return next(iter(histories(nodes[0].get("args") if isinstance(nodes[0], Mapping) else nodes[0])), None)


def _constant_of(entry: Mapping[str, Any]) -> Any:
    """The number that a function is given beside a tensor."""
    return next((v for v in entry["inbound_nodes"][0]["args"] if isinstance(v, int | float)), None)


def _masked_value(entry: Mapping[str, Any]) -> Any:
    config = entry["config"]
    return config.get("mask_value") if entry["class_name"] == "Masking" else 0 if config.get("mask_zero") else None


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
        other += [v for v in (node.get("args") or [])[1:] if v is not None and not histories(v)]
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
