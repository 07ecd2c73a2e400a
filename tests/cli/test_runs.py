"""The folder of a run: nothing in it is lost without being asked, and it is there when all of it is."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from threadpoolctl import threadpool_info

import pydl
from pydl import cli
from pydl.pipeline import judging
from pydl.pipeline.preparation import Preparation

RNG = np.random.default_rng(0)
SOON = ["--target", "y", "--epochs", "2", "--hidden", "4"]

# long: trains whole runs; test_inputs and test_errors stay
pytestmark = [pytest.mark.long, pytest.mark.usefixtures("no_pictures")]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    x = RNG.standard_normal(60)
    frame = pd.DataFrame({"a": x, "b": RNG.choice(["u", "v"], 60), "y": np.where(x > 0, "yes", "no")})
    frame.to_csv(tmp_path / "data.csv", index=False)
    return tmp_path / "data.csv"


def train(data: Path, out: Path, *more: object) -> int:
    return cli.main(["train", str(data), *SOON, "--out", str(out), *map(str, more)])


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_run_is_replaced_when_asked_only(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "run"
    assert train(data, out) == 0
    (out / "notes.txt").write_text("mine")
    before = files(out)
    assert train(data, out) == 1
    assert "--overwrite" in capsys.readouterr().err
    assert files(out) == before
    assert train(data, out, "--overwrite", "--seed", 1) == 0
    assert json.loads((out / "config.json").read_text())["seed"] == 1
    assert (out / "notes.txt").read_text() == "mine"
    assert train(tmp_path / "gone.csv", out, "--overwrite") == 1
    assert json.loads((out / "config.json").read_text())["seed"] == 1
    assert sorted(os.listdir(tmp_path)) == ["data.csv", "run"]


def test_what_is_no_run_is_not_replaced(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "model.tex").write_text("years of work")
    (tmp_path / "file").write_text("")
    (tmp_path / "astray").symlink_to(tmp_path / "nowhere")
    for name in ("thesis", "file", "astray"):
        assert train(data, tmp_path / name, "--overwrite") == 1
        assert capsys.readouterr().err.startswith("pydl: --out")
    assert os.listdir(tmp_path / "thesis") == ["model.tex"]
    assert not (tmp_path / "nowhere").exists()


def test_an_empty_folder_is_taken_as_it_is(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "run").mkdir(0o750)
    (tmp_path / "link").symlink_to(tmp_path / "run")
    inode = (tmp_path / "run").stat().st_ino
    assert train(data, tmp_path / "link") == 0
    assert (tmp_path / "run").stat().st_ino == inode
    assert (tmp_path / "run").stat().st_mode & 0o777 == 0o750
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    assert train(data, Path(".")) == 0
    assert Path("report.html").exists()


def test_ctrl_c_after_the_training_keeps_the_model(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"

    def interrupted(*arguments: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(judging.baseline, "baselines", interrupted)
        assert train(data, out) == 130
    assert "the same command" in capsys.readouterr().err
    assert cli.main(["predict", str(out), str(data), "--out", str(tmp_path / "p.csv")]) == 0
    assert cli.main(["show", str(out)]) == 1
    assert "did not finish" in capsys.readouterr().err
    assert train(data, out, "--seed", 1) == 1, "another run's model"
    assert train(data, out) == 0
    assert (out / "report.html").exists()
    assert not (out / "draft.json").exists()
    with monkeypatch.context() as patch:
        patch.setattr(judging.baseline, "baselines", interrupted)
        before = files(out)
        assert train(data, out, "--overwrite") == 130
        assert files(out) == before


def test_ctrl_c_while_the_model_is_written_waits_for_it(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Half a model is none: all that was trained would be lost."""
    save = Preparation.save

    def pressed(self: Preparation, path: Any) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        save(self, path)

    with monkeypatch.context() as patch:
        patch.setattr(Preparation, "save", pressed)
        assert train(data, tmp_path / "run") == 130
    assert "has the model, but not all of its figures" in capsys.readouterr().err
    assert cli.main(["predict", str(tmp_path / "run"), str(data), "--out", str(tmp_path / "p.csv")]) == 0


KILLED = """
import os, sys
from pydl.pipeline import judging
from pydl.pipeline.preparation import Preparation
from pydl.pipeline.run import REPORT
judging.baseline.baselines = lambda *arguments: os.kill(os.getpid(), 9)
from pydl.cli import main
main(sys.argv[1:])
"""


def test_what_a_killed_run_leaves_is_removed(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    command = [sys.executable, "-c", KILLED, "train", str(data), *SOON, "--out", str(out)]
    assert subprocess.run(command, capture_output=True, check=False).returncode == -9
    assert not out.exists()
    assert len(os.listdir(tmp_path)) == 2
    assert train(data, out, "--seed", 1) == 0
    assert sorted(os.listdir(tmp_path)) == ["data.csv", "run"]


def test_two_writers_of_one_run(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out, baselines, code = tmp_path / "run", judging.baseline.baselines, list[int]()

    def meanwhile(*arguments: Any) -> Any:
        code.append(train(data, out, "--seed", 1))
        return baselines(*arguments)

    monkeypatch.setattr(judging.baseline, "baselines", meanwhile)
    assert train(data, out) == 0
    assert code == [1]
    assert "another process is writing" in capsys.readouterr().err
    assert json.loads((out / "config.json").read_text())["seed"] == 0


def test_info_says_what_of_and_how(data: Path, tmp_path: Path) -> None:
    assert train(data, tmp_path / "run", "--lr", "0.01") == 0
    info = json.loads((tmp_path / "run" / "info.json").read_text())
    assert info["data"] == {"sha256": hashlib.sha256(data.read_bytes()).hexdigest(), "rows": 60}
    assert info["settings"] == {"hidden": [4], "optimizer": "adam", "lr": 0.01, "dropout": 0.1, "batch_size": 16}
    assert info["versions"]["pydl"] == pydl.__version__
    assert info["seconds"] > 0


def test_a_study_is_of_its_data_and_options(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("optuna")
    out, other = tmp_path / "run", tmp_path / "other.csv"
    pd.DataFrame({"z": RNG.standard_normal(80), "y": RNG.standard_normal(80)}).to_csv(other, index=False)

    def trials(source: Path, count: int, *more: object) -> int:
        assert train(source, out, "--overwrite", "--tune", count, *more) == 0
        return sum(line.startswith("trial ") for line in capsys.readouterr().err.splitlines())

    assert trials(other, 2) == 2
    assert trials(data, 2) == 2, "other data"
    assert trials(data, 4) == 2, "two more of the same"
    study = [json.loads(line) for line in (out / "study.log").read_text().splitlines()]
    rates = [each["param_value_internal"] for each in study if each.get("param_name") == "lr"]
    assert len(set(rates[2:])) == 4, "of the same data none is tried twice"
    assert trials(data, 2, "--drop", "b") == 2, "another question"
    data.write_text(data.read_text() + "0.5,u,yes\n")
    assert trials(data, 2) == 2, "a row more"
    info = json.loads((out / "info.json").read_text())
    assert info["settings"]["hidden"] != [4]


def test_a_search_gives_an_earlier_run_another_name(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("optuna")
    out = tmp_path / "run"
    assert train(data, out) == 0
    (out / "notes.txt").write_text("mine")
    before = files(out)
    (tmp_path / "run-1").write_text("taken")
    assert train(data, out, "--tune", 1, "--seed", 1) == 0
    assert f"the run that was in {out} is in {tmp_path / 'run-2'} now" in capsys.readouterr().err
    assert files(tmp_path / "run-2") == before
    assert json.loads((out / "config.json").read_text())["seed"] == 1
    assert train(data, out, "--tune", 2, "--seed", 1, "--overwrite") == 0
    assert sorted(os.listdir(tmp_path)) == ["data.csv", "run", "run-1", "run-2"]


def test_a_search_replaces_no_model_of_another_run(data: Path, tmp_path: Path) -> None:
    """Not even where the figures are missing, as after Ctrl-C behind the training."""
    pytest.importorskip("optuna")
    out = tmp_path / "run"
    assert train(data, out) == 0
    (out / "info.json").unlink()
    before = files(out)
    assert train(data, out, "--seed", 1) == 1
    assert train(data, out, "--tune", 1, "--seed", 1) == 0
    assert files(tmp_path / "run-1") == before


def test_threads_hold_for_everything_and_for_the_run_only(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    baselines, seen = judging.baseline.baselines, list[int]()

    def counted(*arguments: Any) -> Any:
        seen.extend(pool["num_threads"] for pool in threadpool_info())
        return baselines(*arguments)

    monkeypatch.setattr(judging.baseline, "baselines", counted)
    before = pydl.config.get_num_threads()
    assert train(data, tmp_path / "run", "--threads", 1) == 0
    assert set(seen) == {1}
    assert pydl.config.get_num_threads() == before


def test_a_run_on_images_is_replaced_as_well(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "run"
    command = ["train", "digits", "--epochs", "1", "--hidden", "4", "--out", str(out)]
    assert cli.main(command) == 0
    assert cli.main(command) == 1
    assert cli.main([*command, "--overwrite"]) == 0
    assert cli.main(["show", str(out)]) == 0
    assert json.loads((out / "info.json").read_text())["data"] == {"sha256": None, "rows": 1797}


@pytest.mark.parametrize("name", ["config.json", "target.json", "preparation.skops", "model.safetensors"])
def test_a_run_is_of_regular_files(name: str, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "run"
    assert train(data, out) == 0
    capsys.readouterr()
    (out / name).unlink()
    os.mkfifo(out / name)
    assert cli.main(["predict", str(out), str(data), "--out", str(tmp_path / "p.csv")]) == 1
    assert capsys.readouterr().err.startswith("pydl: ")
    assert not (tmp_path / "p.csv").exists()
