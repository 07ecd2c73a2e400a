"""Rows of ops that work element by element, move elements or normalize."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from pydl._c import pieces
from pydl._c.unit import Call, In, Number, Out, Unit
from pydl._engine.facts import of


def activation(act: str | None, alpha: float, y: Any, rows: int, columns: int, start: int = 0) -> Iterator[Call]:
    """The calls of an activation, in place."""
    if act is None:
        return
    name = act.removeprefix("act_").removesuffix("_fwd")
    if of(act)["rowwise"]:
        yield Call(f"act_{name}", (Out(y, start), rows, columns))
    else:
        parameter = [Number(alpha)] if pieces.has_alpha(name) else []
        yield Call(f"each_{name}", (Out(y, start), rows * columns, *parameter))


def activated(unit: Unit, f: Any) -> Iterator[Call]:
    """A record of an activation; `act` is its op."""
    if f.x is not f.y:
        yield copied(f.x, f.y, f.B * f.O)
    yield from activation(f.act, f.alpha, f.y, f.B, f.O)


def copied(x: Any, y: Any, n: int) -> Call:
    return Call("copy", (In(x), Out(y), 1, n, n, n))


def copy(unit: Unit, f: Any) -> Iterator[Call]:
    if f.add:
        raise unit.refuse("it adds to what is there")
    yield Call("copy", (In(f.x, f.xo), Out(f.y, f.yo), f.B, f.O, f.ldx, f.ldy))


def _binary(name: str) -> Any:
    def row(unit: Unit, f: Any) -> Iterator[Call]:
        yield Call(name, (In(f.x1), In(f.x2), Out(f.y), f.B * f.O))

    return row


def affine(unit: Unit, f: Any) -> Iterator[Call]:
    yield Call("affine", (In(f.x), Out(f.y), f.B * f.O, Number(f.a), Number(f.c)))


def prelu(unit: Unit, f: Any) -> Iterator[Call]:
    yield Call("prelu", (In(f.x), unit.constant("slopes", unit.value(f.w)), Out(f.y), f.B, f.O))


def repeat(unit: Unit, f: Any) -> Iterator[Call]:
    yield Call("repeat", (In(f.x), Out(f.y), f.B * f.O, f.M))


def embed(unit: Unit, f: Any) -> Iterator[Call]:
    yield Call("embed", (In(f.x), unit.constant("table", unit.value(f.w)), Out(f.y), f.B, f.O, f.V))


def mask_steps(unit: Unit, f: Any) -> Iterator[Call]:
    y = None if f.y is None else Out(f.y)
    yield Call("mask_steps", (In(f.x), y, Out(f.m), f.B, f.O, Number(f.value)))


def keep_steps(unit: Unit, f: Any) -> Iterator[Call]:
    yield Call("keep_steps", (In(f.x), In(f.m), Out(f.y), f.B, f.O))


def mean_steps(unit: Unit, f: Any) -> Iterator[Call]:
    yield Call("mean_steps", (In(f.x), None if f.m is None else In(f.m), Out(f.y), f.B, f.O))


def batch_norm(unit: Unit, f: Any) -> Iterator[Call]:
    """What depends on the column only is computed here, with the operations of the kernel."""
    real = np.dtype(unit.dtype).type
    mean, var = unit.value(f.mean).ravel(), unit.value(f.var).ravel()
    gamma = np.ones_like(var) if f.gamma is None else unit.value(f.gamma).ravel()
    beta = np.zeros_like(var) if f.beta is None else unit.value(f.beta).ravel()
    columns = (unit.constant("mean", mean), unit.constant("scale", gamma / np.sqrt(var + real(f.eps))))
    yield Call("batch_norm", (In(f.x), *columns, unit.constant("shift", beta), Out(f.y), f.B, f.O))
    yield from activation(f.act, f.alpha, f.y, f.B, f.O)


def _by_rows(name: str) -> Any:
    def row(unit: Unit, f: Any) -> Iterator[Call]:
        gamma, beta = (
            None if p is None else unit.constant(what, unit.value(p))
            for what, p in (("gamma", f.gamma), ("beta", f.beta))
        )
        yield Call(name, (In(f.x), gamma, beta, Out(f.y), f.B, f.O, Number(f.eps, double=True)))

    return row


ROWS = {
    "copy": copy, "add": _binary("add"), "subtract": _binary("subtract"), "multiply": _binary("multiply"),
    "maximum": _binary("maximum"), "minimum": _binary("minimum"), "affine": affine, "prelu_fwd": prelu,
    "repeat": repeat, "embed_fwd": embed, "mask_steps": mask_steps, "keep_steps": keep_steps,
    "mean_steps_fwd": mean_steps, "bn_infer": batch_norm, "ln_fwd": _by_rows("layer_norm"),
    "rms_fwd": _by_rows("rms_norm"),
}  # fmt: skip
