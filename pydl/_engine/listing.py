"""Models and plans as text: summary, listing of records, trace of a step."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from pydl._engine.debug import writes_nonfinite


def _table(header: list[str], rows: list[list[str]], right: set[int]) -> str:
    """Columns of text, those in `right` flush right."""
    widths = [max(len(r[i]) for r in [header, *rows]) for i in range(len(header))]

    def line(cells: list[str]) -> str:
        aligned = [c.rjust(w) if i in right else c.ljust(w) for i, (c, w) in enumerate(zip(cells, widths, strict=True))]
        return "  ".join(aligned).rstrip()

    return "\n".join([line(header), "-" * (sum(widths) + 2 * len(widths) - 2), *(line(r) for r in rows)])


def _bytes(n: float) -> str:
    for unit in ("B", "KB", "MB"):
        if n < 1024:
            return f"{n:.0f} {unit}" if unit == "B" else f"{n:.1f} {unit}"
        n /= 1024
    return f"{n:.1f} GB"


def summary(model: Any) -> str:
    """The table that `Model.summary` prints."""
    rows = [[t.name, "Input", str(t.shape), "0"] for t in model.inputs]
    seen: set[int] = set()
    for call in model.calls:
        params = call.layer.count_params() if id(call.layer) not in seen else 0
        seen.add(id(call.layer))
        rows.append(
            [call.layer.name, type(call.layer).__name__, " ".join(str(t.shape) for t in call.outputs), f"{params:,}"]
        )
    total = sum(v.size for v in model.weights)
    trained = sum(v.size for v in model.trainable_weights)
    width = np.dtype(model.dtype).itemsize
    return "\n".join(
        [
            f'Model "{model.name}", {model.dtype}',
            _table(["layer", "type", "output shape", "parameters"], rows, {3}),
            f"parameters: {total:,} ({_bytes(total * width)}), trainable: {trained:,}, other: {total - trained:,}",
        ]
    )


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
            rows.append([str(i), barrier, r["op"], fused, sizes, shapes, _bytes(moved), str(threads)])
        head = (
            f"{self.kind} step, batch {self.batch}: {len(self)} records, {self.dtype}, ISA {self.isa}, "
            f"{self.threads} thread{'s' if self.threads > 1 else ''}, {_bytes(self.nbytes)} of buffers"
        )
        columns = ["#", "", "op", "fused", "sizes", "writes", "bytes", "threads"]
        foot = "| barrier before this record; ~ up to the next one, threads that are done help the others"
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
