"""Running the application on uvicorn, until SIGTERM or Ctrl-C; what has been asked until then is answered."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

import uvicorn

from pydl.serving.asgi import App
from pydl.serving.bodies import Limits
from pydl.serving.connections import Connection
from pydl.serving.log import Log
from pydl.serving.metrics import Metrics
from pydl.serving.repository import Repository

LINGER = 0.5  # seconds in which a draining server still takes requests, each answer closing its connection


@dataclass(frozen=True)
class Settings:
    """What the command line says.

    Attributes
    ----------
    path : str
        What to serve, see `Repository`.
    workers : int
        Processes, each with the models in its memory.
    token_file : str or None
        Tokens, a line each.
    cors : sequence of str
        Origins whose pages may ask.
    grace : float
        Seconds from SIGTERM on in which to finish.
    log, metrics : bool
        Whether there are lines of requests, and counts of them.
    watch : float
        Seconds between two looks for changed files; 0: never.
    """

    path: str
    host: str = "127.0.0.1"
    port: int = 8000
    workers: int = 1
    token_file: str | None = None
    cors: Sequence[str] = ()
    grace: float = 30.0
    log: bool = True
    metrics: bool = True
    watch: float = 2.0
    limits: Limits = field(default_factory=Limits)


def application(settings: Settings) -> App:
    """The application, with its models loaded.

    Raises
    ------
    ValueError, OSError
        Nothing to serve, or no tokens in their file.
    """
    log = Log(sys.stderr.buffer if settings.log else None)
    repository = Repository(settings.path, log.event)
    repository.load_all()
    metrics = Metrics(settings.workers > 1) if settings.metrics else None
    tokens = () if settings.token_file is None else _tokens(settings.token_file)
    return App(repository, settings.limits, tokens, settings.cors, log, metrics, settings.watch)


def _tokens(path: str) -> list[bytes]:
    found = [line.strip() for line in Path(path).read_bytes().splitlines() if line.strip()]
    if not found:
        raise ValueError(f"{path}: expected tokens, one a line")
    return found


class Server(uvicorn.Server):
    """Uvicorn, which at SIGTERM first answers whoever is there.

    At once it is not ready and each answer closes its connection; after `LINGER` seconds it listens no longer, finishes
    what is under way, and is gone `grace` seconds after the signal. A second signal ends it at once.
    """

    def __init__(self, app: App, config: uvicorn.Config, linger: float) -> None:
        super().__init__(config)
        self._app, self._linger = app, linger

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen."""
        self._loop = asyncio.get_running_loop()
        await super().startup(sockets)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End; those who wait to be let in when it listens no longer are answered as well."""
        waiting = [accepted for listening in sockets or [] for accepted in _accepted(listening)]
        for server in self.servers:
            server.close()
        for each in waiting:
            await self._loop.connect_accepted_socket(self._connection, each)
        await super().shutdown(sockets)

    def _connection(self) -> Connection:
        return Connection(config=self.config, server_state=self.server_state, app_state=self.lifespan.state)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Take a signal."""
        if self._app.draining or not self.started:
            self.should_exit = self.force_exit = True
        else:
            self._loop.call_soon_threadsafe(self._drain)

    def _drain(self) -> None:
        self._app.draining = True
        self._loop.call_later(self._linger, setattr, self, "should_exit", True)


def serve(settings: Settings, tell: Callable[[str], None] = print) -> None:
    """Serve until SIGTERM or Ctrl-C.

    The process ends, with code 1, where a model computes on beyond the grace.

    Parameters
    ----------
    settings : Settings
    tell : callable
        Is given a line for people once the server listens.

    Raises
    ------
    ValueError, OSError
        As `application`; an address that is taken.
    """
    with _listen(settings.host, settings.port) as listening:
        if settings.token_file is None and not _is_here(settings.host):
            tell(f"anybody who reaches {settings.host} may ask: --token-file lets in whoever has a token")
        app = application(settings)
        names = ", ".join(sorted({entry.name for entry in app.repository.entries.values()}))
        tell(f"serving {names} at {_address(listening)}")
        if settings.workers > 1:
            del app
            _supervise(settings, listening)
        else:
            _run(app, settings, listening)


def configured(app: Any, grace: float) -> uvicorn.Config:
    """How uvicorn runs an application: without logs of its own, whose lines would cost as much as the answer."""
    return uvicorn.Config(
        app, log_config=None, access_log=False, server_header=False, proxy_headers=False, ws="none", interface="asgi3",
        http=Connection, timeout_keep_alive=65, timeout_graceful_shutdown=max(1, round(grace)),
    )  # fmt: skip


def _run(app: App, settings: Settings, listening: socket.socket) -> None:
    gc.collect()
    gc.freeze()  # what is there by now stays: no answer has to wait while all of it is looked through
    linger = min(LINGER, settings.grace / 2)
    Server(app, configured(app, settings.grace - linger), linger).run([listening])
    if app.computing:  # beyond the grace, whatever it is: Python would wait for its thread
        sys.stderr.flush()
        os._exit(1)


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        found = socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        raise OSError(error.errno, f"cannot listen: {error.strerror}", f"{host}:{port}") from None
    found.setblocking(False)
    return found


def _accepted(listening: socket.socket) -> Iterator[socket.socket]:
    """The connections that wait at a socket."""
    while True:
        try:
            accepted, _ = listening.accept()
        except OSError:  # there are no more
            return
        accepted.setblocking(False)
        yield accepted


def _is_here(host: str) -> bool:
    return host in ("localhost", "::1") or host.startswith("127.")


def _address(listening: socket.socket) -> str:
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _supervise(settings: Settings, listening: socket.socket) -> None:
    """Run a process for each worker, another for one that dies, until a signal, which they get as well."""
    ended = False
    running: set[int] = set()

    def end(sig: int, frame: FrameType | None) -> None:
        nonlocal ended
        ended = True
        for pid in running:
            os.kill(pid, signal.SIGTERM)

    before = {sig: signal.signal(sig, end) for sig in (signal.SIGTERM, signal.SIGINT)}
    try:
        while running or not ended:
            while not ended and len(running) < settings.workers:
                running.add(_fork(settings, listening))
            pid, _ = os.wait()
            running.discard(pid)
            if not ended:
                time.sleep(1)  # so that one that dies at once does not keep the machine busy
    finally:
        for sig, handler in before.items():
            signal.signal(sig, handler)


def _fork(settings: Settings, listening: socket.socket) -> int:
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        for sig in (signal.SIGTERM, signal.SIGINT):
            signal.signal(sig, signal.SIG_DFL)
        _run(application(settings), settings, listening)
        code = 0
    finally:
        os._exit(code)
