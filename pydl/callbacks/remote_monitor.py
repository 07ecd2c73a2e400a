"""The values of each epoch, sent to a server."""

import json
import urllib.error
import urllib.parse
import urllib.request
import warnings
from collections.abc import Mapping

import numpy as np

from pydl.callbacks.base import Callback, Logs

_SECONDS = 10  # to wait for an answer


class RemoteMonitor(Callback):
    """Send the epoch's number, loss and metrics to a server, by HTTP POST, after each epoch.

    A server that cannot be reached, or refuses, is warned of; training goes on.

    Parameters
    ----------
    root, path : str
        The URL is ``root + path``.
    field : str
        The field of a form that holds the values as JSON; not used with `send_as_json`.
    headers : dict of str to str, optional
        Further headers of the request.
    send_as_json : bool
        Send JSON itself, with the content type ``application/json``, rather than a form.
    """

    def __init__(
        self,
        root: str = "http://localhost:9000",
        path: str = "/publish/epoch/end/",
        field: str = "data",
        headers: Mapping[str, str] | None = None,
        send_as_json: bool = False,
    ) -> None:
        if not root.startswith(("http://", "https://")):
            raise ValueError(f"RemoteMonitor: root: expected an http(s) URL, got {root!r}")
        self.root, self.path, self.field = root, path, field
        self.headers = headers
        self.send_as_json = send_as_json

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        text = json.dumps({"epoch": epoch, **{k: np.asarray(v).tolist() for k, v in (logs or {}).items()}})
        kind = "application/json" if self.send_as_json else "application/x-www-form-urlencoded"
        body = text if self.send_as_json else urllib.parse.urlencode({self.field: text})
        headers = {"Content-Type": kind, **(self.headers or {})}
        request = urllib.request.Request(self.root + self.path, body.encode(), headers, method="POST")
        try:
            urllib.request.urlopen(request, timeout=_SECONDS).close()
        except (urllib.error.URLError, OSError) as error:
            warnings.warn(f"RemoteMonitor: {self.root} could not be reached: {error}", stacklevel=2)
