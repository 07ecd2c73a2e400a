"""Which instruction sets and caches a CPU has: fake CPUs through the detector, and the environment variables that
overrule it."""

from __future__ import annotations

import platform
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

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


# (bytes, ways, line, threads) of a cache
Cache = tuple[int, int, int, int]
KB, MB = 1 << 10, 1 << 20
NO_L3: Cache = (0, 1, 64, 1)
MODEST: tuple[Cache, Cache, Cache] = ((32 * KB, 8, 64, 1), (256 * KB, 8, 64, 1), NO_L3)


def subleaf(kind: int, level: int, cache: Cache) -> tuple[int, int, int]:
    """EAX, EBX, ECX of CPUID.4 and CPUID.8000001D for a cache; kind is 1 data, 2 instructions, 3 both."""
    size, ways, line, threads = cache
    return kind | level << 5 | threads - 1 << 14, line - 1 | ways - 1 << 22, size // (ways * line) - 1


CODE = subleaf(2, 1, (64 * KB, 4, 64, 2))
END = (0, 0, 0)
DATA: Cache = (48 * KB, 12, 64, 2)
CACHES = {
    "Zen 3": (
        [(0x4121, 0x01C0003F, 0x3F), (0x4122, 0x01C0003F, 0x3F), (0x4143, 0x01C0003F, 0x3FF),
         (0x3C163, 0x03C0003F, 0x7FFF), END],
        ((32 * KB, 8, 64, 2), (512 * KB, 8, 64, 2), (32 * MB, 16, 64, 16)),
    ),
    "Skylake-X": (
        [(0x1C004121, 0x01C0003F, 0x3F), (0x1C004122, 0x01C0003F, 0x3F), (0x1C004143, 0x03C0003F, 0x3FF),
         (0x1C03C163, 0x0280003F, 0x8FFF), END],
        ((32 * KB, 8, 64, 2), (1 * MB, 16, 64, 2), (36864 * 64 * 11, 11, 64, 16)),
    ),
    "Sapphire Rapids": (
        [subleaf(1, 1, DATA), subleaf(3, 2, (2 * MB, 16, 64, 2)), subleaf(3, 3, (60 * MB, 15, 64, 128))],
        (DATA, (2 * MB, 16, 64, 2), (60 * MB, 15, 64, 128)),
    ),
    "in two physical line partitions": ([(0x21, 0x01C0103F, 0x3F)], ((64 * KB, 8, 64, 1), *MODEST[1:])),
    "with a fourth level": ([subleaf(3, 4, (128 * MB, 16, 64, 8)), subleaf(1, 1, DATA)], (DATA, *MODEST[1:])),
    "instructions only": ([CODE, END], MODEST),
    "what stands behind the end": ([END, subleaf(1, 1, DATA)], MODEST),
    "all hidden": ([], MODEST),
    "a cache of one line": ([subleaf(1, 1, (64, 1, 64, 1)), subleaf(3, 2, (64, 1, 64, 1))], MODEST),
    "every bit set": ([(0xFFFFFFFF,) * 3] * 8, MODEST),
}  # fmt: skip


@pytest.mark.parametrize("name", CACHES)
def test_caches_of_a_fake_cpu(name: str) -> None:
    subleaves, expected = CACHES[name]
    found = _core.cpu_caches(subleaves)
    assert tuple(tuple(found[level].values()) for level in ("l1", "l2", "l3")) == expected


def test_caches_of_this_cpu() -> None:
    found = _core.caches()
    for cache in found.values():
        assert cache["bytes"] % (cache["ways"] * cache["line"]) == 0
    assert found["l1"]["bytes"] <= found["l2"]["bytes"]


def test_caches_are_set_for_tests() -> None:
    found = _core.caches()
    other = {level: cache | {"bytes": 3 * cache["bytes"]} for level, cache in found.items()}
    assert _core.set_caches(other) == found
    assert _core.caches() == other
    assert _core.set_caches(found) == other
    for wrong in ({"ways": 0}, {"line": 0}, {"bytes": -1}):
        with pytest.raises(ValueError, match="at least"):
            _core.set_caches(found | {"l1": found["l1"] | wrong})
    assert _core.caches() == found


HEADER = Path(__file__).parents[2] / "src" / "_core" / "pd.h"


@pytest.mark.skipif(not HEADER.exists(), reason="needs the C sources")
@pytest.mark.skipif(shutil.which("gcc") is None or platform.machine() != "x86_64", reason="needs GCC on x86-64")
@pytest.mark.parametrize(("option", "compiles"), [("-m64", True), ("-m32", False)])
def test_a_build_for_32_bits_says_what_to_do(option: str, compiles: bool) -> None:
    command = ["gcc", option, "-ffreestanding", "-fsyntax-only", "-x", "c", str(HEADER)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode == 0) == compiles
    assert ("pydl needs a 64-bit little-endian machine; for others, model.export" in done.stderr) != compiles


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
