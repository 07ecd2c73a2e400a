"""Names that a public module lacks: whether Keras has them, and which one was meant."""

from __future__ import annotations

from collections.abc import Iterable
from types import ModuleType
from typing import Any


def missing(module: str, name: str, own: Iterable[str]) -> AttributeError:
    """The error for an attribute that a public module of pydl, whose names are `own`, does not have."""
    message = f"module {module!r} has no attribute {name!r}"
    if not name.startswith("_"):  # what Python itself asks for, often in vain
        message += _remark(name, set(own), module.removeprefix("pydl").removeprefix("."))
    return AttributeError(message)


def _remark(name: str, own: set[str], module: str) -> str:
    import difflib  # only errors need them

    from pydl._base.keras_names import NAMES

    theirs = set(NAMES.get(module, "").split()) - own
    if name in theirs:
        return ": Keras has it, pydl does not (yet)"
    by_spelling = {n.lower(): n for n in (*theirs, *own)}
    close = difflib.get_close_matches(name.lower(), by_spelling, n=1, cutoff=0.7)
    if not close:
        return ""
    meant = by_spelling[close[0]]
    return f"; did you mean {meant!r}?" + (" Keras has it, pydl does not (yet)" if meant in theirs else "")


def explain(module: ModuleType) -> None:
    """Let attributes that a module lacks, and does not bring when asked for, be explained; list those it brings."""
    bring = vars(module).get("__getattr__")

    def find(name: str) -> Any:
        if bring is not None:
            try:
                return bring(name)
            except AttributeError:
                if name in module.__all__:
                    raise
        raise missing(module.__name__, name, module.__all__)

    vars(module)["__getattr__"] = find
    vars(module)["__dir__"] = lambda: sorted({*vars(module), *module.__all__})
