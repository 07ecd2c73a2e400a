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


async def read_body(headers: Headers, receive: Receive, most: int) -> bytes:
    """The body of a request, unpacked; `most`: its bytes at most.

    Raises
    ------
    Refused
        413, 415, 408, 400.
    """
    kind = headers.get(b"content-type", b"")
    if kind not in _TYPES and kind.partition(b";")[0].strip().lower() not in _TYPES:
        raise Refused(415, "expected a body of application/json or application/octet-stream")
    length = headers.get(b"content-length", b"")
    if length.isdigit() and (len(length) > 18 or int(length) > most):
        raise _too_large(most)
    message = await receive()
    if message["type"] != "http.request":
        raise GoneError
    body: bytes = message["body"]
    if message.get("more_body"):
        body = await _rest(body, receive, most)
    if len(body) > most:
        raise _too_large(most)
    packed = headers.get(b"content-encoding")
    return body if packed is None or packed == b"identity" else _unpacked(body, packed.lower(), most)


async def _rest(first: bytes, receive: Receive, most: int) -> bytes:
    pieces, size = [first], len(first)
    try:
        async with asyncio.timeout(SLOW):
            while size <= most:
                message = await receive()
                if message["type"] != "http.request":
                    raise GoneError
                pieces.append(message["body"])
                size += len(message["body"])
                if not message.get("more_body"):
                    return b"".join(pieces)
    except TimeoutError:
        raise Refused(408, f"the body did not come within {SLOW:.0f} s") from None
    raise _too_large(most)


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
