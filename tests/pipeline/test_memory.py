"""Files that unpack to more than memory holds are refused before they are read."""

from __future__ import annotations

import bz2
import gzip
import lzma
import time
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from pydl.pipeline import memory
from pydl.pipeline.table import read_chunks, read_table

pytestmark = pytest.mark.long  # unpacks large files; test_reading stays

ROWS = 200_000
FREE = 1 << 20
BOMBS = ["t.csv.gz", "two.csv.gz", "t.parquet", "t.npz", "t.csv.bz2", "t.csv.xz", "no ending", "t.zip"]


@pytest.fixture(autouse=True)
def little_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "available", lambda: FREE)


def bombs(folder: Path) -> dict[str, Path]:
    """Files of equal values, each far below what it unpacks to."""
    frame = pd.DataFrame({"a": np.zeros(ROWS), "b": np.zeros(ROWS)})
    text = frame.to_csv(index=False).encode()
    with gzip.open(folder / "t.csv.gz", "wb") as file:
        file.write(text)
    (folder / "two.csv.gz").write_bytes(gzip.compress(text[: FREE // 2]) + gzip.compress(text[: FREE // 2 + 1000]))
    frame.to_parquet(folder / "t.parquet")
    np.savez_compressed(folder / "t.npz", a=frame["a"], b=frame["b"])
    (folder / "t.csv.bz2").write_bytes(bz2.compress(text * 2))
    (folder / "t.csv.xz").write_bytes(lzma.compress(text * 2))
    (folder / "no ending").write_bytes(gzip.compress(text * 2))
    with zipfile.ZipFile(folder / "t.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("t.csv", text * 2)
    return {path.name: path for path in folder.iterdir()}


@pytest.mark.parametrize("name", BOMBS)
def test_too_much_for_memory(name: str, tmp_path: Path) -> None:
    path = bombs(tmp_path)[name]
    assert path.stat().st_size < FREE / 4
    with pytest.raises(ValueError, match=r"unpacks to .* GB or more, but 0\.0 GB of memory are free; .*--stream"):
        read_table(path)


def test_pieces_need_less(tmp_path: Path) -> None:
    assert sum(map(len, read_chunks(bombs(tmp_path)["t.csv.gz"]))) == ROWS


def test_what_fits_is_read(tmp_path: Path) -> None:
    frame = pd.DataFrame({"a": range(50)})
    with gzip.open(tmp_path / "t.csv.gz", "wt") as file:
        file.write(frame.to_csv(index=False))
    frame.to_parquet(tmp_path / "t.parquet")
    np.savez_compressed(tmp_path / "t.npz", a=frame["a"])
    for path in tmp_path.iterdir():
        assert read_table(path)["a"].tolist() == list(range(50))


def test_counting_stops_when_it_is_enough(tmp_path: Path) -> None:
    path = tmp_path / "t.csv.gz"
    path.write_bytes(gzip.compress(bytes(200 << 20), 9))
    found = memory._inflated(path, FREE)
    assert FREE < found <= 3 * FREE


def test_members_that_are_no_deflate(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "t.npz", "w") as archive:
        archive.writestr("a.npy", b"x" * 100)
    raw = bytearray((tmp_path / "t.npz").read_bytes())
    for at in (8, raw.rindex(b"PK\x01\x02") + 10):  # the number of the method, in both headers
        raw[at : at + 2] = b"\x63\x00"
    (tmp_path / "t.npz").write_bytes(raw)
    with pytest.raises(ValueError, match="cannot be read as a table"):
        read_table(tmp_path / "t.npz")


def test_offsets_that_point_anywhere(tmp_path: Path) -> None:
    """Arrow follows them without a look: a process that reads such a file would end."""
    path = tmp_path / "t.arrow"
    table = pa.table({"a": ["abc", "def", "ghi"]})
    with pa.ipc.new_file(path, table.schema) as writer:
        writer.write_table(table)
    raw, offsets = path.read_bytes(), np.array([0, 3, 6, 9], "<i4").tobytes()
    assert raw.count(offsets) == 1
    path.write_bytes(raw.replace(offsets, np.array([0, 3, 2_000_000_000, 2_000_000_009], "<i4").tobytes()))
    with pytest.raises(ValueError, match="cannot be read as a table"):
        read_table(path)
    with pytest.raises(ValueError, match="cannot be read as a table"):
        list(read_chunks(path))


@pytest.mark.alone
def test_many_columns_of_one_name(tmp_path: Path) -> None:
    from pydl.pipeline.table import _named

    def seconds(columns: int) -> float:
        frame = pd.DataFrame(np.zeros((1, columns)), columns=["x"] * columns)
        begin = time.process_time()
        named = _named(frame, [])
        assert named.columns.is_unique
        return time.process_time() - begin

    assert seconds(30_000) < 2, "quadratic: half a minute"
