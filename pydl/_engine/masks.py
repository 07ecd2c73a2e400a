"""Masks: which steps of a sequence count, and what becomes of that."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydl import _core
from pydl._engine import own_masks
from pydl._engine.builder import Builder
from pydl._engine.graph import Call, SymbolicTensor
from pydl._engine.tensor import Tensor


def flags(layer: Any, masked: list[bool], outputs: int) -> list[bool]:
    """For each output of a layer, whether it has a mask."""
    if own_masks.says(layer):
        return own_masks.flags(layer, masked, outputs)
    found = layer.output_masks(masked)
    return list(found) if len(found) == outputs else [found[0]] * outputs


def flags_of(
    inputs: Sequence[SymbolicTensor], calls: Sequence[Call], outputs: Sequence[SymbolicTensor], masked: Sequence[bool]
) -> list[bool]:
    """For each output of a graph, whether it has a mask if these inputs have."""
    known = {id(t): flag for t, flag in zip(inputs, masked, strict=True)}
    for call in calls:
        found = flags(call.layer, [known[id(t)] for t in call.inputs], len(call.outputs))
        known |= {id(t): flag for t, flag in zip(call.outputs, found, strict=True)}
    return [known[id(t)] for t in outputs]


def either(b: Builder, masks: Sequence[Tensor]) -> Tensor:
    """Steps that count by any of some masks."""
    first, *others = masks
    n = first.columns
    for other in others:
        total, out = b.constant_tensor(first.shape), b.constant_tensor(first.shape)
        b.emit("add", x1=first.buffer, x2=other.buffer, y=total.buffer, B=b.batch, O=n)
        b.emit("mask_steps", x=total.buffer, m=out.buffer, B=b.batch * n, L=n, O=1, value=0.0)
        first = out
    return first


class RowWeights:
    """What the rows of a tensor weigh: by their samples' weights, or step by step.

    Parameters
    ----------
    y : Tensor
        Its rows are those of the last axis.
    w : Buffer or None
        Weights of samples, or of steps.
    average : bool
        Whether a step weighs 1 / steps, so that batches of other lengths can be added up.
    normalize : int
        What weights are divided by: 0 nothing; 1 the share of a mask that counts; 2 their mean.
    counts : Buffer, optional
        1 for each row that counts, 0 for each that does not.

    Attributes
    ----------
    fields : dict
        What a record gets that weighs rows: w and, where rows share a weight, how many (`per`).
    """

    def __init__(
        self,
        b: Builder,
        y: Tensor,
        w: _core.Buffer | None,
        *,
        average: bool,
        normalize: int,
        counts: _core.Buffer | None = None,
    ) -> None:
        self.fields: dict[str, Any] = {"w": w}
        rows = y.rows_of_last
        if w is not None and w.size != b.batch:
            self.fields["per"] = rows // w.size
        mask = None if y.mask is None else y.mask.buffer
        if mask is None and counts is None and not average and not (normalize == 2 and w is not None):
            return
        steps = rows if y.mask is None else y.mask.batch * y.mask.columns
        if counts is not None:
            mask, steps = both(b, counts, mask, rows, steps), rows
        each = b.buffer((steps,))
        per_weight = 1 if w is None else steps // w.size
        b.emit("mask_weights", mask=mask, w=w, r=each, B=steps, L=per_weight, normalize=normalize,
               scale=b.batch / steps if average else 1.0)  # fmt: skip
        self.fields = {"w": each, "per": rows // steps}


def both(b: Builder, counts: _core.Buffer, mask: _core.Buffer | None, rows: int, steps: int) -> _core.Buffer:
    """Rows that count and whose step does: `mask` has one number for each of `steps`."""
    if mask is None:
        return counts
    out = b.buffer((rows,))
    b.emit("mask_weights", mask=counts, w=mask, r=out, B=rows, L=rows // steps, normalize=0, scale=1.0)
    return out
