"""The wire format of protocol buffers, trusting nothing that is read.

A message is a row of fields: a key, `number << 3 | kind`, then a value: a varint (kind 0), 8 bytes (1), 4 bytes (5), or
a length and so many bytes (2), which are text, packed numbers or another message. Source:
https://protobuf.dev/programming-guides/encoding (the format's own page).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NoReturn

import numpy as np

from pydl._base.errors import FormatError
from pydl._base.safetensors import shorten

MAX_DEPTH = 64  # of messages within messages
MAX_FIELDS = 4_000_000  # in a file: what they may cost in memory, about 150 bytes each
_KINDS = {0: "a varint", 1: "8 bytes", 2: "bytes of a length", 5: "4 bytes"}


_REMEDY = "the file is damaged or of another kind: take another copy"


def refuse(expected: str, found: str, remedy: str = _REMEDY) -> NoReturn:
    """Raise the FormatError of a file, whose name the reader of the whole file puts in front."""
    raise FormatError(f"expected {expected}, found {found}; {remedy}")


def varint(data: memoryview, at: int) -> tuple[int, int]:
    """The number that begins at a place, and the place behind it."""
    value = shift = 0
    while True:
        if at >= len(data) or shift > 63:
            refuse("a number of at most 10 bytes", "the end of a message" if shift <= 63 else "a longer one")
        byte = data[at]
        value |= (byte & 127) << shift
        at += 1
        if byte < 128:
            break
        shift += 7
    if value >= 2**64:
        refuse("a number below 2^64", str(value))
    return value, at


def signed(value: int) -> int:
    """A varint as a whole number of 64 bits, below 0 where its highest bit is set."""
    return value - 2**64 if value >= 2**63 else value


def varints(data: memoryview) -> np.ndarray:
    """Packed varints, as int64."""
    raw = np.frombuffer(data, np.uint8)
    ends = np.flatnonzero(raw < 128)
    if raw.size and (not ends.size or ends[-1] != raw.size - 1):
        refuse("a whole number of varints", "the end of a message")
    starts = np.concatenate([np.zeros(min(1, ends.size), np.int64), ends[:-1] + 1])
    lengths = ends + 1 - starts
    if lengths.size and lengths.max() > 10:
        refuse("numbers of at most 10 bytes", "a longer one")
    shifts = (7 * (np.arange(raw.size) - np.repeat(starts, lengths))).astype(np.uint64)
    parts = (raw & 127).astype(np.uint64) << shifts
    values = np.bitwise_or.reduceat(parts, starts) if starts.size else np.zeros(0, np.uint64)
    return values.view(np.int64)


class Room:
    """How many more fields a file may have."""

    def __init__(self, fields: int = MAX_FIELDS) -> None:
        self.fields = fields

    def take(self) -> None:
        """One more."""
        self.fields -= 1
        if self.fields < 0:
            refuse(f"at most {MAX_FIELDS} fields", "more")


class Message:
    """The fields of a message by their numbers.

    Parameters
    ----------
    data : memoryview
        Of the whole message; nothing is copied.
    what : str
        What errors call it.
    """

    def __init__(self, data: memoryview, what: str, room: Room | None = None, depth: int = 1) -> None:
        if depth > MAX_DEPTH:
            refuse(f"messages nested at most {MAX_DEPTH} deep", "deeper ones")
        self.what, self.depth = what, depth
        self._room = room or Room()
        self._fields: dict[int, list[tuple[int, Any]]] = {}
        for number, kind, value in self._read(data):
            self._fields.setdefault(number, []).append((kind, value))

    def _read(self, data: memoryview) -> Iterator[tuple[int, int, Any]]:
        at = 0
        while at < len(data):
            self._room.take()
            key, at = varint(data, at)
            number, kind = key >> 3, key & 7
            if not 0 < number < 2**29:
                refuse(f"fields of {self.what} numbered from 1 to 2^29 - 1", str(number))
            if kind == 0:
                value, at = varint(data, at)
                yield number, kind, value
                continue
            if kind not in _KINDS:
                refuse(f"fields of {self.what} of the kinds {', '.join(map(str, _KINDS))}", f"kind {kind}")
            size = {1: 8, 5: 4}.get(kind, 0)
            if kind == 2:
                size, at = varint(data, at)
            if size > len(data) - at:
                refuse(f"{size} bytes for field {number} of {self.what}", f"{len(data) - at} until its end")
            yield number, kind, data[at : at + size]
            at += size

    def __contains__(self, number: int) -> bool:
        return number in self._fields

    def _values(self, number: int, kind: int) -> list[Any]:
        found = self._fields.get(number, [])
        for other, _ in found:
            if other != kind:
                refuse(f"{_KINDS[kind]} as field {number} of {self.what}", _KINDS[other])
        return [value for _, value in found]

    def whole(self, number: int, otherwise: int = 0) -> int:
        """A whole number; of several the last one counts."""
        return signed([otherwise, *self._values(number, 0)][-1] % 2**64)

    def real(self, number: int) -> float:
        """A number of 4 bytes."""
        found = self._values(number, 5)
        return float(np.frombuffer(found[-1], "<f4")[0]) if found else 0.0

    def bytes(self, number: int) -> bytes:
        """Bytes, as a copy."""
        return bytes([b"", *self._values(number, 2)][-1])

    def text(self, number: int) -> str:
        """Text."""
        return decoded(self.bytes(number), self.what)

    def texts(self, number: int) -> list[str]:
        """Several texts."""
        return [decoded(bytes(value), self.what) for value in self._values(number, 2)]

    def views(self, number: int) -> list[memoryview]:
        """Several values of a length, where they are."""
        return self._values(number, 2)

    def message(self, number: int, what: str) -> Message | None:
        """A message within this one, None where there is none."""
        found = self.messages(number, what)
        return found[-1] if found else None

    def messages(self, number: int, what: str) -> list[Message]:
        """Several of them."""
        return [Message(value, what, self._room, self.depth + 1) for value in self._values(number, 2)]

    def wholes(self, number: int) -> np.ndarray:
        """Whole numbers, packed, each by itself, or both."""
        parts = []
        for kind, value in self._fields.get(number, []):
            if kind not in (0, 2):
                refuse(f"whole numbers as field {number} of {self.what}", _KINDS[kind])
            parts.append(varints(value) if kind == 2 else np.array([signed(value)], np.int64))
        return np.concatenate([np.zeros(0, np.int64), *parts])

    def reals(self, number: int, dtype: str) -> np.ndarray:
        """Numbers of 4 or 8 bytes, packed, each by itself, or both."""
        size = np.dtype(dtype).itemsize
        parts = []
        for kind, value in self._fields.get(number, []):
            if kind not in (2, 5 if size == 4 else 1) or len(value) % size:
                refuse(f"numbers of {size} bytes as field {number} of {self.what}", _KINDS[kind])
            parts.append(np.frombuffer(value, dtype))
        return np.concatenate([np.zeros(0, dtype), *parts])


def decoded(value: bytes, what: str) -> str:
    """Bytes as the text that they stand for."""
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        refuse(f"text in UTF-8 in {what}", shorten(value))
