"""The command line, as a user types it."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import pydl
from pydl import cli


def pydl_command(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pydl", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def accuracy(output: str) -> float:
    line = next(line for line in output.splitlines() if line.startswith("Accuracy"))
    return float(line.split(":")[1].rstrip("%"))


def test_train_digits(tmp_path: Path) -> None:
    done = pydl_command("train", "digits", "--seed", "1", "--threads", "2", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert accuracy(done.stdout) >= 97
    assert "predicted" in done.stdout
    assert "It is a " in done.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["digits.safetensors"]
    assert done.stderr == ""


@pytest.mark.parametrize("seed", range(2, 5))
def test_any_seed_reaches_97_percent(tmp_path: Path, seed: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        cli.main(["train", "digits", "--seed", str(seed), "--threads", "1", "--out", str(tmp_path / "m.safetensors")])
        == 0
    )
    assert accuracy(capsys.readouterr().out) >= 97


def test_the_same_seed_gives_the_same_output(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def predicted() -> str:
        assert (
            cli.main(["train", "digits", "--epochs", "2", "--threads", "1", "--out", str(tmp_path / "m.safetensors")])
            == 0
        )
        return capsys.readouterr().out.partition("Accuracy")[2]

    assert predicted() == predicted()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train", "letters"], "invalid choice"),
        (["train", "digits", "--epochs", "0"], "above 0"),
        (["train", "digits", "--seed", "-1"], "from 0"),
        ([], "COMMAND"),
    ],
)
def test_wrong_usage(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main(arguments)
    assert caught.value.code == 2
    assert message in capsys.readouterr().err


def test_wrong_files_are_told_in_a_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["train", "digits", "--out", "m.keras"]) == 1
    assert capsys.readouterr().err.startswith("pydl: --out: expected a file name that ends in .safetensors")
    assert (
        cli.main(
            ["train", "digits", "--epochs", "1", "--threads", "1", "--out", str(tmp_path / "no" / "m.safetensors")]
        )
        == 1
    )
    assert "No such file" in capsys.readouterr().err


def test_help_fits_a_screen(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (["--help"], ["train", "--help"]):
        with pytest.raises(SystemExit) as caught:
            cli.main(arguments)
        assert caught.value.code == 0
        assert len(capsys.readouterr().out.splitlines()) <= 24


def test_version_and_info(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["--version"])
    assert capsys.readouterr().out == f"pydl {pydl.__version__}\n"
    assert cli.main(["info"]) == 0
    assert pydl.__version__ in capsys.readouterr().out


def test_ctrl_c(tmp_path: Path) -> None:
    command = [sys.executable, "-u", "-m", "pydl", "train", "digits", "--epochs", "100000"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        while b"Epoch" not in os.read(process.stdout.fileno(), 65536):
            pass
        process.send_signal(signal.SIGINT)
        begin = time.monotonic()
        output, error = process.communicate(timeout=20)
    assert process.returncode == 130
    assert time.monotonic() - begin < 5
    assert b"interrupted" in error
    assert b"Traceback" not in error + output
    assert not list(tmp_path.iterdir())
