"""Names that a public module lacks: whether Keras has them, and which one was meant."""

from __future__ import annotations

from collections.abc import Iterable
from types import ModuleType
from typing import Any


class MissingName(AttributeError):
    """An attribute that a public module of pydl, whose names are `own`, does not have.

    The message is made when it is read: some libraries ask every module for every name, and look at no answer.
    """

    def __init__(self, module: str, name: str, own: Iterable[str]) -> None:
        super().__init__(module, name, own)
        self.module, self.own = module, own
        self.missing = name  # `name` would let Python make a guess of its own

    def __str__(self) -> str:
        message = f"module {self.module!r} has no attribute {self.missing!r}"
        if self.missing.startswith("_"):  # what Python itself asks for, often in vain
            return message
        return message + _remark(self.missing, set(self.own), self.module.removeprefix("pydl").removeprefix("."))


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
        raise MissingName(module.__name__, name, module.__all__)

    vars(module)["__getattr__"] = find
    vars(module)["__dir__"] = lambda: sorted({*vars(module), *module.__all__})
