"""Values that hold within a `with` block of one thread."""

from __future__ import annotations

import threading
import weakref
from typing import Generic, TypeVar

T = TypeVar("T")


class Scoped(threading.local, Generic[T]):
    """A value that a `with` block of this thread binds to another one; the innermost block's holds.

    Blocks are only known by weak references. One that could not run its end, because there was no memory for it,
    has no owner afterwards, and what it bound is gone as if it had ended. (A ContextVar keeps it for good, and CPython
    3.11 crashes if memory runs out while it is set for the first time.)

    Parameters
    ----------
    default : object
        The value outside of all blocks.
    """

    def __init__(self, default: T) -> None:
        self._default = default
        self._blocks: list[weakref.ref[Block[T]]] = []

    def get(self) -> T:
        """What the innermost block binds it to, else the default."""
        while self._blocks:
            block = self._blocks[-1]()
            if block is not None:
                return block.value
            self._blocks.pop()
        return self._default

    def bound(self, value: T) -> Block[T]:
        """A `with` block in which `get` gives `value`."""
        return Block(self._blocks, value)


class Block(Generic[T]):
    """One binding, in force from the beginning to the end of its `with` block; see `Scoped`."""

    __slots__ = ("__weakref__", "_blocks", "value")

    def __init__(self, blocks: list[weakref.ref[Block[T]]], value: T) -> None:
        self._blocks, self.value = blocks, value

    def __enter__(self) -> None:
        self._blocks.append(weakref.ref(self))

    def __exit__(self, *raised: object) -> None:
        while self._blocks and self._blocks.pop()() is not self:
            pass
