"""The error types that pydl adds to Python's own, and errors that Python and NumPy lose."""

import re
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

_P = ParamSpec("_P")
_T = TypeVar("_T")

# What is said without memory: by NumPy, by functions of `os` that are given a Path, by `open` and by locks.
_LOST = (
    "error return without exception set|returned NULL without setting an exception|not (Posix|Windows)Path"
    "|can't allocate (read )?lock"
)


class FormatError(ValueError):
    """A file that pydl cannot load.

    Raised by everything that reads model, weight and checkpoint files, whatever is wrong with the file: damaged or
    hostile bytes, an unknown version, or tensors that do not fit the model. The message names the file, what was
    expected, what was found and what to do. Nothing has been changed in the model when it is raised.
    """


class WrongTypeError(TypeError, ValueError):
    """An argument of a wrong type: a ValueError as well, which is what Keras raises for one, and programs catch."""


def of_memory(error: BaseException) -> bool:
    """Whether an error is a MemoryError, or one that Python or NumPy have lost."""
    lost = isinstance(error, RuntimeError | SystemError | TypeError) and re.search(_LOST, str(error)) is not None
    return lost or isinstance(error, MemoryError)


def memory_errors(function: Callable[_P, _T]) -> Callable[_P, _T]:
    """Decorates what is to raise MemoryError where Python or NumPy have lost the one that they met."""

    @wraps(function)
    def wrapped(*args: _P.args, **kwargs: _P.kwargs) -> _T:
        try:
            return function(*args, **kwargs)
        except (RuntimeError, SystemError, TypeError) as error:
            if not of_memory(error):
                raise
            raise MemoryError("out of memory") from error

    return wrapped
