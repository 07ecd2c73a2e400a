"""`pydl train` and what it leaves, on real tables: figures, files, the same bytes again."""

from __future__ import annotations

import csv
import json
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pydl import cli

# Whole runs on real tables, one of which has its CPU time measured; the runs of test_cli_errors on small ones stay.
pytestmark = [pytest.mark.long, pytest.mark.alone]

FILES = [
    "config.json", "history.csv", "info.json", "metrics.json", "model.safetensors", "predictions.csv",
    "preparation.skops", "report.html", "target.json",
]  # fmt: skip


def train(capsys: pytest.CaptureFixture[str], *arguments: object) -> dict[str, Any]:
    assert cli.main(["train", *map(str, arguments), "--json"]) == 0, capsys.readouterr().err
    output: dict[str, Any] = json.loads(capsys.readouterr().out)
    return output


@pytest.fixture(scope="module")
def adult(data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, float]:
    """A run on Adult, and the CPU seconds it took: what other programs take of the machine is not in them."""
    out = tmp_path_factory.mktemp("adult") / "run"
    command = [sys.executable, "-m", "pydl", "train", str(data_dir / "adult-train.csv"), "--target", "income",
               "--test", str(data_dir / "adult-test.csv"), "--seed", "0", "--out", str(out)]  # fmt: skip
    begin = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, capture_output=True)
    end = resource.getrusage(resource.RUSAGE_CHILDREN)
    return out, end.ru_utime + end.ru_stime - begin.ru_utime - begin.ru_stime


def test_adult(adult: tuple[Path, float]) -> None:
    out, seconds = adult
    test = json.loads((out / "metrics.json").read_text())["test"]
    assert test["rows"] == 16281
    assert test["accuracy"] >= 0.85
    assert test["roc_auc"] >= 0.905
    assert seconds <= 60
    assert sorted(p.name for p in out.iterdir()) == FILES
    history = pd.read_csv(out / "history.csv")
    assert list(history.columns) == ["epoch", "loss", "accuracy", "val_loss", "val_accuracy"]
    best = history.loc[history["val_loss"].idxmin(), "val_accuracy"]
    assert best == pytest.approx(json.loads((out / "metrics.json").read_text())["validation"]["accuracy"])
    assert "Learning curves: accuracy" in (out / "report.html").read_text()


def test_predictions_agree_with_the_figures(adult: tuple[Path, float]) -> None:
    out, _ = adult
    with (out / "predictions.csv").open(newline="") as f:
        rows = list(csv.DictReader(f))
    right = np.mean([row["truth"] == row["prediction"] for row in rows])
    assert right == pytest.approx(json.loads((out / "metrics.json").read_text())["test"]["accuracy"], abs=1e-12)
    assert all(abs(float(r["probability <=50K"]) + float(r["probability >50K"]) - 1) < 1e-9 for r in rows[:100])


def test_evaluate_predict_and_show(
    adult: tuple[Path, float], data_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, _ = adult
    assert cli.main(["evaluate", str(out), str(data_dir / "adult-test.csv"), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found.pop("drift")[0]["column"] == "age"
    assert found.pop("notes") == []
    assert found == json.loads((out / "metrics.json").read_text())["test"]
    for ending in ("csv", "parquet", "jsonl"):
        file = tmp_path / f"predicted.{ending}"
        assert cli.main(["predict", str(out), str(data_dir / "adult-test.csv"), "--out", str(file)]) == 0
        assert "16,281" in capsys.readouterr().out
    frame = pd.read_parquet(tmp_path / "predicted.parquet")
    assert list(frame.columns[-3:]) == ["income predicted", "probability <=50K", "probability >50K"]
    assert cli.main(["show", str(out)]) == 0
    assert "--target income" in capsys.readouterr().out


def test_a_missing_column_is_named(
    adult: tuple[Path, float], data_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, _ = adult
    file = tmp_path / "few.csv"
    pd.read_csv(data_dir / "adult-test.csv", skipinitialspace=True).drop(columns="age").to_csv(file, index=False)
    assert cli.main(["predict", str(out), str(file), "--out", str(tmp_path / "p.csv")]) == 1
    error = capsys.readouterr().err
    assert '"age"' in error
    assert error.count("\n") == 1


def test_california(data_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, quarter = data_dir / "california-housing.csv", tmp_path / "quarter.csv"
    frame = pd.read_csv(file).sample(frac=1, random_state=0)
    rows = len(frame) // 4
    frame[:rows].to_csv(quarter, index=False)
    frame[rows:].to_csv(tmp_path / "rest.csv", index=False)
    found = train(capsys, tmp_path / "rest.csv", "--target", "median_house_value", "--test", quarter, "--out",
                  tmp_path / "run")  # fmt: skip
    assert found["test"]["r2"] >= 0.77
    history = pd.read_csv(tmp_path / "run" / "history.csv")
    assert list(history.columns) == ["epoch", "loss", "mae", "val_loss", "val_mae"]
    best = history.loc[history["val_loss"].idxmin()]
    assert best["val_mae"] == pytest.approx(found["validation"]["mae"], rel=1e-5), "in the target's unit"
    assert "Learning curves: mean absolute error" in (tmp_path / "run" / "report.html").read_text()


def test_titanic_twice_on_other_threads(data_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = []
    for threads in (1, 2):
        out = tmp_path / str(threads)
        found.append(train(capsys, data_dir / "titanic.csv", "--target", "survived", "--drop", "alive", "--threads",
                           threads, "--out", out))  # fmt: skip
    assert found[0]["test"]["accuracy"] >= 0.78
    assert (tmp_path / "1" / "metrics.json").read_bytes() == (tmp_path / "2" / "metrics.json").read_bytes()


def test_config_reproduces_a_run(data_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first = train(capsys, data_dir / "titanic.csv", "--target", "survived", "--drop", "alive", "--hidden", "16",
                  "--class-weight", "balanced", "--clip", "0.01", "--out", tmp_path / "a")  # fmt: skip
    again = train(capsys, "--config", tmp_path / "a" / "config.json", "--out", tmp_path / "b")
    assert first == again


def test_folds(data_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = train(capsys, data_dir / "titanic.csv", "--target", "survived", "--drop", "alive", "--cv", "3", "--epochs",
                  "20", "--out", tmp_path / "run")["cross_validation"]  # fmt: skip
    values = [fold["accuracy"] for fold in found["folds"]]
    assert len(values) == 3
    assert found["mean"]["accuracy"] == pytest.approx(np.mean(values))
    assert found["deviation"]["accuracy"] == pytest.approx(np.std(values, ddof=1))


def test_a_search_goes_on_where_it_stopped(data_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = [data_dir / "titanic.csv", "--target", "survived", "--drop", "alive", "--epochs", 8, "--out",
                 tmp_path / "run"]  # fmt: skip
    train(capsys, *arguments, "--tune", 2)
    train(capsys, *arguments, "--tune", 4, "--overwrite")
    report = (tmp_path / "run" / "report.html").read_text()
    assert "Search, 4 trials" in report


def test_ctrl_c_keeps_the_best_so_far(data_dir: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    command = [sys.executable, "-u", "-m", "pydl", "train", str(data_dir / "adult-train.csv"), "--target", "income",
               "--epochs", "100000", "--patience", "100000", "--out", str(out)]  # fmt: skip
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stderr is not None
        while b"held out" not in os.read(process.stderr.fileno(), 65536):
            pass
        time.sleep(4)
        process.send_signal(signal.SIGINT)
        output, error = process.communicate(timeout=60)
    assert process.returncode == 130, error
    assert b"Traceback" not in error + output
    assert b"interrupted after" in error
    assert json.loads((out / "metrics.json").read_text())["test"]["accuracy"] > 0.83
    assert json.loads((out / "info.json").read_text())["interrupted"]
