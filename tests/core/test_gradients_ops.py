"""Gradients of losses, norms and dropout: the float64 builds of the kernels against 4-point differences."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from pydl import _core
from tests.specs import losses
from tests.specs.losses import EPSILON
from tests.specs.norms import EPS
from tests.specs.spec import Spec

STEP = 1e-4  # of the differences: their own error is STEP^4, rounding 1e-16 / STEP
RTOL = 1e-6
ATOL = 1e-9  # for slopes near zero: a thousand times that rounding

isas = pytest.mark.parametrize("isa", _core.isas())


def slopes(f: Callable[[], float], x: NDArray) -> NDArray:
    """df/dx of a function that reads x, by 4-point differences."""
    out = np.empty_like(x)
    for i in np.ndindex(x.shape):
        at = x[i]
        values = []
        for k in (-2, -1, 1, 2):
            x[i] = at + k * STEP
            values.append(f())
        x[i] = at
        out[i] = (values[0] - 8 * values[1] + 8 * values[2] - values[3]) / (12 * STEP)
    return out


def assert_slopes(given: NDArray, f: Callable[[], float], x: NDArray) -> None:
    expected = slopes(f, x)
    assert np.abs(expected).max() > 1e-3, "the data leaves nothing to compare"
    np.testing.assert_allclose(given, expected, rtol=RTOL, atol=ATOL)


@isas
@pytest.mark.parametrize("spec", losses.SPECS, ids=lambda s: s.op)
def test_loss(spec: Spec, isa: str) -> None:
    a = spec.args(np.random.default_rng(1), "float64", 11)
    for kink in spec.kinks:
        off = a["y"] - a["t"] - kink
        a["y"] += np.where(np.abs(off) < 0.1, np.copysign(0.1, off), 0)

    def total() -> float:
        _core.call(spec.op, dtype="float64", isa=isa, **{**a, "dy": None, "p": None})
        return a["scale"] * a["loss"].sum()

    _core.call(spec.op, dtype="float64", isa=isa, **a)
    assert_slopes(a["dy"], total, a["y"])


def norm_case(B: int, O: int) -> dict[str, Any]:
    rng = np.random.default_rng(2)
    return {
        "x": 0.7 + 1.5 * rng.standard_normal((B, O)), "gamma": rng.uniform(0.5, 2, O), "beta": rng.standard_normal(O),
        "r": rng.standard_normal((B, O)), "y": np.zeros((B, O)),
    }  # fmt: skip


@isas
def test_batch_normalization(isa: str) -> None:
    B, O = 6, 11
    c = norm_case(B, O)
    kept = {name: np.zeros(O) for name in ("bmean", "bmean_low", "brstd")}
    dx, dgamma, dbeta = np.zeros((B, O)), np.zeros(O), np.zeros(O)

    def total() -> float:
        _core.call(
            "bn_fwd", dtype="float64", isa=isa, x=c["x"], y=c["y"], gamma=c["gamma"], beta=c["beta"], mean=np.zeros(O),
            var=np.ones(O), n=O, B=B, momentum=0.9, eps=EPS, **kept,
        )  # fmt: skip
        return (c["r"] * c["y"]).sum()

    total()
    _core.call(
        "bn_bwd", dtype="float64", isa=isa, x=c["x"], dy=c["r"], dx=dx, gamma=c["gamma"], dgamma=dgamma, dbeta=dbeta,
        n=O, B=B, **kept,
    )  # fmt: skip
    assert_slopes(dx, total, c["x"])
    assert_slopes(dgamma, total, c["gamma"])
    assert_slopes(dbeta, total, c["beta"])


@isas
@pytest.mark.parametrize("masked", [False, True])
def test_batch_normalization_by_samples(isa: str, masked: bool) -> None:
    S, L, O = 4, 3, 11
    c = norm_case(S * L, O)
    kept = {name: np.zeros(O) for name in ("bmean", "bmean_low", "brstd")}
    sizes = {"dtype": "float64", "isa": isa, "B": S * L, "L": L, "O": O}
    mask = (np.arange(S * L) % 5 > 0).astype(float) if masked else None
    parts, of_dy, own = np.zeros((S, 2 * O + 1)), np.zeros((S, 2 * O)), np.zeros(5 * O)
    dx, dgamma, dbeta = np.zeros((S * L, O)), np.zeros(O), np.zeros(O)

    def total() -> float:
        _core.call("bn_parts", x=c["x"], mask=mask, parts=parts, **sizes)
        _core.call(
            "bn_apply", x=c["x"], y=c["y"], parts=parts, mask=mask, gamma=c["gamma"], beta=c["beta"], mean=np.zeros(O),
            var=np.ones(O), momentum=0.9, eps=EPS, own=own, act="act_tanh_fwd", alpha=0.0, **sizes, **kept,
        )  # fmt: skip
        return (c["r"] * c["y"]).sum()

    total()
    dy = c["r"].copy()
    _core.call("bn_slopes", x=c["x"], dy=dy, s=c["y"], act="act_tanh_bwd", alpha=0.0, parts=of_dy, **sizes, **kept)
    _core.call("bn_dx", x=c["x"], dy=dy, dx=dx, gamma=c["gamma"], parts=of_dy, mask=mask, own=own, **sizes, **kept)
    for at, y in ((0, dbeta), (O, dgamma)):
        _core.call("sum_wide", dtype="float64", isa=isa, parts=of_dy, y=y, n=O, S=S, ld=2 * O, xo=at)
    assert_slopes(dx, total, c["x"])
    assert_slopes(dgamma, total, c["gamma"])
    assert_slopes(dbeta, total, c["beta"])


@isas
def test_layer_normalization(isa: str) -> None:
    B, O = 6, 11
    c = norm_case(B, O)
    kept = {name: np.zeros(B) for name in ("mean", "mean_low", "rstd")}
    dx, dgamma, dbeta = np.zeros((B, O)), np.zeros(O), np.zeros(O)

    def total() -> float:
        _core.call(
            "ln_fwd", dtype="float64", isa=isa, x=c["x"], y=c["y"], gamma=c["gamma"], beta=c["beta"], B=B, O=O, eps=EPS,
            **kept,
        )  # fmt: skip
        return (c["r"] * c["y"]).sum()

    total()
    common = {"x": c["x"], "dy": c["r"], "B": B, **kept}
    _core.call("ln_bwd", dtype="float64", isa=isa, dx=dx, gamma=c["gamma"], O=O, **common)
    _core.call("ln_grad", dtype="float64", isa=isa, dgamma=dgamma, dbeta=dbeta, n=O, **common)
    assert_slopes(dx, total, c["x"])
    assert_slopes(dgamma, total, c["gamma"])
    assert_slopes(dbeta, total, c["beta"])


@isas
def test_dropout(isa: str) -> None:
    B, O = 9, 11
    c = norm_case(B, O)
    dx = np.zeros((B, O))
    draw = {"B": B, "O": O, "stream": 2, "rate": 0.4, "step": {"seed": 5, "count": 7}}

    def total() -> float:
        _core.call("dropout", dtype="float64", isa=isa, x=c["x"], y=c["y"], **draw)
        return (c["r"] * c["y"]).sum()

    _core.call("dropout", dtype="float64", isa=isa, x=c["r"], y=dx, **draw)
    assert 0 < np.count_nonzero(dx) < dx.size
    assert_slopes(dx, total, c["x"])


# ---- at the edges ---------------------------------------------------------------------------------------------------


def evaluate(op: str, dtype: str, isa: str, y: list, t: list, **fields: Any) -> tuple[NDArray, NDArray]:
    """Loss and gradient of one row of scores."""
    scores, targets = np.array([y], dtype), np.array(t, dtype)
    loss, dy = np.zeros(1, dtype), np.zeros_like(scores)
    _core.call(
        op, dtype=dtype, isa=isa, y=scores, t=targets, loss=loss, dy=dy, B=1, O=len(y), L=1, scale=1.0, **fields
    )  # fmt: skip
    return loss[0], dy[0]


dtypes = pytest.mark.parametrize("dtype", ["float32", "float64"])


@isas
@dtypes
def test_mae_has_no_slope_where_it_is_zero(isa: str, dtype: str) -> None:
    loss, dy = evaluate("loss_mae", dtype, isa, [1.0, 2.0, -0.0, 3.0], [1.0, 0.0, 0.0, 4.0])
    assert loss == 0.75
    assert dy.tolist() == [0, 0.25, 0, -0.25]


@isas
@dtypes
def test_quantile_has_no_slope_where_it_is_zero(isa: str, dtype: str) -> None:
    loss, dy = evaluate("loss_quantile", dtype, isa, [1.0, 2.0, -0.0, 3.0], [1.0, 0.0, 0.0, 4.0], a=0.75)
    assert loss == (2 * 0.25 + 0.75) / 4
    assert dy.tolist() == [0, 0.25 / 4, 0, -0.75 / 4]


@isas
@dtypes
def test_huber_at_and_beyond_delta(isa: str, dtype: str) -> None:
    for e, value, slope in ((0.5, 0.125, 0.5), (2.0, 2.0, 2.0), (-2.5, 3.0, -2.0), (1e30, 2e30, 2.0)):
        loss, dy = evaluate("loss_huber", dtype, isa, [e], [0.0], a=2.0)
        assert loss == pytest.approx(value, rel=1e-6)
        assert dy.tolist() == [slope]


@isas
@dtypes
def test_log_cosh_of_tiny_and_huge_errors(isa: str, dtype: str) -> None:
    for e, value in ((1e-4, 5e-9), (1e-12, 5e-25), (1e4, 1e4 - np.log(2)), (-1e30, 1e30)):
        loss, dy = evaluate("loss_log_cosh", dtype, isa, [e], [0.0])
        assert loss == pytest.approx(value, rel=1e-6)
        assert dy[0] == pytest.approx(np.tanh(e), rel=1e-6)


@isas
@dtypes
def test_hinge_takes_zero_for_minus_one(isa: str, dtype: str) -> None:
    loss, dy = evaluate("loss_hinge", dtype, isa, [0.5, 0.5, 0.5, 1.0], [0.0, -1.0, 1.0, 1.0])
    assert loss == (1.5 + 1.5 + 0.5) / 4
    assert dy.tolist() == [0.25, 0.25, -0.25, 0]


@isas
@dtypes
def test_clipped_logarithms_have_no_slope(isa: str, dtype: str) -> None:
    loss, dy = evaluate("loss_msle", dtype, isa, [-1.0, 1.0], [np.e - 1, 1.0])
    assert loss == pytest.approx(0.5, rel=1e-6)
    assert dy.tolist() == [0, 0]


@isas
@dtypes
def test_clipped_probabilities_have_no_slope(isa: str, dtype: str) -> None:
    lowest, highest = np.array(EPSILON, dtype), np.array(1, dtype) - np.array(EPSILON, dtype)
    loss, dy = evaluate("loss_bce", dtype, isa, [0.0, 1.0, 0.5], [1.0, 0.0, 1.0])
    assert loss == pytest.approx(-(np.log(lowest) + np.log(1 - highest) + np.log(0.5)) / 3, rel=1e-6)
    assert dy[:2].tolist() == [0, 0]
    assert dy[2] == pytest.approx(-2 / 3)
    loss, dy = evaluate("loss_cce", dtype, isa, [0.0, 1.0, 0.0], [1.0, 0.0, 0.0])
    assert loss == pytest.approx(-np.log(lowest), rel=1e-6)
    assert dy.tolist() == [0, 0, 0]


@isas
@dtypes
@pytest.mark.parametrize("size", [100.0, 1e4, 1e30])
def test_large_logits_give_finite_losses(isa: str, dtype: str, size: float) -> None:
    loss, dy = evaluate("loss_bce_logits", dtype, isa, [size, -size, size, -size], [1.0, 0.0, 0.0, 1.0])
    assert loss == pytest.approx(size / 2)
    assert dy == pytest.approx([0, 0, 0.25, -0.25], abs=1e-40)
    for op, t in (("loss_cce_logits", [0.0, 1.0, 0.0]), ("loss_sparse_cce_logits", [1.0])):
        loss, dy = evaluate(op, dtype, isa, [size, -size, 0.0], t)
        assert loss == pytest.approx(2 * size)
        assert dy == pytest.approx([1, -1, 0], abs=1e-40)


@isas
@dtypes
def test_confident_and_right_is_not_rounded_to_zero(isa: str, dtype: str) -> None:
    """log(1 + tiny) keeps the digits of tiny."""
    for op, t in (("loss_cce_logits", [1.0, 0.0]), ("loss_sparse_cce_logits", [0.0])):
        loss, _ = evaluate(op, dtype, isa, [30.0, 0.0], t)
        assert loss == pytest.approx(np.exp(-30), rel=1e-6)


@isas
@dtypes
def test_a_class_ruled_out_by_minus_infinity_costs_nothing(isa: str, dtype: str) -> None:
    for op, t in (("loss_cce_logits", [1.0, 0.0, 0.0]), ("loss_sparse_cce_logits", [0.0])):
        loss, dy = evaluate(op, dtype, isa, [0.0, -np.inf, 0.0], t)
        assert loss == pytest.approx(np.log(2))
        assert dy.tolist() == [-0.5, 0, 0.5]


@isas
@dtypes
@pytest.mark.parametrize("op", sorted({s.op for s in losses.SPECS}))
@pytest.mark.parametrize("where", ["y", "t"])
def test_nan_spreads(op: str, where: str, isa: str, dtype: str) -> None:
    y, t = [0.2, 0.5, 0.3], [0.0] if "sparse" in op else [0.0, 1.0, 0.0]
    if op == "loss_gaussian":
        y, t = [0.2, 0.5], [1.0]
    parameter = 0.5  # of the losses that have one
    assert not np.isnan(evaluate(op, dtype, isa, y, t, a=parameter)[0])
    {"y": y, "t": t}[where][0] = np.nan
    loss, dy = evaluate(op, dtype, isa, y, t, a=parameter)
    assert np.isnan(loss)
    assert np.isnan(dy[0])
