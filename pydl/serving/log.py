"""A line of JSON for each request and event: what was asked of which model, never the data."""

from __future__ import annotations

import asyncio
import time
from typing import IO, Any

from pydl.serving.documents import write_json

_WAIT = 0.1  # seconds in which lines are gathered, for writing each by itself takes as long as answering
_LONGEST_ID = 200
Request = tuple[float, str | None, tuple[str, str], int, float, int]


class Log:
    """Where lines go.

    Parameters
    ----------
    file : binary file or None
        None: nowhere.
    """

    def __init__(self, file: IO[bytes] | None) -> None:
        self._file = file
        self._waiting: list[Request] = []

    def event(self, event: str, **more: Any) -> None:
        """Write that something happened, at once, from any thread."""
        if self._file is not None:
            self._file.write(write_json({"time": round(time.time(), 3), "event": event, **more}) + b"\n")
            self._file.flush()

    def request(self, id_: str | None, model: tuple[str, str], rows: int, seconds: float, status: int) -> None:
        """Write of a request, soon; from the thread of the event loop."""
        if self._file is None:
            return
        self._waiting.append((time.time(), id_, model, rows, seconds, status))
        if len(self._waiting) == 1:
            asyncio.get_running_loop().call_later(_WAIT, self.flush)

    def flush(self) -> None:
        """Write what waits."""
        waiting, self._waiting = self._waiting, []
        if waiting and self._file is not None:
            self._file.write(b"".join(map(_line, waiting)))
            self._file.flush()


def _line(request: Request) -> bytes:
    when, id_, (model, version), rows, seconds, status = request
    return b"%s\n" % write_json({
        "time": round(when, 3), "id": None if id_ is None else id_[:_LONGEST_ID], "model": model, "version": version,
        "rows": rows, "ms": round(seconds * 1e3, 3), "status": status,
    })  # fmt: skip
