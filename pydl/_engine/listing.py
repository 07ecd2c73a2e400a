"""Models and plans as text: summary, listing of records, trace of a step."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from pydl._base.args import whole
from pydl._engine.debug import writes_nonfinite


def _table(header: list[str], rows: list[list[str]], right: set[int], widths: list[int] | None = None) -> str:
    """Columns of text, those in `right` flush right; `widths`, if they are not to follow from the text."""
    widths = widths or [max(len(r[i]) for r in [header, *rows]) for i in range(len(header))]

    def line(cells: list[str]) -> str:
        cut = [c if len(c) <= w else c[: max(w - 1, 0)] + "~" for c, w in zip(cells, widths, strict=True)]
        aligned = [c.rjust(w) if i in right else c.ljust(w) for i, (c, w) in enumerate(zip(cut, widths, strict=True))]
        return "  ".join(aligned).rstrip()

    return "\n".join([line(header), "-" * (sum(widths) + 2 * len(widths) - 2), *(line(r) for r in rows)])


def _bytes(n: float) -> str:
    for unit in ("B", "KB", "MB"):
        if n < 1024:
            return f"{n:.0f} {unit}" if unit == "B" else f"{n:.1f} {unit}"
        n /= 1024
    return f"{n:.1f} GB"


def summary(
    model: Any, line_length: int | None = None, positions: Sequence[float] | None = None, expand_nested: bool = False,
    show_trainable: bool = False, layer_range: Sequence[str] | None = None,
) -> str:  # fmt: skip
    """The table that `Model.summary` prints; its docstring says what the arguments mean."""
    header = ["layer", "type", "output shape", "parameters", *(["trained"] if show_trainable else [])]
    rows = _layer_rows(model, set(), "  " if expand_nested else None)
    rows = [row[: len(header)] for row in _within(layer_range, rows)]
    total, trained = _sizes(model.weights), _sizes(model.trainable_weights)
    width = np.dtype(model.dtype).itemsize
    return "\n".join(
        [
            f'Model "{model.name}", {model.dtype}',
            _table(header, rows, {3}, _widths(line_length, positions, [header, *rows])),
            f"parameters: {total:,} ({_bytes(total * width)}), trainable: {trained:,}, other: {total - trained:,}",
        ]
    )


def _sizes(variables: Any) -> int:
    return sum(v.size for v in variables)


def _layer_rows(model: Any, seen: set[int], indent: str | None) -> list[list[str]]:
    """A row of text for each input and each use of a layer; with an `indent`, those within models too."""
    if not model.built:
        return [[layer.name, type(layer).__name__, "?", "not built", ""] for layer in model.layers]
    rows = [[t.name, "Input", str(t.shape), "0", ""] for t in model.inputs]
    for call in model.calls:
        layer, again = call.layer, id(call.layer) in seen
        seen.add(id(layer))
        shapes = " ".join(str(t.shape) for t in call.outputs)
        trained = "yes" if layer.trainable_weights else "no" if layer.weights else ""
        params = 0 if again else layer.count_params()
        rows.append([layer.name, type(layer).__name__, shapes, f"{params:,}", trained])
        if indent is not None and hasattr(layer, "calls") and not again:
            rows += [[indent + name, *rest] for name, *rest in _layer_rows(layer, seen, indent)]
    return rows


def _within(names: Sequence[str] | None, rows: list[list[str]]) -> list[list[str]]:
    """The rows from the first layer that the first of two expressions fits to the last that the second does."""
    if names is None:
        return rows
    found = [[i for i, row in enumerate(rows) if re.fullmatch(name, row[0].strip())] for name in names]
    if len(found) != 2 or not all(found):
        raise ValueError(f"summary: layer_range: expected names of two layers of the model, got {list(names)}")
    first, last = sorted((min(found[0]), max(found[1])))
    return rows[first : last + 1]


def _widths(
    line_length: int | None, positions: Sequence[float] | None, table: list[list[str]]
) -> list[int] | None:  # fmt: skip
    """Widths of columns, as the arguments of `summary` ask; None: as wide as they need to be."""
    if line_length is None and positions is None:
        return None
    natural = [max(len(row[i]) for row in table) for i in range(len(table[0]))]
    length = whole("summary", "line_length", line_length, at_least=20) if line_length is not None else 80
    if positions is None:
        ends = np.cumsum(natural) / sum(natural)
    else:
        ends = np.array(positions[: len(natural)], float)
        if len(ends) < len(natural) or (np.diff(ends, prepend=0) <= 0).any():
            raise ValueError(f"summary: positions: expected {len(natural)} rising numbers, got {list(positions)}")
    ends = np.round(ends * length if ends[-1] <= 1 else ends).astype(int)
    return [int(max(width - 2, 1)) for width in np.diff(ends, prepend=-2)]


class PlanListing:
    """The records of a plan, to be printed.

    Attributes
    ----------
    records : list of dict
        op, fields, split, reads, writes, barrier of each.
    """

    def __init__(self, kind: str, program: Any) -> None:
        self.kind = kind
        self.records: list[dict[str, Any]] = list(program.plan.details)
        self.batch, self.threads = program.batch, program.threads
        self.isa, self.dtype, self.nbytes = program.plan.isa, program.plan.dtype, program.nbytes

    def __len__(self) -> int:
        return len(self.records)

    def __str__(self) -> str:
        rows, shown = [], ("B", "L", "I", "O", "V", "n")
        for i, r in enumerate(self.records):
            moved = sum(b.nbytes for b in [*r["reads"], *r["writes"]])
            threads = 1 if r["split"] in ("serial", "python") else self.threads
            sizes = " ".join(f"{k}={v}" for k, v in r["fields"].items() if k in shown and (k, v) != ("L", 1))
            shapes = " ".join(str(tuple(b.shape)) for b in r["writes"])
            fused = r["fields"].get("act") or ("rows in place" if r["fields"].get("in_place") else "")
            barrier = ("|~" if r.get("pieces") else "|") if r["barrier"] else ""
            barrier += f"+{r['deep']}" if r.get("deep") else ""
            rows.append([str(i), barrier, r["op"], fused, sizes, shapes, _bytes(moved), str(threads)])
        head = (
            f"{self.kind} step, batch {self.batch}: {len(self)} records, {self.dtype}, ISA {self.isa}, "
            f"{self.threads} thread{'s' if self.threads > 1 else ''}, {_bytes(self.nbytes)} of buffers"
        )
        columns = ["#", "", "op", "fused", "sizes", "writes", "bytes", "threads"]
        foot = (
            "| barrier before this record; ~ up to the next one, threads that are done help the others; +N so many "
            "records are run on some samples after the other"
        )
        return "\n".join([head, _table(columns, rows, {0, 6, 7}), foot])


class Trace(NamedTuple):
    """One step, record by record.

    Attributes
    ----------
    records : list of (str, float)
        Name and seconds of each.
    first_nonfinite : str or None
        The first record that wrote a NaN or an infinity, if one did.
    """

    records: list[tuple[str, float]]
    first_nonfinite: str | None

    def __str__(self) -> str:
        total = sum(s for _, s in self.records) or 1.0
        rows = [
            [str(i), op, f"{s * 1e6:.1f}", f"{s / total:.1%}"] for i, (op, s) in enumerate(self.records)
        ]  # fmt: skip
        found = f"\nfirst NaN or infinity: {self.first_nonfinite}" if self.first_nonfinite else ""
        return _table(["#", "op", "us", "share"], rows, {0, 2, 3}) + found


def trace(program: Any, data: Any, arguments: dict[str, Any]) -> Trace:
    """Run one training step of a program record by record."""
    records: list[tuple[str, float]] = []
    found: list[str] = []
    details = program.plan.details

    def nonfinite(record: dict[str, Any]) -> bool:
        if record["op"] == "gather" and record["fields"].get("in_place"):
            return not np.isfinite(data.sources.arrays[record["fields"]["k"]]).all()
        return writes_nonfinite(record)

    def after(i: int, seconds: float) -> None:
        records.append((details[i]["op"], seconds))
        if not found and nonfinite(details[i]):
            found.append(f"record {i}, {details[i]['op']}")

    program.plan.run_traced(
        data.n, after, sources=data.sources, sums=np.zeros_like(program.sums), nth=program.threads, **arguments
    )
    return Trace(records, found[0] if found else None)
