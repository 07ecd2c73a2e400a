"""Activation kernels: gradients, values at the edges of the number line, long rows."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import special

from pydl import _core
from pydl._engine import facts
from tests.specs.activations import SPECS, Forward

FORWARD = {spec.name: spec for spec in SPECS if isinstance(spec, Forward)}
NAMES = list(FORWARD)
ROWWISE = [name for name in NAMES if facts.of(f"act_{name}_fwd")["rowwise"]]
DTYPES = ("float32", "float64")


def call(name: str, direction: str, isa: str, **arrays: np.ndarray) -> None:
    first = next(iter(arrays.values()))
    B, O = np.atleast_2d(first).shape
    alpha = FORWARD[name].args(np.random.default_rng(0), "float64", 1)["alpha"]
    _core.call(f"act_{name}_{direction}", dtype=str(first.dtype), isa=isa, B=B, O=O, alpha=alpha, **arrays)


def value(name: str, x: np.ndarray, isa: str) -> np.ndarray:
    y = np.full_like(x, np.nan)
    call(name, "fwd", isa, x=x, y=y)
    return y


def gradient(name: str, x: np.ndarray, dy: np.ndarray, isa: str) -> np.ndarray:
    dx = np.full_like(x, np.nan)
    reads_x = facts.of(f"act_{name}_bwd")["reads"] == "x"
    call(name, "bwd", isa, s=x if reads_x else value(name, x, isa), dy=dy, dx=dx)
    return dx


@pytest.mark.parametrize("isa", _core.isas())
@pytest.mark.parametrize("name", NAMES)
def test_gradient(name: str, isa: str) -> None:
    """dx = J^T dy against 4-point differences of the forward kernel, one column of J at a time."""
    rng = np.random.default_rng(3)
    x = rng.uniform(-5, 5, (40, 6))
    h = 1e-3  # error of the formula h^4 / 30 f^(5), of its terms eps / h: both below 1e-11
    for kink in FORWARD[name].kinks:
        x = np.where(np.abs(x - kink) < 3 * h, x + 6 * h, x)
    dy = rng.uniform(0.5, 1.5, x.shape) * rng.choice([-1, 1], x.shape)
    assert x.std() > 2
    numeric = np.empty_like(x)
    for j in range(x.shape[1]):
        step = h * (np.arange(x.shape[1]) == j)
        near, far = (value(name, x + k * step, isa) - value(name, x - k * step, isa) for k in (1, 2))
        numeric[:, j] = ((8 * near - far) / (12 * h) * dy).sum(axis=1)
    np.testing.assert_allclose(gradient(name, x, dy, isa), numeric, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("isa", _core.isas())
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", NAMES)
def test_nan_stays_nan(name: str, dtype: str, isa: str) -> None:
    x = np.linspace(-2, 2, 37).astype(dtype)
    x[5] = np.nan
    nan = np.isnan(value(name, x, isa))
    assert nan.all() if name in ROWWISE else (nan[5] and nan.sum() == 1)


@pytest.mark.parametrize("isa", _core.isas())
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", [name for name in NAMES if name not in ROWWISE])
def test_limits(name: str, dtype: str, isa: str) -> None:
    """Infinities give the limits of f, and so do huge numbers, or themselves if f(x) is x from somewhere on.

    Gradients are finite, but for that of a function which itself grows beyond all numbers of the dtype.
    """
    huge, limits = np.finfo(dtype).max, FORWARD[name].limits
    low, lowest, far, highest, high = value(name, np.array([-np.inf, -huge, 1e20, huge, np.inf], dtype), isa)
    precision = {"rtol": np.finfo(dtype).eps, "atol": np.finfo(dtype).tiny}
    np.testing.assert_allclose([low, high], limits, **precision)
    if np.isfinite(limits[0]):
        np.testing.assert_allclose(lowest, limits[0], **precision)
    assert highest == (huge if far == np.asarray(1e20, dtype) else high)
    x = np.array([-np.inf, -huge, -1e4, -0.0, 0.0, 1e4, huge, np.inf], dtype)
    grows = (x >= 1e4) & np.isinf(value(name, np.array([1e4], dtype), isa))
    dx = gradient(name, x, np.ones_like(x), isa)
    assert np.isfinite(dx[~grows]).all()
    assert (dx[grows] == np.inf).all()


@pytest.mark.parametrize("isa", _core.isas())
@pytest.mark.parametrize("dtype", DTYPES)
def test_gelu_tail_does_not_cancel(dtype: str, isa: str) -> None:
    x = np.linspace(-12.5 if dtype == "float32" else -37, -1, 5000).astype(dtype)
    expected = FORWARD["gelu"].reference({"x": x.astype(np.float64), "alpha": 0.0})["y"]
    np.testing.assert_allclose(value("gelu", x, isa), expected, rtol=8 * np.finfo(dtype).eps, atol=0)


@pytest.mark.parametrize("isa", _core.isas())
@pytest.mark.parametrize("dtype", DTYPES)
def test_gelu_tanh_near_zero(dtype: str, isa: str) -> None:
    x = np.linspace(-3, 3, 5001).astype(dtype)
    expected = FORWARD["gelu_tanh"].reference({"x": x.astype(np.float64), "alpha": 0.0})["y"]
    np.testing.assert_allclose(value("gelu_tanh", x, isa), expected, rtol=18 * np.finfo(dtype).eps, atol=0)


@pytest.mark.parametrize("isa", _core.isas())
def test_softmax_of_a_long_row(isa: str) -> None:
    """Three million equal terms: a sum in float32 would be off by hundreds of eps."""
    x = np.full((1, 3_000_001), 0.1, np.float32)
    x[0, -1] = 0.2
    eps = np.finfo(np.float32).eps
    expected = special.softmax(x.astype(np.float64), axis=1)
    np.testing.assert_allclose(value("softmax", x, isa), expected, rtol=4 * eps)
    np.testing.assert_allclose(value("log_softmax", x, isa), np.log(expected), rtol=4 * eps)


@pytest.mark.parametrize("isa", _core.isas())
def test_log_softmax_keeps_digits_next_to_zero(isa: str) -> None:
    """A float32 row with one class far ahead: its y is -sum of the others, down to 1e-9."""
    lead = np.linspace(0, 21, 500)
    x = np.stack([lead, 0 * lead, 0 * lead - 1], axis=1).astype(np.float32)
    expected = FORWARD["log_softmax"].reference({"x": x.astype(np.float64), "alpha": 0.0})["y"]
    assert np.abs(expected).min() < 2e-9
    np.testing.assert_allclose(value("log_softmax", x, isa), expected, rtol=6 * np.finfo(np.float32).eps, atol=0)


@pytest.mark.parametrize("isa", _core.isas())
@pytest.mark.parametrize("dtype", DTYPES)
def test_softmax_is_stable(dtype: str, isa: str) -> None:
    big = np.finfo(dtype).max / 4
    x = np.array([[big, big, -big], [-np.inf, 0, 1e3], [-1e4, -1e4, -1e4]], dtype)
    np.testing.assert_allclose(value("softmax", x, isa), [[0.5, 0.5, 0], [0, 0, 1], [1 / 3] * 3], rtol=1e-6)
    y = value("log_softmax", x, isa)
    np.testing.assert_allclose(y[1], [-np.inf, -1e3, 0], rtol=1e-6)
    np.testing.assert_allclose(y[2], [-np.log(3)] * 3, rtol=1e-6)
