"""Nested lists, tuples and dicts, with the names of `keras.tree`. Dicts are walked by their sorted keys."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

__all__ = [
    "assert_same_paths", "assert_same_structure", "flatten", "flatten_with_path", "is_nested", "lists_to_tuples",
    "map_shape_structure", "map_structure", "map_structure_up_to", "pack_sequence_as", "traverse",
]  # fmt: skip


def is_nested(structure: Any) -> bool:
    """Whether it is a list, a tuple or a dict."""
    return isinstance(structure, list | tuple | Mapping)


def flatten_with_path(structure: Any) -> list[tuple[tuple[Any, ...], Any]]:
    """The leaves, each with the keys and numbers that lead to it."""
    if not is_nested(structure):
        return [((), structure)]
    return [((key, *path), leaf) for key, part in _parts(structure) for path, leaf in flatten_with_path(part)]


def flatten(structure: Any) -> list[Any]:
    """The leaves, in order."""
    return [leaf for _, leaf in flatten_with_path(structure)]


def map_structure(func: Callable[..., Any], *structures: Any, none_is_leaf: bool = True) -> Any:
    """The same structure with `func` of each leaf, or of the leaves of several structures in one place.

    `none_is_leaf=False`: None stays None.

    Raises
    ------
    TypeError, ValueError
        `func` cannot be called; no structures, or structures that differ.
    """
    if not callable(func):
        raise TypeError(f"map_structure: expected a function, got {func!r}")
    if not structures:
        raise ValueError("map_structure: expected at least one structure")
    for other in structures[1:]:
        assert_same_structure(structures[0], other)
    return _mapped(lambda *leaves: None if leaves[0] is None and not none_is_leaf else func(*leaves), structures)


def map_structure_up_to(shallow_structure: Any, func: Callable[..., Any], *structures: Any) -> Any:
    """As `map_structure`, but what stands where the first structure has leaves is passed as it is."""
    return _mapped(lambda _, *parts: func(*parts), (shallow_structure, *structures))


def map_shape_structure(func: Callable[..., Any], structure: Any) -> Any:
    """As `map_structure`; tuples and lists of numbers and None are leaves: they are shapes."""
    if isinstance(structure, list | tuple) and all(e is None or isinstance(e, int) for e in structure):
        return func(tuple(structure))
    return _rebuilt(structure, [map_shape_structure(func, part) for _, part in _parts(structure)])


def pack_sequence_as(structure: Any, flat_sequence: Iterable[Any]) -> Any:
    """The structure with other leaves, given in order."""
    flat = list(flat_sequence)
    if len(flat) != len(flatten(structure)):
        raise ValueError(f"pack_sequence_as: expected {len(flatten(structure))} leaves, got {len(flat)}")
    leaves = iter(flat)
    return _mapped(lambda _: next(leaves), (structure,))


def lists_to_tuples(structure: Any) -> Any:
    """The same with tuples instead of lists."""
    if not is_nested(structure):
        return structure
    parts = [lists_to_tuples(part) for _, part in _parts(structure)]
    return tuple(parts) if isinstance(structure, list) else _rebuilt(structure, parts)


def traverse(func: Callable[[Any], Any], structure: Any, top_down: bool = True) -> Any:
    """Visit structures and leaves; what `func` returns, unless it is None, takes the place of what it was given.

    `top_down`: a structure comes before its parts, which are not visited if it is replaced.
    """
    if top_down and (found := func(structure)) is not None:
        return found
    if is_nested(structure):
        structure = _rebuilt(structure, [traverse(func, part, top_down) for _, part in _parts(structure)])
    if top_down:
        return structure
    found = func(structure)
    return structure if found is None else found


def assert_same_structure(a: Any, b: Any) -> None:
    """Raise ValueError where two structures differ in anything but their leaves."""
    if is_nested(a) != is_nested(b) or (is_nested(a) and _kind(a) is not _kind(b)):
        raise ValueError(f"the structures differ: {a!r} and {b!r}")
    if is_nested(a):
        if [key for key, _ in _parts(a)] != [key for key, _ in _parts(b)]:
            raise ValueError(f"the structures differ: {a!r} and {b!r}")
        for (_, x), (_, y) in zip(_parts(a), _parts(b), strict=True):
            assert_same_structure(x, y)


def assert_same_paths(a: Any, b: Any) -> None:
    """Raise ValueError where the paths to the leaves of two structures differ."""
    paths = [{path for path, _ in flatten_with_path(structure)} for structure in (a, b)]
    if paths[0] != paths[1]:
        raise ValueError(f"the paths differ: {sorted(paths[0] ^ paths[1], key=str)} are in one of them only")


def _kind(structure: Any) -> type:
    return dict if isinstance(structure, Mapping) else type(structure)


def _parts(structure: Any) -> list[tuple[Any, Any]]:
    """The parts of a structure by key or number, in order."""
    if isinstance(structure, Mapping):
        try:
            return [(key, structure[key]) for key in sorted(structure)]
        except TypeError:  # keys that have no order
            return list(structure.items())
    return list(enumerate(structure))


def _rebuilt(structure: Any, parts: list[Any]) -> Any:
    """A structure of the same kind with other parts."""
    if isinstance(structure, Mapping):
        new = dict(zip([key for key, _ in _parts(structure)], parts, strict=True))
        ordered = {key: new[key] for key in structure}
        return ordered if type(structure) is dict else type(structure)(ordered)  # type: ignore[call-arg]
    return type(structure)(*parts) if hasattr(structure, "_fields") else type(structure)(parts)


def _mapped(func: Callable[..., Any], structures: tuple[Any, ...]) -> Any:
    first = structures[0]
    if not is_nested(first):
        return func(*structures)
    columns = [[part for _, part in _parts(structure)] for structure in structures]
    return _rebuilt(first, [_mapped(func, row) for row in zip(*columns, strict=True)])
