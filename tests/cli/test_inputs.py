"""Data that are no files: `train`, `evaluate` and `predict` on standard input, addresses, and tables of databases."""

from __future__ import annotations

import functools
import hashlib
import io
import json
import sys
import threading
import zipfile
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from xml.sax.saxutils import escape

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


def open_document(path: Path, frame: pd.DataFrame) -> None:
    """A table as LibreOffice stores it: the least that makes a spreadsheet, with a title and an empty row above."""

    def row(cells: list[object]) -> str:
        return f"<table:table-row>{''.join(map(cell, cells))}</table:table-row>"

    def cell(value: object) -> str:
        if value is None or value != value:
            return "<table:table-cell/>"
        kind = f'"float" office:value="{value!r}"' if isinstance(value, float) else '"string"'
        return f"<table:table-cell office:value-type={kind}><text:p>{escape(str(value))}</text:p></table:table-cell>"

    rows = [row(["Some measurements"]), row([None]), row(list(frame.columns)), *map(row, frame.to_numpy().tolist())]
    of = "urn:oasis:names:tc:opendocument:xmlns"
    names = " ".join(f'xmlns:{name}="{of}:{name}:1.0"' for name in ("office", "table", "text"))
    content = (
        f'<?xml version="1.0" encoding="UTF-8"?><office:document-content {names} office:version="1.3"><office:body>'
        f'<office:spreadsheet><table:table table:name="Sheet1">{"".join(rows)}</table:table></office:spreadsheet>'
        "</office:body></office:document-content>"
    )
    kind = "application/vnd.oasis.opendocument.spreadsheet"
    manifest = (
        f'<manifest:manifest xmlns:manifest="{of}:manifest:1.0" manifest:version="1.3"><manifest:file-entry '
        f'manifest:full-path="/" manifest:media-type="{kind}"/><manifest:file-entry '
        'manifest:full-path="content.xml" manifest:media-type="text/xml"/></manifest:manifest>'
    )
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("mimetype", kind)
        archive.writestr("content.xml", content)
        archive.writestr("META-INF/manifest.xml", manifest)


@pytest.mark.long  # a run on a spreadsheet
def test_open_document_spreadsheets(data: Path, tmp_path: Path) -> None:
    frame = pd.read_csv(data)
    frame.loc[3, "a"] = np.nan
    frame.loc[5, "b"] = "né & <ü>"
    frame.to_csv(tmp_path / "t.csv", index=False)
    open_document(tmp_path / "t.ods", frame)
    for name in ("csv", "ods"):
        run = tmp_path / name
        assert cli.main(["train", str(tmp_path / f"t.{name}"), *SOON, "--out", str(run)]) == 0
        command = ["predict", str(run), str(tmp_path / f"t.{name}"), "--out", str(tmp_path / f"{name}.csv")]
        assert cli.main(command) == 0
    assert outcome(tmp_path / "ods") == outcome(tmp_path / "csv")
    found, expected = (pd.read_csv(tmp_path / f"{name}.csv") for name in ("ods", "csv"))
    pd.testing.assert_frame_equal(found, expected)
    assert found["b"][5] == "né & <ü>"


def piped(monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))


def outcome(run: Path) -> dict[str, bytes]:
    """The files of a run that its data and options decide."""
    names = ("metrics.json", "history.csv", "predictions.csv", "preparation.skops")
    return {name: (run / name).read_bytes() for name in names}


@pytest.mark.long  # runs fed by a pipe
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
