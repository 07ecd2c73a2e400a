"""What the table of ops says (`ops.def`, `op_args.h`), asked once per op."""

from __future__ import annotations

from functools import cache
from typing import Any

from pydl import _core


@cache
def of(op: str) -> dict[str, Any]:
    """family, split, fields (name -> kind) of an op; reads, rowwise, alpha of an activation."""
    return _core.describe(op)


@cache
def pointers(op: str, kinds: str) -> tuple[str, ...]:
    """Names of the pointer fields of these kinds: i and a are read, o is written."""
    return tuple(name for name, kind in of(op)["fields"].items() if kind in kinds)


def run_op(op: str, dtype: str, **fields: Any) -> None:
    """Run one kernel on arrays in the calling thread, with the best instruction set."""
    _core.call(op, dtype=dtype, **fields)


def rowwise(act: Any) -> bool:
    """Whether an activation normalizes over the last axis."""
    return act.kernel is not None and bool(of(f"act_{act.kernel}_fwd")["rowwise"])


def reads_input(act: Any) -> bool:
    """Whether the backward kernel of an activation reads its input, not its output."""
    return bool(of(f"act_{act.kernel}_bwd")["reads"] == "x")


def activations() -> dict[str, float]:
    """The activations that have a kernel, and the parameter of each where none is given."""
    names = [op.removeprefix("act_").removesuffix("_fwd") for op in _core.ops() if op.startswith("act_")]
    return {name: of(f"act_{name}_fwd")["alpha"] for name in names if not name.endswith("_bwd")}
