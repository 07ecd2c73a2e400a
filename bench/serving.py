"""Requests a second of `pydl serve`: one row of 20-64-64-1 in JSON, beside an echo of the same body on the same stack.

    python -m bench.serving [--seconds 2] [--rounds 5] [--connections 16] [--peer fastapi]

Each server has core 0 to itself, the generator of load core 1, if the machine has two; connections are kept open.
Servers take turns. A second of the server's own processor time counts as well: what other programs do moves it less.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from bench.table import markdown

INPUTS = 20


def body() -> bytes:
    """One row, as clients send it."""
    row = np.random.default_rng(0).normal(size=INPUTS).round(6).tolist()
    inputs = [{"name": "input_layer", "shape": [1, INPUTS], "datatype": "FP32", "data": row}]
    return json.dumps({"inputs": inputs}).encode()


def request(path: str, content: bytes) -> bytes:
    """A request that keeps its connection."""
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(content)}\r\n\r\n".encode() + content


# -- servers ----------------------------------------------------------------------------------------------------------


async def echo(scope: Any, receive: Any, send: Any) -> None:
    """The least that an application can do with a body."""
    if scope["type"] != "http":
        return
    message = await receive()
    content = message["body"]
    while message.get("more_body"):
        message = await receive()
        content += message["body"]
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(content))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": content})


def fastapi(model: Path) -> Any:
    """A plain application of FastAPI on ONNX Runtime, as tutorials write it."""
    import onnxruntime
    from fastapi import FastAPI
    from pydantic import BaseModel

    session = onnxruntime.InferenceSession(str(model.with_suffix(".onnx")))

    class Tensor(BaseModel):
        name: str
        shape: list[int]
        datatype: str
        data: list[float]

    class Asked(BaseModel):
        inputs: list[Tensor]

    made = FastAPI()

    def infer(asked: Asked) -> dict[str, Any]:
        tensor = asked.inputs[0]
        x = np.asarray(tensor.data, np.float32).reshape(tensor.shape)
        (y,) = session.run(None, {session.get_inputs()[0].name: x})
        return {"outputs": [{"name": "y", "shape": list(y.shape), "datatype": "FP32", "data": y.ravel().tolist()}]}

    infer.__annotations__["asked"] = Asked  # a name of this function's own, which FastAPI cannot look up
    made.post("/infer")(infer)
    return made


def run_server(kind: str, model: Path, sock: socket.socket) -> None:
    """Serve on a socket, until a signal."""
    from pydl.serving.running import Server, Settings, application, configured

    app = application(Settings(str(model), log=kind == "pydl"))
    if kind in ("pydl", "pydl, no log"):
        Server(app, configured(app, 1.0), 0.0).run([sock])
    else:
        import uvicorn

        config = configured(echo if kind == "echo" else fastapi(model), 1.0)
        uvicorn.Server(config).run([sock])


class Peer:
    """A server in a process of its own.

    Attributes
    ----------
    answer : int
        Bytes of an answer to `body`, all of which are as long.
    """

    answer: int

    def __init__(self, kind: str, model: Path) -> None:
        self.kind, self.path = kind, f"/v2/models/{model.stem}/infer" if kind.startswith("pydl") else "/infer"
        with socket.create_server(("127.0.0.1", 0), backlog=256) as sock:
            self.address = sock.getsockname()
            command = [sys.executable, "-m", "bench.serving", "--serve", kind, "--model", str(model)]
            self.process = subprocess.Popen(
                [*command, "--socket", str(sock.fileno())], pass_fds=[sock.fileno()], stderr=subprocess.DEVNULL
            )

    def seconds(self) -> float:
        """Processor time that it has used."""
        threads = Path(f"/proc/{self.process.pid}/task").glob("*/schedstat")
        return sum(int(path.read_text().split()[0]) for path in threads) / 1e9

    def megabytes(self) -> float:
        """Memory that is its own."""
        text = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(text.partition("VmRSS:")[2].split()[0]) / 1024

    def end(self) -> None:
        """End it."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(10)


@contextlib.contextmanager
def peers(kinds: list[str], model: Path) -> Iterator[list[Peer]]:
    """Servers that answer."""
    running: list[Peer] = []
    try:
        for kind in kinds:
            running.append(Peer(kind, model))
        for peer in running:
            with socket.create_connection(peer.address) as sock:
                sock.settimeout(60)
                sock.sendall(request(peer.path, body()))
                with sock.makefile("rb") as file:
                    lines = [file.readline()]
                    while lines[-1] != b"\r\n":
                        lines.append(file.readline())
                if b" 200 " not in lines[0]:
                    raise RuntimeError(f"{peer.kind}: {lines[0].decode()}")
                length = next(int(line.split()[1]) for line in lines if line.lower().startswith(b"content-length"))
                peer.answer = sum(map(len, lines)) + length
        yield running
    finally:
        for peer in running:
            peer.end()


# -- load -------------------------------------------------------------------------------------------------------------


def flood(peer: Peer, connections: int, seconds: float) -> tuple[float, float]:
    """Requests a second, and a second of the server's processor time, with one under way on each connection."""
    asked = request(peer.path, body())
    socks = [socket.create_connection(peer.address) for _ in range(connections)]
    for sock in socks:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.settimeout(30)
        sock.sendall(asked)
    done, used, start = 0, peer.seconds(), time.perf_counter()
    while time.perf_counter() - start < seconds:
        for sock in socks:
            left = peer.answer
            while left:
                left -= len(sock.recv(left))
            sock.sendall(asked)
        done += len(socks)
    taken, used = time.perf_counter() - start, peer.seconds() - used
    for sock in socks:
        sock.close()
    return done / taken, done / used


async def paced(peer: Peer, connections: int, rate: float, seconds: float) -> list[float]:
    """Seconds from when each request was due to its answer, at so many a second."""
    asked = request(peer.path, body())
    gap, times = connections / rate, []

    async def one(offset: float) -> None:
        reader, writer = await asyncio.open_connection(*peer.address)
        due = start + offset
        while due < start + seconds:
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            writer.write(asked)
            await reader.readexactly(peer.answer)
            times.append(time.perf_counter() - due)
            due += gap
        writer.close()

    start = time.perf_counter() + 0.1
    await asyncio.gather(*(one(i / rate) for i in range(connections)))
    return times


def _pin(core: int) -> None:
    with contextlib.suppress(OSError):  # a machine with one core
        os.sched_setaffinity(0, {core})


def _model(path: Path, onnx: bool) -> None:
    import pydl

    layers = pydl.layers
    made = [layers.Dense(64, "relu"), layers.Dense(64, "relu"), layers.Dense(1)]
    model = pydl.Sequential([pydl.Input((INPUTS,)), *made])
    model.save(path)
    if onnx:
        model.export(path.with_suffix(".onnx"))


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser("python -m bench.serving", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=2.0, help="of a turn")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--peer", action="append", default=[], choices=["fastapi"], help="to be measured as well")
    for hidden in ("--serve", "--model", "--socket"):
        parser.add_argument(hidden, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve:
        _pin(0)
        run_server(given.serve, Path(given.model), socket.socket(fileno=int(given.socket)))
        return
    _pin(1)
    with tempfile.TemporaryDirectory() as folder:
        model = Path(folder) / "net.safetensors"
        _model(model, "fastapi" in given.peer)
        with peers(["echo", "pydl", "pydl, no log", *given.peer], model) as servers:
            rates: dict[str, list[tuple[float, float]]] = {peer.kind: [] for peer in servers}
            for peer in servers:
                flood(peer, given.connections, 0.3)
            for turn in range(given.rounds):
                first = turn % len(servers)
                for peer in servers[first:] + servers[:first]:
                    rates[peer.kind].append(flood(peer, given.connections, given.seconds))
            late = {}
            for peer in servers:
                half = statistics.median(rate for rate, _ in rates[peer.kind]) / 2
                late[peer.kind] = asyncio.run(paced(peer, given.connections, half, given.seconds))
            print(markdown([_row(peer, rates, late[peer.kind]) for peer in servers]))


def _row(peer: Peer, rates: dict[str, list[tuple[float, float]]], late: list[float]) -> dict[str, Any]:
    mine, echoed = rates[peer.kind], rates["echo"]
    p50, p99 = np.percentile(late, [50, 99]) * 1e6
    return {
        "server": peer.kind, "requests / s": statistics.median(wall for wall, _ in mine),
        "requests / s of its core": statistics.median(core for _, core in mine),
        "of the echo's": statistics.median(m / e for (_, m), (_, e) in zip(mine, echoed, strict=True)),
        "by the clock": statistics.median(m / e for (m, _), (e, _) in zip(mine, echoed, strict=True)),
        "p50, us": p50, "p99, us": p99, "MB": peer.megabytes(),
    }  # fmt: skip


if __name__ == "__main__":
    main()
