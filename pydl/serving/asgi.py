"""The server as an ASGI application: paths, limits, tokens, errors."""

from __future__ import annotations

import asyncio
import hmac
import traceback
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from time import perf_counter
from typing import Any, TypeVar

import pydl
from pydl.serving import page
from pydl.serving.bodies import Bodies, GoneError, Headers, Limits, Receive
from pydl.serving.documents import read_json, write_json
from pydl.serving.log import Log
from pydl.serving.metrics import CONTENT_TYPE, Metrics
from pydl.serving.protocol import Request, error_body, read_request, write_answer
from pydl.serving.repository import Repository
from pydl.serving.served import Served
from pydl.serving.tensors import Refused, bad

T = TypeVar("T")
Scope = Mapping[str, Any]
Send = Callable[[dict[str, Any]], Awaitable[None]]

SMALL = 16_384  # bytes of a body that are read in the event loop

_JSON = (b"content-type", b"application/json")
_UNKNOWN = ("", "")
_AS_JSON = [_JSON]
_ASIDE = b"inference-header-content-length"
_NO_WEBSOCKET = {"type": "websocket.close", "code": 1000}
_HEALTH = ("live", "ready")
EXTENSIONS = ["binary_tensor_data", "model_repository"]


class App:
    """The application.

    Parameters
    ----------
    repository : Repository
    limits : Limits, optional
    tokens : sequence of bytes
        One of which each request has to bring, but for health and the page's frame; none: everybody may ask.
    cors : sequence of str
        Origins whose pages may ask, or `*`.
    log : Log
    metrics : Metrics, optional
        None: there are none.
    watch : float
        Seconds between two looks for changed files; 0: never.

    Attributes
    ----------
    draining : bool
        Whether it answers for the last time: it is not ready, and each answer closes its connection.
    """

    def __init__(
        self,
        repository: Repository,
        limits: Limits | None = None,
        tokens: Sequence[bytes] = (),
        cors: Sequence[str] = (),
        log: Log | None = None,
        metrics: Metrics | None = None,
        watch: float = 2.0,
    ) -> None:
        self.repository, self.limits, self.draining = repository, limits or Limits(), False
        self._tokens, self._cors = list(tokens), frozenset(origin.encode() for origin in cors)
        self._log, self._metrics, self._watch = log or Log(None), metrics, watch
        self._bodies, self._busy = Bodies(self.limits), 0
        self._known: dict[str, tuple[str, str | None]] = {}  # paths of inference that have been asked
        self._threads = ThreadPoolExecutor(2, "pydl-serve")
        self._given: set[Future[Any]] = set()  # what the threads have not finished
        self._watching: asyncio.Task[None] | None = None
        self._page = page.read()

    # -- ASGI -----------------------------------------------------------------------------------------------------

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await (self._lifespan(receive, send) if scope["type"] == "lifespan" else send(_NO_WEBSOCKET))
            return
        headers: Headers = dict(scope["headers"])
        more: list[tuple[bytes, bytes]] = []
        try:
            if b"origin" in headers:
                more = self._of_origin(headers)
            if self._tokens:
                self._let_in(scope, headers)
            known = self._known.get(scope["path"]) if scope["method"] == "POST" else None
            if known is not None:
                status, body, kind = await self._infer(*known, headers, receive)
            else:
                status, body, kind = await self._respond(scope, headers, receive)
            more = more + kind if more else [*kind]
        except Refused as error:
            status, body = error.status, error_body(error)
            more += [_JSON, *error.headers]
        except GoneError:
            return
        except Exception as error:  # which is a mistake of ours: its text may hold data, so it is not told
            frame = traceback.extract_tb(error.__traceback__)[-1]
            what = f"unexpected {type(error).__name__}"
            self._log.event("failed", error=what, at=f"{frame.filename}:{frame.lineno}")
            status, body = 500, error_body(Refused(500, what))
            more += _AS_JSON
        if self.draining or status in (408, 413):
            more.append((b"connection", b"close"))
        more.append((b"content-length", b"%d" % len(body)))
        await send({"type": "http.response.start", "status": status, "headers": more})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                if self._watch:
                    self._watching = asyncio.ensure_future(self._look())
                await send({"type": "lifespan.startup.complete"})
            else:
                if self._watching is not None:
                    self._watching.cancel()
                self._threads.shutdown(wait=False, cancel_futures=True)
                self._log.flush()
                await send({"type": "lifespan.shutdown.complete"})
                return

    async def _look(self) -> None:
        """Look for changed files now and then."""
        while True:
            await asyncio.sleep(self._watch)
            await self._in_thread(self.repository.refresh)

    # -- paths ----------------------------------------------------------------------------------------------------

    async def _respond(
        self, scope: Scope, headers: Headers, receive: Receive
    ) -> tuple[int, bytes, list[tuple[bytes, bytes]]]:
        path: str = scope["path"]
        method: str = scope["method"]
        parts = path.split("/")
        if method == "POST" and parts[1:3] == ["v2", "models"] and parts[-1] == "infer":
            name, version = _model(parts[3:-1])
            if self.repository.has(name, version):
                self._known[path] = name, version
            return await self._infer(name, version, headers, receive)
        if not path.isprintable() or "\ufffd" in path:
            raise Refused(422, "the path is no text in UTF-8")
        if method == "OPTIONS":
            return 204, b"", []
        allowed, answer = self._find(parts[1:])
        if method not in allowed:
            raise Refused(405, f"expected {' or '.join(allowed)}", [(b"allow", ", ".join(allowed).encode())])
        if method == "POST":
            body = await self._bodies.read(headers, receive)
            return await self._in_thread(answer, _options(body))
        found: tuple[int, bytes, list[tuple[bytes, bytes]]] = answer()
        return found

    def _find(self, parts: list[str]) -> tuple[tuple[str, ...], Callable[..., Any]]:
        """The methods that a path has, and what answers."""
        get = ("GET", "HEAD")
        match parts:
            case [""]:
                return get, lambda: (200, self._page.body, self._page.headers)
            case ["form"]:
                return get, lambda: _json(self._form())
            case ["metrics"] if self._metrics is not None:
                counts = self._metrics
                return get, lambda: (
                    200, counts.text(self.repository.entries.values(), self._busy), [(b"content-type", CONTENT_TYPE)]
                )  # fmt: skip
            case ["v2"] | ["v2", ""]:
                about = {"name": "pydl", "version": pydl.__version__, "extensions": EXTENSIONS}
                return get, lambda: _json(about)
            case ["v2", "health", what] if what in _HEALTH:
                good = what == "live" or (self.repository.ready and not self.draining)
                return get, lambda: _json({what: good}, 200 if good else 503)
            case ["v2", "repository", "index"]:
                return ("POST",), self._index
            case ["v2", "repository", "models", name, ("load" | "unload") as what]:
                return ("POST",), lambda options: self._move(what, name, options)
            case ["v2", "models", *rest, "infer"]:
                _model(rest)
                return ("POST",), self._index
            case ["v2", "models", *rest, "ready"] if rest:
                return get, lambda: self._model_ready(*_model(rest))
            case ["v2", "models", *rest] if rest:
                return get, lambda: _json(self._about(*_model(rest)))
        raise Refused(404, "no such path; GET /v2 and /v2/models/NAME, POST /v2/models/NAME/infer")

    def _about(self, name: str, version: str | None) -> dict[str, Any]:
        served = self.repository.served(name, version)[1]
        return {
            "name": name, "versions": self.repository.versions(name), "platform": "pydl",
            "inputs": [spec.state() for spec in served.inputs], "outputs": [spec.state() for spec in served.outputs],
        }  # fmt: skip

    def _model_ready(self, name: str, version: str | None) -> tuple[int, bytes, list[tuple[bytes, bytes]]]:
        ready = self.repository.entry(name, version).served is not None and not self.draining
        return _json({"name": name, "ready": ready}, 200 if ready else 503)

    def _index(self, options: dict[str, Any]) -> tuple[int, bytes, list[tuple[bytes, bytes]]]:
        only = options.get("ready") is True
        return _json([
            {"name": e.name, "version": e.version, "state": e.state, "reason": e.reason}
            for e in self.repository.entries.values() if e.served is not None or not only
        ])  # fmt: skip

    def _move(self, what: str, name: str, options: dict[str, Any]) -> tuple[int, bytes, list[tuple[bytes, bytes]]]:
        """Load or unload a model."""
        if what == "unload":  # it has no others that depend on it, as parameters of Triton's might say
            self.repository.unload(name)
        elif options.get("parameters"):
            raise bad("parameters of a load: expected none; models are as their files are")
        else:
            self.repository.load(name)
        return _json({})

    def _form(self) -> list[dict[str, Any]]:
        names = dict.fromkeys(e.name for e in self.repository.entries.values() if e.served is not None)
        return [
            {"name": name, "fields": served.form(), "outputs": [spec.name for spec in served.outputs]}
            for name in names for served in (self.repository.served(name, None)[1],)
        ]  # fmt: skip

    # -- inference ------------------------------------------------------------------------------------------------

    async def _infer(
        self, name: str, version: str | None, headers: Headers, receive: Receive
    ) -> tuple[int, bytes, list[tuple[bytes, bytes]]]:
        start, work = perf_counter(), _Work()
        code = 200
        try:
            work.entry, work.served = self.repository.served(name, version)
            body = await self._bodies.read(headers, receive)
            if self._busy >= self.limits.queue:
                raise Refused(429, f"{self._busy} requests are under way", [(b"retry-after", b"1")])
            self._busy += 1
            try:
                quick, aside = work.served.quick, headers.get(_ASIDE)
                done = None
                if quick is not None and aside is None and len(body) <= SMALL:
                    done = quick.answer(body, work.entry.key, self.limits.max_batch)
                if done is not None:
                    found, work.id, work.rows = done
                    used = None
                else:
                    found, used = await self._work(work, body, None if aside is None else _json_length(aside))
            finally:
                self._busy -= 1
        except Refused as error:
            code = error.status
            raise
        except GoneError:
            code = 499  # as nginx counts them
            raise
        except BaseException:
            code = 500
            raise
        finally:
            seconds, entry = perf_counter() - start, work.entry
            known = _UNKNOWN if entry is None else entry.key
            if self._metrics is not None:
                self._metrics.add(known, code, seconds, work.rows)
            self._log.request(work.id, known, work.rows, seconds, code)
        if used is None:
            return 200, found, _AS_JSON
        return 200, found, [(b"content-type", b"application/octet-stream"), (_ASIDE, b"%d" % used)]

    async def _work(self, work: _Work, body: bytes, split: int | None) -> tuple[bytes, int | None]:
        """The body of an answer, and how much of it is JSON if bytes follow; `split`: the same of the request."""
        if len(body) > SMALL:
            return await self._in_thread(self._all, work, body, split)
        request = self._read(work, body, split)
        if work.rows <= work.served.rows_at_once:
            return self._predict(work, request)
        return await self._in_thread(self._predict, work, request)

    async def _in_thread(self, act: Callable[..., T], *args: Any) -> T:
        given = self._threads.submit(act, *args)
        self._given.add(given)
        given.add_done_callback(self._given.discard)
        return await asyncio.wrap_future(given)

    @property
    def computing(self) -> bool:
        """Whether a thread is at work, as it may be though whoever waited for it was told to go."""
        return any(given.running() for given in self._given)

    def _all(self, work: _Work, body: bytes, split: int | None) -> tuple[bytes, int | None]:
        return self._predict(work, self._read(work, body, split))

    def _read(self, work: _Work, body: bytes, split: int | None) -> Request:
        request = read_request(body, split, work.served.inputs)
        work.id, work.rows = request.id, request.inputs[0].shape[0]
        if work.rows > self.limits.max_batch:
            raise bad(f"{work.rows} rows; this server takes {self.limits.max_batch} at a time (--max-batch)")
        return request

    def _predict(self, work: _Work, request: Request) -> tuple[bytes, int | None]:
        return write_answer(work.entry.key, request, work.served.infer(request, self.limits.gaps))

    # -- what is let in -------------------------------------------------------------------------------------------

    def _let_in(self, scope: Scope, headers: Headers) -> None:
        """Check the token, but for the page's frame, health, and what a browser asks before it asks."""
        if scope["method"] == "OPTIONS" or scope["path"] == "/" or scope["path"].startswith("/v2/health/"):
            return
        given = headers.get(b"authorization", b"")
        found = given[7:] if given[:7].lower() == b"bearer " else b""
        # All of them are compared, in a time that does not depend on what was given.
        if not sum([hmac.compare_digest(found, token) for token in self._tokens]):
            raise Refused(401, "expected Authorization: Bearer TOKEN", [(b"www-authenticate", b"Bearer")])

    def _of_origin(self, headers: Headers) -> list[tuple[bytes, bytes]]:
        """What tells a browser that a page of another origin may read the answer.

        Raises
        ------
        Refused
            403, for pages that may not ask.
        """
        origin = headers[b"origin"]
        if origin in self._cors or b"*" in self._cors:
            return [
                (b"access-control-allow-origin", origin), (b"vary", b"Origin"),
                (b"access-control-allow-methods", b"GET, POST"), (b"access-control-expose-headers", _ASIDE),
                (b"access-control-allow-headers", b"Authorization, Content-Type, " + _ASIDE),
            ]  # fmt: skip
        if origin.rpartition(b"//")[2] != headers.get(b"host"):
            raise Refused(403, "a page of another origin may not ask; --cors lets it")
        return []


class _Work:
    """What is known of a request."""

    __slots__ = ("entry", "id", "rows", "served")
    served: Served

    def __init__(self) -> None:
        self.id: str | None = None
        self.rows = 0
        self.entry: Any = None


def _model(parts: list[str]) -> tuple[str, str | None]:
    """Name and version of a model in a path."""
    match parts:
        case [name]:
            return name, None
        case [name, "versions", version]:
            return name, version
    raise Refused(404, "no such path; expected /v2/models/NAME or /v2/models/NAME/versions/VERSION")


def _json(value: Any, status: int = 200) -> tuple[int, bytes, list[tuple[bytes, bytes]]]:
    return status, write_json(value), [_JSON]


def _json_length(given: bytes) -> int:
    if not given.isdigit() or len(given) > 18:
        raise bad("Inference-Header-Content-Length: expected a number of bytes")
    return int(given)


def _options(body: bytes) -> dict[str, Any]:
    """The object in a body, which may be left out."""
    try:
        found = read_json(body) if body.strip() else {}
    except ValueError as error:
        raise bad(f"the body is no JSON: {error}") from None
    if type(found) is not dict:
        raise bad("expected a JSON object, or no body")
    return found
