"""The command line: what every command has in common."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

import pydl
from pydl import cli

COMMANDS = ["train", "predict", "evaluate", "export", "serve", "show", "runs", "datasets", "info", "bench"]


def test_help_fits_a_screen(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in ([], *([name] for name in COMMANDS)):
        assert cli.main([*arguments, "--help"]) == 0
        lines = capsys.readouterr().out.splitlines()
        assert len(lines) <= (64 if "train" in arguments else 40)
        assert max(map(len, lines)) <= 80


def test_the_commands(capsys: pytest.CaptureFixture[str]) -> None:
    cli.main(["--help"])
    shown = capsys.readouterr().out
    assert all(f"  {name} " in shown for name in COMMANDS)


@pytest.mark.parametrize("arguments", [["fly"], ["train", "--fly"], ["predict"], ["train", "x", "--epochs", "many"]])
def test_wrong_usage(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(arguments) == 2
    assert "Traceback" not in capsys.readouterr().err


def test_version_and_info(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out == f"pydl {pydl.__version__}\n"
    assert cli.main(["info"]) == 0
    assert pydl.__version__ in capsys.readouterr().out
    assert cli.main(["info", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["pydl"] == pydl.__version__


@pytest.mark.long  # trains on two threads and on one
def test_datasets_and_bench(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["datasets", "--json"]) == 0
    assert "mnist" in json.loads(capsys.readouterr().out)
    assert cli.main(["datasets"]) == 0
    assert "digits" in capsys.readouterr().out
    assert cli.main(["bench", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["matmul_gflops"] > 0
    assert all(row["us_per_step"] > 0 for row in found["nets"])


def test_as_a_module_and_without_the_extra() -> None:
    command = [sys.executable, "-m", "pydl", "--version"]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == f"pydl {pydl.__version__}\n"
    hidden = "import sys; sys.modules['typer'] = None; from pydl.cli import main; sys.exit(main(['show', 'run']))"
    done = subprocess.run([sys.executable, "-c", hidden], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr == 'pydl: the command line needs typer: pip install "pydl[cli]"\n'


@pytest.mark.parametrize("arguments", [["--version"], ["info"], ["info", "--json"]])
def test_answers_that_need_no_typer_do_not_wait_for_it(arguments: list[str]) -> None:
    code = f"import sys; from pydl.cli import main; assert main({arguments}) == 0; assert 'typer' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    code = f"from pydl.cli.app import app; app({arguments})"  # where something stands beside them, typer answers alike
    through_typer = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout
    command = [sys.executable, "-m", "pydl", *arguments]
    assert subprocess.run(command, capture_output=True, check=True).stdout == through_typer


def test_shell_completion() -> None:
    command = ["bash", "-c", f"{sys.executable} -m pydl --show-completion; exit $?"]  # for the shell that it runs in
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "_PYDL_COMPLETE" in done.stdout or "complete" in done.stdout
