"""Tables and queries of SQLite and DuckDB files: read, never changed."""

from __future__ import annotations

import json
import sqlite3
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet
import pytest

from pydl.pipeline.identity import digest
from pydl.pipeline.table import read_chunks, read_table

PEOPLE: list[tuple[Any, ...]] = [("Ann", 31, 1.75, "01"), ("Bob", None, 1.5, "02"), ("Cid", 28, None, "03")]
PEOPLE_TABLE = 'CREATE TABLE "people ""1""" (name TEXT, age INTEGER, height REAL, code TEXT)'


def sqlite(path: Path, *statements: str, rows: Sequence[tuple[Any, ...]] = PEOPLE) -> Path:
    with closing(sqlite3.connect(path)) as connection:
        for statement in (PEOPLE_TABLE, *statements):
            connection.execute(statement)
        connection.executemany('INSERT INTO "people ""1""" VALUES (?, ?, ?, ?)', rows)
        connection.commit()
    return path


def refused(path: Path | str) -> str:
    with pytest.raises(ValueError) as error:
        read_table(path)
    assert "\n" not in str(error.value)
    return str(error.value)


def check(frame: pd.DataFrame) -> None:
    assert list(frame.columns) == ["name", "age", "height", "code"]
    assert frame["name"].tolist() == ["Ann", "Bob", "Cid"]
    np.testing.assert_array_equal(frame["age"], [31, np.nan, 28])
    np.testing.assert_array_equal(frame["height"], [1.75, 1.5, np.nan])
    assert frame["code"].tolist() == ["01", "02", "03"]


@pytest.mark.parametrize("name", ["people.sqlite", "people.db", "a b?#%.sqlite3", "no ending"])
def test_the_only_table(tmp_path: Path, name: str) -> None:
    path = sqlite(tmp_path / name)
    before = path.read_bytes()
    check(read_table(path))
    check(read_table(f'{path}::people "1"'))
    check(pd.concat(read_chunks(path, 2)))
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == [name]


def test_one_of_several_tables(tmp_path: Path) -> None:
    path = sqlite(tmp_path / "a.db", "CREATE TABLE other (x)", "CREATE VIEW old AS SELECT * FROM other")
    told = refused(path)
    assert 'has 3 tables (other, people "1", old); expected which one, as a.db::other' in told
    check(read_table(f'{path}::people "1"'))
    assert 'there are other, people "1", old' in refused(f"{path}::gone")
    assert "no rows" in refused(f"{path}::other")
    assert "no such file" in refused(f"{tmp_path / 'gone.db'}::other")


def test_a_name_is_no_sql(tmp_path: Path) -> None:
    path = sqlite(tmp_path / "a.db", 'CREATE TABLE "x; DROP TABLE y" (a)', 'INSERT INTO "x; DROP TABLE y" VALUES (7)')
    assert read_table(f"{path}::x; DROP TABLE y")["a"].tolist() == [7]


def test_queries_only_read(tmp_path: Path) -> None:
    path = sqlite(tmp_path / "a.db", "CREATE TABLE other (x)")
    before = path.read_bytes()
    frame = read_table(f'{path}::SELECT name, 2 * age AS twice FROM "people ""1""" WHERE age > 30')
    assert frame.to_dict("list") == {"name": ["Ann"], "twice": [62]}
    frame = read_table(
        f"{path}::with recursive n(i) as (select 1 union all select i + 1 from n limit 5) select i from n"
    )
    assert frame["i"].tolist() == [1, 2, 3, 4, 5]
    for query in (
        "SELECT 1; DROP TABLE other", "WITH n AS (SELECT 1 AS x) INSERT INTO other SELECT x FROM n",
        "SELECT load_extension('evil')", "WITH n AS (SELECT 1) DELETE FROM other", "SELECT gone FROM other",
    ):  # fmt: skip
        assert "expected a table or a query that only reads" in refused(f"{path}::{query}")
    for query in ("DROP TABLE other", "ATTACH 'b.db' AS b", "PRAGMA user_version = 3"):
        assert "expected the name of a table, or SELECT" in refused(f"{path}::{query}")
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["a.db"]


def test_rows_of_a_log_beside_the_file(tmp_path: Path) -> None:
    path = sqlite(tmp_path / "a.db")
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute('INSERT INTO "people ""1""" VALUES (?, ?, ?, ?)', ("Dan", 1, 1.0, "04"))
        connection.commit()
        assert len(read_table(path)) == 4
    assert len(read_table(path)) == 4
    assert [p.name for p in tmp_path.iterdir()] == ["a.db"]


def test_what_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "a.db").write_bytes(b"SQLite format 3\0" + b"\7" * 200)
    assert str(tmp_path / "a.db") in refused(tmp_path / "a.db")
    (tmp_path / "b.db").write_text("a,b\n1,2\n")
    assert read_table(tmp_path / "b.db")["b"].tolist() == [2]
    assert "not a database" in refused(f"{tmp_path / 'b.db'}::a")
    assert read_table(sqlite(tmp_path / "d::e.csv"))["name"].tolist() == ["Ann", "Bob", "Cid"]


def test_a_database_damaged_further_on(tmp_path: Path) -> None:
    path = sqlite(tmp_path / "a.db", rows=PEOPLE * 2000)
    content = bytearray(path.read_bytes())
    content[len(content) // 2 :] = b"\xff" * (len(content) - len(content) // 2)
    path.write_bytes(content)
    assert refused(path).startswith(f"{path}: database disk image is malformed")


def duck(path: Path) -> Path:
    duckdb = pytest.importorskip("duckdb")
    with duckdb.connect(str(path)) as connection:
        connection.execute(PEOPLE_TABLE)
        connection.executemany('INSERT INTO "people ""1""" VALUES (?, ?, ?, ?)', PEOPLE)
    return path


def test_duckdb(tmp_path: Path) -> None:
    path = duck(tmp_path / "a.duckdb")
    (tmp_path / "secret.csv").write_text("a\n1\n")
    before = path.read_bytes()
    check(read_table(path))
    check(read_table(f'{path}::people "1"'))
    check(pd.concat(read_chunks(path, 2)))
    assert read_table(f'{path}::SELECT DATE \'2024-01-31\' AS day FROM "people ""1"""')["day"][0] == "2024-01-31"
    for query in (
        f"SELECT * FROM '{tmp_path / 'secret.csv'}'", "WITH n AS (SELECT 1) DELETE FROM \"people \"\"1\"\"\"",
        "SELECT 1; SET enable_external_access=true",
    ):  # fmt: skip
        assert "expected a table or a query that only reads" in refused(f"{path}::{query}")
    assert path.read_bytes() == before


def test_duckdb_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "duckdb", None)
    (tmp_path / "a.db").write_bytes(b"\0" * 8 + b"DUCK" + b"\0" * 4096)
    assert "pip install duckdb" in refused(tmp_path / "a.db")


def test_rows_that_wait_beside_the_file_count_as_its_content(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode=wal")
        connection.execute("PRAGMA wal_autocheckpoint=0")
        connection.execute("CREATE TABLE t (x)")
        connection.commit()
        before = digest(path)
        connection.execute("INSERT INTO t VALUES (1)")
        connection.commit()
        assert digest(path) != before


def test_codes_that_a_float_cannot_hold_are_text_beside_a_gap(tmp_path: Path) -> None:
    codes = [2**60 + 3, None, 2**60, 7]
    path = tmp_path / "a.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE t (code, small)")
        connection.executemany("INSERT INTO t VALUES (?, ?)", [(code, None if code is None else 5) for code in codes])
        connection.commit()
    frame = read_table(path)
    assert frame["code"].tolist()[::2] == [str(2**60 + 3), str(2**60)]
    assert frame["small"].tolist()[::2] == [5.0, 5.0]
    rows = "".join(json.dumps({"code": code, "d": 1}) + "\n" for code in codes)
    (tmp_path / "t.jsonl").write_text(rows)
    assert read_table(tmp_path / "t.jsonl")["code"].tolist()[::2] == [str(2**60 + 3), str(2**60)]
    pyarrow.parquet.write_table(pyarrow.table({"code": codes}), tmp_path / "t.parquet")
    assert read_table(tmp_path / "t.parquet")["code"].tolist()[::2] == [str(2**60 + 3), str(2**60)]


def test_spans_of_time_are_seconds(tmp_path: Path) -> None:
    spans = pd.to_timedelta([90, None, 0.5], unit="s")
    pd.DataFrame({"span": spans}).to_parquet(tmp_path / "t.parquet")
    np.testing.assert_array_equal(read_table(tmp_path / "t.parquet")["span"], [90, np.nan, 0.5])
