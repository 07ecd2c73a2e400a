"""The product of two matrices, past the plans: one call into the core."""

from __future__ import annotations

from typing import Any

import numpy as np

from pydl import _core, config
from pydl._engine.facts import rowwise
from pydl._engine.team import choose_threads
from pydl._engine.tuning import ALONE

Array = np.ndarray


def _threads(work: float) -> int:
    return choose_threads(work, config.get_num_threads()) if work >= ALONE else 1


# (a, b, transpose_a, transpose_b, out) -> op(a) op(b), or None where they need checking or converting
product = _core.Product(np.ndarray, {np.dtype(np.float32): 0, np.dtype(np.float64): 1}, np.empty, _threads, ALONE).run


def multiply(
    left: Array, flip_a: bool, right: Array, flip_b: bool, bias: Array | None, act: Any, result: Array
) -> None:
    """`result = act(op(left) op(right) + bias)`.

    The arrays are C-contiguous, of one native dtype and of sizes that fit, `result` a matrix apart from the others.
    """
    fused = {"act": f"act_{act.kernel}_fwd", "alpha": act.alpha, "rowwise": rowwise(act)} if act.kernel else {}
    if product(left, right, flip_a, flip_b, result, bias=bias, **fused) is None:
        raise RuntimeError("matmul: arrays that the core does not take")
