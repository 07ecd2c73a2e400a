"""Arrays that code of a user's is given to read: whatever it does with them, nobody else sees them changed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from pydl._engine.masked_array import Masked, mask_of, with_mask


class Lent(Masked):
    """An array that others read too: it cannot be written to, and `x += 1` makes a new one, as of a tensor."""

    __array_wrap__: Any = np.ndarray.__array_wrap__
    __iadd__: Any = np.ndarray.__add__
    __isub__: Any = np.ndarray.__sub__
    __imul__: Any = np.ndarray.__mul__
    __itruediv__: Any = np.ndarray.__truediv__
    __ifloordiv__: Any = np.ndarray.__floordiv__
    __imod__: Any = np.ndarray.__mod__
    __ipow__: Any = np.ndarray.__pow__
    __imatmul__: Any = np.ndarray.__matmul__
    __iand__: Any = np.ndarray.__and__
    __ior__: Any = np.ndarray.__or__
    __ixor__: Any = np.ndarray.__xor__


def lending(call: Callable[..., Any], owner: Any, *values: Any, undo: Callable[[], None] | None = None) -> Any:
    """`call(*values)`, the arrays among them lent.

    Plain arrays serve code that does not write: NumPy itself crashes where memory for others runs out. What writes to
    them is called once more, after `undo`; `owner` is who it is remembered of.
    """
    if not getattr(owner, "writes_inputs", False):
        try:
            return call(*map(read_only, values))
        except ValueError as error:
            if not is_of_writing(error):
                raise
            owner.writes_inputs = True
            if undo is not None:
                undo()
    return call(*map(lent, values))


def is_of_writing(error: BaseException | None) -> bool:
    """Whether NumPy says that code wrote to what it may only read."""
    return isinstance(error, ValueError) and "read-only" in str(error)


def read_only(value: Any) -> Any:
    """A view of an array that cannot be written to; what is none stays as it is."""
    if type(value) is not np.ndarray and type(value) is not Masked:
        return value
    view = with_mask(value.view(), mask_of(value))
    view.flags.writeable = False
    return view


def lent(value: Any) -> Any:
    """The same, of which `x += 1` makes a new one."""
    if type(value) is not np.ndarray and type(value) is not Masked:
        return value
    view = with_mask(value.view(Lent), mask_of(value), Lent)
    view.flags.writeable = False
    return view


def given_back(array: Any) -> np.ndarray:
    """What code of a user's returned, as an array of its own."""
    plain = np.asarray(array)
    return with_mask(plain if plain.flags.writeable else plain.copy(), mask_of(array))
