"""What `pydl predict` writes beside its predictions: the cells of the file that it was given."""

from __future__ import annotations

import datetime
from decimal import Decimal
from pathlib import Path

import pyarrow
import pyarrow.feather
import pyarrow.parquet
import pytest

from pydl import cli
from pydl.pipeline import table

ROWS = 300


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    rows = [f"{i % 17},{i % 5},{'yes' if i % 17 > 8 else 'no'}\n" for i in range(ROWS)]
    (folder / "t.csv").write_text("a,b,y\n" + "".join(rows))
    arguments = ["--target", "y", "--epochs", "1", "--out", str(folder / "run"), "--json"]
    assert cli.main(["train", str(folder / "t.csv"), *arguments]) == 0
    return folder / "run"


def of_all_types() -> pyarrow.Table:
    days = [datetime.date(2020, 1, 1 + i % 28) for i in range(ROWS)]
    columns = {
        "a": pyarrow.array([None if i == 3 else i % 17 for i in range(ROWS)], pyarrow.int16()),
        "b": pyarrow.array([Decimal(i) / 10 for i in range(ROWS)], pyarrow.decimal128(12, 4)),
        "tags": pyarrow.array([["x"] * (i % 3) for i in range(ROWS)]),
        "raw": pyarrow.array([bytes([i % 256, 255]) for i in range(ROWS)], pyarrow.binary()),
        "day": pyarrow.array(days, pyarrow.date32()),
        "moment": pyarrow.array([i * 10**6 for i in range(ROWS)], pyarrow.timestamp("us", "Europe/Paris")),
        "kind": pyarrow.array(["u", "v", None] * (ROWS // 3)).dictionary_encode(),
        "numbered": pyarrow.array([1, 2, None] * (ROWS // 3)).dictionary_encode(),
        "inner": pyarrow.array([{"p": i, "q": str(i)} for i in range(ROWS)]),
        "flag": pyarrow.array([True, None, False] * (ROWS // 3)),
        "large": pyarrow.array([2**63 + i for i in range(ROWS)], pyarrow.uint64()),
        "small": pyarrow.array([0.1 * i for i in range(ROWS)], pyarrow.float32()),
        "nothing": pyarrow.nulls(ROWS),
    }
    fields = [pyarrow.field(name, column.type, nullable=name != "day") for name, column in columns.items()]
    holes = pyarrow.array([float("nan") if i % 3 else None for i in range(ROWS)], pyarrow.float64())
    odd = pyarrow.table([*columns.values(), holes, holes], schema=pyarrow.schema(
        [*fields, pyarrow.field(" holes ", holes.type, metadata={"unit": "kg"}), pyarrow.field("", holes.type)],
        metadata={"from": "a friend"},
    ))  # fmt: skip
    return odd


@pytest.mark.parametrize("source", ["parquet", "feather"])
@pytest.mark.parametrize("goal", ["parquet", "feather"])
@pytest.mark.parametrize("pieces", [False, True])
def test_typed_columns_keep_their_types_and_values(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str, goal: str, pieces: bool
) -> None:
    given, path, out = of_all_types(), tmp_path / f"in.{source}", tmp_path / f"out.{goal}"
    if "parquet" in (source, goal):  # which keeps dictionaries of text only
        given = given.drop_columns("numbered")
    if source == "parquet":
        pyarrow.parquet.write_table(given, path)
    else:
        pyarrow.feather.write_feather(given, path)
    if pieces:
        monkeypatch.setattr(table, "_CHUNK_BYTES", 1000)
    assert cli.main(["predict", str(run), str(path), "--out", str(out)]) == 0
    read = pyarrow.parquet.read_table if goal == "parquet" else pyarrow.feather.read_table
    found = read(out)
    assert found.column_names == [*given.column_names, "y predicted", "probability no", "probability yes"]
    kept = found.select(given.column_names)
    assert kept.schema == given.schema
    assert (kept.schema.field(" holes ").metadata, kept.schema.metadata[b"from"]) == ({b"unit": b"kg"}, b"a friend")
    assert str(kept.to_pylist()) == str(given.to_pylist())  # NaN is not null
