"""Data that are no files: `train`, `evaluate` and `predict` on standard input, addresses, and tables of databases."""

from __future__ import annotations

import functools
import hashlib
import io
import json
import sys
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pydl import cli

SOON = ["--target", "y", "--epochs", "2", "--hidden", "4"]

pytestmark = pytest.mark.usefixtures("no_pictures")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    x = rng.standard_normal(60)
    frame = pd.DataFrame({"a": x, "b": rng.choice(["u", "v"], 60), "y": np.where(x > 0, "yes", "no")})
    (tmp_path / "data").mkdir()
    frame.to_csv(tmp_path / "data" / "data.csv", index=False)
    return tmp_path / "data" / "data.csv"


@pytest.fixture
def host(data: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The host and port of a server of the data's folder."""
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr(SimpleHTTPRequestHandler, "log_message", lambda *arguments: None)
    handler = functools.partial(SimpleHTTPRequestHandler, directory=str(data.parent))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def piped(monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))


def outcome(run: Path) -> dict[str, bytes]:
    """The files of a run that its data and options decide."""
    names = ("metrics.json", "history.csv", "predictions.csv", "preparation.skops")
    return {name: (run / name).read_bytes() for name in names}


@pytest.mark.parametrize("stream", [[], ["--stream"]])
def test_standard_input(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], stream: list[str]
) -> None:
    content = data.read_bytes()
    assert cli.main(["train", str(data), *SOON, *stream, "--out", str(tmp_path / "file")]) == 0
    piped(monkeypatch, content)
    run = tmp_path / "piped"
    assert cli.main(["train", "-", *SOON, *stream, "--out", str(run)]) == 0, capsys.readouterr().err
    assert outcome(run) == outcome(tmp_path / "file")
    assert json.loads((run / "config.json").read_text())["data"] == "-"
    assert json.loads((run / "info.json").read_text())["data"]["sha256"] == hashlib.sha256(content).hexdigest()
    assert "pydl-" not in capsys.readouterr().err

    piped(monkeypatch, content)
    assert cli.main(["evaluate", str(run), "-"]) == 0
    assert "on standard input" in capsys.readouterr().out
    piped(monkeypatch, content)
    assert cli.main(["predict", str(run), "-", "--out", str(tmp_path / "piped.csv")]) == 0
    assert cli.main(["predict", str(run), str(data), "--out", str(tmp_path / "file.csv")]) == 0
    assert (tmp_path / "piped.csv").read_bytes() == (tmp_path / "file.csv").read_bytes()


@pytest.mark.parametrize(
    ("content", "told"),
    [(b"", "standard input is empty"), (b"a,b\n1,2\n", "--target"), (b"\0\1\2" * 99, "standard input is no text")],
)
def test_standard_input_that_is_no_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], content: bytes, told: str
) -> None:
    piped(monkeypatch, content)
    assert cli.main(["train", "-", *SOON, "--out", str(tmp_path / "run")]) == 1
    assert told in capsys.readouterr().err


def test_standard_input_twice(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["train", "-", *SOON, "--test", "-", "--out", str(tmp_path / "run")]) == 1
    assert "standard input can be read once only" in capsys.readouterr().err


def test_a_terminal_is_no_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    piped(monkeypatch, b"")
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    assert cli.main(["train", "-", *SOON, "--out", str(tmp_path / "run")]) == 1
    assert "standard input is a terminal" in capsys.readouterr().err


def test_an_address(data: Path, host: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    secret, public = f"http://ann:hush@{host}/data.csv?token=hush", f"http://{host}/data.csv?token=***"
    run = tmp_path / "run"
    assert cli.main(["train", secret, *SOON, "--test", secret, "--out", str(run)]) == 0
    assert cli.main(["evaluate", str(run), secret]) == 0
    assert cli.main(["predict", str(run), secret, "--out", str(tmp_path / "out.csv")]) == 0
    assert len(pd.read_csv(tmp_path / "out.csv")) == 60
    config, info = (json.loads((run / name).read_text()) for name in ("config.json", "info.json"))
    assert config["data"] == config["test"] == public
    digest = hashlib.sha256(data.read_bytes()).hexdigest()
    assert info["data"] == {"sha256": digest, "rows": 60, "url": public}
    printed = "".join(capsys.readouterr())
    assert f"fetching {public}" in printed
    for text in (printed, *(path.read_text("latin-1") for path in run.iterdir())):
        assert "hush" not in text
        assert "pydl-" not in text
