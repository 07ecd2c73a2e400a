"""The axes of inputs and outputs of an exported model: sizes, or names of those that vary."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pydl._engine.graph import SymbolicTensor, bound_shapes

if TYPE_CHECKING:
    from pydl.models.model import Model

Dims = list[int | str | None]

_PRIMES = (101, 103, 107, 109, 113, 127, 131, 137, 139, 149)


def dims(model: Model) -> tuple[list[Dims], list[Dims]]:
    """Those of inputs and of outputs. A size of an output that is always one of the inputs' has that one's name."""
    names = [_names(t) for t in model.inputs]
    if sum(any(each) for each in names) > 1 and _bound(model, names, apart=True) is not None:
        names = [[n and f"{n}_{t.name}" for n in each] for t, each in zip(model.inputs, names, strict=True)]
    sizes = _sizes(names)
    bound = bind(model, _filled(model, names, sizes))
    by_size = {size: name for name, size in sizes.items()}
    ins: list[Dims] = [
        ["batch", *(n or d for n, d in zip(each, t.shape[1:], strict=True))]
        for t, each in zip(model.inputs, names, strict=True)
    ]
    outs: list[Dims] = []
    for i, t in enumerate(model.outputs):
        found: Sequence[Any] = [None] * len(t.shape) if bound is None else bound[i]
        outs.append(
            ["batch", *(by_size.get(n) if d is None else d for d, n in zip(t.shape[1:], found[1:], strict=True))]
        )
    return ins, outs


def _names(t: SymbolicTensor) -> list[str | None]:
    """What the axes behind the batch are called whose size is open."""
    usual = ("time",) if len(t.shape) < 4 else ("rows", "columns")
    return [
        None if d is not None else usual[i] if i < len(usual) else f"axis_{i + 1}" for i, d in enumerate(t.shape[1:])
    ]


def _sizes(names: list[list[str | None]]) -> dict[str, int]:
    """A size for each name, no two of them alike."""
    each = dict.fromkeys(n for of_one in names for n in of_one if n)
    return dict(zip(each, _PRIMES, strict=False))


def _bound(model: Model, names: list[list[str | None]], *, apart: bool) -> list[Any] | None:
    own = [[n and f"{n} {i}" for n in each] for i, each in enumerate(names)] if apart else names
    return bind(model, _filled(model, own, _sizes(own)))


def _filled(model: Model, names: list[list[str | None]], sizes: dict[str, int]) -> list[tuple[int | None, ...]]:
    return [
        (None, *(sizes.get(n, _PRIMES[-1]) if n else d for n, d in zip(each, t.shape[1:], strict=True)))
        for t, each in zip(model.inputs, names, strict=True)
    ]


def bind(model: Model, shapes: Sequence[tuple[int | None, ...]]) -> list[Any] | None:
    """Shapes of the outputs for inputs of these; None if they do not fit."""
    try:
        return bound_shapes(model.inputs, model.outputs, model.calls, shapes)
    except ValueError:
        return None


def small(model: Model) -> list[tuple[int, ...]] | None:
    """Shapes of inputs without the batch that fit, with small numbers for open sizes; None where none were found."""
    for size in (4, 8, 16, 32, 64, 128):
        shapes = [(None, *(size if d is None else d for d in t.shape[1:])) for t in model.inputs]
        if bind(model, shapes) is not None:
            return [tuple(int(d or 0) for d in s[1:]) for s in shapes]
    return None
