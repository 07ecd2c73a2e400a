"""What a server refuses, and how it says so."""

from __future__ import annotations

import asyncio
import gzip
import io
import json
import threading
import zlib
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pydl
from pydl import layers as L
from pydl.serving import App, Limits, bodies
from pydl.serving.log import Log
from pydl.serving.metrics import Metrics
from tests.serving.asking import app_of, ask, asked, tensor

INFER = "/v2/models/net/infer"
X = np.ones((1, 4), np.float32)
GOOD = {"id": "mine", "inputs": [tensor(X)]}


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("served") / "net.safetensors"
    pydl.Sequential([pydl.Input((4,), name="x"), L.Dense(2)]).save(found)
    return found


def error(said: Any, status: int) -> str:
    assert (said.status, list(said.json)) == (status, ["error"])
    return str(said.json["error"])


@pytest.mark.parametrize("pieces", [1, 7])
def test_a_body_that_is_too_large(path: Path, pieces: int) -> None:
    app, body = app_of(path, limits=Limits(max_body=1000)), b" " * 2000
    assert "--max-body" in error(ask(app, "POST", INFER, body, pieces=pieces), 413)
    without = ask(app, "POST", INFER, body, {"content-length": ""}, pieces=pieces)  # as chunks come
    error(without, 413)
    few = app_of(path, limits=Limits(max_body=1000, queue=1))
    error(ask(few, "POST", INFER, body, {"content-length": ""}, pieces=pieces), 413)  # and not too many
    assert without.headers["connection"] == "close"
    error(ask(app, "POST", INFER, b"{}", {"content-length": "9" * 5000}), 413)
    small = gzip.compress(b" " * 10**6)
    assert len(small) < 2000
    error(ask(app_of(path, limits=Limits(max_body=2000)), "POST", INFER, small, {"content-encoding": "gzip"}), 413)
    assert ask(app_of(path, limits=Limits(max_body=1000)), "POST", INFER, GOOD, pieces=pieces).status == 200


def test_packed_bodies(path: Path) -> None:
    app, plain = app_of(path), json.dumps(GOOD).encode()
    expected = ask(app, "POST", INFER, plain)
    assert expected.status == 200
    for name, packed in (("gzip", gzip.compress(plain)), ("deflate", zlib.compress(plain))):
        assert ask(app, "POST", INFER, packed, {"content-encoding": name}) == expected
        error(ask(app, "POST", INFER, packed[:-5], {"content-encoding": name}), 400)
        error(ask(app, "POST", INFER, plain, {"content-encoding": name}), 400)
    error(ask(app, "POST", INFER, plain, {"content-encoding": "br"}), 415)


def test_too_many_rows(path: Path) -> None:
    app = app_of(path, limits=Limits(max_batch=3))
    assert ask(app, "POST", INFER, {"inputs": [tensor(np.ones((3, 4)))]}).status == 200
    assert "--max-batch" in error(ask(app, "POST", INFER, {"inputs": [tensor(np.ones((4, 4)))]}), 400)


def test_paths_methods_and_types(path: Path) -> None:
    app = app_of(path)
    for method, where in (
        ("GET", "/nothing"), ("GET", "/v2/models"), ("GET", "/v2/models/other"), ("POST", "/v2/models/other/infer"),
        ("GET", "/v2/models/net/versions/9"), ("POST", "/v2/models/net/versions/9/infer"),
        ("GET", "/v2/models/net/a/b"),
        ("POST", "/v2/models/infer"), ("POST", "/v2/repository/models/other/load"), ("GET", "/v2/health/well"),
        ("GET", "/metrics"),
    ):  # fmt: skip
        error(ask(app, method, where, GOOD if method == "POST" else b""), 404)
    for method, where in (("GET", INFER), ("POST", "/v2"), ("PUT", INFER), ("GET", "/v2/repository/index")):
        said = ask(app, method, where)
        assert error(said, 405)
        assert said.headers["allow"] == ("POST" if where in (INFER, "/v2/repository/index") else "GET, HEAD")
    error(ask(app, "GET", "/v2/models/\ufffd"), 422)
    error(ask(app, "GET", "/v2/models/a\x00b"), 422)
    error(ask(app, "POST", INFER, GOOD, {"content-type": "text/plain"}), 415)
    for kind in ("application/json", "Application/JSON; charset=utf-8", "application/octet-stream"):
        assert ask(app, "POST", INFER, GOOD, {"content-type": kind}).status == 200


def test_tokens(path: Path) -> None:
    app = app_of(path, tokens=[b"first", b"second"], metrics=Metrics())
    for where in ("/v2", "/v2/models/net", "/form", "/metrics"):
        for wrong in ({}, {"authorization": "Bearer third"}, {"authorization": "Basic first"}, {"authorization": ""}):
            said = ask(app, "GET", where, headers=wrong)
            error(said, 401)
            assert said.headers["www-authenticate"] == "Bearer"
    for _ in range(2):
        error(ask(app, "POST", INFER, GOOD), 401)
        for token in ("first", "second"):
            assert ask(app, "POST", INFER, GOOD, {"authorization": f"bearer {token}"}).status == 200
    for where in ("/", "/v2/health/live", "/v2/health/ready"):  # without anything of a model
        assert ask(app, "GET", where).status == 200


def test_pages_of_other_origins(path: Path) -> None:
    closed, opened = app_of(path), app_of(path, cors=["https://good.example"])
    other = {"origin": "https://good.example", "host": "here:8000"}
    error(ask(closed, "POST", INFER, GOOD, other), 403)
    error(ask(closed, "OPTIONS", INFER, b"", other), 403)
    error(ask(opened, "POST", INFER, GOOD, other | {"origin": "https://bad.example"}), 403)
    own = ask(closed, "POST", INFER, GOOD, {"origin": "http://here:8000", "host": "here:8000"})
    assert (own.status, [k for k in own.headers if k.startswith("access-control")]) == (200, [])
    said = ask(opened, "POST", INFER, GOOD, other)
    assert said.headers["access-control-allow-origin"] == "https://good.example"
    before = ask(opened, "OPTIONS", INFER, b"", other)
    assert before.status == 204
    assert "Inference-Header-Content-Length".lower() in before.headers["access-control-allow-headers"].lower()


async def halfway(app: App, path: str, first: bytes | None) -> int:
    """The status for whoever sends the first piece of a body, or none, and then nothing."""
    said: list[dict[str, Any]] = []
    coming = [] if first is None else [{"type": "http.request", "body": first, "more_body": True}]

    async def receive() -> dict[str, Any]:
        if not coming:
            await asyncio.sleep(60)
        return coming.pop()

    async def send(message: dict[str, Any]) -> None:
        said.append(message)

    await app({"type": "http", "method": "POST", "path": path, "headers": []}, receive, send)
    status: int = said[0]["status"]
    return status


@pytest.mark.parametrize("first", [b"{", None])
def test_a_body_that_does_not_come(path: Path, monkeypatch: pytest.MonkeyPatch, first: bytes | None) -> None:
    monkeypatch.setattr(bodies, "SLOW", 0.05)
    assert asyncio.run(halfway(app_of(path), INFER, first)) == 408


def test_bodies_that_do_not_come_keep_nobody_waiting(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "SLOW", 0.5)
    app = app_of(path, limits=Limits(queue=2, max_body=1000))

    async def run() -> None:
        large = b"{" + b" " * 990
        waiting = [asyncio.ensure_future(halfway(app, INFER, first)) for first in [b"{", None] * 10 + [large] * 3]
        await asyncio.sleep(0.05)
        assert (await asked(app, "POST", INFER, GOOD)).status == 200
        found = Counter(await asyncio.gather(*waiting))
        assert found == {408: 22, 429: 1}  # as many bytes wait as a full queue of bodies may have
        assert (await asked(app, "POST", INFER, GOOD, pieces=3)).status == 200

    asyncio.run(run())


def test_whoever_goes_away_is_not_answered(path: Path) -> None:
    app, said = app_of(path), []

    async def receive() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        said.append(message)

    asyncio.run(app({"type": "http", "method": "POST", "path": INFER, "headers": []}, receive, send))
    assert said == []
    assert ask(app, "POST", INFER, GOOD).status == 200


class Slow:
    """A model that waits until it is let go."""

    def __init__(self, app: App) -> None:
        self.go, self.served = threading.Event(), app.repository.served("net", None)[1]
        infer, self.served.quick, self.served.rows_at_once = self.served.infer, None, 0

        def waits(*args: Any) -> Any:
            self.go.wait(30)
            return infer(*args)

        self.served.infer = waits  # type: ignore[method-assign]


def test_a_full_queue_and_health_while_a_model_computes(path: Path) -> None:
    app = app_of(path, limits=Limits(queue=2))
    slow = Slow(app)

    async def run() -> None:
        waiting = [asyncio.ensure_future(asked(app, "POST", INFER, GOOD)) for _ in range(2)]
        await asyncio.sleep(0.05)
        full = await asked(app, "POST", INFER, GOOD)
        assert full.headers["retry-after"] == "1"
        error(full, 429)
        assert (await asked(app, "GET", "/v2/health/live")).status == 200
        slow.go.set()
        assert [said.status for said in await asyncio.gather(*waiting)] == [200, 200]
        assert (await asked(app, "POST", INFER, GOOD)).status == 200

    asyncio.run(run())


def test_a_draining_server_answers_closes_and_is_not_ready(path: Path) -> None:
    app = app_of(path)
    app.draining = True
    said = ask(app, "POST", INFER, GOOD)
    assert (said.status, said.headers["connection"]) == (200, "close")
    ready = ask(app, "GET", "/v2/health/ready")
    assert (ready.status, ready.json) == (503, {"ready": False})
    assert ask(app, "GET", "/v2/health/live").status == 200
    assert ask(app, "GET", "/v2/models/net/ready").status == 503


def test_lines_of_requests_hold_no_data(path: Path) -> None:
    file = io.BytesIO()
    app = app_of(path, log=Log(file))
    secret = {"id": "i" * 999, "inputs": [tensor(X) | {"data": [12345.5] * 4}]}

    async def run() -> None:
        for body in (secret, {"inputs": [tensor(X, "y")]}, b"{"):
            await asked(app, "POST", INFER, body)
        await asked(app, "POST", "/v2/models/other/infer", GOOD)
        await asyncio.sleep(0.3)

    asyncio.run(run())
    lines = [json.loads(line) for line in file.getvalue().splitlines()]
    assert [line["status"] for line in lines] == [200, 400, 400, 404]
    assert [line["model"] for line in lines] == ["net", "net", "net", ""]
    assert (lines[0]["rows"], lines[0]["version"], lines[0]["id"]) == (1, "1", "i" * 200)
    assert set(lines[0]) == {"time", "id", "model", "version", "rows", "ms", "status"}
    assert 0 < lines[0]["ms"] < 10_000
    assert b"12345" not in file.getvalue()


def test_a_mistake_of_the_servers_is_told_without_data(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = io.BytesIO()
    app = app_of(path, log=Log(file), metrics=Metrics())
    served = app.repository.served("net", None)[1]

    def fails(*args: Any) -> Any:
        raise RuntimeError("of 12345")

    served.quick = None
    monkeypatch.setattr(served, "infer", fails)

    async def run() -> Any:
        said = await asked(app, "POST", INFER, GOOD)
        await asyncio.sleep(0.3)
        return said

    assert error(asyncio.run(run()), 500) == "unexpected RuntimeError"
    events = [json.loads(line) for line in file.getvalue().splitlines()]
    assert [(e.get("event"), e.get("status")) for e in events] == [("failed", None), (None, 500)]
    assert "test_limits.py:" in events[0]["at"]
    assert b"12345" not in file.getvalue()
    assert b'code="500"} 1' in ask(app, "GET", "/metrics").body


def test_metrics(path: Path) -> None:
    app = app_of(path, metrics=Metrics())
    for body in (GOOD, {"inputs": [tensor(np.ones((5, 4)))]}, b"{"):
        ask(app, "POST", INFER, body)
    for n in range(3):
        ask(app, "POST", f"/v2/models/other{n}/infer", GOOD)  # names that somebody invents are not counted apart
    said = ask(app, "GET", "/metrics")
    assert said.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    lines = [line for line in said.body.decode().splitlines() if not line.startswith("#")]
    found = {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}
    of = 'model="net",version="1"'
    assert found[f'pydl_infer_requests_total{{{of},code="200"}}'] == 2
    assert found[f'pydl_infer_requests_total{{{of},code="400"}}'] == 1
    assert found['pydl_infer_requests_total{model="",version="",code="404"}'] == 3
    assert found[f"pydl_infer_rows_total{{{of}}}"] == 6
    assert found[f"pydl_infer_seconds_count{{{of}}}"] == found[f'pydl_infer_seconds_bucket{{{of},le="+Inf"}}'] == 2
    assert found[f"model_infer_request_success_total{{{of}}}"] == 2
    assert found[f"model_infer_request_failure_total{{{of}}}"] == 1
    assert found["pydl_infer_in_progress"] == 0
    assert found[f"pydl_model_ready{{{of}}}"] == 1
    assert found[f"pydl_model_load_seconds{{{of}}}"] > 0
    buckets = [v for name, v in found.items() if "_bucket" in name]
    assert buckets == sorted(buckets)
