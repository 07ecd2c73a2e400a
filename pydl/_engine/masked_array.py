"""Arrays that layers return, which say which of their steps count; losses, metrics and the next layer heed it."""

from __future__ import annotations

from typing import Any

import numpy as np


class Masked(np.ndarray):
    """An array of which some steps count. What is computed from it, or a part of it, has no mask any more."""

    _keras_mask: np.ndarray | None = None

    def __array_wrap__(self, array: Any, context: Any = None, return_scalar: bool = False) -> Any:
        """Results are plain arrays and numbers."""
        plain = np.asarray(array)
        return plain[()] if return_scalar else plain


def mask_of(x: Any) -> Any:
    """Which steps of an array count, a list of such and None for a list of arrays; None where all count."""
    if isinstance(x, list | tuple):
        if not x or not hasattr(x[0], "shape"):  # rows in lists, which may be long
            return None
        masks = [mask_of(each) for each in x]
        return masks if any(m is not None for m in masks) else None
    return getattr(x, "_keras_mask", None)


def weights_of(x: Any, sample_weight: Any) -> Any:
    """Weights, of which those of steps that do not count are 0."""
    mask = mask_of(x)
    if mask is None or sample_weight is None:
        return sample_weight if mask is None else mask
    w = np.asarray(sample_weight, np.float64)
    axes = max(w.ndim, mask.ndim)
    return w.reshape(w.shape + (1,) * (axes - w.ndim)) * mask.reshape(mask.shape + (1,) * (axes - mask.ndim))


def with_mask(x: np.ndarray, mask: Any, kind: type[Masked] = Masked) -> np.ndarray:
    """A view of an array with a mask; without one the array."""
    if mask is None:
        return x
    view = x.view(kind)
    view._keras_mask = np.asarray(mask) != 0
    return view
