"""The server as a process: signals, workers, files that change under load."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pydl
from pydl import layers as L
from tests.serving.asking import tensor

pytestmark = pytest.mark.long  # starts and ends servers; test_protocol stays

BODY = json.dumps({"inputs": [tensor(np.ones((1, 4)))]}).encode()
TYPE = {"Content-Type": "application/json"}


def net(path: Path, value: float) -> Path:
    model = pydl.Sequential([pydl.Input((4,), name="x"), L.Dense(1)])
    model.set_weights([np.full((4, 1), value), np.zeros(1)])
    model.save(path)
    return path


@contextmanager
def server(path: Path, *more: str, command: list[str] | None = None) -> Iterator[tuple[Any, int]]:
    """A running server, and its port."""
    arguments = command or [sys.executable, "-m", "pydl", "serve", str(path), "--port", "0", *more]
    process = subprocess.Popen(arguments, stderr=subprocess.PIPE, text=True)
    seen: list[str] = []
    readers: list[threading.Thread] = []
    assert process.stderr is not None
    try:
        for line in process.stderr:
            seen.append(line)
            if found := re.search(r"http://127\.0\.0\.1:(\d+)", line):
                break
        else:
            raise AssertionError("".join(seen))
        process.rest = []  # type: ignore[attr-defined]
        readers.append(threading.Thread(target=lambda: process.rest.extend(process.stderr)))  # type: ignore[attr-defined]
        readers[0].start()
        yield process, int(found[1])
    finally:
        process.kill()
        process.wait()
        for thread in readers:
            thread.join()
        process.stderr.close()


class Clients:
    """Clients that ask and ask on connections that stay open, until they are told to close or cannot connect."""

    def __init__(self, port: int, number: int = 6) -> None:
        self.values: list[float] = []
        self.of_each: list[list[float]] = [[] for _ in range(number)]
        self.lost: list[str] = []
        self._end = False
        self._threads = [threading.Thread(target=self._ask, args=(port, own)) for own in self.of_each]
        for thread in self._threads:
            thread.start()

    def _ask(self, port: int, own: list[float]) -> None:
        with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30)) as connection:
            self._ask_and_ask(connection, own)

    def _ask_and_ask(self, connection: http.client.HTTPConnection, own: list[float]) -> None:
        while not self._end:
            try:
                connection.request("POST", "/v2/models/net/infer", BODY, TYPE)
                answer = connection.getresponse()
                content = json.loads(answer.read())
            except (OSError, http.client.HTTPException, ValueError) as error:
                self.lost.append(repr(error))
                return
            if answer.status != 200:
                self.lost.append(repr(content))
                return
            own.append(content["outputs"][0]["data"][0])
            self.values.append(own[-1])
            if answer.headers.get("Connection") == "close":
                return

    def until(self, count: int) -> None:
        deadline = time.monotonic() + 60
        while len(self.values) < count and not self.lost and time.monotonic() < deadline:
            time.sleep(0.01)

    def end(self, now: bool = True) -> None:
        self._end = now
        for thread in self._threads:
            thread.join(60)


@pytest.mark.parametrize("more", [(), ("--workers", "2")])
@pytest.mark.parametrize("sig", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_under_load_loses_no_request(tmp_path: Path, sig: int, more: tuple[str, ...]) -> None:
    with server(net(tmp_path / "net.safetensors", 2), *more) as (process, port):
        clients = Clients(port)
        clients.until(50)
        process.send_signal(sig)
        clients.end(now=False)
        assert clients.lost == []
        assert len(clients.values) >= 50
        assert set(clients.values) == {8.0}
        assert process.wait(60) == 0
    lines = [json.loads(line) for line in process.rest if line.startswith("{")]
    answered = [line for line in lines if line.get("status") == 200]
    assert len(answered) == len(clients.values)  # each has its line, those of the last moment too


def test_a_request_under_way_is_finished_and_one_that_takes_too_long_ends_with_the_grace(tmp_path: Path) -> None:
    code = (
        "import sys, time\n"
        "from pydl.serving import running, served\n"
        "infer = served.ServedModel.infer\n"
        "def slow(self, request, gaps):\n"
        "    time.sleep(float(request.id))\n"
        "    return infer(self, request, gaps)\n"
        "served.ServedModel.infer = slow\n"
        "made = running.application\n"
        "def application(settings):\n"
        "    app = made(settings)\n"
        "    for entry in app.repository.entries.values():\n"
        "        entry.served.quick, entry.served.rows_at_once = None, 0\n"
        "    return app\n"
        "running.application = application\n"
        "tell = lambda text: print(text, file=sys.stderr, flush=True)\n"
        "running.serve(running.Settings(sys.argv[1], port=0, grace=3.0), tell)\n"
    )
    path = net(tmp_path / "net.safetensors", 2)

    def ask(port: int, seconds: float, said: list[Any]) -> None:
        body = json.dumps({"id": str(seconds), "inputs": [tensor(np.ones((1, 4)))]})
        with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30)) as connection:
            try:
                connection.request("POST", "/v2/models/net/infer", body, TYPE)
                said.append(connection.getresponse().status)
            except (OSError, http.client.HTTPException) as error:
                said.append(error)

    for seconds, code_of_exit in ((1.5, 0), (60.0, 1)):
        with server(path, command=[sys.executable, "-c", code, str(path)]) as (process, port):
            said: list[Any] = []
            asking = threading.Thread(target=ask, args=(port, seconds, said))
            asking.start()
            time.sleep(0.5)
            begin = time.monotonic()
            process.send_signal(signal.SIGTERM)
            assert process.wait(25) == code_of_exit
            assert time.monotonic() - begin < 20  # 3 and what a busy machine takes
            asking.join()
            assert (said == [200]) is (code_of_exit == 0)


def test_a_connection_made_before_the_end_is_answered(tmp_path: Path) -> None:
    """Its request comes when the server listens no longer."""
    with server(net(tmp_path / "net.safetensors", 2)) as (process, port):
        with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30)) as first:
            first.request("GET", "/v2/health/live")
            assert first.getresponse().status == 200
        process.send_signal(signal.SIGTERM)
        made = list[http.client.HTTPConnection]()
        end = time.monotonic() + 10
        while time.monotonic() < end:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
            try:
                connection.connect()
            except ConnectionRefusedError:
                break
            made.append(connection)
            time.sleep(0.01)
        assert len(made) > 5
        latest = made.pop()
        latest.request("GET", "/v2/health/live")
        assert latest.getresponse().status == 200
        for connection in (*made, latest):
            connection.close()
        assert process.wait(30) == 0


@pytest.mark.parametrize("asks", [False, True])
@pytest.mark.parametrize("sent", [b"", b"GET /v2"])
def test_a_connection_without_a_request_is_closed(asks: bool, sent: bytes, tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "from pydl.serving import connections, running\n"
        "connections.WAIT = 0.3\n"
        "tell = lambda text: print(text, file=sys.stderr, flush=True)\n"
        "running.serve(running.Settings(sys.argv[1], port=0), tell)\n"
    )
    path = net(tmp_path / "net.safetensors", 2)
    with (
        server(path, command=[sys.executable, "-c", code, str(path)]) as (_, port),
        socket.create_connection(("127.0.0.1", port), timeout=30) as idle,
    ):
        if asks and sent:  # without more it is uvicorn's to close
            idle.sendall(b"GET /v2/health/live HTTP/1.1\r\nHost: here\r\n\r\n")
            answer = b""
            while not answer.endswith(b"}"):
                answer += idle.recv(4096)
        idle.sendall(sent)
        assert idle.recv(4096) == b""


def test_a_model_is_replaced_under_load(tmp_path: Path) -> None:
    path = net(tmp_path / "net.safetensors", 2)
    with server(path, "--reload", "0.1") as (process, port):
        clients = Clients(port)
        clients.until(50)
        net(path, 3)
        deadline = time.monotonic() + 60
        while clients.values[-1] != 12.0 and time.monotonic() < deadline and not clients.lost:
            time.sleep(0.01)
        clients.end()
        assert clients.lost == []
        assert set(clients.values) == {8.0, 12.0}
        assert all(values == sorted(values) for values in clients.of_each)  # nobody gets the old one again
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    assert sum('"event":"loaded"' in line for line in process.rest) == 1


def test_a_worker_that_dies_is_replaced(tmp_path: Path) -> None:
    with server(net(tmp_path / "net.safetensors", 2), "--workers", "2") as (process, port):
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        deadline = time.monotonic() + 60
        while len(children.read_text().split()) < 2 and time.monotonic() < deadline:
            time.sleep(0.05)
        first = children.read_text().split()
        os.kill(int(first[0]), signal.SIGKILL)
        while len(set(children.read_text().split()) - {first[0]}) < 2 and time.monotonic() < deadline:
            time.sleep(0.05)
        clients = Clients(port, 1)
        clients.until(3)
        clients.end()
        assert clients.lost == []
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0


def test_errors_of_the_command_are_said_in_a_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from pydl import cli

    path = str(net(tmp_path / "net.safetensors", 2))
    (tmp_path / "none").write_text("\n\n")
    for arguments, words in (
        ([str(tmp_path / "gone")], "expected a run"), ([path, "--max-body", "much"], "8MB"),
        ([path, "--token-file", str(tmp_path / "none")], "tokens"), ([path, "--host", "203.0.113.1"], "cannot listen"),
    ):  # fmt: skip
        assert cli.main(["serve", *arguments, "--port", "0"]) == 1
        assert words in capsys.readouterr().err


def test_other_servers_get_what_to_serve_from_the_environment(tmp_path: Path) -> None:
    path = net(tmp_path / "net.safetensors", 2)
    code = "import uvicorn\nuvicorn.run('pydl.serving:app', port=0, log_level='info')\n"
    os.environ["PYDL_SERVE"] = str(path)
    try:
        with server(path, command=[sys.executable, "-c", code]) as (_, port):
            clients = Clients(port, 1)
            clients.until(3)
            clients.end()
            assert clients.lost == []
            assert set(clients.values) == {8.0}
    finally:
        del os.environ["PYDL_SERVE"]
