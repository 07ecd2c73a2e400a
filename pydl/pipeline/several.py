"""How several targets are spoken of: `TARGET=VALUE` in options, and by name in JSON."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

_KEY = "targets"


def by_name(option: str, value: Any, names: Sequence[str]) -> dict[str, str] | None:
    """What an option says of some targets, as `price=mae,rooms=poisson`; None where it is one value, for all.

    Of a single target every value is just that: a class may be called `a=b`.

    Raises
    ------
    ValueError
        Something before the first name, or a name twice.
    """
    if len(names) < 2:
        return None
    longest_first = "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True))
    before, *found = re.split(f"(?:^|,)({longest_first})=", str(value))
    if not found:
        return None
    told = dict(zip(found[::2], found[1::2], strict=True))
    if before or len(told) < len(found) // 2:
        raise ValueError(f"{option} {value}: expected TARGET=VALUE once for a target, with commas between")
    return told


def values_of(option: str, value: Any, names: Sequence[str]) -> list[Any]:
    """All values that an option has, for whichever target."""
    told = by_name(option, value, names)
    return [value] if told is None else list(told.values())


def together(names: Sequence[str], found: Sequence[Any]) -> Any:
    """What was found for each target, as JSON holds it: of one target just that, of several by their names."""
    return found[0] if len(names) == 1 else {_KEY: dict(zip(names, found, strict=True))}


def apart(found: dict[str, Any]) -> dict[str | None, Any]:
    """What `together` made one of, by target; None is the name of a single one."""
    return {**found[_KEY]} if _KEY in found else {None: found}
