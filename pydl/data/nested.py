"""Batches as arrays, or lists or dicts of arrays: rows of all of them at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np


def over(value: Any, function: Callable[[Any], Any]) -> Any:
    """`function` of each array, in the structure of `value`; None stays."""
    if value is None:
        return None
    if isinstance(value, Mapping):
        return {name: over(part, function) for name, part in value.items()}
    if isinstance(value, tuple | list):
        return type(value)(over(part, function) for part in value)
    return function(value)


def leaves(value: Any) -> list[Any]:
    """The arrays of a structure."""
    found: list[Any] = []
    over(value, found.append)
    return found


def length(owner: str, value: Any) -> int:
    """The number of rows that all arrays have.

    Raises
    ------
    ValueError
        Arrays of different lengths, or none at all.
    """
    lengths = sorted({len(leaf) for leaf in leaves(value)})
    if len(lengths) != 1:
        raise ValueError(f"{owner}: expected arrays of one length, got {', '.join(map(str, lengths)) or 'no array'}")
    return lengths[0]


def take(value: Any, rows: Any) -> Any:
    """Some rows of each array: a view for a slice, a copy for row numbers."""
    return over(value, lambda leaf: leaf[rows])


def join(parts: Sequence[Any]) -> Any:
    """One structure from several of the same kind, row upon row."""
    first = parts[0]
    if len(parts) == 1 or first is None:
        return first
    if isinstance(first, Mapping):
        return {name: join([part[name] for part in parts]) for name in first}
    if isinstance(first, tuple | list):
        return type(first)(join(column) for column in zip(*parts, strict=True))
    return np.concatenate(parts)
