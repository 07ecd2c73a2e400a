"""Gradients of kernels over windows, on sizes drawn at random: exact adjoints, and differences of the largest."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pydl import _core
from pydl._engine.windows import windows
from tests.core.test_gradients_ops import assert_slopes, isas

Sizes = dict[str, int]


def draw_sizes(rng: np.random.Generator) -> Sizes:
    """Images and windows that fit: strides above and below the windows' size, windows larger than the image."""
    while True:
        H, W, KH, KW, sh, sw = (int(n) for n in rng.integers(1, 6, 6))
        padding = str(rng.choice(["valid", "same"]))
        rows, columns = windows(H, KH, sh, 1, padding), windows(W, KW, sw, 1, padding)
        if rows.out >= 1 and columns.out >= 1:
            B, C = int(rng.integers(1, 4)), int(rng.choice([1, 2, 3, 8, 19]))
            return {"B": B, "H": H, "W": W, "C": C, "OH": rows.out, "OW": columns.out, "KH": KH, "KW": KW, "SH": sh,
                    "SW": sw, "top": rows.before, "left": columns.before}  # fmt: skip


DRAWN = [draw_sizes(np.random.default_rng(seed)) for seed in range(60)]


def test_the_draw_is_wide() -> None:
    assert any(s["SH"] > s["KH"] for s in DRAWN)
    assert any(s["KH"] > s["H"] for s in DRAWN)
    assert any(s["KH"] > s["SH"] and s["KW"] > s["SW"] and s["top"] and s["left"] for s in DRAWN)
    assert any(s["OH"] == s["OW"] == 1 for s in DRAWN)
    assert {s["C"] for s in DRAWN} == {1, 2, 3, 8, 19}


def inner(s: Sizes) -> tuple[int, ...]:
    return s["B"], s["H"], s["W"], s["C"]


def outer(s: Sizes) -> tuple[int, ...]:
    return s["B"], s["OH"], s["OW"], s["C"]


def integers(rng: np.random.Generator, shape: tuple[int, ...]) -> Any:
    return rng.integers(-9, 10, shape).astype(np.float64)


@isas
@pytest.mark.parametrize("s", DRAWN, ids=str)
def test_sums_and_their_gradient_are_adjoint(s: Sizes, isa: str) -> None:
    rng = np.random.default_rng(1)
    x, dy, y, dx = integers(rng, inner(s)), integers(rng, outer(s)), np.empty(outer(s)), np.empty(inner(s))
    _core.call("pool_mean_fwd", dtype="float64", isa=isa, x=x, y=y, sum=1, **s)
    _core.call("pool_mean_bwd", dtype="float64", isa=isa, dy=dy, dx=dx, sum=1, **s)
    assert (y * dy).sum() == (x * dx).sum()


@isas
@pytest.mark.parametrize("s", DRAWN, ids=str)
def test_means_and_their_gradient_are_adjoint(s: Sizes, isa: str) -> None:
    rng = np.random.default_rng(2)
    x, dy, y, dx = integers(rng, inner(s)), integers(rng, outer(s)), np.empty(outer(s)), np.empty(inner(s))
    _core.call("pool_mean_fwd", dtype="float64", isa=isa, x=x, y=y, **s)
    _core.call("pool_mean_bwd", dtype="float64", isa=isa, dy=dy, dx=dx, **s)
    np.testing.assert_allclose((y * dy).sum(), (x * dx).sum(), rtol=1e-12, atol=1e-12 * np.abs(y * dy).sum())


@isas
@pytest.mark.parametrize("wide", [0, 1])
@pytest.mark.parametrize("s", DRAWN, ids=str)
def test_largest_of_distinct_values(s: Sizes, wide: int, isa: str) -> None:
    rng = np.random.default_rng(3)
    x = rng.permutation(np.prod(inner(s))).reshape(inner(s)) / 7.0  # further apart than the differences reach
    r, y, dx = rng.normal(size=outer(s)), np.empty(outer(s)), np.empty(inner(s))
    at = np.empty(outer(s), np.uint32 if wide else np.uint8)
    _core.call("pool_max_fwd", dtype="float64", isa=isa, x=x, y=y, at=at, wide=wide, **s)
    _core.call("pool_max_bwd", dtype="float64", isa=isa, dy=r, at=at, dx=dx, wide=wide, **s)
    again = np.empty(outer(s))

    def total() -> float:
        _core.call("pool_max_fwd", dtype="float64", isa=isa, x=x, y=again, **s)
        return float((r * again).sum())

    if x.size <= 200:
        assert_slopes(dx, total, x)
    assert (y * r).sum() == pytest.approx((x * dx).sum(), rel=1e-9)  # of degree one


@isas
def test_of_nothing_but_minus_infinity_the_first_tap_that_exists(isa: str) -> None:
    x, y, at = np.full((1, 2, 2, 1), -np.inf), np.empty((1, 2, 2, 1)), np.empty((1, 2, 2, 1), np.uint8)
    sizes = {"B": 1, "H": 2, "W": 2, "C": 1, "OH": 2, "OW": 2, "KH": 3, "KW": 3, "SH": 1, "SW": 1, "top": 1, "left": 1}
    _core.call("pool_max_fwd", dtype="float64", isa=isa, x=x, y=y, at=at, **sizes)
    assert (y == -np.inf).all()
    assert at.ravel().tolist() == [4, 3, 1, 0]


@isas
@pytest.mark.parametrize("C", [1, 5, 16])
def test_setting_and_cutting_are_adjoint(C: int, isa: str) -> None:
    rng = np.random.default_rng(4)
    for _ in range(40):
        B, H, W, OH, OW = (int(n) for n in rng.integers(1, 6, 5))
        top, left = (int(n) for n in rng.integers(-4, 5, 2))
        x, dy = integers(rng, (B, H, W, C)), integers(rng, (B, OH, OW, C))
        y, dx = np.empty(dy.shape), np.empty(x.shape)
        call = {"dtype": "float64", "isa": isa, "B": B, "C": C}
        _core.call("place", x=x, y=y, H=H, W=W, OH=OH, OW=OW, top=top, left=left, **call)
        _core.call("place", x=dy, y=dx, H=OH, W=OW, OH=H, OW=W, top=-top, left=-left, **call)
        assert (y * dy).sum() == (x * dx).sum()
