"""Objects that stand in several places of what a config describes: numbered when it is written, made once when read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

_numbers: ContextVar[Mapping[int, int] | None] = ContextVar("numbers", default=None)  # by id
_made: ContextVar[dict[Any, Any] | None] = ContextVar("made", default=None)


@contextmanager
def written(find: Callable[[], Mapping[int, int]]) -> Iterator[None]:
    """Within the outermost such block, `mark` gives the numbers that `find` found for objects, by their ids."""
    token = _numbers.set(find()) if _numbers.get() is None else None
    try:
        yield
    finally:
        if token is not None:
            _numbers.reset(token)


def mark(obj: Any) -> dict[str, int]:
    """What the entry of an object says besides: `{"shared": number}`, or nothing if it stands in one place only."""
    number = (_numbers.get() or {}).get(id(obj))
    return {} if number is None else {"shared": number}


@contextmanager
def read() -> Iterator[None]:
    """Within the outermost such block, `once` makes one object for each number."""
    token = _made.set({}) if _made.get() is None else None
    try:
        yield
    finally:
        if token is not None:
            _made.reset(token)


def once(entry: Mapping[str, Any], make: Callable[[], Any]) -> Any:
    """The object of an entry: that of an earlier one with the same number, else a new one."""
    number, made = entry.get("shared"), _made.get()
    if number is None or made is None:
        return make()
    if number not in made:
        made[number] = make()
    return made[number]
