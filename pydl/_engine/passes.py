"""Passes over the records of a whole step, before they become a plan: fusions that no layer can see by itself."""

from __future__ import annotations

from typing import Any

from pydl import _core
from pydl._engine import facts, tuning
from pydl._engine.record import Record
from pydl._engine.tensor import WeightGradient


def beyond_caches(buffer: Any) -> bool:
    """Whether weights come from memory each time they are read."""
    return bool(buffer.nbytes >= tuning.BEYOND_L2 * _core.caches()["l2"]["bytes"])


def read_rows_in_place(records: list[Record], dtype: str) -> None:
    """Let records read an input's rows where they lie, if nothing else wants the buffer they are gathered into."""
    for gather in records:
        if gather.op != "gather":
            continue
        readers = [r for r in records if any(b is gather.fields["y"] for b in r.reads)]
        if readers and all(_takes_rows(r, gather.fields, dtype) for r in readers):
            for r in (gather, *readers):
                r.fields |= {"in_place": 1, "k": gather.fields["k"]}


def _takes_rows(record: Record, gather: dict[str, Any], dtype: str) -> bool:
    """Whether a record reads what was gathered row by row, and does as well from the source."""
    f = record.fields
    if record.function is not None or "in_place" not in facts.of(record.op)["fields"] or f.get("x") is not gather["y"]:
        return False
    sizes = {name: f[name] for name in ("B", "I", "O")}
    return (f["B"], f["I"]) == (gather["B"], gather["O"]) and bool(_core.facts(record.op, dtype, **sizes)["in_place"])


def take_steps_with_gradients(records: list[Record]) -> None:
    """Let the gradient of weights beyond the caches go straight into the optimizer's step (`gemm_step`).

    Only if nobody else wants the gradient, and nobody looks at the weights between the two records.
    """
    for step in [r for r in records if r.function is None and facts.of(r.op)["family"] == "opt"]:
        gradient = step.fields["g"]
        if not isinstance(gradient, WeightGradient) or not beyond_caches(step.fields["w"]):
            continue
        first, *others = [r for r in records if r.touches(gradient)]
        product = first.fields
        if first.op != "gemm_dw" or product.get("add") or product["B"] > tuning.BATCH_BLOCK or others != [step]:
            continue
        between = records[records.index(first) + 1 : records.index(step)]
        if any(r.touches(b) for r in between for b in step.writes):
            continue
        fields = {k: v for k, v in {**product, **step.fields}.items() if k not in ("dw", "add", "g")}
        records[records.index(first)] = Record("gemm_step", fields | {"opt": step.op}, step.when)
        records.remove(step)


def fuse_activations(records: list[Record]) -> None:
    """Let batch normalization by samples, or by its moving statistics, apply the activation behind it, and the former
    its derivative, to rows still in cache.

    What the activation reads is kept only if another record, such as its derivative, reads it too.
    """
    for record in [r for r in records if r.op in ("bn_apply", "bn_infer", "bn_slopes")]:
        at, f = records.index(record), record.fields
        if record.op != "bn_slopes":
            act, *others = [r for r in records[at + 1 :] if r.touches(f["y"])] or [record]
            fits = _family(act) == "act_fwd" and act.fields["x"] is f["y"] is not act.fields["y"]
            fields = {"y": act.fields["y"]} if fits else {}
            if record.op == "bn_infer":  # which keeps nothing for others
                fits = fits and not others and not facts.of(act.op)["rowwise"]
            elif fits:
                fields["z"] = f["y"] if others else None
        else:
            *_, act = [record, *(r for r in records[:at] if r.touches(f["dy"]))]
            fits = _family(act) == "act_bwd" and act.fields["dx"] is f["dy"] is act.fields["dy"]
            fields = {"s": act.fields["s"]} if fits else {}
        if not fits or act.when != record.when or (facts.of(act.op)["rowwise"] and act.fields["O"] != f["O"]):
            continue
        records[at] = Record(record.op, f | fields | {"act": act.op, "alpha": act.fields["alpha"]}, record.when)
        records.remove(act)


def _family(record: Record) -> str:
    return "" if record.function is not None else str(facts.of(record.op)["family"])
