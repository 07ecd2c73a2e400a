"""Records as they are emitted: ops with named fields, in order, before passes change them and a plan binds them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from pydl import _core
from pydl._engine import facts
from pydl._engine.tensor import WeightGradient


class Record:
    """A kernel, or a function of Python, and what it works on.

    Attributes
    ----------
    op : str
        The name in the table of ops; of a Python record, what listings call it.
    fields : dict
        As in `op_args.h`: buffers, sizes, constants.
    reads, writes : list
        Buffers, and `WeightGradient`s.
    when : {"always", "update"}
        In which steps it runs: in all, or in those that update weights.
    function : callable or None
        What a Python record calls.
    """

    __slots__ = ("fields", "function", "op", "reads", "when", "writes")

    def __init__(
        self, op: str, fields: dict[str, Any], when: str, function: Callable[[], None] | None = None,
        reads: Sequence[Any] = (), writes: Sequence[Any] = (),
    ) -> None:  # fmt: skip
        self.op, self.fields, self.when, self.function = op, fields, when, function
        if function is None:
            reads = [fields[name] for name in facts.pointers(op, "ia") if fields.get(name) is not None]
            writes = [fields[name] for name in facts.pointers(op, "o") if fields.get(name) is not None]
        self.reads, self.writes = list(reads), list(writes)

    def touches(self, buffer: Any) -> bool:
        """Whether it reads or writes this buffer."""
        return any(b is buffer for b in self.reads) or any(b is buffer for b in self.writes)

    def lower(self, plan: _core.Plan) -> None:
        """Append it to a plan."""
        if self.function is None:
            plan.emit(self.op, self.when, **{name: _buffer(value) for name, value in self.fields.items()})
        else:
            reads, writes = map(_buffer, self.reads), map(_buffer, self.writes)
            plan.emit_python(self.op, self.function, list(reads), list(writes), self.when)


def _buffer(value: Any) -> Any:
    return value.buffer if isinstance(value, WeightGradient) else value
