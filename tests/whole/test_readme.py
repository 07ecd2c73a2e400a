"""README's example and its five ways into production do what it says, as they are written there."""

from __future__ import annotations

import contextlib
import os
import re
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

README = Path(__file__).parents[2] / "README.md"
BIN = Path(sys.executable).parent


def blocks(section: str, kind: str) -> list[str]:
    """The blocks of code of a kind below a heading; "": commands, and above all headings."""
    text = README.read_text()
    part = text.partition(f"\n## {section}\n")[2] if section else text
    found = re.findall(r"^```(\w*)\n(.*?)^```$", part.partition("\n## ")[0], re.DOTALL | re.MULTILINE)
    return [code for word, code in found if word == kind]


def run(command: str, folder: Path) -> str:
    """Run a line as a shell does, with this Python and what is installed beside it first."""
    environment = os.environ | {"PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(command, shell=True, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the example and all Python blocks have run, one after the other."""
    where = tmp_path_factory.mktemp("readme")
    (where / "all.py").write_text("\n".join([*blocks("", "python")[:1], *blocks("Into production", "python")]))
    run("python all.py", where)
    return where


def test_python_and_onnx(folder: Path) -> None:
    names = {path.name for path in folder.iterdir()}
    assert {"digits.safetensors", "digits.onnx", "digits.plan.safetensors", "digits.c"} <= names


def test_the_c_library(folder: Path) -> None:
    (source,) = blocks("Into production", "c")
    (folder / "predict.c").write_text(source)
    build, start = blocks("Into production", "")[0].splitlines()
    run(build, folder)
    lines = run(start, folder).splitlines()
    assert [line.split(":")[0] for line in lines] == [str(i) for i in range(10)]
    assert sum(float(line.split(":")[1]) for line in lines) == pytest.approx(1, abs=0.006)  # of three digits each


def test_the_c_file(folder: Path) -> None:
    build, start = blocks("Into production", "")[1].splitlines()
    run(build, folder)
    run(start, folder)


@contextlib.contextmanager
def serving(command: str, folder: Path) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = command.replace("8000", str(port)).split()
    with subprocess.Popen([BIN / words[0], *words[1:]], cwd=folder) as server:
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()


def test_the_server(folder: Path) -> None:
    (command,) = blocks("Into production", "")[2].splitlines()
    with serving(command, folder) as address:
        for _ in range(600):
            try:
                with urllib.request.urlopen(f"{address}/v2/models/digits") as answer:
                    assert b'"digits"' in answer.read()
                return
            except OSError:
                time.sleep(0.1)
        pytest.fail("no answer within a minute")
