"""The arguments of Keras's public callables against pydl's: which are missing, and why.

`python -m tests.signatures` writes the table of docs/keras.md anew. The names are those that `inspect.signature` gives
for Keras 3.15.1 (of a class: its constructor's and, where that takes `**kwargs`, those of the next class with one).
"""

from __future__ import annotations

import inspect
import json
from operator import attrgetter
from pathlib import Path
from typing import Any

import pydl

KERAS: dict[str, str] = json.loads((Path(__file__).parent / "golden" / "keras_signatures.json").read_text())
PAGE = Path(__file__).parents[1] / "docs" / "keras.md"
START, END = "<!-- python -m tests.signatures -->\n", "<!-- end of the table -->\n"

_BY_POSITION = "its only argument has another name: give it by position"
_OF_A_BASE = "of a base class in Keras, where the layer sets it itself"
#: By argument, wherever it is missing, or by place and argument.
REASONS = {
    "autocast": "taken without effect: a model has one dtype",
    "sparse": "there are no sparse tensors",
    "optional": "every input has data",
    "tensor": "a model begins with `Input`, not with a tensor that is there",
    "input_tensor": "a model begins with `Input`, not with a tensor that is there",
    "quantization_config": "no quantization",
    "gptq_unpacked_column_size": "no quantization",
    "max_shard_size": "a model is one file",
    "synchronized": "there is one machine",
    "layout": "there is one machine",
    "preferred_backend": "parts are arrays",
    "format": "batches come from a `PyDataset`",
    "check_types": "deprecated in Keras",
    "pool_dimensions": _OF_A_BASE,
    "pool_mode": _OF_A_BASE,
    "rank": _OF_A_BASE,
    "factor": _OF_A_BASE,
    "input_signature": "a model knows its inputs",
    "Model.export.verbose": "nothing is printed",
    "layers.StringLookup.oov_method": "texts are always hashed",
    "layers.TextVectorization.activity_regularizer": "codes have no gradient",
    "ops.matmul.x1": "called `a`",
    "ops.matmul.x2": "called `b`",
    "constraints.serialize.constraint": _BY_POSITION,
    "initializers.serialize.initializer": _BY_POSITION,
    "layers.serialize.layer": _BY_POSITION,
    "optimizers.serialize.optimizer": _BY_POSITION,
    "optimizers.schedules.serialize.learning_rate_schedule": _BY_POSITION,
    "regularizers.serialize.regularizer": _BY_POSITION,
}


def arguments(called: Any) -> set[str]:
    """Names of what a function, or the constructor of a class, takes."""
    names: set[str] = set()
    if not inspect.isclass(called):
        return set(inspect.signature(called).parameters)
    for owner in called.__mro__[:-1]:
        if "__init__" in vars(owner):
            parameters = inspect.signature(vars(owner)["__init__"]).parameters.values()
            names |= {p.name for p in parameters}
            if not any(p.kind is p.VAR_KEYWORD for p in parameters):
                break
    return names


def missing() -> list[tuple[str, str]]:
    """Place and argument of all that Keras takes and pydl does not, where pydl has the callable."""
    found = []
    for place, names in KERAS.items():
        try:
            own = arguments(attrgetter(place)(pydl))
        except AttributeError:  # pydl lacks the callable; `pydl._base.missing` says so
            continue
        found += [(place, name) for name in names.split() if name not in own]
    return found


def reason(place: str, name: str) -> str | None:
    """Why pydl lacks this argument; None if nobody has said."""
    return REASONS.get(f"{place}.{name}", REASONS.get(name))


def table() -> str:
    """The table of docs/keras.md."""
    rows: dict[tuple[str, str], list[str]] = {}
    for place, name in missing():
        rows.setdefault((name, reason(place, name) or ""), []).append(place)
    lines = ["| argument | of | why it is missing |", "|---|---|---|"]
    for (name, why), places in sorted(rows.items()):
        where = "all layers" if len(places) > 40 else ", ".join(f"`{place}`" for place in places)
        lines.append(f"| `{name}` | {where} | {why} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    before, rest = PAGE.read_text().split(START)
    PAGE.write_text(before + START + table() + END + rest.split(END)[1])
