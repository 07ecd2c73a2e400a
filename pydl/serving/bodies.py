"""The bodies of requests: how large they may be, in which time they have to come, and how they are packed."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from pydl.serving.tensors import Refused, bad

Receive = Callable[[], Awaitable[dict[str, Any]]]
Headers = dict[bytes, bytes]

SLOW = 30.0  # seconds in which a body has to come
_TYPES = (b"", b"application/json", b"application/octet-stream")


@dataclass(frozen=True)
class Limits:
    """What a server takes.

    Attributes
    ----------
    max_body : int
        Bytes of a request, also when unpacked.
    max_batch : int
        Rows of a request.
    queue : int
        Requests for inference that are under way at the same time.
    gaps : bool
        Whether null is NaN in tensors of numbers. In columns of a table it always is a missing cell.
    """

    max_body: int = 8_000_000
    max_batch: int = 4096
    queue: int = 64
    gaps: bool = False


class GoneError(Exception):
    """Whoever asked went away."""


class Bodies:
    """Reads the bodies of requests.

    Parameters
    ----------
    limits : Limits
        Bodies that come in pieces hold memory until they are whole: as many bytes as a full queue of the largest.
    """

    def __init__(self, limits: Limits) -> None:
        self._most, self._all = limits.max_body, limits.max_body * limits.queue
        self._held = 0
        self._awaited: dict[Any, float] = {}  # the tasks that wait for a body, and since when
        self._late: set[Any] = set()
        self._looking: asyncio.AbstractEventLoop | None = None  # which looks after them

    async def read(self, headers: Headers, receive: Receive) -> bytes:
        """The body of a request, unpacked.

        Raises
        ------
        Refused
            413, 415, 408, 400; 429 where too many bytes wait for the rest of their bodies.
        GoneError
        """
        kind = headers.get(b"content-type", b"")
        if kind not in _TYPES and kind.partition(b";")[0].strip().lower() not in _TYPES:
            raise Refused(415, "expected a body of application/json or application/octet-stream")
        length = headers.get(b"content-length", b"")
        if length.isdigit() and (len(length) > 18 or int(length) > self._most):
            raise _too_large(self._most)
        # A look at all who wait, now and then, costs less than a timer for each, as asyncio.timeout has.
        task: Any = asyncio.current_task()
        loop = asyncio.get_running_loop()
        self._awaited[task] = loop.time()
        if self._looking is not loop:
            self._look(loop)
        try:
            body = await self._whole(receive)
        except asyncio.CancelledError:
            if task not in self._late:
                raise
            task.uncancel()
            raise Refused(408, f"the body did not come within {SLOW:.0f} s") from None
        finally:
            del self._awaited[task]
        packed = headers.get(b"content-encoding")
        return body if packed is None or packed == b"identity" else _unpacked(body, packed.lower(), self._most)

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        late = loop.time() - SLOW
        self._late = {task for task, since in self._awaited.items() if since < late}
        for task in self._late:
            task.cancel()
        self._looking = loop if self._awaited else None
        if self._awaited:
            loop.call_later(SLOW / 30, self._look, loop)

    async def _whole(self, receive: Receive) -> bytes:
        body, more = await _piece(receive)
        if not more:
            if len(body) > self._most:
                raise _too_large(self._most)
            return body
        pieces, size = [body], len(body)
        self._held += size
        try:
            while True:
                if size > self._most:
                    raise _too_large(self._most)
                if not more:
                    return b"".join(pieces)
                if self._held > self._all:
                    raise Refused(429, "too many bodies are under way", [(b"retry-after", b"1")])
                body, more = await _piece(receive)
                pieces.append(body)
                size += len(body)
                self._held += len(body)
        finally:
            self._held -= size


async def _piece(receive: Receive) -> tuple[bytes, bool]:
    message = await receive()
    if message["type"] != "http.request":
        raise GoneError
    return message["body"], message.get("more_body", False)


def _unpacked(body: bytes, packed: bytes, most: int) -> bytes:
    if packed not in (b"gzip", b"deflate"):
        raise Refused(415, "Content-Encoding: expected gzip, deflate or none")
    unpacker = zlib.decompressobj(wbits=47)  # of both kinds
    try:
        found = unpacker.decompress(body, most + 1)
    except zlib.error as error:
        raise bad(f"Content-Encoding: {error}") from None
    if len(found) > most:
        raise _too_large(most)
    if not unpacker.eof:
        raise bad("Content-Encoding: the body ends too soon")
    return found


def _too_large(most: int) -> Refused:
    return Refused(413, f"a body of more than {most} bytes (--max-body)")
