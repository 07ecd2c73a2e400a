"""Automatic names: of layers, models, metrics and optimizers that are given none, numbered over the whole process."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

_names: Counter[str] = Counter()


def unique_name(stem: str) -> str:
    """`dense`, `dense_1`, ...: Keras's automatic names."""
    n = _names[stem]
    _names[stem] += 1
    return f"{stem}_{n}" if n else stem


def reset_names() -> None:
    """Start automatic names anew (`pydl.utils.clear_session`)."""
    _names.clear()


@contextmanager
def own_names() -> Iterator[None]:
    """Number automatic names anew for as long as it lasts; then they go on as if nothing had been."""
    before = _names.copy()
    _names.clear()
    try:
        yield
    finally:
        _names.clear()
        _names.update(before)
