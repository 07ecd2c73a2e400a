"""What the command shows: soon, in any encoding, a line for every error, and nothing that steers the terminal."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pydl import cli
from pydl.cli import datasets, errors
from pydl.cli.progress import Shown
from pydl.pipeline.options import TrainOptions
from tests.process import python, says

HEAVY = ("jinja2", "matplotlib", "optuna", "pandas", "pyarrow", "rich", "scipy", "sklearn", "skops", "torch")

IMPORTED = """
import sys
from pydl.cli import main
for arguments in (["--version"], ["--help"], ["train", "--help"], ["info"]):
    assert main(arguments) == 0
print([name for name in sys.argv[1:] if name in sys.modules], file=sys.stderr)
"""


def test_what_is_asked_first_comes_soon() -> None:
    assert python(IMPORTED, *HEAVY).stderr == "[]\n"


@pytest.mark.long  # reads a whole run in a new process
def test_reading_a_preparation_does_not_import_torch(tmp_path: Path) -> None:
    (tmp_path / "torch.py").write_text("print('torch came')")
    load = """
import sys
from pydl.pipeline import trusted
trusted.dump({"a": [1, 2]}, sys.argv[1])
print(trusted.load(sys.argv[1]))
import sklearn.externals.array_api_compat.torch
"""
    done = python(load, tmp_path / "file.skops", PYTHONPATH=str(tmp_path))
    assert done.stdout.splitlines()[:2] == ["{'a': [1, 2]}", "torch came"]


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[[BaseException], str]:
    """The line for an error in a command."""

    def line(error: BaseException) -> str:
        def wrong(value: Any) -> None:
            raise error

        monkeypatch.setattr(datasets, "print_json", wrong)
        assert cli.main(["datasets", "--json"]) == 1
        shown = capsys.readouterr()
        assert shown.out == ""
        assert shown.err.count("\n") == 1
        return shown.err

    return line


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ValueError("wrong"), "pydl: wrong\n"),
        (KeyError("a"), "pydl: unexpected KeyError: 'a' (PYDL_DEBUG=1 shows where)\n"),
        (RecursionError("deep"), "pydl: unexpected RecursionError: deep (PYDL_DEBUG=1 shows where)\n"),
        (AssertionError(), "pydl: unexpected AssertionError:  (PYDL_DEBUG=1 shows where)\n"),
        (ImportError("reading images needs Pillow"), "pydl: reading images needs Pillow\n"),
        (ModuleNotFoundError("x", name="jinja2"), 'pydl: the command line needs jinja2: pip install "pydl[cli]"\n'),
        (
            ValueError("two\nlines\tand \x1b[2J\x07 \x9b1m \u202e"),
            r"pydl: two lines and \x1b[2J\x07 \x9b1m \u202e" "\n",
        ),
    ],
)
def test_every_error_is_a_line(failing: Callable[[BaseException], str], error: Exception, text: str) -> None:
    assert failing(error) == text


def test_long_errors_keep_their_ends(failing: Callable[[BaseException], str]) -> None:
    line = failing(ValueError(f"begin {'x' * 50_000} end"))
    assert len(line) < 1100
    assert line.startswith("pydl: begin xxx")
    assert line.endswith("xxx end\n")


def test_no_memory(failing: Callable[[BaseException], str]) -> None:
    assert failing(MemoryError("8 TB for x")).startswith("pydl: not enough memory: 8 TB for x; use ")
    assert failing(MemoryError()).startswith("pydl: not enough memory; use ")


def test_debug_shows_where(failing: Callable[[BaseException], str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYDL_DEBUG", "1")
    with pytest.raises(KeyError):
        failing(KeyError("a"))


HOSTILE = "\x1b]0;title\x07 [red]猫[/red] \x9b2J grün"

ODD_NAMES = f"""
import sys
from pydl.cli import datasets, main
datasets.SETS = {{{HOSTILE!r}: "x" * 300}}
sys.exit(main(["datasets", *sys.argv[1:]]))
"""


@pytest.mark.parametrize("encoding", ["ascii", "utf-8"])
def test_any_text_in_any_encoding(encoding: str) -> None:
    table = python(ODD_NAMES, PYTHONIOENCODING=encoding, PYTHONUTF8="0", COLUMNS="80")
    assert table.returncode == 0, table.stderr
    assert not set("\x1b\x07\x9b") & set(table.stdout)
    assert "[red]" in table.stdout
    assert "x" * 300 in table.stdout, "a table for a program is not wrapped"
    shown = json.loads(says(ODD_NAMES, "--json", PYTHONIOENCODING=encoding, PYTHONUTF8="0"))
    assert list(shown) == [HOSTILE]


def test_what_is_said_is_not_wrapped_nor_taken_for_orders(capsys: pytest.CaptureFixture[str]) -> None:
    Shown().say(f"{HOSTILE} :smile: {'word ' * 60}")
    said = capsys.readouterr().err
    assert said.startswith(r"\x1b]0;title\x07 [red]猫[/red] \x9b2J grün :smile: word word")
    assert said.count("\n") == 1


def test_plain_text_stays() -> None:
    assert errors.plain("naïve 猫 — ≤ 50K") == "naïve 猫 — ≤ 50K"
    assert errors.plain("a\ud800b\u202ec") == r"a\ud800b\u202ec"


def test_a_config_is_changed_by_what_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = list[TrainOptions]()

    def train(options: TrainOptions, *more: object) -> None:
        seen.append(options)
        raise ValueError("enough")

    monkeypatch.setattr("pydl.pipeline.training.train", train)
    earlier = TrainOptions("a.csv", target="y", out="r", hidden=(8,), epochs=3, drop=("c",), seed=7)
    (tmp_path / "config.json").write_text(json.dumps(earlier.to_json()))
    command = ["train", "--config", str(tmp_path / "config.json")]
    assert cli.main(command) == 1
    assert cli.main([*command, "--out", "s", "--hidden", "4,4", "--drop", "d", "--drop", "e"]) == 1
    assert cli.main([command[0], "b.csv", *command[1:], "--epochs", "100", "--seed", "0", "--stream"]) == 1
    assert seen == [
        earlier,
        earlier.with_(out="s", hidden=(4, 4), drop=("d", "e")),
        earlier.with_(data="b.csv", epochs=100, seed=0, stream=True),
    ]
