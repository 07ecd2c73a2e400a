"""Plan files that lie: none makes the library leave its memory. `make fuzz` does more of this, under sanitizers."""

from __future__ import annotations

import struct
import subprocess
from pathlib import Path

import pytest

import pydl
from pydl import layers as L
from tests.library import fuzz
from tests.library.library import Context, LibraryError, LoadedModel
from tests.library.test_programs import compiled

FUZZER = Path(__file__).parents[1] / "c" / "fuzz_plan.c"


@pytest.fixture
def data(tmp_path: Path) -> bytes:
    model = pydl.Sequential([pydl.Input((3,)), L.Dense(4, "relu"), L.Dense(2)])
    model.export(tmp_path / "m.plan.safetensors")
    return (tmp_path / "m.plan.safetensors").read_bytes()


def description(data: bytes) -> tuple[int, int]:
    """Where it begins and ends."""
    length = int.from_bytes(data[-16:-8], "little")
    return len(data) - 16 - length, len(data) - 16


def test_cut_short(data: bytes) -> None:
    for n in [*range(0, 64), *range(64, len(data), 97), len(data) - 1]:
        with pytest.raises(LibraryError, match="BAD_FILE"):
            LoadedModel(data[:n])


def test_another_version(data: bytes) -> None:
    start, _ = description(data)
    changed = data[:start] + struct.pack("<q", 2) + data[start + 8 :]
    with pytest.raises(LibraryError, match=r"expected version 1 of plan files: this library is pydl \d"):
        LoadedModel(changed)


def test_an_unknown_op(data: bytes) -> None:
    with pytest.raises(LibraryError, match='expected an op of this library, found "gemm_fwx"'):
        LoadedModel(data.replace(b"gemm_fwd\0", b"gemm_fwx\0"))


def test_a_field_of_another_op(data: bytes) -> None:
    with pytest.raises(LibraryError, match='expected a field of its own, found "B_"'):
        LoadedModel(data.replace(struct.pack("<q", 1) + b"B\0", struct.pack("<q", 2) + b"B_"))


def test_sizes_beyond_the_buffers(data: bytes) -> None:
    """Each number of the description, made a little larger: found out, or of no importance to memory."""
    start, end = description(data)
    refused = 0
    for at in range(start, end, 8):
        (word,) = struct.unpack_from("<q", data, at)
        if not 0 < word < 100:
            continue
        changed = data[:at] + struct.pack("<q", word + 40) + data[at + 8 :]
        try:
            model = LoadedModel(changed)
            Context(model, 3)
        except LibraryError:
            refused += 1
    assert refused > 50


@pytest.mark.parametrize("name", fuzz.MODELS)
def test_mutations(name: str, tmp_path: Path) -> None:
    path = tmp_path / "m.plan.safetensors"
    fuzz.MODELS[name]().export(path, training=True)
    program = compiled(FUZZER, tmp_path, "-std=c99")
    done = subprocess.run([program, path, "500", "1"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done
    refused, _, ran, _ = done.stdout.split()
    assert int(refused) > 100
    assert int(ran) > 10  # what is changed need not matter
