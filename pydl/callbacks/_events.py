"""TensorBoard's event files: records of protocol buffers, each with its length and checksums."""

import os
import socket
import struct
import time
from collections.abc import Mapping
from typing import IO

import numpy as np


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
        self._record(_double(1, time.time()) + _text(3, "brain.Event:2"))

    def write(self, step: int, values: Mapping[str, "float | Histogram"]) -> None:
        """Values by their names, at a step."""
        summary = b"".join(
            _bytes(1, _text(1, name) + (_histogram(v) if isinstance(v, Histogram) else _float(2, float(v))))
            for name, v in values.items()
        )
        self._record(_double(1, time.time()) + _whole(2, step) + _bytes(5, summary))

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
    parts = b"".join(_double(field, float(v)) for field, v in head)
    parts += _bytes(6, struct.pack(f"<{len(h.counts)}d", *h.edges[1:]))
    return _bytes(5, parts + _bytes(7, struct.pack(f"<{len(h.counts)}d", *h.counts)))


# -- protocol buffers: a field is its number and kind, then its value -------------------------------------------------
def _varint(n: int) -> bytes:
    """A number in groups of seven bits, the lowest first; a negative one as if it had 64 bits."""
    n &= 2**64 - 1
    parts = bytearray()
    while n > 127:
        parts.append(n & 127 | 128)
        n >>= 7
    return bytes([*parts, n])


def _whole(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _double(field: int, value: float) -> bytes:
    return _varint(field << 3 | 1) + struct.pack("<d", value)


def _float(field: int, value: float) -> bytes:
    return _varint(field << 3 | 5) + np.float32(value).tobytes()


def _bytes(field: int, value: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(value)) + value


def _text(field: int, value: str) -> bytes:
    return _bytes(field, value.encode())


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
