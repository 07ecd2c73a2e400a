"""What a test must know of one kernel: how to call it and what it should give."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

Fields = dict[str, Any]


@dataclass(frozen=True)
class Spec:
    """One kernel and its NumPy reference in double.

    Parameters
    ----------
    op
        Name in `ops.def`. Several rows may share it, each with other arguments.
    args
        `(rng, dtype, n) -> fields` of `_core.call` for about `n` elements: inputs drawn, outputs allocated, sizes. An
        output that the kernel overwrites is filled with NaN, so that an element left out shows.
    outputs
        Names of the arguments it writes; `"sums"` and `"sinks"` are those of `step`.
    reference
        The same fields, every float array in double -> the expected outputs by name, in double.
    ulps, scale
        `|error| <= ulps * eps(dtype) * max(scale, |reference|)`. More than 4 needs a reason beside it; scale 0 makes
        the bound relative.
    in_place
        `(input, output)` pairs that may be the same memory.
    kinks
        Activations: where the derivative jumps; gradient tests keep away. Losses: the same of y - t.
    """

    op: str
    args: Callable[[np.random.Generator, str, int], Fields]
    outputs: tuple[str, ...]
    reference: Callable[[Fields], Fields]
    ulps: float = 4.0
    scale: float = 1.0
    in_place: tuple[tuple[str, str], ...] = ()
    kinks: tuple[float, ...] = ()
