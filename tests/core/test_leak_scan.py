"""Every object file of the build, disassembled: no instruction of a larger ISA than its folder's, so that the linker
can never hand a plain x86-64 CPU something it cannot run; no global name without its ISA; no data that changes."""

from __future__ import annotations

import platform
import re
import shutil
import subprocess
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BUILDS = sorted(ROOT.glob("build/cp*/build.ninja"), key=lambda p: p.stat().st_mtime)

pytestmark = [
    pytest.mark.skipif(shutil.which("objdump") is None, reason="needs objdump, of binutils"),
    pytest.mark.skipif(not BUILDS, reason="needs the build tree, build/cp*, of an editable install"),
    pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="the ISAs of x86-64"),
]

LEVELS = {"baseline": 0, "avx2": 1, "avx512": 2}  # plain; VEX; EVEX
PREFIXES = {"26", "2e", "36", "3e", "64", "65", "67"}  # segment and address size: all that may stand before VEX or EVEX
ENCODINGS = {"c4": 1, "c5": 1, "62": 2}  # first bytes that in 64-bit mode mean nothing else


def objects() -> dict[Path, str]:
    """The object files that the newest build links, with the ISA that each is for."""
    text = BUILDS[-1].read_text()
    names = re.findall(r"^build (CMakeFiles/\S+\.o): C_COMPILER", text, re.MULTILINE)
    isa = {name: re.match(r"CMakeFiles/pd_(baseline|avx2|avx512)_f(?:32|64)\.dir/", name) for name in names}
    return {BUILDS[-1].parent / name: found[1] if found else "baseline" for name, found in isa.items()}


OBJECTS = objects() if BUILDS else {}


def objdump(option: str, files: list[Path]) -> str:
    return subprocess.run(["objdump", option, *map(str, files)], capture_output=True, text=True, check=True).stdout


def level(encoded: str) -> int:
    """The level that the bytes of an instruction belong to."""
    first = next((byte for byte in encoded.split() if byte not in PREFIXES), "")
    return ENCODINGS.get(first, 0)


def levels(files: list[Path]) -> Counter[int]:
    """How many instructions of each level the files have."""
    # Three columns, split by tabs: address, bytes, instruction; long instructions go on in a line of two columns.
    lines = (line.split("\t") for line in objdump("-d", files).splitlines())
    return Counter(level(columns[1]) for columns in lines if len(columns) == 3)


def test_the_build_has_every_part() -> None:
    assert Counter(OBJECTS.values()).keys() == LEVELS.keys()
    assert {"cpu.c.o", "dispatch.c.o", "exec.c.o", "_core.c.o"} <= {p.name for p in OBJECTS}


@pytest.mark.parametrize("isa", ["baseline", "avx2"])
def test_no_instruction_of_a_larger_isa(isa: str) -> None:
    files = [p for p, found in OBJECTS.items() if found == isa]
    leaks = {n: count for n, count in levels(files).items() if n > LEVELS[isa]}
    if leaks:  # say where
        leaks = {p.name: levels([p]) for p in files if any(n > LEVELS[isa] for n in levels([p]))}
    assert not leaks


@pytest.mark.parametrize(("isa", "n"), [("avx2", 1), ("avx512", 2)])
def test_the_scan_sees_them_where_they_belong(isa: str, n: int) -> None:
    files = [p for p, found in OBJECTS.items() if found == isa and p.name == "act_gelu.c.o"]
    assert len(files) == 2
    assert levels(files)[n] > 20


@pytest.mark.parametrize("isa", LEVELS)
def test_global_names_carry_isa_and_dtype(isa: str) -> None:
    for dtype in ("f32", "f64"):
        files = [p for p in OBJECTS if f"pd_{isa}_{dtype}.dir" in str(p)]
        defined = re.findall(
            r"^[0-9a-f]+ g.{6} (?!\*UND\*)\S+\s+[0-9a-f]+ (?:\.hidden )?(\S+)$", objdump("-t", files), re.M
        )
        assert len(defined) >= len(files)
        assert not [name for name in defined if not name.endswith(f"_{isa}_{dtype}")]


def test_kernels_have_no_data_that_changes() -> None:
    files = [p for p in OBJECTS if re.search(r"pd_\w+_f(32|64)\.dir", str(p))]
    sections = re.findall(r"^\s*\d+ (\.(?:data|bss|tdata|tbss)\S*)\s+([0-9a-f]+)", objdump("-h", files), re.MULTILINE)
    assert sections
    # .data.rel.ro: constant tables of addresses, read-only once they are relocated
    assert not [name for name, size in sections if int(size, 16) and not name.startswith(".data.rel.ro")]
