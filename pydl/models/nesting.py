"""Outputs of a model in lists and dicts within each other: a form with numbers in the places of tensors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import count
from typing import Any


def form_of(given: Any) -> Any:
    """The form of some outputs, None where they are a tensor or a list or dict of them."""
    parts = given.values() if isinstance(given, Mapping) else given if isinstance(given, list | tuple) else []
    if not any(isinstance(part, list | tuple | Mapping) for part in parts):
        return None
    numbers = count()

    def numbered(value: Any) -> Any:
        if isinstance(value, Mapping):
            return {key: numbered(part) for key, part in value.items()}
        return [numbered(part) for part in value] if isinstance(value, list | tuple) else next(numbers)

    return numbered(given)


def flat(given: Any) -> list[Any]:
    """What is in a form, in order."""
    return list(_leaves(given))


def _leaves(given: Any) -> Iterator[Any]:
    if isinstance(given, list | tuple | Mapping):
        for part in given.values() if isinstance(given, Mapping) else given:
            yield from _leaves(part)
    else:
        yield given


def filled(form: Any, values: Sequence[Any]) -> Any:
    """The form with values in the places of their numbers."""
    if isinstance(form, Mapping):
        return {key: filled(part, values) for key, part in form.items()}
    return [filled(part, values) for part in form] if isinstance(form, list) else values[form]


def by_key(form: Any) -> list[int]:
    """The numbers in a form, those of dicts in the order of their keys, as Keras takes them."""
    if isinstance(form, Mapping):
        return [number for key in sorted(form) for number in by_key(form[key])]
    return [number for part in form for number in by_key(part)] if isinstance(form, list) else [form]
