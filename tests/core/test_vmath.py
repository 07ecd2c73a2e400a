"""The functions of vmath.h against references of higher precision, per ISA of this machine and dtype, in ULP."""

from __future__ import annotations

import ctypes
import math
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal, localcontext
from pathlib import Path

import numpy as np
import pytest

from pydl import _core

TESTS = Path(__file__).parent
FLAGS = ["-std=gnu11", "-O3", "-ffp-contract=fast", "-fno-math-errno", "-fno-trapping-math", "-fPIC", "-shared"]
ISA_FLAGS = {
    "baseline": "",
    "avx2": "-mavx2 -mfma",
    "avx512": "-mavx512f -mavx512dq -mavx512bw -mavx512vl -mfma -mavx2 -mprefer-vector-width=512",
    "neon": "",
}
DTYPES = {"float32": np.float32, "float64": np.float64}


@pytest.fixture(scope="session")
def probe(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, str, str, np.ndarray], np.ndarray]:
    """probe(function, isa, dtype, x) -> y; builds vmath_probe.c with the system's C compiler per ISA and dtype."""
    folder = tmp_path_factory.mktemp("vmath")
    libraries: dict[tuple[str, str], ctypes.CDLL] = {}

    def run(function: str, isa: str, dtype: str, x: np.ndarray) -> np.ndarray:
        if (isa, dtype) not in libraries:
            target = folder / f"{isa}_{dtype}.so"
            double = ["-DPD_F64"] if dtype == "float64" else []
            flags = [*FLAGS, f"-DPD_ISA_{isa}", *ISA_FLAGS[isa].split(), *double]
            subprocess.run(["cc", *flags, "-o", str(target), str(TESTS / "vmath_probe.c")], check=True)
            libraries[isa, dtype] = ctypes.CDLL(str(target))
        x = np.ascontiguousarray(x, DTYPES[dtype])
        y = np.empty_like(x)
        entry = getattr(libraries[isa, dtype], f"probe_{function}")
        entry(ctypes.c_void_p(x.ctypes.data), ctypes.c_void_p(y.ctypes.data), ctypes.c_ssize_t(x.size))
        return y

    return run


# ---- references: decimal arithmetic of 60 digits --------------------------------------------------------------------
TINY = Decimal("1e-25")  # below it two terms of a Taylor series are exact to 50 digits
SQRT_PI = Decimal("1.77245385090551602729816748334114518279754945612238712821381")


def expm1(x: Decimal) -> Decimal:
    return x + x * x / 2 if abs(x) < TINY else x.exp() - 1


def log1p(x: Decimal) -> Decimal:
    return x - x * x / 2 if abs(x) < TINY else (1 + x).ln()


def tanh(x: Decimal) -> Decimal:
    e = expm1(2 * x)
    return e / (e + 2)


def erf(x: Decimal) -> Decimal:
    """2 / sqrt(pi) e^(-x^2) sum of 2^n x^(2n+1) / (1 3 ... (2n+1)): no term cancels another."""
    term = total = x
    n = 0
    while abs(term) > abs(total) * Decimal("1e-40"):
        n += 1
        term = term * 2 * x * x / (2 * n + 1)
        total += term
    return 2 * total * (-x * x).exp() / SQRT_PI


def erfc(x: Decimal) -> Decimal:
    """e^(-x^2) / sqrt(pi) times a continued fraction, for x >= 3; 1 - erf(x) below."""
    if x < 3:
        return 1 - erf(x)
    tail = x
    for n in range(120, 0, -1):
        tail = x + Decimal(n) / 2 / tail
    return (-x * x).exp() / SQRT_PI / tail


def phi(x: Decimal) -> Decimal:
    return erfc(-x / Decimal(2).sqrt()) / 2


@dataclass(frozen=True)
class Row:
    """One function: its reference, the range worth testing and the bound its comment in vmath.h states."""

    reference: Callable[[Decimal], Decimal]
    low: float
    high: float
    ulps: float
    positive: bool = False  # draw logarithmically over the positive numbers
    flushed: int = 0  # with float32: results below 2^flushed may be zero
    limits: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)  # at -inf, -0, +0, +inf


INF, NAN = math.inf, math.nan
ROWS = {
    "vexp": Row(Decimal.exp, -87.5, 88.72, 2, flushed=-125, limits=(0, 1, 1, INF)),
    "vexpm1": Row(expm1, -90, 88.72, 3, limits=(-1, -0.0, 0, INF)),
    "vlog": Row(Decimal.ln, 0, INF, 1, positive=True, limits=(NAN, -INF, -INF, INF)),
    "vlog1p": Row(log1p, -1, INF, 2, positive=True, limits=(NAN, -0.0, 0, INF)),
    "vtanh": Row(tanh, -10, 10, 3, limits=(-1, -0.0, 0, 1)),
    "vsigmoid": Row(lambda x: 1 / (1 + (-x).exp()), -88.7, 40, 3, flushed=-125, limits=(0, 0.5, 0.5, 1)),
    "vphi": Row(phi, -13.1, 6, 5, flushed=-125, limits=(0, 0.5, 0.5, 1)),
    "verf": Row(erf, -6, 6, 2, limits=(-1, -0.0, 0, 1)),
}
SCALE64 = {"vexp": 8.0, "vexpm1": 8.0, "vsigmoid": 7.9, "vtanh": 2.2, "vphi": 2.85, "verf": 1.0}  # ranges in double


def points(name: str, dtype: str, rng: np.random.Generator, count: int) -> np.ndarray:
    """Uniform points of the range; on a logarithmic scale, points near zero and, for logarithms, up to the largest."""
    row, kind, info = ROWS[name], DTYPES[dtype], np.finfo(DTYPES[dtype])
    smallest = math.log2(info.smallest_subnormal)
    tiny = np.exp2(rng.uniform(smallest, 0, count // 4))
    if row.positive:
        huge = np.exp2(rng.uniform(0, math.log2(info.max), count // 4))
        near = 1 + rng.uniform(-0.3, 0.45, count // 4) * np.exp2(rng.uniform(-20, 0, count // 4))
        x = np.concatenate([tiny, huge, near - (name == "vlog1p"), [info.max, info.smallest_subnormal, info.tiny]])
        if row.low < 0:
            x = np.concatenate([x, -tiny, rng.uniform(-1, 0, count // 4)])
    else:
        scale = SCALE64[name] if dtype == "float64" else 1.0
        x = np.concatenate([rng.uniform(row.low * scale, row.high * scale, count), tiny, -tiny])
    x = x.astype(kind)
    x = x[(x > row.low) if row.positive else np.isfinite(x)]
    assert np.unique(x).size > count // 2
    return x


def ulp_errors(y: np.ndarray, reference: list[Decimal], flushed: Decimal) -> np.ndarray:
    """|y - reference| in units of the last place of the reference, subnormals' spacing at the bottom."""
    spacing = np.spacing(np.abs(np.array([float(r) for r in reference]).astype(y.dtype)))
    assert np.isfinite(spacing).all()
    exact = [Decimal(float(v)) for v in y]
    errors = [float(abs(v - r) / Decimal(float(s))) for v, r, s in zip(exact, reference, spacing, strict=True)]
    ok = (y == 0) & np.array([abs(r) < flushed for r in reference])
    return np.where(ok, 0.0, errors)


def flush_threshold(row: Row, dtype: str) -> Decimal:
    more_exponents = 1023 - 127 if dtype == "float64" else 0
    return Decimal(2) ** (row.flushed - more_exponents) if row.flushed else Decimal(0)


@pytest.mark.parametrize("isa", _core.isas())
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ROWS)
def test_ulp_bound(probe: Callable, name: str, dtype: str, isa: str) -> None:
    row = ROWS[name]
    x = points(name, dtype, np.random.default_rng(7), 1200 if name in ("vphi", "verf") else 4000)
    y = probe(name, isa, dtype, x)
    with localcontext() as context:
        context.prec, context.Emin, context.Emax = 60, -999999, 999999
        reference = [row.reference(Decimal(float(v))) for v in x]
        errors = ulp_errors(y, reference, flush_threshold(row, dtype))
    worst = int(np.argmax(errors))
    assert errors[worst] <= row.ulps, f"{name}({x[worst]!r}) = {y[worst]!r}: {errors[worst]:.2f} ulp"


REFERENCE32 = {
    "vexp": np.exp,
    "vexpm1": np.expm1,
    "vlog": np.log,
    "vlog1p": np.log1p,
    "vtanh": np.tanh,
    "vsigmoid": lambda x: np.exp(np.minimum(x, 0)) / (1 + np.exp(-np.abs(x))),
}


@pytest.mark.parametrize("isa", _core.isas())
@pytest.mark.parametrize("name", REFERENCE32)
def test_every_float32_binade(probe: Callable, name: str, isa: str) -> None:
    """Every 16,411th float32 there is, NaN and infinities among them, against NumPy in double."""
    x = np.arange(0, 2**32, 16411, dtype=np.uint64).astype(np.uint32).view(np.float32)
    with np.errstate(all="ignore"):
        y = probe(name, isa, "float32", x).astype(np.float64)
        reference = REFERENCE32[name](x.astype(np.float64))
        rounded = reference.astype(np.float32)
        same = (np.isnan(y) & np.isnan(rounded)) | (y == rounded)
        below = np.nextafter(np.abs(rounded), np.float32(0))  # finite, even where the reference rounds to infinity
        errors = np.where(same, 0, np.abs(y - reference) / np.spacing(below))
    row = ROWS[name]
    errors[(y == 0) & (np.abs(reference) < 2.0**row.flushed) & (row.flushed != 0)] = 0
    worst = int(np.argmax(np.where(np.isnan(errors), np.inf, errors)))
    assert errors[worst] <= row.ulps, f"{name}({x[worst]!r}) = {y[worst]!r}, not {reference[worst]!r}"


@pytest.mark.parametrize("isa", _core.isas())
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ROWS)
def test_limits(probe: Callable, name: str, dtype: str, isa: str) -> None:
    y = probe(name, isa, dtype, np.array([-INF, -0.0, 0.0, INF, NAN]))
    np.testing.assert_array_equal(y, [*ROWS[name].limits, NAN])
    numbers = ~np.isnan(y)
    np.testing.assert_array_equal(np.signbit(y[numbers]), np.signbit([*ROWS[name].limits, NAN])[numbers])


@pytest.mark.parametrize("isa", _core.isas())
@pytest.mark.parametrize("dtype", DTYPES)
def test_far_outside_the_range(probe: Callable, dtype: str, isa: str) -> None:
    huge = float(np.finfo(DTYPES[dtype]).max)
    expected = {
        "vexp": (0, INF), "vexpm1": (-1, INF), "vtanh": (-1, 1), "vsigmoid": (0, 1), "vphi": (0, 1), "verf": (-1, 1),
    }  # fmt: skip
    for name, pair in expected.items():
        for x in (huge, 1e30, 1e4):
            np.testing.assert_array_equal(probe(name, isa, dtype, np.array([-x, x])), pair)
    domain = {"vlog": (-0.5, 0.0), "vlog1p": (-1.5, -1.0)}
    for name, pair in domain.items():
        np.testing.assert_array_equal(probe(name, isa, dtype, np.array(pair)), [NAN, -INF])
