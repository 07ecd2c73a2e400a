"""A row for each op that a prediction can hold: which functions of the library compute it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from pydl._c import elements, images, numpy_layers, products
from pydl._c.moves import MOVES, moved
from pydl._c.unit import Call, Unit
from pydl._c.without import WITHOUT
from pydl._engine.facts import of
from pydl._engine.record import Record

if TYPE_CHECKING:
    from pydl.models.model import Model

Row = Callable[[Unit, Any], Iterator[Call]]

ROWS: dict[str, Row] = products.ROWS | images.ROWS | elements.ROWS


class Fields:
    """The fields of a record: NULL is None, what is absent 0."""

    def __init__(self, record: Record) -> None:
        kinds = of(record.op)["fields"]
        for name, kind in kinds.items():
            value = record.fields.get(name)
            setattr(self, name, value if value is not None or kind in "iaoks" else 0)


def unit_of(model: Model, title: str) -> Unit:
    """A model's prediction as calls; `title` begins the messages of errors."""
    unit = Unit(model, title)
    for (layer, shapes), record in zip(unit.layers, unit.builder.records, strict=True):
        unit.layer, unit.shapes = layer, shapes
        unit.calls += calls(unit, record)
    return unit


def calls(unit: Unit, record: Record) -> list[Call]:
    """The calls that a record amounts to."""
    if record.function is not None:
        if record.op in MOVES:
            return moved(unit, record)
        made = numpy_layers.calls(unit, record)
        if made is not None:
            return made
        raise unit.refuse(WITHOUT.get(record.op.removesuffix(".call"), "it computes in Python"))
    row = ROWS.get(record.op) or (elements.activated if record.op.startswith("act_") else None)
    if row is None:
        raise unit.refuse(f"it uses {record.op}")
    if row is elements.activated:
        return list(row(unit, _with_act(record)))
    return list(row(unit, Fields(record)))


def _with_act(record: Record) -> Fields:
    fields = Fields(record)
    fields.act = record.op  # type: ignore[attr-defined]
    return fields
