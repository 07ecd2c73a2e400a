"""Where what lies between the calls has its place: the same memory for what is not needed at the same time."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pydl._c.unit import Call, In, Out

ALIGNED = 16  # elements: a cache line of float32


class Places:
    """Offsets in a workspace, in elements.

    Parameters
    ----------
    calls : list of Call
    given : set of int
        Ids of buffers that lie elsewhere: inputs, outputs, constants.

    Attributes
    ----------
    size : int
        Of the workspace.
    at : dict
        Offset by id of the buffer.
    """

    def __init__(self, calls: list[Call], given: Iterable[int]) -> None:
        given, lives = set(given), dict[int, tuple[Any, int, int]]()
        for i, call in enumerate(calls):
            for a in call.arguments:
                if isinstance(a, In | Out) and id(a.buffer) not in given:
                    _, first, _ = lives.get(id(a.buffer), (a.buffer, i, i))
                    lives[id(a.buffer)] = a.buffer, first, i
        self.size, self.at = 0, dict[int, int]()
        placed: list[tuple[int, int, int, int]] = []  # offset, end, first, last
        for key, (buffer, first, last) in sorted(lives.items(), key=lambda item: (-item[1][0].size, item[1][1])):
            room = -(-buffer.size // ALIGNED) * ALIGNED
            offset = 0
            for start, end, begins, ends in sorted(placed):
                if begins <= last and first <= ends and offset < end and start < offset + room:
                    offset = end
            placed.append((offset, offset + room, first, last))
            self.at[key] = offset
            self.size = max(self.size, offset + room)
