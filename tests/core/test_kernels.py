"""Every kernel against its reference: each ISA this CPU runs x dtype x size x number of shares x place in memory."""

from __future__ import annotations

import ctypes
import mmap
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from pydl import _core
from tests.specs import SPECS, Fields, Spec

VECTOR_BYTES = {"baseline": 16, "avx2": 32, "avx512": 64, "neon": 16}
DTYPES = ("float32", "float64")
SHARES = (2, 3, 7)
PAGE = mmap.PAGESIZE
CANARY = 0xA5


def sizes(isa: str, dtype: str) -> list[int]:
    vl = VECTOR_BYTES[isa] // np.dtype(dtype).itemsize
    return sorted({0, 1, vl - 1, vl, vl + 1, 3 * vl + 2, 1000})


class Memory:
    """Copies of arrays, each with canaries before it and either a page without access or canaries after it."""

    def __init__(self, guard: bool) -> None:
        self.guard = guard
        self.blocks: list[tuple[mmap.mmap, int, int]] = []

    def copy(self, array: np.ndarray) -> np.ndarray:
        pages = -(-(array.nbytes + 2 * 64) // PAGE) + 1
        block = mmap.mmap(-1, pages * PAGE)
        block.write(bytes([CANARY]) * (pages * PAGE))
        # flush with the page that must not be touched, or one element off the alignment that vectors would like
        start = (pages - 1) * PAGE - array.nbytes if self.guard else 64 + array.itemsize
        if self.guard:
            self.protect(block, (pages - 1) * PAGE, 0)
        self.blocks.append((block, start, start + array.nbytes))
        placed = np.frombuffer(block, array.dtype, array.size, start).reshape(array.shape)
        placed[...] = array
        return placed

    def intact(self) -> bool:
        """Whether the canaries are; makes the blocks accessible again."""
        whole = True
        for block, start, end in self.blocks:
            if self.guard:
                self.protect(block, len(block) - PAGE, mmap.PROT_READ | mmap.PROT_WRITE)
            around = block[:start] + block[end:]
            whole = whole and around == bytes([CANARY]) * len(around)
        return whole

    @staticmethod
    def protect(block: mmap.mmap, offset: int, access: int) -> None:
        address = ctypes.addressof(ctypes.c_char.from_buffer(block, offset))
        if ctypes.CDLL(None).mprotect(ctypes.c_void_p(address), ctypes.c_size_t(PAGE), access):
            raise OSError("mprotect failed")


def mapped(fields: Fields, f: Any) -> Fields:
    """The fields with f applied to every array, those in `step` and in lists included."""
    if isinstance(fields, dict):
        return {name: mapped(value, f) for name, value in fields.items()}
    if isinstance(fields, list | tuple):
        return [mapped(value, f) for value in fields]
    return f(fields) if isinstance(fields, np.ndarray) else fields


def in_double(fields: Fields) -> Fields:
    return mapped(fields, lambda a: a.astype(np.float64) if a.dtype.kind == "f" else a.copy())


def outputs(spec: Spec, fields: Fields) -> Iterator[tuple[str, np.ndarray]]:
    for name in spec.outputs:
        value = fields[name] if name in fields else fields["step"][name]
        if value is not None:
            for i, array in enumerate(value if isinstance(value, list | tuple) else [value]):
                yield f"{name}[{i}]", array


def run(
    spec: Spec, fields: Fields, dtype: str, isa: str, nth: int, guard: bool, same: tuple[str, str] | None = None
) -> dict[str, np.ndarray]:
    """The outputs by name, after a call on copies of the fields; `same`: an input and an output that are one array."""
    memory = Memory(guard)
    placed = mapped(fields, memory.copy)
    if same:
        placed[same[1]] = placed[same[0]]
    _core.call(spec.op, dtype=dtype, isa=isa, nth=nth, **placed)
    assert memory.intact(), "wrote outside its arrays"
    return {name: array.copy() for name, array in outputs(spec, placed)}


def draw(spec: Spec, dtype: str, n: int) -> Fields:
    return spec.args(np.random.default_rng(zlib.crc32(f"{spec.op} {n}".encode())), dtype, n)


def assert_same_bits(got: dict[str, np.ndarray], expected: dict[str, np.ndarray], what: str) -> None:
    for name, array in expected.items():
        assert got[name].tobytes() == array.tobytes(), f"{name} differs: {what}"


CASES = [
    pytest.param(spec, isa, dtype, id=f"{spec.op}-{i}-{isa}-{dtype}")
    for i, spec in enumerate(SPECS)
    for isa in _core.isas()
    for dtype in DTYPES
]


@pytest.mark.parametrize(("spec", "isa", "dtype"), CASES)
def test_values(spec: Spec, isa: str, dtype: str) -> None:
    eps = np.finfo(dtype).eps
    for n in sizes(isa, dtype):
        fields = draw(spec, dtype, n)
        expected = dict(outputs(spec, {"step": {}} | in_double(fields) | spec.reference(in_double(fields))))
        for guard in (True, False):
            got = run(spec, fields, dtype, isa, 1, guard)
            assert set(got) == set(expected)
            for name, array in got.items():
                bound = spec.ulps * eps * np.maximum(spec.scale, np.abs(expected[name]))
                np.testing.assert_array_equal(np.isnan(array), np.isnan(expected[name]), f"{name}, n = {n}")
                for at in np.argwhere(np.abs(array - expected[name]) > bound):
                    i = tuple(at)
                    pytest.fail(f"{name}{[*at]} is {array[i]!r}, not {expected[name][i]!r} +- {bound[i]:.2g}; n = {n}")


@pytest.mark.long  # seven sizes in up to seven shares, each twice; values in one share, and plans on threads, stay
@pytest.mark.parametrize(("spec", "isa", "dtype"), CASES)
def test_any_number_of_shares_gives_the_same_bits(spec: Spec, isa: str, dtype: str) -> None:
    for n in sizes(isa, dtype):
        fields = draw(spec, dtype, n)
        whole = run(spec, fields, dtype, isa, 1, guard=False)
        for nth in SHARES:
            for guard in (True, False):
                assert_same_bits(run(spec, fields, dtype, isa, nth, guard), whole, f"nth = {nth}, n = {n}")


@pytest.mark.parametrize(("spec", "isa", "dtype"), [case for case in CASES if case.values[0].in_place])
def test_in_place_gives_the_same_bits(spec: Spec, isa: str, dtype: str) -> None:
    for n in sizes(isa, dtype):
        fields = draw(spec, dtype, n)
        apart = run(spec, fields, dtype, isa, 1, guard=True)
        for pair in spec.in_place:
            for nth in (1, *SHARES):
                if fields[pair[0]] is not None and fields[pair[1]] is not None:
                    together = run(spec, fields, dtype, isa, nth, True, pair)
                    assert_same_bits(together, apart, f"{pair} in place, nth = {nth}, n = {n}")


def test_every_op_has_a_spec() -> None:
    assert {spec.op for spec in SPECS} == set(_core.ops())
