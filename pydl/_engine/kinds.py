"""What dtype the functions of `pydl.ops` give for whole numbers and truth values, which kernels compute as floats."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

_TRUTHS = {
    "all", "any", "equal", "greater", "greater_equal", "in_top_k", "isclose", "isfinite", "isin", "isinf", "isnan",
    "isneginf", "isposinf", "less", "less_equal", "logical_and", "logical_not", "logical_or", "logical_xor",
    "not_equal", "signbit",
}  # fmt: skip
_WHOLE = {"argmax", "argmin", "argpartition", "argsort", "count_nonzero", "digitize", "searchsorted"}
_KEPT = {
    "absolute", "add", "broadcast_to", "clip", "concatenate", "copy", "cumsum", "expand_dims", "flip", "floor_divide",
    "get_item", "max", "maximum", "min", "minimum", "mod", "moveaxis", "multiply", "negative", "prod", "ravel",
    "repeat", "reshape", "roll", "rot90", "sign", "sort", "square", "squeeze", "stack", "stop_gradient", "subtract",
    "sum", "swapaxes", "take", "tile", "transpose", "tril", "triu",
}  # fmt: skip
_SUMS = {"cumsum", "prod", "sum"}
_KINDS = {"bool", "int32", "int64"}


def kind_of(name: str, tensors: Iterable[Any], others: Mapping[str, Any]) -> str | None:
    """The dtype of what a function gives for tensors and numbers; None where it is one of floats.

    Symbolic tensors have a `kind`, or whole numbers as dtype.
    """
    if name == "cast":
        return if_whole(str(np.dtype(others["dtype"]))) if others.get("dtype") != "bfloat16" else None
    if name in _TRUTHS:
        return "bool"
    if name in _WHOLE:
        return "int32"
    if name not in _KEPT:
        return None
    if any(isinstance(v, float | np.floating) for v in others.values()):  # bounds, first values
        return None
    found: list[Any] = []
    for t in list(tensors)[:1] if name == "take" else tensors:
        kind = _kind(t)
        if kind is None:
            return None
        if not isinstance(t, int):  # a number by itself takes the dtype of the others
            found.append(np.dtype(kind))
    if not found:
        return None
    result = np.result_type(*found)
    if result == np.bool_ and (name in _SUMS or any(_kind(t) == "int64" for t in tensors)):
        return "int32"
    return if_whole(str(result))


def _kind(t: Any) -> str | None:
    if hasattr(t, "kind"):
        return t.kind or if_whole(t.dtype)
    if isinstance(t, bool):
        return "bool"
    if isinstance(t, int):
        return "int64"
    return if_whole(str(t.dtype)) if isinstance(t, np.ndarray | np.generic) else None


def cast(y: np.ndarray, kind: str | None) -> np.ndarray:
    """What was computed in floats in its own dtype, where it is whole; sums beyond it begin anew, as those of it do."""
    if kind is None or not (y == np.rint(y)).all():
        return y
    return y.astype(np.int64).astype(kind) if kind != "bool" else y != 0


def if_whole(dtype: str) -> str | None:
    """The dtype, if it is one of whole numbers or truth values."""
    return dtype if dtype in _KINDS else None
