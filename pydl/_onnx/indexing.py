"""`x[key]` as ONNX nodes: numbers, slices, new axes and dots."""

from __future__ import annotations

from typing import Any

from pydl._onnx.graph import Graph, Shape

_END = 2**31 - 1


def indexed(g: Graph, x: str, key: Any, shape: Shape) -> str:
    """What lies behind a key, whose first entry leaves the batch as it is."""
    entries = list(key) if isinstance(key, tuple) else [key]
    if any(not (e is None or e is Ellipsis or type(e) in (int, slice)) for e in entries):
        raise g.refuse("x[key] with arrays in the key has no ONNX form; use pydl.ops.take")
    used = sum(e is not None and e is not Ellipsis for e in entries)
    rest = [slice(None)] * (len(shape) - used)
    at = entries.index(Ellipsis) if Ellipsis in entries else len(entries)
    entries = [*entries[:at], *rest, *entries[at + 1 :]]
    if entries[:1] != [slice(None)]:
        raise g.refuse("x[key] has to leave the batch as it is: begin it with a colon")
    cuts: list[tuple[int, int, int, int]] = []
    gone: list[int] = []
    new: list[int] = []
    axis = 0
    for entry in entries:
        if entry is None:
            new.append(axis - len(gone) + len(new))
            continue
        if isinstance(entry, int):
            cuts.append((entry, entry + 1 if entry != -1 else _END, axis, 1))
            gone.append(axis)
        elif entry != slice(None):
            step = entry.step or 1
            start = entry.start if entry.start is not None else 0 if step > 0 else _END
            end = entry.stop if entry.stop is not None else _END if step > 0 else -_END
            cuts.append((start, end, axis, step))
        axis += 1
    if cuts:
        x = g.add("Slice", x, *(g.ints(*each) for each in zip(*cuts, strict=True)))
    x = g.squeeze(x, *gone) if gone else x
    return g.unsqueeze(x, *new)
