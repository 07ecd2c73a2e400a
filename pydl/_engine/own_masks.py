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


def flags(layer: Any, masked: Sequence[bool]) -> list[bool]:
    """For each output of a layer with `compute_mask`, whether it has a mask, as on zeros."""
    several = isinstance(layer.input_shape, list)
    shapes = layer.input_shape if several else [layer.input_shape]
    zeros = [np.zeros((2, *(d or 4 for d in shape[1:])), layer.dtype) for shape in shapes]
    given = [np.ones(a.shape[:2], bool) if flag else None for a, flag in zip(zeros, masked, strict=True)]
    try:
        return [m is not None for m in _computed(layer, zeros, given, several, 1)]
    except (TypeError, ValueError, IndexError):  # sizes that are not known yet may have to be others
        return [True]


def emit(layer: Any, b: Builder, x: Sequence[Tensor], ys: list[Tensor]) -> None:
    """The record that computes the masks of the outputs by `compute_mask`."""
    several, masks = isinstance(layer.input_shape, list), [t.mask for t in x]

    def computed(arrays: Sequence[Array], given: Sequence[Array | None]) -> list[Any]:
        return _computed(layer, arrays, given, several, len(ys))

    zeros = [np.zeros(t.shape, layer.dtype) for t in x]
    found = computed(zeros, [None if m is None else np.ones(m.shape, bool) for m in masks])
    for i, m in enumerate(found):
        mask = None if m is None else b.constant_tensor(m.shape)
        if any(ys[i] is t for t in x):
            ys[i] = Tensor(ys[i].value, ys[i].shape, mask)
        ys[i].mask = mask
    made = [y.mask for y in ys if y.mask is not None]
    if not made:
        return

    def run() -> None:
        values = computed([t.array() for t in x], [None if m is None else m.array() != 0 for m in masks])
        for tensor, value in zip(made, [m for m in values if m is not None], strict=True):
            tensor.array()[...] = value

    reads = [t.buffer for t in (*x, *(m for m in masks if m is not None))]
    b.emit_python(f"{type(layer).__name__}.compute_mask", run, reads, [t.buffer for t in made])
