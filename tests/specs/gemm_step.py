"""The gradient of a Dense kernel and the optimizer's step in one: what the two do one after the other."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from . import gemm, optimizers
from .spec import Fields, Spec


def gemm_step(kind: str, op: str, slots: tuple[str, ...], place: str = "buffer", penalty: bool = False) -> Spec:
    gradient, step = gemm.gemm_dw(kind, place=place), optimizers.optimizer(op, slots, int(penalty), 0, penalty)

    def args(rng: np.random.Generator, dtype: str, n: int) -> Fields:
        a = gradient.args(rng, dtype, min(n, gemm.ROWS) if kind == "rows" else n)
        dw = a.pop("dw")
        a.pop("add")
        b = step.args(rng, dtype, dw.size)
        panels = {name: b[name].reshape(dw.shape) for name in ("w", *slots)}
        last = a["O"] - dw.shape[2] * (dw.shape[0] - 1)
        for array in panels.values():
            array[-1, :, last:] = 0  # no weights
        both = {"step": {**a.get("step", {}), **b["step"]}, "opt": op}
        return {**{k: v for k, v in b.items() if k != "g"}, **panels, **a, **both}

    def reference(a: Fields) -> Fields:
        (dw,) = gradient.reference({**a, "dw": a["w"], "add": 0}).values()
        return step.reference({**a, "g": dw})

    return replace(step, op="gemm_step", args=args, reference=reference)


ADAM = ("opt_adam_step", ("s0", "s1"))
SPECS = [
    *(gemm_step(kind, *ADAM) for kind in gemm.SHAPES),
    *(gemm_step("rows", *ADAM, place=place) for place in gemm.PLACES),
    gemm_step("columns", "opt_adam_step", ("s0", "s1", "s2"), penalty=True),
    gemm_step("columns", "opt_rmsprop_step", ("s0", "s1", "s2")),
    gemm_step("inner", "opt_sgd_step", (), penalty=True),
]
