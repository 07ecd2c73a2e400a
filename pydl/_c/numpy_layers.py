"""Rows of layers that compute in NumPy, put together from functions of the library.

The results are near to NumPy's, whose sums have an order of their own.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from pydl._c.unit import Call, In, Number, Out, Scratch, Unit
from pydl._engine.record import Record

Make = Callable[[Unit, Any, Record], list[Call]]


def calls(unit: Unit, record: Record) -> list[Call] | None:
    """The calls of a record of such a layer; None if there is no row for it, or it stands within a model."""
    layer, name = unit.layer, record.op.removesuffix(".call")
    make = LAYERS.get(name)
    own = type(layer).__name__ == name and type(layer).__module__.startswith("pydl.layers.")
    return make(unit, layer, record) if make is not None and own else None


def _merge(function: str) -> Make:
    """The op of a merging layer on inputs that repeat to each other's shapes."""

    def row(unit: Unit, layer: Any, record: Record) -> list[Call]:
        [y] = record.writes
        found, ready = [], []
        for x, seen in zip(record.reads, unit.shapes, strict=True):
            shape = (1, *(1,) * (len(y.shape) - len(seen)), *seen[1:])
            if x.size != y.size:
                at = np.broadcast_to(np.arange(x.size).reshape(shape), y.shape)
                x, given = Scratch(y.size), x
                found.append(Call("pick", (In(given), unit.constant("places", at.astype(np.int32)), Out(x), y.size)))
            ready.append(x)
        first, *rest = ready
        for x in rest:
            found.append(Call(function, (In(first), In(x), Out(y), y.size)))
            first = y
        return found

    return row


def average(unit: Unit, layer: Any, record: Record) -> list[Call]:
    [y], share = record.writes, 1 / len(record.reads)
    return [*_merge("add")(unit, layer, record), Call("affine", (In(y), Out(y), y.size, Number(share), Number(0)))]


def _reordered(unit: Unit, record: Record, order: np.ndarray, inside: Callable[[Any], list[Call]]) -> list[Call]:
    """Elements in another order, what is done to them there, and back."""
    x, [y], there = record.reads[0], record.writes, Scratch(record.reads[0].size)
    places = order.ravel().astype(np.int32)
    back = np.argsort(places).astype(np.int32)
    return [
        Call("pick", (In(x), unit.constant("order_places", places), Out(there), x.size)),
        *inside(there),
        Call("pick", (In(there), unit.constant("back_places", back), Out(y), x.size)),
    ]


def _axes_last(shape: tuple[int, ...], axes: Any) -> tuple[np.ndarray, int]:
    """Which element comes where, with some axes behind the others, and how many elements these have."""
    axes = [a % len(shape) for a in (axes if isinstance(axes, list | tuple) else [axes])]
    order = np.moveaxis(_numbered(shape), sorted(axes), range(-len(axes), 0))
    return order, math.prod(shape[a] for a in axes)


def _numbered(shape: tuple[int, ...]) -> np.ndarray:
    return np.arange(math.prod(shape)).reshape(shape)


def softmax(unit: Unit, layer: Any, record: Record) -> list[Call]:
    if len(record.reads) > 1:
        raise unit.refuse("it has a mask of its own")
    order, n = _axes_last(unit.shapes[0], layer.axis)
    return _reordered(unit, record, order, lambda x: [Call("act_softmax", (Out(x), x.size // n, n))])


def unit_norm(unit: Unit, layer: Any, record: Record) -> list[Call]:
    order, n = _axes_last(unit.shapes[0], layer.axis)
    return _reordered(unit, record, order, lambda x: [Call("unit_norm", (Out(x), x.size // n, n))])


def group_norm(unit: Unit, layer: Any, record: Record) -> list[Call]:
    eps = Number(layer.epsilon, double=True)
    order = layer._grouped(_numbered(unit.shapes[0]))  # (1, groups, features of a group, positions)
    groups, features, positions = order.shape[1:]
    scale = np.ones(groups * features) if layer.gamma is None else layer.gamma.numpy()
    shift = np.zeros(groups * features) if layer.beta is None else layer.beta.numpy()
    columns = unit.constant("scale", scale), unit.constant("shift", shift)

    def inside(there: Any) -> list[Call]:
        return [
            Call("layer_norm", (In(there), None, None, Out(there), groups, features * positions, eps)),
            Call("scale_rows", (Out(there), *columns, groups * features, positions)),
        ]

    return _reordered(unit, record, order, inside)


LAYERS: dict[str, Make] = {
    "Add": _merge("add"), "Subtract": _merge("subtract"), "Multiply": _merge("multiply"), "Average": average,
    "Maximum": _merge("maximum"), "Minimum": _merge("minimum"), "Softmax": softmax, "UnitNormalization": unit_norm,
    "GroupNormalization": group_norm,
}  # fmt: skip
