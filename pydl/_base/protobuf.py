"""What messages of protocol buffers are written with: a field is its number and kind, then its value."""

from __future__ import annotations

import struct

import numpy as np


def varint(n: int) -> bytes:
    """A number in groups of seven bits, the lowest first; a negative one as if it had 64 bits."""
    n &= 2**64 - 1
    parts = bytearray()
    while n > 127:
        parts.append(n & 127 | 128)
        n >>= 7
    return bytes([*parts, n])


def whole(field: int, value: int) -> bytes:
    """A whole number, a bool or a member of an enumeration."""
    return varint(field << 3) + varint(value)


def double(field: int, value: float) -> bytes:
    """A number of 64 bits."""
    return varint(field << 3 | 1) + struct.pack("<d", value)


def single(field: int, value: float) -> bytes:
    """A number of 32 bits."""
    return varint(field << 3 | 5) + np.float32(value).tobytes()


def delimited(field: int, value: bytes) -> bytes:
    """Bytes, or a message within the message."""
    return varint(field << 3 | 2) + varint(len(value)) + value


def text(field: int, value: str) -> bytes:
    """Text, in UTF-8."""
    return delimited(field, value.encode())
