"""Axes in another order, apart or together, as a pattern says."""

from __future__ import annotations

import re
from typing import Any

from pydl._base.args import whole
from pydl.ops.shapes import reshape, shape, transpose


def rearrange(tensor: Any, pattern: str, **axes_lengths: int) -> Any:
    """An array whose axes are parted, moved and joined: `rearrange(x, "b (h k) w c -> b h (w k) c", k=2)`.

    Parameters
    ----------
    tensor : array or tensor
    pattern : str
        Names of the axes before and after `->`; those in parentheses are one axis. Each name stands on both sides.
    **axes_lengths : int
        Sizes of axes, of all but one of each pair of parentheses before the arrow.

    Raises
    ------
    ValueError
        A pattern that does not fit.
    """
    before, arrow, after = pattern.partition("->")
    groups, wanted = _groups(before), _groups(after)
    sizes, names = tuple(shape(tensor)), [name for group in groups for name in group]
    if not arrow or sorted(names) != sorted(name for group in wanted for name in group) or len(set(names)) < len(names):
        raise ValueError(f'rearrange: expected a pattern "a b -> b a", each name once on both sides, got {pattern!r}')
    if len(groups) != len(sizes):
        raise ValueError(f"rearrange: {pattern!r} is of {len(groups)} axes, got shape {sizes}")
    known: dict[str, int | None] = {
        name: whole("rearrange", name, value, at_least=1) for name, value in axes_lengths.items()
    }
    if unknown := sorted(set(known) - set(names)):
        raise ValueError(f"rearrange: {pattern!r} has no axis {unknown[0]!r}")
    for group, size in zip(groups, sizes, strict=True):
        _part(pattern, group, size, known)
    apart = reshape(tensor, _open(known[name] for name in names))
    moved = transpose(apart, [names.index(name) for group in wanted for name in group])
    return reshape(moved, _open(_product(group, known) for group in wanted))


def _groups(side: str) -> list[list[str]]:
    return [part.strip("()").split() for part in re.findall(r"\([^()]*\)|\w+", side)]


def _part(pattern: str, group: list[str], size: int | None, known: dict[str, int | None]) -> None:
    """Find out the one size of a group that is not known."""
    open_ones = [name for name in group if name not in known]
    rest = 1
    for name in group:
        rest *= known.get(name) or 1
    if len(open_ones) > 1 or (size is not None and size % rest) or (not open_ones and size not in (None, rest)):
        raise ValueError(f"rearrange: {pattern!r}: an axis of {size} does not part into {group} with {known}")
    for name in open_ones:
        known[name] = None if size is None else size // rest


def _product(group: list[str], known: dict[str, int | None]) -> int | None:
    total: int | None = 1
    for name in group:
        size = known[name]
        total = None if total is None or size is None else total * size
    return total


def _open(sizes: Any) -> list[int]:
    """Sizes for `reshape`, of which one may not be known."""
    return [-1 if size is None else size for size in sizes]
