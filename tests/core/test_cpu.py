"""Which instruction sets a CPU gets: fake CPUs through the detector, and the environment variables that overrule it."""

from __future__ import annotations

import platform
from dataclasses import dataclass

import pytest

from pydl import _core
from tests.process import python, says

# CPUID.1:ECX
FMA, OSXSAVE, AVX = 1 << 12, 1 << 27, 1 << 28
V3 = FMA | OSXSAVE | AVX
# CPUID.7.0:EBX
AVX2, F, DQ, BW, VL = 1 << 5, 1 << 16, 1 << 17, 1 << 30, 1 << 31
V4 = AVX2 | F | DQ | BW | VL
# XCR0: registers that the operating system saves
X87_SSE, YMM, ZMM, AMX = 0x3, 0x7, 0xE7, 0x600E7

PLAIN = ["baseline"]
UP_TO_AVX2 = ["baseline", "avx2"]
ALL = ["baseline", "avx2", "avx512"]


@dataclass(frozen=True)
class Cpu:
    max_leaf: int
    ecx1: int
    ebx7: int
    xcr0: int
    isas: list[str]


CPUS = {
    "first x86-64": Cpu(1, 0, 0, 0, PLAIN),
    "Sandy Bridge: AVX alone": Cpu(13, OSXSAVE | AVX, 0, YMM, PLAIN),
    "Ivy Bridge with FMA hidden": Cpu(13, OSXSAVE | AVX, AVX2, YMM, PLAIN),
    "Piledriver: FMA without AVX2": Cpu(13, V3, 0, YMM, PLAIN),
    "Haswell": Cpu(13, V3, AVX2, YMM, UP_TO_AVX2),
    "Haswell, OSXSAVE off": Cpu(13, FMA | AVX, AVX2, 0, PLAIN),
    "Haswell under a system that saves SSE only": Cpu(13, V3, AVX2, X87_SSE, PLAIN),
    "Haswell that saves ymm but not xmm": Cpu(13, V3, AVX2, 0x5, PLAIN),
    "CPUID limited to leaf 3 in the BIOS": Cpu(3, V3, V4, ZMM, PLAIN),
    "no leaves at all": Cpu(0, 0, 0, 0, PLAIN),
    "AVX hidden by a hypervisor": Cpu(13, FMA | OSXSAVE, V4, ZMM, PLAIN),
    "Knights Landing: F without DQ, BW, VL": Cpu(13, V3, AVX2 | F, ZMM, UP_TO_AVX2),
    "Skylake-X": Cpu(22, V3, V4, ZMM, ALL),
    "Skylake-X, zmm not saved": Cpu(22, V3, V4, YMM, UP_TO_AVX2),
    "Skylake-X, opmask registers not saved": Cpu(22, V3, V4, 0xC7, UP_TO_AVX2),
    "Skylake-X, upper zmm not saved": Cpu(22, V3, V4, 0x67, UP_TO_AVX2),
    "Skylake-X without VL": Cpu(22, V3, V4 & ~VL, ZMM, UP_TO_AVX2),
    "AVX-512 without AVX2, as some emulators say": Cpu(13, V3, V4 & ~AVX2, ZMM, PLAIN),
    "Alder Lake, AVX-512 fused off": Cpu(32, V3, AVX2, YMM, UP_TO_AVX2),
    "Sapphire Rapids": Cpu(32, V3, V4, AMX, ALL),
    "every bit set": Cpu(0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFFFFFFFFFF, ALL),
}


@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="CPUID is of x86-64")
@pytest.mark.parametrize("name", CPUS)
def test_fake_cpu(name: str) -> None:
    cpu = CPUS[name]
    assert _core.cpu_isas(cpu.max_leaf, cpu.ecx1, cpu.ebx7, cpu.xcr0) == cpu.isas


def test_neon_is_for_arm() -> None:
    assert ("neon" in _core.isas()) == (platform.machine() in ("aarch64", "arm64"))


@pytest.mark.parametrize("isa", _core.isas())
def test_an_isa_is_forced(isa: str) -> None:
    assert says("import pydl._core as c; print(c.isa(), c.Plan('float32').isa)", PYDL_ISA=isa).split() == [isa, isa]


def test_the_fastest_isa_by_default() -> None:
    assert says("import pydl._core as c; print(c.isa())", PYDL_ISA="").strip() == _core.isas()[-1]


UNSUPPORTED = "neon" if _core.isas()[-1] != "neon" else "avx2"


@pytest.mark.parametrize(
    ("variable", "value", "error", "valid"),
    [
        *(("PYDL_ISA", value, "ImportError", str(_core.isas())) for value in ("sse9", "AVX2", UNSUPPORTED)),
        *(("PYDL_DEBUG", value, "ImportError", "'0' or '1'") for value in ("2", "yes")),
        *(("PYDL_NUM_THREADS", value, "ValueError", "integer") for value in ("0", "-1", "two", "1.5")),
    ],
)
def test_a_wrong_value(variable: str, value: str, error: str, valid: str) -> None:
    done = python("import pydl; pydl.config.get_num_threads()", **{variable: value})
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith(error)
    assert variable in last
    assert value in last
    assert valid in last
