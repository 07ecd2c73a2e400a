"""Runs whose rows are parted by time, by group or as the file says: what is judged, recorded and done with them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pydl import cli
from pydl.pipeline import stream, table
from pydl.pipeline.options import TrainOptions

SOON = ["--epochs", "2", "--hidden", "4"]

# long: trains whole runs; pipeline/test_selection and test_checks stay
pytestmark = [pytest.mark.long, pytest.mark.usefixtures("no_pictures")]


def train(out: Path, data: Path, target: str, *more: object) -> dict[str, Any]:
    """A short run's info.json."""
    assert cli.main(["train", str(data), "--target", target, *SOON, "--out", str(out), *map(str, more)]) == 0
    info: dict[str, Any] = json.loads((out / "info.json").read_text())
    return info


def judged(out: Path) -> list[int]:
    """The rows of the file that were judged on."""
    return sorted(pd.read_csv(out / "predictions.csv")["row"])


def visits(rows: int = 240) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    x = rng.normal(size=rows)
    return pd.DataFrame({
        "patient_id": rng.integers(100, 130, rows), "x": x, "kind": rng.choice(["a", "b"], rows),
        "fold": np.arange(rows) % 3, "part": np.array(["train", "val", "test"])[rng.integers(0, 3, rows)],
        "y": np.where(x + rng.normal(size=rows) > 0, "yes", "no"),
    })  # fmt: skip


@pytest.fixture
def data(tmp_path: Path) -> Path:
    visits().to_csv(tmp_path / "visits.csv", index=False)
    return tmp_path / "visits.csv"


def test_transformers_by_time(data_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    frame = pd.read_csv(data_dir / "etth1.csv")[::5].sample(frac=1, random_state=0)
    frame.to_csv(tmp_path / "mixed.csv", index=False)
    info = train(tmp_path / "run", tmp_path / "mixed.csv", "OT", "--time", "date", "--cv", "2", "--tune", "2")
    latest = np.flatnonzero(frame["date"] >= "2018-02-01 15:00:00")
    assert judged(tmp_path / "run") == sorted(latest)
    split = info["split"]
    assert split["how"] == 'by time, the latest by "date"'
    assert split["rows"] == {"train": 2369, "validation": 418, "test": 697}
    assert split["moments"]["test"] == ["2018-02-01 15:00:00", "2018-06-26 15:00:00"]
    assert split["moments"]["validation"][1] < split["moments"]["test"][0]
    assert not any("time series" in note or "in order of time" in note for note in info["notes"])
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert [fold["rows"] for fold in metrics["cross_validation"]["folds"]] == [929, 929]
    capsys.readouterr()
    assert cli.main(["evaluate", str(tmp_path / "run"), str(data_dir / "etth1.csv"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["rows"] == 17420
    by_chance = train(tmp_path / "chance", tmp_path / "mixed.csv", "OT")
    assert by_chance["split"] == {"how": "by chance", "rows": {"train": 2369, "validation": 418, "test": 697}}
    assert any('--time "date" holds out the latest' in note for note in by_chance["notes"])


def test_passengers_of_one_fare_and_classes_as_folds(data_dir: Path, tmp_path: Path) -> None:
    frame = pd.read_csv(data_dir / "titanic.csv")
    info = train(tmp_path / "fare", data_dir / "titanic.csv", "survived", "--drop", "alive", "--group", "fare")
    test = frame.index.isin(judged(tmp_path / "fare"))
    assert not set(frame["fare"][test]) & set(frame["fare"][~test])
    assert 150 < test.sum() < 210
    assert sum(info["split"]["groups"].values()) == frame["fare"].nunique()
    info = train(tmp_path / "class", data_dir / "titanic.csv", "survived", "--drop", "alive", "--fold", "pclass")
    metrics = json.loads((tmp_path / "class" / "metrics.json").read_text())
    assert [fold["rows"] for fold in metrics["cross_validation"]["folds"]] == [216, 184, 491]
    assert info["split"]["folds"] == {"train": ["1", "2"], "test": ["3"]}  # 400 rows: each class validates a network
    assert info["split"]["rows"] == {"train": 400, "test": 491}


@pytest.mark.parametrize("option", ["--group patient_id", "--fold fold", "--fold part", "--split time"])
def test_a_run_is_reproduced_and_used(
    option: str, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    info = train(tmp_path / "run", data, "y", *option.split())
    assert sum(info["split"]["rows"].values()) == 240
    assert not any("--group" in note or "--fold" in note for note in info["notes"])
    assert cli.main(["train", "--config", str(tmp_path / "run" / "config.json"), "--out", str(tmp_path / "again")]) == 0
    for name in ("predictions.csv", "metrics.json"):
        assert (tmp_path / "run" / name).read_bytes() == (tmp_path / "again" / name).read_bytes()
    column = option.split()[1]
    visits().drop(columns=[column, "y"], errors="ignore").to_csv(tmp_path / "new.csv", index=False)
    visits().drop(columns=column, errors="ignore").to_csv(tmp_path / "known.csv", index=False)
    capsys.readouterr()
    assert (
        cli.main(["predict", str(tmp_path / "run"), str(tmp_path / "new.csv"), "--out", str(tmp_path / "p.csv")]) == 0
    )
    assert len(pd.read_csv(tmp_path / "p.csv")) == 240
    assert cli.main(["evaluate", str(tmp_path / "run"), str(tmp_path / "known.csv"), "--json"]) == 0


def test_notes_suggest_what_would_part_the_rows(data: Path, tmp_path: Path) -> None:
    notes = "\n".join(train(tmp_path / "run", data, "y")["notes"])
    assert '--group "patient_id" keeps each on one side' in notes
    assert '--fold "part" does as it says' in notes


def test_groups_of_the_rows_to_judge_on_are_named(data: Path, tmp_path: Path) -> None:
    test = visits()[:60].assign(patient_id=lambda t: t["patient_id"] + 15)
    test.to_csv(tmp_path / "test.csv", index=False)
    info = train(tmp_path / "run", data, "y", "--group", "patient_id", "--test", tmp_path / "test.csv")
    known = set(test["patient_id"]) & set(visits()["patient_id"])
    assert f'{len(known)} of the {test["patient_id"].nunique()} groups of --test ("patient_id") are' in str(
        info["notes"]
    )
    assert set(info["split"]["groups"]) == {"train"}
    assert info["split"]["rows"] == {"train": 240, "test": 60}


ASKED = (
    ["--time", "when"], ["--split", "time"], ["--split", "time", "--drop", "when"], ["--fold", "part"],
    ["--fold", "fold"], ["--time", "x", "--val", "0.3"],
)  # fmt: skip


@pytest.mark.parametrize("asked", ASKED, ids=" ".join)
def test_rows_in_pieces_are_parted_as_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asked: list[str]
) -> None:
    """The same rows are judged on and validated on, by dates out of order, by folds and by words."""
    frame = visits(600).sample(frac=1, random_state=1)
    frame["when"] = pd.date_range("2020-01-01", periods=600).strftime("%d.%m.%Y")[frame.index]
    frame.to_csv(tmp_path / "visits.csv", index=False)
    monkeypatch.setattr(table, "_CHUNK_BYTES", 8192)
    whole, pieces = (
        train(tmp_path / name, tmp_path / "visits.csv", "y", *asked, *more)["split"]
        for name, more in (("whole", ["--ensemble", "1"]), ("pieces", ["--stream"]))
    )
    assert pieces == {"how": whole["how"], "rows": whole["rows"]}
    assert judged(tmp_path / "pieces") == judged(tmp_path / "whole")
    notes = json.loads((tmp_path / "pieces" / "info.json").read_text())["notes"]
    assert not any("in order of time" in note for note in notes)
    assert any("of the 3 folds the last is judged on" in note for note in notes) == (asked[-1] == "fold")


def test_parts_said_by_a_column_outlive_an_interruption(data: Path, tmp_path: Path, monkeypatch: Any) -> None:
    """What was found out stays when the next pass is interrupted, and is found out anew for another column."""
    options = TrainOptions(str(data), "y", fold="fold", stream=True)
    said: list[str] = []

    def interrupted(*given: Any, **more: Any) -> Any:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(stream, "sample", interrupted)
        with pytest.raises(KeyboardInterrupt):
            stream.prepare(data, "y", tmp_path / "s", asked=options, say=said.append)
    found = stream.prepare(data, "y", tmp_path / "s", asked=options, say=said.append)
    assert sum("which part" in line for line in said) == 1
    assert found.rows == {"train": 80, "validation": 80, "test": 80}
    other = stream.prepare(data, "y", tmp_path / "s", asked=options.with_(fold="part"), say=said.append)
    assert other.rows["test"] == (visits()["part"] == "test").sum()


def test_rows_in_pieces_are_parted_by_chance_or_by_group(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    split = train(tmp_path / "run", data, "y", "--stream")["split"]
    assert split["how"] == "by chance"
    assert sum(split["rows"].values()) == 240
    capsys.readouterr()
    for option, name in (("--time", "kind"), ("--fold", "x"), ("--time", "none"), ("--fold", "y")):
        out = str(tmp_path / "r")
        assert cli.main(["train", str(data), "--target", "y", option, name, "--stream", "--out", out]) == 1
        error = capsys.readouterr().err.splitlines()[-1]
        assert error.startswith(f"pydl: {option}")
        assert name in error or "dates or numbers" in error
    info = train(tmp_path / "groups", data, "y", "--stream", "--group", "patient_id")
    assert info["split"]["how"] == 'by group, all rows of one "patient_id" in one part'
    assert sum(info["split"]["rows"].values()) == 240
    test = judged(tmp_path / "groups")
    whose = visits()["patient_id"]
    assert 0 < len(test) < 240
    assert not {*whose[test]} & {*whose.drop(test)}
    # The part of a group is that of its name, whatever stands around it and however it is written.
    frame = visits().assign(patient_id=lambda t: t["patient_id"].astype(float).where(t.index != 7))[::-1]
    frame.to_csv(data, index=False)
    info = train(tmp_path / "again", data, "y", "--stream", "--group", "patient_id")
    same = {239 - row for row in judged(tmp_path / "again")} - {7}
    assert same == {*test} - {7}
    assert '1 row without a value in "patient_id": each taken as a group of its own' in info["notes"]
    capsys.readouterr()
    for name, said in (("kind", "there are too few groups"), ("y", "--group y: this is the target"),
                       ("none", 'column of --group "none" is not in the table')):  # fmt: skip
        out = str(tmp_path / "r")
        assert cli.main(["train", str(data), "--target", "y", "--stream", "--group", name, "--out", out]) == 1
        assert said in capsys.readouterr().err
