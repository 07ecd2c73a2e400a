"""Odd files and wrong options: a good result, or one line that says what to do."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pydl import cli

RNG = np.random.default_rng(0)


def table(rows: int = 60) -> pd.DataFrame:
    x = RNG.standard_normal(rows)
    return pd.DataFrame({"a": x, "b": RNG.choice(["u", "v", "w"], rows), "y": np.where(x > 0, "yes", "no")})


def csv(frame: pd.DataFrame, **options: object) -> Callable[[Path], object]:
    return lambda path: frame.to_csv(path, index=False, **options)  # type: ignore[call-overload]


def text(content: str | bytes) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(content if isinstance(content, bytes) else content.encode())


GOOD = {
    "semicolons": csv(table(), sep=";"),
    "tabs": csv(table(), sep="\t"),
    "pipes and a mark": lambda path: table().to_csv(path, index=False, sep="|", encoding="utf-8-sig"),
    "not UTF-8": lambda path: table().assign(b="Köln").to_csv(path, index=False, encoding="cp1252"),
    "tiny": csv(table(6)),
    "wide": csv(pd.concat([table(), pd.DataFrame(RNG.standard_normal((60, 2000))).add_prefix("c")], axis=1)),
    "constant": csv(table().assign(c=1)),
    "empty column": csv(table().assign(c=np.nan)),
    "missing everywhere": csv(table().mask(RNG.random((60, 3)) < 0.2).assign(y=table().y)),
    "dates": csv(table().assign(d=pd.date_range("2020-01-01", periods=60).strftime("%Y-%m-%d"))),
    "two columns of one name": csv(table().assign(c=1.5).rename(columns={"c": "a"})),
    "target sometimes missing": csv(table().assign(y=lambda t: t.y.where(RNG.random(60) < 0.8))),
    "quoted newlines": csv(table().assign(b=lambda t: t.b + "\nx")),
    "infinite": csv(table().assign(c=np.where(RNG.random(60) < 0.1, np.inf, 1.0) * RNG.random(60))),
}

BAD = {
    "empty": (text(""), "empty"),
    "header only": (text("a,b,y\n"), "no rows"),
    "rubbish": (text(bytes(range(256)) * 40), "expected"),
    "one class": (csv(table().assign(y="yes")), "always yes"),
    "no target": (csv(table().assign(y=np.nan)), "no values"),
    "target not there": (csv(table().rename(columns={"y": "yy"})), "did you mean yy"),
    "nothing to learn from": (csv(table()[["y"]].assign(c=1)), "no column is left"),
    "a folder": (lambda path: path.mkdir(), "--task image"),
}


WIDE = pytest.param("wide", marks=pytest.mark.long)  # a report on 2,000 columns


@pytest.mark.long  # a run for each file; the readers' own tests stay
@pytest.mark.parametrize("name", [WIDE if name == "wide" else name for name in GOOD])
def test_odd_files_are_learnt_from(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "data.csv"
    GOOD[name](file)
    arguments = ["train", str(file), "--target", "y", "--epochs", "5", "--out", str(tmp_path / "run"), "--json"]
    assert cli.main(arguments) == 0, capsys.readouterr().err
    assert json.loads(capsys.readouterr().out)["test"]["rows"] >= 1


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_be_learnt_from_is_told_in_a_line(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write, message = BAD[name]
    file = tmp_path / "data.csv"
    write(file)
    assert cli.main(["train", str(file), "--target", "y", "--out", str(tmp_path / "run")]) == 1
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith("pydl: ")
    assert message in error


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--hidden", "a"], "--hidden"),
        (["--hidden", "0"], "at least 1"),
        (["--epochs", "0"], "--epochs"),
        (["--dropout", "1"], "--dropout"),
        (["--val", "2"], "--val"),
        (["--lr", "-1"], "--lr"),
        (["--cv", "1"], "--cv"),
        (["--task", "clasification"], "did you mean classification"),
        (["--optimizer", "adm"], "--optimizer"),
        (["--class-weight", "heavy"], "--class-weight"),
        (["--drop", "c"], "--drop"),
        (["--drop", "y"], "this is the target"),
        (["--clip", "0.7"], "--clip"),
        (["--task", "regression"], "numbers"),
    ],
)
def test_wrong_options(options: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "data.csv"
    table().to_csv(file, index=False)
    assert cli.main(["train", str(file), "--target", "y", "--out", str(tmp_path / "run"), *options]) == 1
    assert message in capsys.readouterr().err.splitlines()[-1]


def test_a_folder_of_other_files_is_left_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    assert cli.main(["train", "x.csv", "--target", "y", "--out", str(tmp_path)]) == 1
    assert "choose a new name" in capsys.readouterr().err
    assert cli.main(["train", "x.csv", "--target", "y", "--out", str(tmp_path / "run")]) == 1
    assert "no such file" in capsys.readouterr().err
    for command in (["show"], ["evaluate", "x.csv"], ["predict", "x.csv", "--out", "p.csv"]):
        assert cli.main([command[0], str(tmp_path), *command[1:]]) == 1
        assert "expected the folder of a run" in capsys.readouterr().err


@pytest.mark.long  # whole runs
def test_a_test_file_needs_only_the_columns_that_are_used(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table().assign(id=range(60)).to_csv(tmp_path / "train.csv", index=False)
    table().to_csv(tmp_path / "test.csv", index=False)
    arguments = ["train", str(tmp_path / "train.csv"), "--target", "y", "--test", str(tmp_path / "test.csv"), "--out"]
    assert cli.main([*arguments, str(tmp_path / "run"), "--epochs", "3"]) == 0, capsys.readouterr().err


@pytest.mark.long  # a run with thousands of classes
def test_many_classes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    labels = np.repeat(np.arange(200), 6)
    frame = pd.DataFrame({"a": labels + RNG.standard_normal(1200), "y": [f"class {k}" for k in labels]})
    frame.to_csv(tmp_path / "data.csv", index=False)
    arguments = ["train", str(tmp_path / "data.csv"), "--target", "y", "--epochs", "3", "--out", str(tmp_path / "run")]
    assert cli.main(arguments) == 0, capsys.readouterr().err
    page = (tmp_path / "run" / "report.html").read_text("utf-8")
    assert page.count("commonest of") == 3
    assert "the counts stand in metrics.json only" in page


@pytest.mark.filterwarnings("ignore:fit. the")
@pytest.mark.parametrize("more", [[], ["--task", "regression"], ["--stream"]])
def test_a_training_that_diverged_leaves_no_model(
    more: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its predictions would all be of one class, or missing, and nothing would say why."""
    table(80).assign(y=lambda t: (t.y == "yes").astype(int)).to_csv(tmp_path / "t.csv", index=False)
    out = tmp_path / "run"
    options = ["--target", "y", "--optimizer", "sgd", "--lr", "1e30", "--epochs", "2", "--ensemble", "1", *more]
    assert cli.main(["train", str(tmp_path / "t.csv"), *options, "--out", str(out)]) == 1
    assert (
        "the training diverged: weights of the network grew beyond all measure; try a lower --lr than 1e+30"
        in (capsys.readouterr().err.splitlines()[-1])
    )
    assert not out.exists()
