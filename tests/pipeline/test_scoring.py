"""`pydl predict` and `pydl evaluate` on files of any size: in chunks, with the bytes of one chunk."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from pydl import cli
from pydl.pipeline import table
from tests.process import python

pytestmark = pytest.mark.long  # on runs of real tables; test_evaluation stays


@pytest.fixture(scope="module")
def runs(data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("runs")
    for name, target in (("adult-train", "income"), ("california-housing", "median_house_value")):
        arguments = [str(data_dir / f"{name}.csv"), "--target", target, "--epochs", "2", "--hidden", "16"]
        assert cli.main(["train", *arguments, "--out", str(folder / target), "--json"]) == 0
    return {"adult-test": folder / "income", "california-housing": folder / "median_house_value"}


@pytest.mark.parametrize("data", ["adult-test", "california-housing"])
@pytest.mark.parametrize("ending", ["csv", "csv.gz", "jsonl", "json", "parquet", "feather"])
def test_chunks_change_no_byte(
    runs: dict[str, Path], data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, data: str, ending: str
) -> None:
    arguments = ["predict", str(runs[data]), str(data_dir / f"{data}.csv"), "--out"]
    whole, chunks = tmp_path / f"whole.{ending}", tmp_path / f"chunks.{ending}"
    assert cli.main([*arguments, str(whole)]) == 0
    monkeypatch.setattr(table, "_CHUNK_BYTES", 100_000)
    assert len(list(table.read_chunks(data_dir / f"{data}.csv"))) > 10
    assert cli.main([*arguments, str(chunks)]) == 0
    if ending in ("parquet", "feather"):  # whose chunks are batches of their own
        pd.testing.assert_frame_equal(table.read_table(chunks), table.read_table(whole))
    else:
        assert chunks.read_bytes() == whole.read_bytes()
    assert len(table.read_table(chunks)) == len(table.read_table(data_dir / f"{data}.csv"))


@pytest.mark.parametrize("data", ["adult-test", "california-housing"])
def test_evaluate_in_chunks(
    runs: dict[str, Path],
    data_dir: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    data: str,
) -> None:
    arguments = ["evaluate", str(runs[data]), str(data_dir / f"{data}.csv"), "--json"]
    assert cli.main(arguments) == 0
    whole = json.loads(capsys.readouterr().out)
    monkeypatch.setattr(table, "_CHUNK_BYTES", 100_000)
    assert cli.main(arguments) == 0
    assert json.loads(capsys.readouterr().out) == whole


def test_a_wrong_value_far_down_is_named_and_nothing_is_left(
    runs: dict[str, Path], data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.setattr(table, "_CHUNK_BYTES", 100_000)
    frame = pd.read_csv(data_dir / "adult-test.csv", skipinitialspace=True, dtype=str)
    frame.loc[12_344, "age"] = "old"
    frame.to_csv(tmp_path / "t.csv", index=False)
    (tmp_path / "p.csv").write_text("before")
    arguments = ["predict", str(runs["adult-test"]), str(tmp_path / "t.csv"), "--out", str(tmp_path / "p.csv")]
    assert cli.main([*arguments, "--strict"]) == 1
    assert 'column "age", row 12345: expected a number, got "old"' in capsys.readouterr().err
    assert (tmp_path / "p.csv").read_text() == "before"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["p.csv", "t.csv"]


def test_no_row_with_a_target(
    runs: dict[str, Path], data_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    frame = pd.read_csv(data_dir / "adult-test.csv", nrows=10)
    frame.assign(income="").to_csv(tmp_path / "t.csv", index=False)
    frame.drop(columns="income").to_csv(tmp_path / "u.csv", index=False)
    for name, said in (("t", "no row has a usable value of income"), ("u", 'target "income" is not in the table')):
        assert cli.main(["evaluate", str(runs["adult-test"]), str(tmp_path / f"{name}.csv")]) == 1
        assert said in capsys.readouterr().err


PREDICT = """
import sys
from pydl.pipeline import table
from pydl.pipeline.run import Run
from pydl.pipeline.scoring import evaluate_file, predict_file

def status(name):
    with open("/proc/self/status") as f:
        return 1024 * next(int(line.split()[1]) for line in f if line.startswith(name))

run, small, large, out = sys.argv[1:]
table._CHUNK_BYTES //= 16
predict_file(Run.open(run), small, out)
evaluate_file(Run.open(run), small)
before = status("VmRSS")
print(predict_file(Run.open(run), large, out), evaluate_file(Run.open(run), large)["rows"])
print(status("VmHWM") - before)
"""


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_memory_is_bounded(runs: dict[str, Path], data_dir: Path, tmp_path: Path, ending: str) -> None:
    small, large = data_dir / "california-housing.csv", tmp_path / "large.csv"
    header, rows = small.read_text().split("\n", 1)
    large.write_text(header + "\n" + rows * 10)
    done = python(PREDICT, runs["california-housing"], small, large, tmp_path / f"out.{ending}")
    assert done.returncode == 0, done.stderr
    counts, grown = done.stdout.splitlines()
    assert counts == "206400 206400"
    assert int(grown) < 40e6  # all of it as a table takes 170e6
