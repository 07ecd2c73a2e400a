"""Asking an application without a network."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from pydl.serving import App, Repository


@dataclass
class Said:
    """An answer."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


async def asked(
    app: App, method: str, path: str, body: Any = b"", headers: Mapping[str, str] | None = None, pieces: int = 1
) -> Said:
    """Ask an application, with a body in so many pieces; what is no bytes is sent as JSON."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    given = {"host": "here", "content-length": str(len(content)), **(headers or {})}
    size = -(-len(content) // pieces) or 1
    parts = [content[i : i + size] for i in range(0, len(content), size)] or [b""]
    coming = [{"type": "http.request", "body": p, "more_body": i < len(parts)} for i, p in enumerate(parts, 1)]
    said: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return coming.pop(0) if coming else {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        said.append(message)

    scope = {
        "type": "http", "method": method, "path": path,
        "headers": [(k.encode(), v.encode()) for k, v in given.items()],
    }  # fmt: skip
    await app(scope, receive, send)
    start, end = said
    return Said(start["status"], {k.decode(): v.decode() for k, v in start["headers"]}, end["body"])


def ask(*args: Any, **kwargs: Any) -> Said:
    """The same, for one request."""
    return asyncio.run(asked(*args, **kwargs))


def app_of(path: Any, **more: Any) -> App:
    """An application that serves a path."""
    repository = Repository(path)
    repository.load_all()
    return App(repository, **more)


def tensor(x: Any, name: str = "x", datatype: str = "FP32") -> dict[str, Any]:
    """An input for a request."""
    x = np.asarray(x)
    return {"name": name, "shape": list(x.shape), "datatype": datatype, "data": x.ravel().tolist()}
