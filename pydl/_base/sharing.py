"""Objects that stand in several places of what a config describes: numbered when it is written, made once when read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from pydl._base.scoped import Scoped

_numbers: Scoped[Mapping[int, int] | None] = Scoped(None)  # by id
_made: Scoped[dict[Any, Any] | None] = Scoped(None)


def written(find: Callable[[], Mapping[int, int]]) -> AbstractContextManager[None]:
    """Within the outermost such block, `mark` gives the numbers that `find` found for objects, by their ids."""
    return _numbers.bound(find()) if _numbers.get() is None else nullcontext()


def mark(obj: Any) -> dict[str, int]:
    """What the entry of an object says besides: `{"shared": number}`, or nothing if it stands in one place only."""
    number = (_numbers.get() or {}).get(id(obj))
    return {} if number is None else {"shared": number}


def read() -> AbstractContextManager[None]:
    """Within the outermost such block, `once` makes one object for each number."""
    return _made.bound({}) if _made.get() is None else nullcontext()


def once(entry: Mapping[str, Any], make: Callable[[], Any]) -> Any:
    """The object of an entry: that of an earlier one with the same number, else a new one."""
    number, made = entry.get("shared"), _made.get()
    if number is None or made is None:
        return make()
    if number not in made:
        made[number] = make()
    return made[number]
