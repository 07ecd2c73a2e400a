"""Tables that are written: whole or in pieces, in files of every make, and there when all of it is."""

from __future__ import annotations

import json
import os
import zipfile
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pydl.pipeline.table import read_table
from pydl.pipeline.writing import table_writer, write_table
from tests.pipeline.tables import OF_ALL_KINDS

MIXED = pd.DataFrame({
    "whole": [3, 1, 2], "real": [0.5, np.nan, -2.25], "text": ["a", None, "c d"], "flag": [True, False, True],
    "when": pd.to_datetime(["2024-01-31 00:00", "2024-02-29 12:30", "2025-01-01 00:00"]),
})  # fmt: skip


@pytest.mark.parametrize(
    "name", ["t.csv", "t.tsv", "t.csv.gz", "t.parquet", "t.arrow", "t.feather", "t.jsonl", "t.json"]
)
def test_written_tables_come_back(tmp_path: Path, name: str) -> None:
    write_table(MIXED, tmp_path / name)
    frame = read_table(tmp_path / name)
    assert list(frame.columns) == list(MIXED.columns)
    np.testing.assert_array_equal(frame["whole"], MIXED["whole"])
    np.testing.assert_array_equal(frame["real"], MIXED["real"])
    assert [None if pd.isna(v) else v for v in frame["text"]] == ["a", None, "c d"]
    assert frame["flag"].astype(str).tolist() == ["True", "False", "True"]
    assert pd.to_datetime(frame["when"], format="ISO8601").tolist() == MIXED["when"].tolist()


@pytest.mark.parametrize("name", ["t.csv", "t.tsv", "t.csv.gz", "t.jsonl", "t.json", "t.parquet", "t.arrow", "t.npz"])
def test_tables_written_in_pieces(tmp_path: Path, name: str) -> None:
    write_table(OF_ALL_KINDS, tmp_path / name)
    with table_writer(tmp_path / ("pieces " + name)) as file:
        for start in range(0, 9, 2):
            file.write(OF_ALL_KINDS.iloc[start : start + 2])
    pd.testing.assert_frame_equal(read_table(tmp_path / ("pieces " + name)), read_table(tmp_path / name))
    if name not in ("t.parquet", "t.arrow"):  # whose pieces are batches of their own
        assert (tmp_path / ("pieces " + name)).read_bytes() == (tmp_path / name).read_bytes()


def interrupted(path: Path) -> None:
    with table_writer(path) as file:
        file.write(MIXED)
        raise KeyboardInterrupt


def test_a_table_is_there_when_all_of_it_is(tmp_path: Path) -> None:
    for name in ("t.csv", "t.csv.gz", "t.parquet", "t.arrow", "t.npz", "t.json"):
        (tmp_path / name).write_text("before")
        with pytest.raises(KeyboardInterrupt):
            interrupted(tmp_path / name)
        assert (tmp_path / name).read_text() == "before"
        (tmp_path / name).unlink()
    assert not list(tmp_path.iterdir())


def test_a_file_keeps_its_permissions(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.touch(0o600)
    write_table(MIXED, path)
    assert path.stat().st_mode & 0o777 == 0o600


def test_what_cannot_be_written_is_told_in_a_line(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="cannot be written"):
        write_table(MIXED, tmp_path / "gone" / "t.csv")
    with pytest.raises(ValueError, match="unknown ending"):
        write_table(MIXED, tmp_path / "t.xls")
    os.mkfifo(tmp_path / "pipe.csv")
    (tmp_path / "folder.csv").mkdir()
    for name in ("pipe.csv", "folder.csv"):
        with pytest.raises(ValueError, match="is a folder or device; expected the name of a file to write"):
            write_table(MIXED, tmp_path / name)


def test_any_name_of_a_column_in_an_npz_file(tmp_path: Path) -> None:
    names = ["file", "allow_pickle", "../../up", "/root", r"C:\windows", "..", "a", "b.npy"]
    path = tmp_path / "t.npz"
    write_table(pd.DataFrame({name: [i, i + 1] for i, name in enumerate(names)}), path)
    with zipfile.ZipFile(path) as archive:
        members = archive.namelist()
        assert not {"/", "\\", ":"} & set("".join(members))
        archive.extractall(tmp_path / "out")
    assert sorted(os.listdir(tmp_path / "out")) == sorted(members)
    with np.load(path) as arrays:
        assert [arrays[name][0] for name in arrays.files] == list(range(len(names)))


@pytest.mark.parametrize("name", ["t.jsonl", "t.json"])
def test_json_keeps_every_digit(tmp_path: Path, name: str) -> None:
    numbers = [5.5977469455092524e-14, 0.1 + 0.2, -1e300, np.nan, np.inf, float(2**53 + 2)]
    frame = pd.DataFrame({
        "a %": numbers, "n": [2**63 - 1, 0, 1, 2, 3, 4], "t": ["\u00e9", 'a"b', "\n", None, "/", "x"],
        "d": [Decimal("1.5")] * 6, "w": pd.to_datetime(["2020-01-31 12:00"] * 6), "f": [True] * 6,
    })  # fmt: skip
    with table_writer(tmp_path / name) as file:
        file.write(frame[:4])
        file.write(frame[4:])
    text = (tmp_path / name).read_text(encoding="utf-8")
    rows = json.loads(text) if name == "t.json" else [json.loads(line) for line in text.split("\n")[:-1]]
    assert [row["a %"] for row in rows] == [*numbers[:3], None, None, numbers[5]]
    assert [row["n"] for row in rows] == frame["n"].tolist()
    assert [row["t"] for row in rows] == ["\u00e9", 'a"b', "\n", None, "/", "x"]
    assert rows[0]["d"] == 1.5
    assert pd.Timestamp(rows[0]["w"]) == frame["w"][0]
    assert rows[0]["f"] is True


def test_json_within_json(tmp_path: Path) -> None:
    cells = [[1.5, np.nan], {"a": [np.inf, 2]}, np.array([0.25, np.nan])]
    write_table(pd.DataFrame({"c": pd.Series(cells, dtype=object)}), tmp_path / "t.jsonl")
    lines = (tmp_path / "t.jsonl").read_text().splitlines()
    assert lines == ['{"c":[1.5, null]}', '{"c":{"a": [null, 2]}}', '{"c":[0.25, null]}']


def test_json_has_no_bytes(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match='column "b": bytes, which JSON has no form of'):
        write_table(pd.DataFrame({"b": [b"\xff"]}), tmp_path / "t.jsonl")
