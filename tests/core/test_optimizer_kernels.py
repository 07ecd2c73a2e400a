"""Optimizer kernels over ten steps on two tensors of different sizes, against the written formulas in float64."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pydl import _core
from tests.specs.optimizers import EXTRA, OPTIMIZERS, VARIANTS

STEPS = 10
SIZES = (37, 1000)
ULPS = 8 * STEPS  # a step rounds a handful of times and the steps add up; weights and slots are about 1
SIZE = {("opt_ftrl_step", "s1"): 100.0}  # but those that weights divided by the rate, about 0.01, are added to


def rates(op: str, t: int, constants: dict[str, float]) -> list[float]:
    """Coefficients of step t (from 1) under a learning rate that falls."""
    rate = 0.05 / (1 + 0.3 * t)
    correction = np.sqrt(1 - constants["b"] ** t) / (1 - constants["a"] ** t) if op == "opt_adam_step" else 1.0
    return [rate * correction, rate * 0.1, *EXTRA.get(op, ())]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("isa", _core.isas())
@pytest.mark.parametrize(("op", "slots", "decay", "nesterov"), VARIANTS)
def test_ten_steps(op: str, slots: tuple[str, ...], decay: int, nesterov: int, isa: str, dtype: str) -> None:
    formula, constants, _ = OPTIMIZERS[op]
    rng = np.random.default_rng(3)
    options = {"decay": decay, "nesterov": nesterov, **constants}
    tensors: list[dict[str, Any]] = [
        {"w": rng.standard_normal(n).astype(dtype), **{s: np.zeros(n, dtype) for s in slots}} for n in SIZES
    ]
    expected = [{k: v.astype(np.float64) for k, v in tensor.items()} for tensor in tensors]
    start = [tensor["w"].copy() for tensor in tensors]
    for t in range(1, STEPS + 1):
        step = {"coef": rates(op, t, constants)}
        for tensor, exact in zip(tensors, expected, strict=True):
            n = tensor["w"].size
            g = (rng.uniform(0.2, 1, n) * rng.choice([-1, 1], n)).astype(dtype)
            _core.call(op, dtype=dtype, isa=isa, nth=2, g=g, n=n, step=step, **tensor, **options)
            exact.update(formula({**exact, **options, "g": g.astype(np.float64), "step": step}))
    for tensor, exact, w in zip(tensors, expected, start, strict=True):
        assert np.abs(tensor["w"] - w).mean() > 0.01, "the weights did not move"
        for name in ("w", *slots):
            atol = ULPS * np.finfo(dtype).eps * SIZE.get((op, name), 1)
            np.testing.assert_allclose(tensor[name], exact[name], rtol=0, atol=atol, err_msg=name)


@pytest.mark.parametrize("isa", _core.isas())
@pytest.mark.parametrize("op", OPTIMIZERS)
def test_zero_gradients_leave_weights_alone(op: str, isa: str) -> None:
    """Padding in weight panels stays zero."""
    _, constants, choices = OPTIMIZERS[op]
    tensor = {name: np.zeros(20, "float32") for name in ("w", "g", *choices[-1])}
    _core.call(
        op,
        dtype="float32",
        isa=isa,
        n=20,
        decay=1,
        step={"coef": [0.1, 0.1, *EXTRA.get(op, ())]},
        **tensor,
        **constants,
    )
    assert all(not array.any() for array in tensor.values())
