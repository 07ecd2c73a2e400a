"""A server of models over HTTP, by the Open Inference Protocol V2: `pydl serve`. It needs the extra `serve`.

`app` is an application for servers of others, such as `granian --interface asgi pydl.serving:app`. It serves the path
in the environment variable PYDL_SERVE, to whoever has a token of the file in PYDL_SERVE_TOKENS, if that is set.
"""

from __future__ import annotations

import os
from functools import cache
from typing import Any

from pydl.serving.asgi import App, Limits
from pydl.serving.repository import Repository

__all__ = ["App", "Limits", "Repository", "app"]


@cache
def _made() -> App:
    from pydl.serving.running import Settings, application

    path = os.environ.get("PYDL_SERVE")
    if path is None:
        raise ValueError("pydl.serving.app: expected the environment variable PYDL_SERVE, the path of what to serve")
    return application(Settings(path, token_file=os.environ.get("PYDL_SERVE_TOKENS")))


async def app(scope: Any, receive: Any, send: Any) -> None:
    """The application that the environment describes, made when it is first called."""
    await _made()(scope, receive, send)
