"""Plans as data: the records of a program for any batch size, without addresses, for programs that have no Python.

A program is emitted at several batch sizes. If the records agree and all sizes are affine in the batch size B, one
*form* stands for all of them: numbers and bytes are `base + per * B`. Where records change, another form begins.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from pydl import _core
from pydl._engine import facts
from pydl._engine.layout import array_of
from pydl._engine.variable import Variable

LARGEST = 4096  # rows of a batch: the largest that forms speak of
MOST_FORMS = 64
CONSTANT, QUOTIENT, PRODUCT, MEAN, SHARE = range(5)  # how a real number depends on the batch size, see `Real`
_ALIGN = 64  # bytes: a cache line, and the widest vector


class Number(NamedTuple):
    """`base + per * B`."""

    base: int
    per: int

    def at(self, batch: int) -> int:
        return self.base + self.per * batch


class Real(NamedTuple):
    """A constant; `value / B`; `value * B`; a mean factor, `1 / (per * B) * value`; or that with B for `value`."""

    form: int
    value: float
    per: int

    def at(self, batch: int) -> float:
        if self.form == CONSTANT:
            return self.value
        if self.form == QUOTIENT:
            return self.value / batch
        if self.form == PRODUCT:
            return self.value * batch
        return 1.0 / (self.per * batch) * (self.value if self.form == MEAN else batch)


class Choice:
    """The ways in which a real number may depend on the batch size, by what has been seen of it so far."""

    def __init__(self, candidates: list[Real]) -> None:
        self.candidates = candidates

    def narrowed(self, batch: int, value: float) -> list[Real]:
        return [c for c in self.candidates if c.at(batch) == value]

    def differs_at(self, least: int, most: int) -> int | None:
        """The first batch size at which it matters which of them it is."""
        if len(self.candidates) == 1:
            return None
        sizes = range(least, most + 1)
        return next((batch for batch in sizes if len({c.at(batch) for c in self.candidates}) > 1), None)


class Kernel(NamedTuple):
    """Another op that a record calls."""

    op: str

    def at(self, batch: int) -> str:
        return self.op


class Place(NamedTuple):
    """Bytes into a tensor or a buffer, each by its number."""

    in_tensor: bool
    number: int
    offset: Number

    def at(self, batch: int) -> tuple[bool, int, int]:
        return self.in_tensor, self.number, self.offset.at(batch)


class Entry(NamedTuple):
    """A record."""

    op: str
    when: str
    fields: dict[str, Any]


class Form(NamedTuple):
    """The records of a program for batches of `least` to `most` rows, and the bytes of the buffers that they name."""

    least: int
    most: int
    buffers: list[Number]
    entries: list[Entry]


class Stored(NamedTuple):
    """What a file holds of a tensor: its bytes, with zeros behind them as far as kernels read."""

    name: str
    values: np.ndarray


class Snapshot(NamedTuple):
    """A program at one batch size: each field is a number, a string or (in a tensor?, its number, bytes)."""

    batch: int
    buffers: list[int]
    entries: list[Entry]


class Tensors:
    """What programs read, and what outlives a step: weights, an optimizer's slots, constants.

    Parameters
    ----------
    variables : iterable of Variable
        Stored under their paths. Their gradients live for a step only and are buffers.
    """

    def __init__(self, variables: Iterable[Variable]) -> None:
        self.named: dict[int, Variable] = {id(v.buffer): v for v in variables}
        self.names: list[str] = []
        self.buffers: list[_core.Buffer] = []
        self.nbytes: list[int] = []  # that kernels reach
        self._numbers: dict[Any, int] = {}

    def number(self, buffer: _core.Buffer, written: bool) -> int:
        """The number of a buffer that is no plan's; constants of equal bytes have the same."""
        variable = self.named.get(id(buffer))
        if variable is None and written:
            raise ValueError("export: a record writes memory that is neither a weight nor a plan's")
        key: Any = id(buffer) if variable else (buffer.dtype, array_of(buffer).tobytes())
        if key not in self._numbers:
            constants = sum(name.startswith("constant/") for name in self.names)
            self.names.append(variable.path if variable else f"constant/{constants}")
            self.buffers.append(buffer)
            self.nbytes.append(buffer.nbytes)
            self._numbers[key] = len(self.names) - 1
        return self._numbers[key]

    def reaches(self, number: int, nbytes: int) -> None:
        """Note that a kernel reads so many bytes."""
        self.nbytes[number] = max(self.nbytes[number], nbytes)

    def stored(self) -> list[Stored]:
        """All of them, as flat arrays that fill whole cache lines."""
        found = []
        for name, buffer, nbytes in zip(self.names, self.buffers, self.nbytes, strict=True):
            values = array_of(buffer).reshape(-1)
            lines = -(-max(nbytes, 1) // _ALIGN) * _ALIGN
            padded = np.zeros(lines // values.itemsize, values.dtype)
            padded[: values.size] = values
            found.append(Stored(name, padded))
        return found


def snapshot(plan: _core.Plan, batch: int, tensors: Tensors) -> Snapshot:
    """The records of a plan.

    Raises
    ------
    ValueError
        A record that calls Python.
    """
    numbers: dict[Any, int] = {}
    sizes: list[int] = []

    def number(buffer: _core.Buffer, in_plan: int) -> int:
        key = in_plan if in_plan >= 0 else id(buffer)
        if key not in numbers:
            numbers[key] = len(sizes)
            sizes.append(buffer.nbytes)
        return numbers[key]

    gradients = {id(v.grad) for v in tensors.named.values() if v.grad is not None}
    entries = []
    for record in plan.details:
        if record["split"] == "python":
            raise ValueError(record["op"])
        kinds = facts.of(record["op"])["fields"]
        given = {name: value for name, value in record["fields"].items() if value is not None}
        fields: dict[str, Any] = {n: int(v) for n, v in given.items() if kinds[n] == "n"}
        reach = _core.facts(record["op"], plan.dtype, **fields)["reach"]
        for name, value in given.items():
            if kinds[name] == "r":
                fields[name] = float(value)
            elif kinds[name] == "k":
                fields[name] = str(value)
            elif kinds[name] != "n":
                root, in_plan, offset = value.origin()
                if in_plan >= 0 or id(root) in gradients:
                    fields[name] = (False, number(root, in_plan), offset)
                else:
                    k = tensors.number(root, kinds[name] == "o")
                    tensors.reaches(k, offset + reach[name])
                    fields[name] = (True, k, offset)
        entries.append(Entry(record["op"], record["when"], fields))
    return Snapshot(batch, sizes, entries)


def forms(emit: Callable[[int], Snapshot], factors: Sequence[float] = (1.0,)) -> list[Form]:
    """Forms for all batches of 1 to `LARGEST` rows.

    Parameters
    ----------
    emit : callable
        From a batch size to the snapshot.
    factors : sequence of float
        Those that means may be multiplied by: the weights of losses.

    Raises
    ------
    ValueError
        More than `MOST_FORMS`, so that sizes do not grow evenly with the batch.
    """
    found: list[Form] = []
    least = 1
    while least <= LARGEST:
        first = emit(least)
        form = _form(first, emit(least + 1) if least < LARGEST else first, factors)
        if form is None:
            form = _form(first, first, factors)
            assert form is not None
            most = least
        else:
            most = _last(form, emit, least + 1)
        form = form._replace(least=least, most=most)
        _settle(form, emit)
        found.append(form)
        least = most + 1
        if len(found) > MOST_FORMS:
            raise ValueError("export: the plan's records do not grow evenly with the batch size")
    return found


def _last(form: Form, emit: Callable[[int], Snapshot], least: int) -> int:
    """The last batch size that a form, which is right for `least`, is right for, and it is for some between."""
    if _agrees(form, emit(LARGEST)):
        low = LARGEST
    else:
        low, high = least, LARGEST
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if _agrees(form, emit(middle)) else (low, middle)
    for batch in {least + (low - least) * i // 7 for i in range(1, 7)}:
        if not _agrees(form, emit(batch)):
            raise ValueError("export: the plan's records do not grow evenly with the batch size")
    return low


def _settle(form: Form, emit: Callable[[int], Snapshot]) -> None:
    """Make reals of choices, by looking at batch sizes at which it matters."""
    for entry in form.entries:
        for name, choice in entry.fields.items():
            if isinstance(choice, Choice):
                while (batch := choice.differs_at(form.least, form.most)) is not None:
                    if not _agrees(form, emit(batch)):
                        raise ValueError("export: the plan's records do not grow evenly with the batch size")
                entry.fields[name] = choice.candidates[0]


def _form(a: Snapshot, b: Snapshot, factors: Sequence[float]) -> Form | None:
    """The form that two snapshots agree on."""
    if len(a.buffers) != len(b.buffers) or len(a.entries) != len(b.entries):
        return None
    buffers = [_number(x, a.batch, y, b.batch) for x, y in zip(a.buffers, b.buffers, strict=True)]
    entries = []
    for one, other in zip(a.entries, b.entries, strict=True):
        if one[:2] != other[:2] or one.fields.keys() != other.fields.keys():
            return None
        fields: dict[str, Any] = {}
        for name, x in one.fields.items():  # whole numbers come first
            y = other.fields[name]
            if isinstance(x, int):
                fields[name] = _number(x, a.batch, y, b.batch)
            elif isinstance(x, float):
                rows = {n.per for n in fields.values() if isinstance(n, Number) and n.base == 0 and n.per > 0}
                fields[name] = _real(x, a.batch, y, b.batch, rows, factors)
            elif isinstance(x, str):
                fields[name] = Kernel(x) if x == y else None
            else:
                offset = _number(x[2], a.batch, y[2], b.batch)
                fields[name] = None if x[:2] != y[:2] or offset is None else Place(x[0], x[1], offset)
        entries.append(Entry(one.op, one.when, fields))
    if any(size is None for size in buffers) or any(v is None for e in entries for v in e.fields.values()):
        return None
    return Form(a.batch, b.batch, buffers, entries)  # type: ignore[arg-type] # of which none is None


def _number(x: int, batch: int, y: int, other: int) -> Number | None:
    if x == y:
        return Number(x, 0)
    per, rest = divmod(y - x, other - batch)
    return None if rest else Number(x - per * batch, per)


def _real(x: float, batch: int, y: float, other: int, rows: set[int], factors: Sequence[float]) -> Choice | None:
    """How a real number may depend on the batch size, bit for bit."""
    if x == y == 0:
        return Choice([Real(CONSTANT, x, 0)])
    candidates = [Real(CONSTANT, x, 0), Real(QUOTIENT, x * batch, 0), Real(PRODUCT, x / batch, 0)]
    candidates += [Real(MEAN, factor, per) for per in rows for factor in dict.fromkeys(factors)]
    candidates += [Real(SHARE, 1.0, per) for per in rows]
    choice = Choice([c for c in candidates if c.at(batch) == x and c.at(other) == y])
    return choice if choice.candidates else None


def _agrees(form: Form, s: Snapshot) -> bool:
    """Whether a form is right for a snapshot; if so, its choices are narrowed by it."""
    if [n.at(s.batch) for n in form.buffers] != s.buffers or len(form.entries) != len(s.entries):
        return False
    narrowed = []
    for f, e in zip(form.entries, s.entries, strict=True):
        if f[:2] != e[:2] or f.fields.keys() != e.fields.keys():
            return False
        for name, value in f.fields.items():
            if isinstance(value, Choice):
                narrowed.append((value, value.narrowed(s.batch, e.fields[name])))
            elif value.at(s.batch) != e.fields[name]:
                return False
    if not all(candidates for _, candidates in narrowed):
        return False
    for choice, candidates in narrowed:
        choice.candidates = candidates
    return True
