"""Arrays of lists of numbers in npz files, which NumPy stores as a pickle: read without running one.

A pickle is a program for a stack machine. What is understood here are the instructions that push numbers, text, lists
and tuples; those that would call something leave a note of its name and arguments. Nothing is imported or called.
"""

from __future__ import annotations

import os
import re
import struct
import zipfile
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

_INTS = re.compile(rb"(?:K.|M..|J.{4})+", re.DOTALL)
_INT = re.compile(rb"K(.)|M(..)|J(.{4})", re.DOTALL)
_MOST = 2**30  # bytes of a member


class _Note(NamedTuple):
    """A call that is not made."""

    name: Any
    arguments: Any
    state: list[Any]


_MARK = object()


def load(path: str | os.PathLike[str]) -> dict[str, Any]:
    """The arrays of an npz file by name; those of lists as lists of lists of numbers.

    Raises
    ------
    ValueError
        A file that holds anything else.
    """
    found: dict[str, Any] = {}
    with zipfile.ZipFile(path) as packed:
        for info in packed.infolist():
            if info.file_size > _MOST:
                raise ValueError(f'"{os.fspath(path)}": expected at most {_MOST} bytes in {info.filename}')
            with packed.open(info) as file:
                version = np.lib.format.read_magic(file)
                read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
                shape, _, dtype = read(file)
                raw = file.read()
            name = info.filename.removesuffix(".npy")
            if dtype.hasobject:
                found[name] = _lists(os.fspath(path), raw, shape)
            else:
                found[name] = np.frombuffer(raw, dtype).reshape(shape)
    return found


def _lists(path: str, raw: bytes, shape: tuple[int, ...]) -> list[list[int]]:
    try:
        note = _run(raw)
        rows = note.state[-1][-1]  # of the state of an array: version, shape, dtype, order, elements
    except (IndexError, KeyError, struct.error, TypeError, AttributeError) as error:
        raise ValueError(f'"{path}": expected an array of lists of numbers, got another pickle: {error!r}') from None
    if not isinstance(rows, list) or len(rows) != np.prod(shape) or not all(isinstance(row, list) for row in rows):
        raise ValueError(f'"{path}": expected an array of lists of numbers, got another one')
    return rows


def _run(code: bytes) -> Any:
    """What a pickle leaves on the stack, with notes in the place of calls; KeyError for other instructions."""
    stack: list[Any] = []
    memo: dict[int, Any] = {}
    place = 0

    def take(size: int) -> bytes:
        nonlocal place
        place += size
        return code[place - size : place]

    def number(kind: str) -> int:
        return int(struct.unpack(kind, take(struct.calcsize(kind)))[0])

    def line() -> str:
        nonlocal place
        end = code.index(b"\n", place)
        text = code[place:end].decode()
        place = end + 1
        return text

    def marked() -> list[Any]:
        start = len(stack) - 1 - stack[::-1].index(_MARK)
        items = stack[start + 1 :]
        del stack[start:]
        return items

    def call() -> None:
        arguments, name = stack.pop(), stack.pop()
        stack.append(_Note(name, arguments, []))

    def build() -> None:
        state = stack.pop()
        stack[-1].state.append(state)

    def last(size: int) -> None:
        items = tuple(stack[len(stack) - size :])
        del stack[len(stack) - size :]
        stack.append(items)

    def named() -> None:
        last(2)

    push = stack.append
    steps: dict[int, Callable[[], Any]] = {
        0x80: lambda: take(1), 0x95: lambda: take(8), ord("c"): lambda: push((line(), line())), 0x93: named,
        0x8C: lambda: push(take(number("<B"))), ord("X"): lambda: push(take(number("<I"))),
        ord("U"): lambda: push(take(number("<B"))), ord("T"): lambda: push(take(number("<i"))),
        ord("C"): lambda: push(take(number("<B"))), ord("B"): lambda: push(take(number("<I"))),
        0x94: lambda: memo.__setitem__(len(memo), stack[-1]),
        ord("q"): lambda: memo.__setitem__(number("<B"), stack[-1]),
        ord("r"): lambda: memo.__setitem__(number("<I"), stack[-1]), ord("h"): lambda: push(memo[number("<B")]),
        ord("j"): lambda: push(memo[number("<I")]), ord("]"): lambda: push([]), ord(")"): lambda: push(()),
        0x85: lambda: last(1), 0x86: lambda: last(2), 0x87: lambda: last(3), ord("("): lambda: push(_MARK),
        ord("t"): lambda: push(tuple(marked())), ord("R"): call, ord("b"): build, ord("N"): lambda: push(None),
        0x88: lambda: push(True), 0x89: lambda: push(False), ord("a"): lambda: stack[-2].append(stack.pop()),
        ord("e"): lambda: (items := marked(), stack[-1].extend(items)),
        0x8A: lambda: push(int.from_bytes(take(number("<B")), "little", signed=True)),
    }  # fmt: skip
    while True:
        if run := _INTS.match(code, place):
            place = run.end()
            for byte, short, long in _INT.findall(run.group()):
                push(
                    byte[0]
                    if byte
                    else int.from_bytes(short, "little")
                    if short
                    else int.from_bytes(long, "little", signed=True)
                )
            continue
        op = code[place]
        place += 1
        if op == ord("."):
            return stack.pop()
        steps[op]()
