"""TensorBoard's event files: records of protocol buffers, each with its length and checksums."""

import os
import socket
import struct
import time
from collections.abc import Mapping
from typing import IO

import numpy as np

from pydl._base.protobuf import delimited, double, single, text, whole


class Histogram:
    """The distribution of an array: how many values are in each of some equal parts of its range."""

    def __init__(self, values: np.ndarray, parts: int = 30) -> None:
        flat = np.asarray(values, np.float64).ravel()
        finite = flat[np.isfinite(flat)]
        self.values = finite if finite.size else np.zeros(1)
        self.counts, self.edges = np.histogram(self.values, parts)


class EventFile:
    """A new event file in a folder, which is made if it is not there.

    Written at once, so that TensorBoard shows a run while it runs.
    """

    _made = 0

    def __init__(self, folder: str) -> None:
        os.makedirs(folder, exist_ok=True)
        EventFile._made += 1
        name = f"events.out.tfevents.{int(time.time())}.{socket.gethostname()}.{os.getpid()}.{EventFile._made}.v2"
        self._file: IO[bytes] = open(os.path.join(folder, name), "wb")  # noqa: SIM115 - `close` closes it
        self._record(double(1, time.time()) + text(3, "brain.Event:2"))

    def write(self, step: int, values: Mapping[str, "float | Histogram"]) -> None:
        """Values by their names, at a step."""
        summary = b"".join(
            delimited(1, text(1, name) + (_histogram(v) if isinstance(v, Histogram) else single(2, float(v))))
            for name, v in values.items()
        )
        self._record(double(1, time.time()) + whole(2, step) + delimited(5, summary))

    def _record(self, event: bytes) -> None:
        length = struct.pack("<Q", len(event))
        self._file.write(length + _checksum(length) + event + _checksum(event))
        self._file.flush()

    def close(self) -> None:
        """Nothing follows."""
        self._file.close()


def _histogram(h: Histogram) -> bytes:
    x = h.values
    head = [(1, x.min()), (2, x.max()), (3, len(x)), (4, x.sum()), (5, np.square(x).sum())]
    parts = b"".join(double(field, float(v)) for field, v in head)
    parts += delimited(6, struct.pack(f"<{len(h.counts)}d", *h.edges[1:]))
    return delimited(5, parts + delimited(7, struct.pack(f"<{len(h.counts)}d", *h.counts)))


# -- CRC-32C (Castagnoli), turned and shifted as TFRecord files have it -----------------------------------------------
def _table() -> list[int]:
    table = []
    for n in range(256):
        for _ in range(8):
            n = n >> 1 ^ (0x82F63B78 if n & 1 else 0)
        table.append(n)
    return table


_TABLE = _table()


def _checksum(content: bytes) -> bytes:
    crc = 0xFFFFFFFF
    for byte in content:
        crc = crc >> 8 ^ _TABLE[(crc ^ byte) & 255]
    crc ^= 0xFFFFFFFF
    return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)
