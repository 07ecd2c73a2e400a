"""The plan of one general matrix product."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pydl import _core, config
from pydl._plan import choose_threads, rowwise

Array = NDArray[np.floating[Any]]


def multiply(
    left: Array, flip_a: bool, right: Array, flip_b: bool, bias: Array | None, act: Any, result: Array,
    sizes: tuple[int, int, int],
) -> None:  # fmt: skip
    """`result = act(op(left) op(right) + bias)`: pack op(right) into panels, multiply, activate.

    The arrays are C-contiguous and of one dtype, `bias` is padded to whole panels, `sizes` is (rows, inner, columns)
    of the product; nothing is checked here.
    """
    rows, inner, columns = sizes
    dtype = result.dtype.name
    width = _core.panel_width(columns, dtype)
    panels = _core.Buffer((-(-columns // width), inner, width), dtype)
    plan = _core.Plan(dtype)
    plan.emit(
        "pack_b", b=right, w=panels, n=panels.size, I=inner, O=columns, ldb=right.shape[1], transposed=int(flip_b)
    )
    strides = {"rs": 1, "cs": rows} if flip_a else {"rs": inner, "cs": 1}
    within = act.kernel is not None and not rowwise(act)
    fused = {"act": f"act_{act.kernel}_fwd", "alpha": act.alpha} if within else {}
    plan.emit("matmul", x=left, w=panels, b=bias, y=result, B=rows, I=inner, O=columns, ldy=columns, **strides, **fused)
    if act.kernel is not None and not within:
        plan.emit(f"act_{act.kernel}_fwd", x=result, y=result, B=rows, O=columns)
    plan.run(1, rows, nth=choose_threads(float(rows) * inner * columns, config.get_num_threads()))
