"""Masks that a layer of a user's own computes: what its `compute_mask` says of arrays, and the record that calls it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pydl._engine.builder import Builder
from pydl._engine.tape import value_of
from pydl._engine.tensor import Tensor

Array = np.ndarray


def says(layer: Any) -> bool:
    """Whether the class of a user's own layer says what the mask of its output is."""
    return not type(layer).compute_mask.__module__.startswith("pydl.")


def _computed(layer: Any, x: Sequence[Array], masks: Sequence[Array | None], several: bool, outputs: int) -> list[Any]:
    """What `compute_mask` returns for arrays, for each output; None where all steps count."""
    found = layer.compute_mask(list(x), list(masks)) if several else layer.compute_mask(x[0], masks[0])
    found = list(found) if isinstance(found, list | tuple) else [found]
    found += [None] * (outputs - len(found))
    return [None if m is None else np.asarray(value_of(m)) != 0 for m in found]


def flags(layer: Any, masked: Sequence[bool], outputs: int) -> list[bool]:
    """For each output of a layer with `compute_mask`, whether it has a mask: for zeros, or for ones."""
    several = isinstance(layer.input_shape, list)
    shapes = layer.input_shape if several else [layer.input_shape]
    found = [False] * outputs
    for value in (0, 1):
        inputs = [np.full((2, *(d or 4 for d in shape[1:])), value, layer.dtype) for shape in shapes]
        given = [np.ones(a.shape[:2], bool) if flag else None for a, flag in zip(inputs, masked, strict=True)]
        try:
            computed = _computed(layer, inputs, given, several, outputs)
        except (TypeError, ValueError, IndexError):  # sizes that are not known yet may have to be others
            computed = [True, *([None] * (outputs - 1))]
        found = [flag or m is not None for flag, m in zip(found, computed, strict=True)]
    return found


def emit(layer: Any, b: Builder, x: Sequence[Tensor], ys: list[Tensor]) -> None:
    """The record that computes the masks of the outputs by `compute_mask`."""
    several, masks = isinstance(layer.input_shape, list), [t.mask for t in x]
    for i, flag in enumerate(flags(layer, [m is not None for m in masks], len(ys))):
        mask = b.constant_tensor(ys[i].shape[:2]) if flag else None
        if any(ys[i] is t for t in x):
            ys[i] = Tensor(ys[i].value, ys[i].shape, mask)
        ys[i].mask = mask
    if all(y.mask is None for y in ys):
        return

    def run() -> None:
        given = [None if m is None else m.array() != 0 for m in masks]
        for y, value in zip(ys, _computed(layer, [t.array() for t in x], given, several, len(ys)), strict=True):
            if y.mask is None:
                continue
            try:
                y.mask.array()[...] = True if value is None else np.broadcast_to(value, y.mask.shape)
            except ValueError:
                raise ValueError(
                    f'layer "{layer.name}": {type(layer).__name__}.compute_mask: expected a mask of shape '
                    f"{y.mask.shape}, a number for each step of the output, got {np.shape(value)}"
                ) from None

    reads = [t.buffer for t in (*x, *(m for m in masks if m is not None))]
    b.emit_python(f"{type(layer).__name__}.compute_mask", run, reads, [y.mask.buffer for y in ys if y.mask is not None])
