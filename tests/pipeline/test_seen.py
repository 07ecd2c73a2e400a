"""Rows that a preparation meets after training: far numbers, new levels, other spellings, cells that cannot be read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow
import pyarrow.feather
import pyarrow.parquet
import pytest

from pydl import cli
from pydl.pipeline import trusted
from pydl.pipeline.columns import guess
from pydl.pipeline.levels import Levels
from pydl.pipeline.preparation import FARTHEST, Preparation
from pydl.pipeline.seen import Seen
from pydl.pipeline.table import read_cells


def fitted(**columns: Any) -> Preparation:
    frame = pd.DataFrame(columns)
    return Preparation(guess(frame)).fit(frame)


def met(preparation: Preparation, **columns: Any) -> tuple[np.ndarray, Seen]:
    seen = Seen()
    return preparation.transform(pd.DataFrame(columns), seen)["features"], seen


# ---- numbers --------------------------------------------------------------------------------------------------------
def test_numbers_are_clipped_three_deviations_beyond_what_training_saw(tmp_path: Path) -> None:
    year = np.arange(1990, 2021)
    prepared = fitted(year=year)
    limits = (np.array([1990, 2020]) - year.mean()) / year.std() + [-3, 3]
    new = [0, 1971, 2000, 2040, 99999]
    got, seen = met(prepared, year=new)
    expected = np.clip((np.array(new) - year.mean()) / year.std(), *limits)
    np.testing.assert_allclose(got[:, 0], expected, rtol=1e-5)
    assert got[1, 0] > limits[0]
    assert got[3, 0] < limits[1]
    assert seen.notes() == ['"year": 2 of 5 rows lie far outside of what training saw, such as 0; clipped']
    prepared.save(tmp_path / "p.skops")
    np.testing.assert_array_equal(met(Preparation.load(tmp_path / "p.skops"), year=new)[0], got)


def test_parts_of_dates_and_gaps_are_clipped_too() -> None:
    days = pd.date_range("2020-01-01", periods=400, freq="D")
    prepared = fitted(day=days.astype(str), x=[None, *(i % 50 for i in range(399))])
    got, seen = met(prepared, day=["1066-10-14", None], x=[1e300, None])
    assert np.abs(got).max() < 6.5
    told = [n for n in seen.notes() if "far outside" in n]
    assert [n.split(":")[0] for n in told] == ['"day"', '"x"']
    _, seen = met(fitted(day=days.astype(str)), day=["2055-10-14"])
    assert seen.notes() == ['"day": 1 of 1 row lies far outside of what training saw, such as 2055-10-14; clipped']


def test_a_run_without_a_record_of_what_training_saw_still_loads(tmp_path: Path) -> None:
    prepared = fitted(x=np.arange(50.0) ** 0.5, c=["a", "b"] * 25)
    prepared.save(tmp_path / "p.skops")
    content = trusted.load(tmp_path / "p.skops")
    state = json.loads(content["state"])
    del content["least"], content["most"], state["usual"]
    trusted.dump(content | {"state": json.dumps(state)}, tmp_path / "old.skops")
    got, _ = met(Preparation.load(tmp_path / "old.skops"), x=[1e99, 3.0], c=["a", "b"])
    assert got[0, 0] == FARTHEST
    np.testing.assert_array_equal(got[1], met(prepared, x=[3.0], c=["b"])[0][0])


# ---- zeros and ones -------------------------------------------------------------------------------------------------
def test_a_count_that_was_0_or_1_may_be_2() -> None:
    prepared = fitted(kids=[0, 1] * 20, smokes=["no", "yes"] * 20)
    got, seen = met(prepared, kids=[0, 1, 2, 50, "yes"], smokes=["yes", "no", "YES", "2", None])
    np.testing.assert_array_equal(got[:, 0], [0, 1, 2, 4, 1])
    np.testing.assert_array_equal(got[:3, 1], [1, 0, 1])
    assert seen.notes() == [
        '"kids": 1 of 5 rows lies far outside of what training saw, such as 50; clipped',
        '"smokes": 1 of 5 rows: "2" is no flag and taken as missing',
    ]


# ---- other spellings ------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("known", "found", "codes"),
    [
        (["10115", "94110"], ["94110.0", "94110", "10115.", "9.411e4", "94111.0", None], [1, 1, 0, 1, -1, -1]),
        (["94110.0", "K1A"], ["94110", "K1A", "k1a"], [0, 1, -1]),
        (["01234", "94110"], ["1234", "1234.0", "94110.0", "01234", "234"], [0, 0, 1, 0, -1]),
        (["1", "01"], ["1", "01", "1.0", "001"], [0, 1, 0, -1]),
        (["1", "1.0", "2"], ["1", "1.0", "1.00", "2.0"], [0, 1, -1, 2]),
        (["3.1", "3.10"], ["3.1", "3.10", "3.100"], [0, 1, -1]),
        (["no", "yes"], ["TRUE", "0.0", "yes", "maybe"], [1, 0, 1, -1]),
        (["0", "1", "2"], ["true", "1.0"], [-1, 1]),
        ([3, 5], ["3.0", "5"], [0, 1]),
    ],
)
def test_labels_are_known_in_another_writers_spelling(known: list[Any], found: list[Any], codes: list[int]) -> None:
    assert Levels(known).codes(np.array(found, object)).tolist() == codes


@pytest.mark.parametrize("levels", [5, 60], ids=["one-hot", "embedded"])
def test_codes_as_floats_are_the_levels_that_were_learnt(levels: int) -> None:
    codes = 10000 + 7 * (np.arange(600) % levels)
    prepared = fitted(zip=codes, x=np.arange(600) % 11)
    floats = pd.DataFrame({"zip": [f"{c}.0" for c in codes], "x": np.arange(600) % 11})
    for name, expected in prepared.transform(pd.DataFrame({"zip": codes, "x": np.arange(600) % 11})).items():
        np.testing.assert_array_equal(prepared.transform(floats)[name], expected)


def test_dates_of_another_writer() -> None:
    days = pd.date_range("2023-01-01", periods=300, freq="D")
    digits, dotted = days.strftime("%Y%m%d"), days.strftime("%d.%m.%Y")
    prepared = fitted(date=digits.astype(int), born=dotted)
    expected = prepared.transform(pd.DataFrame({"date": digits, "born": dotted}))["features"]
    for date, born in ((digits.astype(float), days), (digits + ".0", days.astype(str)), (days.astype(str), digits)):
        got, seen = met(prepared, date=date, born=born)
        np.testing.assert_array_equal(got, expected)
        assert seen.notes() == []


# ---- what is said ---------------------------------------------------------------------------------------------------
def test_unread_unknown_and_empty_cells_are_counted_and_said() -> None:
    rows = np.arange(300)
    prepared = fitted(c=[*"uvw"] * 100, z=rows % 7 + 0.5, day=(pd.Timestamp("2024-01-01") + pd.to_timedelta(rows, "D")))
    new = {"c": ["q", "q", "r", "u"], "z": [None] * 4, "day": ["2024-02-01", "soon", "?", "2024-02-01"]}
    got, seen = met(prepared, **new)
    assert np.isfinite(got).all()
    assert seen.notes() == [
        '"c": 3 of 4 rows: "q", "r" did not occur in training, or too rarely',
        '"z" is empty; in training 0% of it was missing',
        '"day": 1 of 4 rows: "soon" is no date and taken as missing',
    ]
    table = {row["column"]: row for row in seen.table()}
    assert table["c"]["unknown"] == 0.75
    assert table["z"]["missing"] == 1
    assert table["day"]["unreadable"] == 0.25
    assert table["day"]["missing"] == 0.5
    with pytest.raises(ValueError, match=r'column "day", row 2: expected a date .*, got "soon"'):
        prepared.transform(pd.DataFrame(new), Seen(strict=True))


def test_the_rows_of_the_training_are_no_news(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    n = 400
    frame = pd.DataFrame({
        "x": np.where(rng.random(n) < 0.3, np.nan, rng.lognormal(size=n)), "c": rng.choice(["a", "b", None], n),
        "many": rng.choice([f"k{i}" for i in range(250)], n), "f": rng.random(n) < 0.4,
    })  # fmt: skip
    Preparation(guess(frame)).fit(frame).save(tmp_path / "p.skops")
    prepared, whole, chunks = Preparation.load(tmp_path / "p.skops"), Seen(), Seen()
    prepared.transform(frame, whole)
    for start in range(0, n, 37):
        prepared.transform(frame[start : start + 37], chunks)
    assert whole.notes() == chunks.notes() == []
    assert whole.table() == chunks.table()
    for row in whole.table():
        assert row["missing"] == row["missing_in_training"]
        assert row["unknown"] == row["unknown_in_training"]
        assert abs(row["shift"] or 0) < 1e-6
    assert whole.table()[1]["missing"] > 0.2
    prepared.transform(frame.assign(x=frame["x"] * 1e6), shifted := Seen())
    assert shifted.table()[0]["shift"] > 3
    prepared.transform(frame.assign(f=True), always := Seen())
    assert always.table()[-1]["shift"] == pytest.approx(1 - frame["f"].mean())


# ---- the commands ---------------------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("seen")
    rows = [
        f"{'' if i % 9 == 0 else 1000 + i},{i % 37:04d},{(i % 13) / 10:.2f},{'uvw'[i % 3]},{'ab'[i % 2]}"
        for i in range(200)
    ]
    (folder / "t.csv").write_text("\n".join(["id,code,w,c,y", *rows]) + "\n")
    assert (
        cli.main(["train", str(folder / "t.csv"), "--target", "y", "--epochs", "1", "--out", str(folder / "run")]) == 0
    )
    return folder


def test_predict_writes_cells_as_they_were_read(run: Path, tmp_path: Path) -> None:
    head, *rows = (run / "t.csv").read_text().splitlines()
    odd = [head, *rows[:3], '1001.0,0001,+1.50,"a ""b"", c",NA', "1e3, 7,  N/A,NULL,", *rows[3:]]
    (tmp_path / "t.csv").write_text("\n".join(odd) + "\n")
    assert cli.main(["predict", str(run / "run"), str(tmp_path / "t.csv"), "--out", str(tmp_path / "p.csv")]) == 0
    written = [line.rsplit(",", 3)[0] for line in (tmp_path / "p.csv").read_text().splitlines()]
    assert written == odd


def test_predict_leaves_a_row_out_only_if_told(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = (run / "t.csv").read_text().splitlines()
    (tmp_path / "t.csv").write_text("\n".join([*lines[:3], lines[3] + ",more", *lines[4:]]) + "\n")
    command = ["predict", str(run / "run"), str(tmp_path / "t.csv"), "--out", str(tmp_path / "p.csv")]
    assert cli.main(command) == 1
    assert "line 4 has 6 values, but there are 5 columns" in (said := capsys.readouterr().err)
    assert "--leave-out" in said
    assert cli.main([*command, "--leave-out"]) == 0
    assert "1 row with more values than columns left out (line 4)" in capsys.readouterr().err
    written = [line.rsplit(",", 3)[0] for line in (tmp_path / "p.csv").read_text().splitlines()]
    assert written == [*lines[:3], *lines[4:]]


@pytest.mark.parametrize("ending", ["jsonl", "parquet", "feather"])
def test_whole_numbers_with_gaps_stay_whole(run: Path, tmp_path: Path, ending: str) -> None:
    rows = [{"id": None if i % 3 else 2**60 + i, "code": i, "w": 0.1 * i, "c": "u"} for i in range(9)]
    source, out = tmp_path / f"t.{ending}", tmp_path / f"p.{ending}"
    table = pyarrow.Table.from_pylist(rows)
    if ending == "jsonl":
        source.write_text("".join(json.dumps(row) + "\n" for row in rows))
    elif ending == "parquet":
        pyarrow.parquet.write_table(table, source)
    else:
        pyarrow.feather.write_feather(table, source)
    assert cli.main(["predict", str(run / "run"), str(source), "--out", str(out)]) == 0
    cells = pd.concat([cells for cells, _ in read_cells(out)])
    assert [None if pd.isna(v) else v for v in cells["id"]] == [row["id"] for row in rows]


def test_predict_says_what_it_meets_and_refuses_it_if_told(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "t.csv").write_text("id,code,w,c\n1,2,999,q\n2,3,heavy,u\n")
    arguments = ["predict", str(run / "run"), str(tmp_path / "t.csv"), "--out", str(tmp_path / "p.csv")]
    assert cli.main(arguments) == 0
    said = " ".join(capsys.readouterr().err.split())
    assert '"w": 1 of 2 rows: "heavy" is no number and taken as missing' in said
    assert '"c": 1 of 2 rows: "q" did not occur in training' in said
    assert '"w": 1 of 2 rows lies far outside' in said
    assert cli.main([*arguments, "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["notes"]) >= 3
    (tmp_path / "p.csv").unlink()
    assert cli.main([*arguments, "--strict"]) == 1
    assert 'column "w", row 2: expected a number, got "heavy"' in capsys.readouterr().err
    assert not (tmp_path / "p.csv").exists()


def test_evaluate_shows_how_columns_differ(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "t.csv").write_text("id,code,w,c,y\n" + "1,2,3.5,q,a\n" * 30)
    assert cli.main(["evaluate", str(run / "run"), str(tmp_path / "t.csv")]) == 0
    assert "columns that differ" in capsys.readouterr().out
    assert cli.main(["evaluate", str(run / "run"), str(tmp_path / "t.csv"), "--json"]) == 0
    drift = {row["column"]: row for row in json.loads(capsys.readouterr().out)["drift"]}
    assert drift["c"]["unknown"] == 1
    assert drift["w"]["shift"] > 3


def test_predictions_replace_no_column(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = pd.read_csv(run / "t.csv").assign(**{"y predicted": "kept"})
    rows.to_csv(tmp_path / "t.csv", index=False)
    command = ["predict", str(run / "run"), str(tmp_path / "t.csv"), "--out", str(tmp_path / "p.csv")]
    assert cli.main(command) == 1
    assert 'there is a column "y predicted" already' in capsys.readouterr().err
    assert not (tmp_path / "p.csv").exists()
