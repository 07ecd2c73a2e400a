"""Rows a power of two apart: the products, with a tile that writes down what it would read, replayed in a model of L1.

A conflict miss is one that a cache of the same size would not have had if a line could lie anywhere in it.
"""

from __future__ import annotations

import ctypes
import subprocess
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pydl import _core
from tests.core.test_vmath import FLAGS, ISA_FLAGS

TESTS = Path(__file__).parent
KERNELS = TESTS.parents[1] / "src" / "_core" / "kernels"
PRODUCTS = {"matmul": 0, "gemm_dx": 1, "gemm_dw": 2}
FIELDS = ("form", "m", "width", "a", "rs", "cs", "run", "runs", "jump", "b", "ldb", "c", "ldc")
TILES, SIZE = 24, 4  # replayed; bytes of a float
Caches = dict[str, dict[str, int]]
Tile = dict[str, int]


def caches(l1_bytes: int, ways: int) -> Caches:
    shared = {"line": 64, "threads": 1}
    return {
        "l1": {"bytes": l1_bytes, "ways": ways, **shared},
        "l2": {"bytes": 1 << 20, "ways": 8, **shared},
        "l3": {"bytes": 0, "ways": 1, **shared},
    }


@dataclass
class Cache:
    """Least recently used lines give way."""

    sets: int
    ways: int

    def __post_init__(self) -> None:
        self.lines: list[OrderedDict[int, None]] = [OrderedDict() for _ in range(self.sets)]

    def misses(self, address: int) -> bool:
        line = address // 64
        held = self.lines[line % self.sets]
        missed = line not in held
        held[line] = None
        held.move_to_end(line)
        if len(held) > self.ways:
            held.popitem(last=False)
        return missed


def accesses(t: Tile) -> Iterator[tuple[bool, int]]:
    """(whether it is the operand that is broadcast, address) in the order of the tile's loop."""
    for k in range(t["run"] * t["runs"]):
        yield from ((False, t["b"] + (k * t["ldb"] + j) * SIZE) for j in range(0, t["width"], 16))
        at = k // t["run"] * t["jump"] + k % t["run"] * t["cs"]
        yield from ((True, t["a"] + (i * t["rs"] + at) * SIZE) for i in range(t["m"]))
    yield from ((False, t["c"] + i * t["ldc"] * SIZE) for i in range(t["m"]))


def conflicts(product: str, tiles: list[Tile], l1: dict[str, int]) -> float:
    """Conflict misses of the broadcast operand for each of its lines that a tile reads.

    Tiles of dX and dW read what the ones before them did. Those of matmul are each looked at alone: it may fetch a line
    anew, from L2 and well ahead, but must not lose it before the tile is done with it.
    """
    lines = l1["bytes"] // 64
    found = read = 0
    for i, t in enumerate(tiles):
        if i == 0 or product == "matmul":
            real, ideal = Cache(lines // l1["ways"], l1["ways"]), Cache(1, lines)
        touched = set()
        for broadcast, address in accesses(t):
            both = real.misses(address), ideal.misses(address)
            if broadcast:
                touched.add(address // 64)
                found += both[0] - both[1]
        read += len(touched)
    return found / read


@pytest.fixture(scope="module", params=[isa for isa in _core.isas() if isa in ISA_FLAGS])
def isa(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def probe(isa: str, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., list[Tile]]:
    """probe(product, B, I, O, caches) -> the first tiles."""
    target = tmp_path_factory.mktemp("blocking") / "probe.so"
    sources = [TESTS / "blocking_probe.c"] + [
        path for path in KERNELS.glob("*.c") if path.stem == "matmul" or path.stem.startswith("gemm_")
    ]
    sources.remove(KERNELS / "gemm_tile.c")
    flags = [*FLAGS, f"-DPD_ISA_{isa}", *ISA_FLAGS[isa].split()]
    subprocess.run(["cc", *flags, "-o", str(target), *map(str, sources)], check=True)
    library = ctypes.CDLL(str(target))

    def run(product: str, B: int, I: int, O: int, found: Caches) -> list[Tile]:
        shapes = {"matmul": ((B, I), (I, O), (B, O)), "gemm_dx": ((B, O), (I, O), (B, I)),
                  "gemm_dw": ((B, I), (B, O), (I, O))}[product]  # fmt: skip
        arrays = [np.zeros(4096 // SIZE + shape[0] * -(-shape[1] // 32) * 32, np.float32) for shape in shapes]
        pages = [ctypes.c_void_p(-(-a.ctypes.data // 4096) * 4096) for a in arrays]  # they begin where pages do
        pack = np.zeros(1 << 18, np.float32)
        fields = ("bytes", "ways", "line", "threads")  # of pd_cache
        levels = np.array([[level[field] for field in fields] for level in found.values()], np.intp)
        records = np.zeros((TILES, len(FIELDS)), np.intp)
        sizes = [ctypes.c_ssize_t(n) for n in (B, I, O)]
        address: Callable[[Any], Any] = lambda a: ctypes.c_void_p(a.ctypes.data)  # noqa: E731
        library.probe.restype = ctypes.c_ssize_t
        total = library.probe(PRODUCTS[product], address(levels), *sizes, *pages, address(pack), address(records),
                              ctypes.c_ssize_t(TILES))  # fmt: skip
        return [dict(zip(FIELDS, map(int, row), strict=True)) for row in records[: min(total, TILES)]]

    return run


FITS = caches(1 << 26, 1 << 14)  # nothing conflicts there, so nothing is copied
# product, (B, I, O), bytes and ways of L1
SHAPES = [
    ("matmul", (96, 4096, 64), 1 << 16, 4),
    ("gemm_dx", (64, 1024, 256), 1 << 16, 4),
    ("gemm_dx", (64, 1024, 512), 1 << 17, 8),
    ("gemm_dx", (64, 1024, 512), 3 << 15, 12),
    ("gemm_dx", (64, 1024, 512), 1 << 17, 16),
    ("gemm_dw", (96, 1024, 96), 1 << 15, 8),
    ("gemm_dw", (96, 512, 96), 1 << 15, 8),
    ("gemm_dw", (128, 1024, 96), 3 << 14, 12),
    ("gemm_dw", (128, 1024, 96), 1 << 16, 16),
]


@pytest.mark.parametrize(("product", "shape", "size", "ways"), SHAPES)
def test_powers_of_two_are_copied(
    isa: str, probe: Callable[..., list[Tile]], product: str, shape: tuple[int, int, int], size: int, ways: int
) -> None:
    here = caches(size, ways)
    in_place = conflicts(product, probe(product, *shape, FITS), here["l1"])
    chosen = conflicts(product, probe(product, *shape, here), here["l1"])
    if product == "gemm_dx" and isa != "avx512":
        assert in_place < 0.1, "a turned copy of the weights is read, whatever the caches"
    else:
        assert in_place > 0.4, "in place, every other line or so is pushed out before it is read again"
    assert chosen < 0.1


@pytest.mark.parametrize("ways", [8, 12, 16])
@pytest.mark.parametrize(("product", "shape"), [(p, s) for p in PRODUCTS for s in ((96, 1024, 64), (96, 1000, 72))])
def test_few_conflicts_whatever_is_chosen(
    probe: Callable[..., list[Tile]], product: str, shape: tuple[int, int, int], ways: int
) -> None:
    here = caches(4096 * ways, ways)
    assert conflicts(product, probe(product, *shape, here), here["l1"]) < 0.1
