"""Checks of single constructor arguments: a number comes back as a plain Python number or an error says why not."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any

from pydl._base.errors import WrongTypeError


def _named(name: str, word: str = "") -> str:
    """The name of an argument as messages have it; what describes one stays as it is."""
    return name if " " in name else f"{word}`{name}`"


def real(
    owner: str,
    name: str,
    value: Any,
    *,
    above: float | None = None,
    at_least: float | None = None,
    at_most: float | None = None,
    below: float | None = None,
) -> float:
    """`value` as a float, finite and within the bounds given; `owner` and `name` are for the message."""
    bounds = [f"{sign} {limit}" for sign, limit in ((">", above), (">=", at_least), ("<=", at_most), ("<", below))
              if limit is not None]  # fmt: skip
    wanted = f"must be a finite number {' and '.join(bounds)}".rstrip()
    if (above, below) == (None, None) and at_least is not None and at_most is not None:
        wanted = f"must be in the range [{at_least:g}, {at_most:g}]"
    if isinstance(value, bool) or not isinstance(value, Real):
        raise WrongTypeError(f"{owner}: {_named(name)} {wanted}, got {value!r} ({type(value).__name__})")
    x = float(value)
    if (
        not math.isfinite(x)
        or (above is not None and not x > above)
        or (at_least is not None and not x >= at_least)
        or (at_most is not None and not x <= at_most)
        or (below is not None and not x < below)
    ):
        raise ValueError(f"{owner}: {_named(name)} {wanted}, got {value!r}")
    return x


def optional_real(owner: str, name: str, value: Any, **bounds: float) -> float | None:
    """As `real`, but None stays None."""
    return None if value is None else real(owner, name, value, **bounds)


def whole(owner: str, name: str, value: Any, *, at_least: int = 0, below: int | None = None) -> int:
    """`value` as an int, at least `at_least` and, if that is given, below `below`."""
    limits = f"> {at_least - 1}" if at_least > 0 else f">= {at_least}"
    limits += f" and < {below}" if below is not None else " (a positive integer)" if at_least == 1 else ""
    wanted = f"{_named(name, 'Argument ')} must be an integer {limits}"
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise WrongTypeError(f"{owner}: {wanted}, got {value!r} ({type(value).__name__})")
    n = int(value)
    if n < at_least or (below is not None and n >= below):
        raise ValueError(f"{owner}: {wanted}, got {value!r}")
    return n


def each_axis(owner: str, name: str, value: Any, axes: int, *, at_least: int = 1) -> tuple[int, ...]:
    """One whole number for each of the axes; a single one stands for all."""
    values = list(value) if isinstance(value, Sequence) and not isinstance(value, str) else [value] * axes
    if len(values) != axes:
        raise ValueError(f"{owner}: {name} must be an integer or {axes} of them, got {value!r}")
    return tuple(whole(owner, name, v, at_least=at_least) for v in values)


def axis_of(owner: str, axis: Any) -> int:
    """`axis` as an int, counted from the end where it is negative."""
    if isinstance(axis, bool) or not isinstance(axis, Integral):
        raise WrongTypeError(f"{owner}: Argument `axis` must be an integer, got {axis!r} ({type(axis).__name__})")
    return int(axis)


def optional_whole(owner: str, name: str, value: Any, **bounds: int) -> int | None:
    """As `whole`, but None stays None."""
    return None if value is None else whole(owner, name, value, **bounds)


def text(owner: str, name: str, value: Any) -> str:
    """`value`, which must be a string."""
    if not isinstance(value, str):
        raise TypeError(f"{owner}: {name} must be a string, got {value!r} ({type(value).__name__})")
    return value


def one_of(owner: str, name: str, value: Any, choices: Sequence[Any]) -> Any:
    """`value`, which must be one of `choices`."""
    for choice in choices:
        if value is choice or (isinstance(value, str) and value == choice):
            return value
    expected = ", ".join(map(repr, choices))
    raise ValueError(
        f"{owner}: Invalid value for {_named(name, 'argument ')}. Expected one of {expected}, got {value!r}"
    )


def open_shape_of(owner: str, shape: Any) -> tuple[int | None, ...]:
    """`shape` as a tuple of sizes, each an integer >= 0 or None."""
    known = shape_of(owner, [0 if d is None else d for d in shape] if isinstance(shape, list | tuple) else shape)
    return tuple(None if given is None else size for given, size in zip(shape, known, strict=True))


def shape_of(owner: str, shape: Any) -> tuple[int, ...]:
    """`shape` as a tuple of sizes, each an integer >= 0."""
    if isinstance(shape, str) or not hasattr(shape, "__iter__"):
        raise TypeError(f"{owner}: shape must be a tuple of integers, got {shape!r}")
    return tuple(whole(owner, f"shape[{i}]", size) for i, size in enumerate(shape))


def rate_by_old_names(owner: str, old: dict[str, Any], learning_rate: Any) -> Any:
    """The learning rate, where arguments of earlier Kerases are given: `lr`, which says it, and `decay`, ignored."""
    if "decay" in old:
        warnings.warn(
            f"{owner}: `decay` is no longer supported and is ignored; use learning_rate=InverseTimeDecay(...) of "
            "optimizers.schedules",
            stacklevel=4,
        )
    if "lr" in old:
        warnings.warn(f"{owner}: `lr` is an old name; use learning_rate", stacklevel=4)
    if unknown := sorted(old.keys() - {"lr", "decay"}):
        raise ValueError(f"{owner}: Argument(s) not recognized: {', '.join(unknown)}")
    return old.get("lr", learning_rate)
