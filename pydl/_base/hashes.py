"""Hashes of text that other programs know, too: FarmHash64, and SipHash-2-4 with a key.

What they give is the same in every process and on every machine, and in TensorFlow, whose layers sort text into bins by
them. In plain Python: a few microseconds per text.
"""

from __future__ import annotations

_ALL = 2**64 - 1
_K0, _K1, _K2 = 0xC3A5C85C97CB3127, 0xB492B66FBE98F273, 0x9AE16A3B2F90404F


def _word(s: bytes, at: int, size: int = 8) -> int:
    return int.from_bytes(s[at : at + size], "little")


def _right(v: int, n: int) -> int:
    """v turned right by n of 64 bits."""
    return (v >> n | v << (64 - n)) & _ALL if n else v


def _left(v: int, n: int) -> int:
    return _right(v, 64 - n)


def _mixed(v: int) -> int:
    return v ^ v >> 47


def _pair(u: int, v: int, factor: int) -> int:
    """Two words as one."""
    a = _mixed((u ^ v) * factor & _ALL)
    b = _mixed((v ^ a) * factor & _ALL)
    return b * factor & _ALL


def farmhash64(s: bytes) -> int:
    """FarmHash's `Hash64` (Pike, 2014), which is `Fingerprint64` of TensorFlow: a whole number below 2^64."""
    n = len(s)
    if n <= 16:
        return _farm_16(s, n)
    if n <= 32:
        return _farm_32(s, n)
    if n <= 64:
        return _farm_64(s, n)
    return _farm_long(s, n)


def _farm_16(s: bytes, n: int) -> int:
    factor = _K2 + 2 * n
    if n >= 8:
        a, b = (_word(s, 0) + _K2) & _ALL, _word(s, n - 8)
        return _pair(_right(b, 37) * factor + a & _ALL, (_right(a, 25) + b) * factor & _ALL, factor)
    if n >= 4:
        return _pair(n + (_word(s, 0, 4) << 3) & _ALL, _word(s, n - 4, 4), factor)
    if n == 0:
        return _K2
    y, z = s[0] + (s[n >> 1] << 8), n + (s[-1] << 2)
    return _mixed(y * _K2 & _ALL ^ z * _K0 & _ALL) * _K2 & _ALL


def _farm_32(s: bytes, n: int) -> int:
    factor = _K2 + 2 * n
    a, b = _word(s, 0) * _K1 & _ALL, _word(s, 8)
    c, d = _word(s, n - 8) * factor & _ALL, _word(s, n - 16) * _K2 & _ALL
    return _pair(_right(a + b & _ALL, 43) + _right(c, 30) + d & _ALL, a + _right(b + _K2 & _ALL, 18) + c & _ALL, factor)


def _farm_64(s: bytes, n: int) -> int:
    factor = _K2 + 2 * n
    a, b = _word(s, 0) * _K2 & _ALL, _word(s, 8)
    c, d = _word(s, n - 8) * factor & _ALL, _word(s, n - 16) * _K2 & _ALL
    y = _right(a + b & _ALL, 43) + _right(c, 30) + d & _ALL
    z = _pair(y, a + _right(b + _K2 & _ALL, 18) + c & _ALL, factor)
    e, f = _word(s, 16) * factor & _ALL, _word(s, 24)
    g, h = (y + _word(s, n - 32)) * factor & _ALL, (z + _word(s, n - 24)) * factor & _ALL
    return _pair(_right(e + f & _ALL, 43) + _right(g, 30) + h & _ALL, e + _right(f + a & _ALL, 18) + g & _ALL, factor)


def _weak(s: bytes, at: int, a: int, b: int) -> tuple[int, int]:
    """32 bytes and two words as two words."""
    w, x, y, z = (_word(s, at + 8 * i) for i in range(4))
    a = a + w & _ALL
    b = _right(b + a + z & _ALL, 21)
    c = a
    a = a + x + y & _ALL
    b = b + _right(a, 44) & _ALL
    return a + z & _ALL, b + c & _ALL


def _farm_long(s: bytes, n: int) -> int:
    x, y = 81 * _K2 + _word(s, 0) & _ALL, 81 * _K1 + 113 & _ALL
    z = _mixed(y * _K2 + 113 & _ALL) * _K2 & _ALL
    v, w = (0, 0), (0, 0)
    factor, times = _K1, 1
    blocks = range(0, (n - 1) // 64 * 64, 64)
    for at in (*blocks, n - 64):
        if at > blocks[-1]:  # the last 64 bytes, some of which the block before may have had
            factor, times = _K1 + ((z & 0xFF) << 1) & _ALL, 9
            more = w[0] + ((n - 1) & 63) & _ALL
            v = (v[0] + more & _ALL, v[1])
            w = (more + v[0] & _ALL, w[1])
        x = _right(x + y + v[0] + _word(s, at + 8) & _ALL, 37) * factor & _ALL
        y = _right(y + v[1] + _word(s, at + 48) & _ALL, 42) * factor & _ALL
        x ^= w[1] * times & _ALL
        y = y + v[0] * times + _word(s, at + 40) & _ALL
        z = _right(z + w[0] & _ALL, 33) * factor & _ALL
        v = _weak(s, at, v[1] * factor & _ALL, x + w[0] & _ALL)
        w = _weak(s, at + 32, z + w[1] & _ALL, y + _word(s, at + 16) & _ALL)
        z, x = x, z
    return _pair(_pair(v[0], w[0], factor) + _mixed(y) * _K0 + z & _ALL, _pair(v[1], w[1], factor) + x & _ALL, factor)


def siphash(s: bytes, key: tuple[int, int]) -> int:
    """SipHash-2-4 (Aumasson and Bernstein 2012): a whole number below 2^64.

    Parameters
    ----------
    s : bytes
    key : tuple of two int
        Taken modulo 2^64.
    """
    k0, k1 = (k & _ALL for k in key)
    v = [k0 ^ 0x736F6D6570736575, k1 ^ 0x646F72616E646F6D, k0 ^ 0x6C7967656E657261, k1 ^ 0x7465646279746573]
    whole = len(s) // 8 * 8
    for at in range(0, whole, 8):
        _absorb(v, _word(s, at))
    _absorb(v, (len(s) & 0xFF) << 56 | int.from_bytes(s[whole:], "little"))
    v[2] ^= 0xFF
    _rounds(v, 4)
    return v[0] ^ v[1] ^ v[2] ^ v[3]


def _absorb(v: list[int], word: int) -> None:
    v[3] ^= word
    _rounds(v, 2)
    v[0] ^= word


def _rounds(v: list[int], n: int) -> None:
    a, b, c, d = v
    for _ in range(n):
        a, c = a + b & _ALL, c + d & _ALL
        b, d = _left(b, 13) ^ a, _left(d, 16) ^ c
        a = _left(a, 32)
        a, c = a + d & _ALL, c + b & _ALL
        d, b = _left(d, 21) ^ a, _left(b, 17) ^ c
        c = _left(c, 32)
    v[:] = a, b, c, d
