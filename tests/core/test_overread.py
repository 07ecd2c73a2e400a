"""No kernel touches memory beside its arrays: they lie between pages without access, flush with the one before them or
the one behind. A touch kills the process, hence a process of its own, which says what it was about to do."""

from __future__ import annotations

import ctypes
import mmap
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest

from pydl import _core
from tests.core.test_kernels import DTYPES, VECTOR_BYTES, mapped
from tests.specs import SPECS, Fields, Spec

pytestmark = pytest.mark.long  # every kernel in pages of its own; test_kernels, between such pages too, stays

ROOT = Path(__file__).parents[2]
PAGE = mmap.PAGESIZE
ROOM = 4 << 20  # bytes for one array
SHARES = (1, 3)


class Cell:
    """Memory for one array at a time, with a page without access on either side."""

    def __init__(self) -> None:
        self.memory = mmap.mmap(-1, ROOM + 2 * PAGE)
        address = ctypes.addressof(ctypes.c_char.from_buffer(self.memory))
        for fence in (address, address + PAGE + ROOM):
            if ctypes.CDLL(None).mprotect(ctypes.c_void_p(fence), ctypes.c_size_t(PAGE), 0):
                raise OSError("mprotect failed")

    def place(self, array: np.ndarray, behind: bool) -> np.ndarray:
        """A copy of the array that ends (behind) or begins where access does."""
        assert array.nbytes <= ROOM
        start = PAGE + (ROOM - array.nbytes if behind else 0)
        placed = np.frombuffer(self.memory, array.dtype, array.size, start).reshape(array.shape)
        placed[...] = array
        return placed


def fenced(fields: Fields, cells: list[Cell], behind: bool) -> Fields:
    """The fields with every array in a cell of its own."""
    free = iter(cells)
    return mapped(fields, lambda array: next(free).place(array, behind))


def draw(spec: Spec, dtype: str, n: int) -> Fields:
    return spec.args(np.random.default_rng(zlib.crc32(f"{spec.op} {n}".encode())), dtype, n)


def call_all(isa: str, dtype: str) -> None:
    """Every spec with every tail of a vector, whole vectors before it or none."""
    lanes = VECTOR_BYTES[isa] // np.dtype(dtype).itemsize
    cells = [Cell() for _ in range(12)]
    for i, spec in enumerate(SPECS):
        for n in range(2 * lanes + 1):
            fields = draw(spec, dtype, n)
            for behind in (True, False):
                for nth in SHARES:
                    print(f"{spec.op} (spec {i}), n = {n}, nth = {nth}, behind = {behind}")
                    _core.call(spec.op, dtype=dtype, isa=isa, nth=nth, **fenced(fields, cells, behind))
    print("all calls returned")


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("isa", _core.isas())
def test_no_touch_beside_an_array(isa: str, dtype: str) -> None:
    command = [sys.executable, "-u", "-m", "tests.core.test_overread", isa, dtype]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    last = done.stdout.splitlines()[-1]
    assert done.returncode == 0, f"died of {done.returncode} in {last}; {done.stderr}"
    assert last == "all calls returned"


def test_a_fence_holds() -> None:
    """The test above can fail: one element beyond the array kills."""
    for at in (-1, 1):
        code = f"""
import ctypes, numpy as np
from tests.core.test_overread import Cell
x = Cell().place(np.ones(3), {at == 1})
ctypes.c_double.from_address(x.ctypes.data + {3 * 8 if at == 1 else -8}).value
"""
        assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode < 0


if __name__ == "__main__":
    call_all(*sys.argv[1:3])
