"""Connections of the server: nobody holds one without asking, and whoever came before the end is answered."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

WAIT = 30.0  # seconds in which the head of a request has to be there, from the connection on or the answer before
NEW = 0.5  # seconds that a connection without a request is kept when the server ends: it is likely on its way


class Connection(HttpToolsProtocol):
    """One of HTTP/1.1, which is closed if no request comes on it.

    Uvicorn closes one behind an answer, but waits for ever for the first request, and for the rest of a head.
    """

    _watch: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Begin to wait for a request."""
        super().connection_made(transport)
        self._made = self.loop.time()
        self._watch = self.loop.call_later(WAIT, self._look, None)

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no longer."""
        super().connection_lost(exc)
        if self._watch is not None:
            self._watch.cancel()

    def shutdown(self) -> None:
        """The server ends: a connection that has just been made is kept for its request."""
        cycle: Any = self.cycle  # None before the first request
        if cycle is None and self.loop.time() - self._made < NEW:
            self.loop.call_later(NEW, self.shutdown)
        else:
            super().shutdown()

    def _look(self, last: Any) -> None:
        """Close it if no request has come since the `last` one that was there at the look before."""
        cycle: Any = self.cycle
        answered = cycle is None or cycle.response_complete
        if answered and cycle is last and self.timeout_keep_alive_task is None:
            self.transport.close()
        else:  # a connection whose request is under way has another one at the next look, or waits with uvicorn's timer
            self._watch = self.loop.call_later(WAIT, self._look, self.cycle)
