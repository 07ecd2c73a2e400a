"""`pydl runs`: runs side by side, and what is wrong with those that are not whole."""

from __future__ import annotations

import csv
import fcntl
import io
import json
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from pathlib import Path
from typing import Any

import pytest

from pydl import cli
from pydl.pipeline.options import TrainOptions
from pydl.pipeline.run import Run
from pydl.pipeline.runs import find, ordered

Captured = pytest.CaptureFixture[str]


def made(
    path: Path, figures: dict[str, Any], task: str = "classification", intervals: Any = None, info: Any = (),
    **options: Any,
) -> Path:  # fmt: skip
    """A folder that has of a run what is compared."""
    path.mkdir(parents=True)
    run = Run(path)
    run.write_json(
        "config.json", TrainOptions(**{"data": "d.csv", "target": "y", "out": str(path)} | options).to_json()
    )
    run.write_json("target.json", {"task": task})
    run.write_json("metrics.json", {"test": {"rows": 9} | figures, "intervals": {"pydl": intervals or {}}})
    about = {"started": "2026-01-02T03:04:05+00:00", "seconds": 1.5, "data": {"sha256": "0", "rows": 45}}
    run.write_json("info.json", about | dict(info))
    run.write("model.safetensors", "")
    return path


@pytest.fixture
def three(tmp_path: Path) -> Path:
    made(tmp_path / "a", {"roc_auc": 0.8, "log_loss": 0.5}, intervals={"roc_auc": [0.7, 0.9]}, lr=0.01)
    made(tmp_path / "b", {"roc_auc": 0.9, "log_loss": 0.6}, intervals={"roc_auc": [0.85, 0.95]}, hidden=(8,))
    made(tmp_path / "deeper" / "c", {"roc_auc": 0.85, "log_loss": 0.4}, out="elsewhere", threads=1)
    return tmp_path


def as_json(capsys: Captured, *arguments: object) -> Any:
    assert cli.main(["runs", *map(str, arguments), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def names(found: list[dict[str, Any]]) -> list[str]:
    return [entry["run"] for entry in found]


def test_a_run_in_json(three: Path, capsys: Captured) -> None:
    found = as_json(capsys, three)
    assert names(found) == ["a", "b", "deeper/c"]
    assert found[0] == {
        "run": "a", "path": str(three / "a"), "data": "d.csv", "target": "y", "task": "classification", "rows": 45,
        "options": {"hidden": [128, 64], "lr": 0.01, "threads": None}, "figures": {"roc_auc": 0.8, "log_loss": 0.5},
        "intervals": {"roc_auc": [0.7, 0.9]}, "seconds": 1.5, "started": "2026-01-02T03:04:05+00:00", "sha256": "0",
        "problem": None,
    }  # fmt: skip
    assert names(as_json(capsys, three / "a")) == ["."]


@pytest.mark.parametrize(
    ("by", "order"),
    [
        ("roc_auc", ["b", "deeper/c", "a"]), ("ROC AUC", ["b", "deeper/c", "a"]), ("log-loss", ["deeper/c", "a", "b"]),
        ("name", ["a", "b", "deeper/c"]),
    ],
)  # fmt: skip
def test_the_better_comes_first(three: Path, capsys: Captured, by: str, order: list[str]) -> None:
    assert names(as_json(capsys, three, "--sort", by)) == order


def test_the_better_of_numbers_of_times_and_of_nothing(tmp_path: Path) -> None:
    for name, mae, r2, seconds, day in (("a", 3, 0.1, 5.0, 3), ("b", 1, 0.9, 9.0, 1), ("c", 2, 0.5, 7.0, 2)):
        info = {"seconds": seconds, "started": f"2026-01-0{day}"}
        made(tmp_path / name, {"mae": mae, "r2": r2}, "regression", info=info)
    made(tmp_path / "n", {"mae": None}, "regression", info={"seconds": 8.0, "started": "2026-01-04"})
    found = find(str(tmp_path))
    got = {by: "".join(e.name for e in ordered(found, by)) for by in ("mae", "r2", "seconds", "date")}
    assert got == {"mae": "bcan", "r2": "bcan", "seconds": "acnb", "date": "nacb"}


def test_an_unknown_name_is_met_with_a_near_one(three: Path, capsys: Captured) -> None:
    assert cli.main(["runs", str(three), "--sort", "roc_acu"]) == 1
    assert "did you mean roc_auc?" in capsys.readouterr().err
    assert cli.main(["runs", str(three), "--sort", "mae"]) == 1
    assert "expected one of roc_auc, log_loss" in capsys.readouterr().err
    made(three / "q", {"pinball": 0.5, "share_below": 0.9})
    assert cli.main(["runs", str(three), "--sort", "share_below"]) == 1
    assert "--sort share_below: neither more nor less of it is better" in capsys.readouterr().err


def test_csv(three: Path, capsys: Captured) -> None:
    assert cli.main(["runs", str(three), "--csv"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [(r["run"], r["hidden"], r["roc_auc"], r["roc_auc_low"]) for r in rows] == [
        ("a", "128,64", "0.8", "0.7"), ("b", "8", "0.9", "0.85"), ("deeper/c", "128,64", "0.85", ""),
    ]  # fmt: skip
    assert "epochs" not in rows[0]
    assert rows[0]["problem"] == ""


def damage(folder: Path) -> dict[str, str]:
    """Runs that are not whole, and a word of what is to be said of each."""
    figures = {"roc_auc": 0.9}
    (made(folder / "no info", figures) / "info.json").unlink()
    (made(folder / "no model", figures) / "model.safetensors").unlink()
    (made(folder / "cut", figures) / "metrics.json").write_text('{"test": {"roc_')
    (made(folder / "a list", figures) / "metrics.json").write_text("[1]")
    (made(folder / "deep", figures) / "metrics.json").write_text("[" * 100_000)
    (made(folder / "no test", figures) / "metrics.json").write_text('{"train": {}}')
    (made(folder / "no options", figures) / "config.json").write_text("null")
    (made(folder / "binary", figures) / "info.json").write_bytes(b"\xff\x00\xfe")
    pipe = made(folder / "pipe", figures) / "info.json"
    pipe.unlink()
    os.mkfifo(pipe)
    (folder / ".going.0123456789abcdef.tmp").mkdir()
    (folder / ".going.0123456789abcdef.tmp" / "draft.json").write_text("{}")
    return {
        "no info": "info.json", "no model": "model.safetensors", "cut": "metrics.json", "a list": "metrics.json",
        "deep": "metrics.json", "no test": "metrics.json", "no options": "config.json", "binary": "info.json",
        "pipe": "info.json", "going": "being written",
    }  # fmt: skip


def test_runs_that_are_not_whole(tmp_path: Path, capsys: Captured) -> None:
    said = damage(tmp_path)
    made(tmp_path / "whole", {"roc_auc": 0.8})
    (tmp_path / "round").symlink_to(tmp_path / "round")
    found = {entry["run"]: entry["problem"] for entry in as_json(capsys, tmp_path, "--sort", "roc_auc")}
    assert found.pop("whole") is None
    assert {name: said[name] in (problem or "") for name, problem in found.items()} == dict.fromkeys(said, True)
    for form in ([], ["--csv"], ["--html"]):
        assert cli.main(["runs", str(tmp_path), *form]) == 0
        shown = capsys.readouterr().out
        assert all(name in shown for name in said)


@pytest.mark.parametrize("name", ["info.json", "metrics.json", "config.json"])
def test_a_run_whose_files_hold_something_else_is_not_shown(tmp_path: Path, capsys: Captured, name: str) -> None:
    (made(tmp_path / "run", {"roc_auc": 0.9}) / name).write_text('[1, {"a": null}]')
    assert cli.main(["show", str(tmp_path / "run")]) == 1
    assert f"{name}: expected a JSON file of a run" in capsys.readouterr().err


def test_odd_values_are_no_figures(tmp_path: Path, capsys: Captured) -> None:
    path = made(tmp_path / "a", {"roc_auc": 0.8})
    (path / "metrics.json").write_text(
        '{"test": {"rows": 1, "roc_auc": NaN, "f1": true, "mae": "3", "r2": 1' + "0" * 400 + ', "brier": 0.5},'
        ' "intervals": {"pydl": {"brier": [1], "r2": null, "f1": ["a", 2]}}}'
    )
    (path / "info.json").write_text('{"data": 3, "seconds": "long", "started": [1]}')
    (found,) = as_json(capsys, tmp_path)
    assert (found["figures"], found["intervals"], found["rows"], found["seconds"]) == ({"brier": 0.5}, {}, None, None)


def test_options_of_other_versions(tmp_path: Path, capsys: Captured) -> None:
    made(tmp_path / "a", {"roc_auc": 0.8})
    for name, change in (("older", {"lr": None}), ("newer", {"lr": 0.001, "magic": "on"})):
        path = made(tmp_path / name, {"roc_auc": 0.8}) / "config.json"
        options = json.loads(path.read_text()) | change
        path.write_text(json.dumps({k: v for k, v in options.items() if v is not None or k != "lr"}))
    found = {entry["run"]: entry["options"] for entry in as_json(capsys, tmp_path)}
    assert found == {"a": {"magic": None}, "older": {"magic": None}, "newer": {"magic": "on"}}


def test_folders_of_others_are_no_runs(tmp_path: Path, capsys: Captured) -> None:
    assert cli.main(["runs", str(tmp_path / "gone")]) == 1
    assert "expected a folder" in capsys.readouterr().err
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "config.json").write_text('{"name": "app"}')
    assert cli.main(["runs", str(tmp_path)]) == 1
    assert "no run in it" in capsys.readouterr().err


EVIL = "\x1b]0;evil\x07<script>alert(1)</script>\x1b[2J\n\u202e"


def test_nothing_from_files_steers_a_terminal_or_page(tmp_path: Path, capsys: Captured) -> None:
    made(
        tmp_path / "a\x1b[31m",
        {"roc_auc": 0.8, EVIL: 1.0},
        data=EVIL,
        target=EVIL,
        positive=EVIL,
        info={"started": EVIL},
    )
    made(tmp_path / "b", {"roc_auc": 0.7})
    (made(tmp_path / "c\x1b[32m", {}) / "metrics.json").write_text("{")
    for form in ([], ["--csv"], ["--json"], ["--html"]):
        assert cli.main(["runs", str(tmp_path), *form]) == 0
        shown = capsys.readouterr().out
        assert all(c.isprintable() or c == "\n" for c in shown)
    assert "<script" not in shown
    assert "&lt;script&gt;" in shown
    assert "Content-Security-Policy\" content=\"default-src 'none'" in shown


def test_it_is_written_where_it_is_asked_for(three: Path, capsys: Captured) -> None:
    for form in ("csv", "json", "html"):
        file = three / f"all.{form}"
        assert cli.main(["runs", str(three), f"--{form}"]) == 0
        printed = capsys.readouterr().out
        assert cli.main(["runs", str(three), str(file)]) == 0
        assert file.read_text() == printed
    assert cli.main(["runs", str(three), str(three / "x"), "--html"]) == 0
    assert (three / "x").read_text() == printed
    assert cli.main(["runs", str(three), "--html", "--csv"]) == 1
    assert cli.main(["runs", str(three), str(three / "x.pdf")]) == 1


def test_data_that_changed_between_runs_are_told(tmp_path: Path, capsys: Captured) -> None:
    made(tmp_path / "a", {"roc_auc": 0.8})
    made(tmp_path / "b", {"roc_auc": 0.8}, info={"data": {"sha256": "1", "rows": 9}})
    assert cli.main(["runs", str(tmp_path)]) == 0
    assert "note: d.csv was not the same in all of these runs" in capsys.readouterr().out
    for name, test in (("a", "2"), ("b", "3")):
        made(tmp_path / "tests" / name, {"roc_auc": 0.8}, info={"test": {"sha256": test}}, test="t.csv")
    assert cli.main(["runs", str(tmp_path / "tests")]) == 0
    assert "note: t.csv was not the same in all of these runs" in capsys.readouterr().out


def on_a_terminal(columns: int, *arguments: object) -> str:
    """What the command prints on a terminal of so many columns."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    environment = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "LINES")} | {"TERM": "xterm"}
    command = [sys.executable, "-m", "pydl", *map(str, arguments)]
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment) as process:
        os.close(theirs)
        shown = b""
        try:
            while piece := os.read(ours, 1 << 16):
                shown += piece
        except OSError:  # the end of a terminal
            pass
        assert process.wait() == 0
    os.close(ours)
    return re.sub(r"\x1b\[[0-9;]*m", "", shown.decode())


@pytest.mark.long  # several runs
def test_a_terminal_is_not_overrun_and_a_pipe_gets_whole_lines(three: Path, capsys: Captured) -> None:
    figures = dict.fromkeys(("mae", "rmse", "mape", "r2"), 1234.5)
    ends = {name: [1200.0, 1300.0] for name in figures}
    made(three / ("long name " * 9), figures, "regression", ends, data="a/" * 60, target="t" * 90, lr=0.5)
    (made(three / "broken", {}) / "metrics.json").write_text("{")
    shown = on_a_terminal(80, "runs", three, "--sort", "mae")
    lines = shown.replace("\r", "").split("\n")
    assert max(map(len, lines)) <= 80
    assert "1,234.5000" in shown
    assert "1,200 to 1,300" in shown
    assert "lr=0.01" in shown
    assert cli.main(["runs", str(three), "--sort", "mae"]) == 0
    line = next(line for line in capsys.readouterr().out.splitlines() if "long name" in line)
    assert "a/" * 60 in line
    assert "t" * 90 in line
    assert "lr=0.5" in line
    assert line.count("(1,200 to 1,300)") == 4
