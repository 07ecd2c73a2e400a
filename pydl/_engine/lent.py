"""Arrays that code of a user's is given to read: whatever it does with them, nobody else sees them changed."""

from __future__ import annotations

from typing import Any

import numpy as np


class Lent(np.ndarray):
    """An array that others read too: it cannot be written to, and `x += 1` makes a new one, as of a tensor."""

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


def lent(array: Any) -> Any:
    """A view of an array for code of a user's; what is none stays as it is."""
    if type(array) is not np.ndarray:
        return array
    view = array.view(Lent)
    view.flags.writeable = False
    return view


def given_back(array: Any) -> np.ndarray:
    """What code of a user's returned, as an array of its own."""
    plain = np.asarray(array)
    return plain if plain.flags.writeable else plain.copy()
