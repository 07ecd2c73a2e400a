"""Functions that bring their gradient: reversed, cut off, straight through."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np

from pydl._base.registry import tables
from pydl._engine.graph import SymbolicTensor
from pydl._engine.operators import recorder, recording
from pydl._engine.tape import Expression, Traced, arrays, value_of
from pydl._engine.variable import Variable


def custom_gradient(f: Callable[..., Any]) -> Callable[..., Any]:
    """A function whose gradient is the one that it says.

    On symbolic tensors it is a `Lambda`: it runs in every step, and a file holds its name.

    Parameters
    ----------
    f : callable
        `f(*tensors)`, of which some may be weights, returns the output, one array, and `grad(upstream)`: of the
        gradient of the output those of the tensors, in a tuple where there are several. `grad(*tensors, upstream)`,
        `upstream` by its name, will do too.

    Examples
    --------
    >>> @pydl.ops.custom_gradient
    ... def reversed_gradient(x):
    ...     return x, lambda upstream: -upstream
    """

    several = sum(p.default is p.empty for p in inspect.signature(f).parameters.values()) > 1

    @wraps(f)
    def of_own_gradient(*args: Any) -> Any:
        if len(args) == 1 and several and isinstance(args[0], list | tuple):  # of a layer that a file was read to
            args = tuple(args[0])
        notes = recorder.get()
        of_weights = any(isinstance(x, Variable | Expression) for x in args)
        if notes is not None and of_weights and not any(isinstance(x, SymbolicTensor) for x in args):
            return notes.of_weights(of_own_gradient, args, {})
        if any(isinstance(x, SymbolicTensor) for x in args):
            lambda_of: Any = tables["layer"].find("Lambda")
            if len(args) == 1:
                return lambda_of(of_own_gradient, dtype=_dtype(args))(args[0])
            return lambda_of(of_list, dtype=_dtype(args))(list(args))
        values = arrays([value_of(x) for x in args])
        with recording(None):
            y, grad = f(*values)
        tape = next((x.tape for x in args if isinstance(x, Traced)), None)
        if tape is None:
            return y
        if isinstance(y, list | tuple | dict):
            raise TypeError(f"custom_gradient: {f.__name__} should return one array and its gradient, got {type(y)}")
        y = np.asarray(y)
        return tape.note(y, args, lambda dy: _gradients(f, grad, values, dy))

    @wraps(f)
    def of_list(given: Any) -> Any:
        return of_own_gradient(*given)

    of_own_gradient.tensors = 1  # type: ignore[attr-defined]  # as an `Op` has it, which is called with all of them
    return of_own_gradient


def _dtype(args: Any) -> str:
    return next(x.dtype for x in args if isinstance(x, SymbolicTensor))


def _gradients(f: Callable[..., Any], grad: Callable[..., Any], values: list[Any], dy: Any) -> list[Any]:
    """What `grad` makes of the gradient of the output."""
    upstream = inspect.signature(grad).parameters.get("upstream")
    by_name = upstream is not None and upstream.kind is upstream.KEYWORD_ONLY and upstream.default is upstream.empty
    with recording(None):
        upstreams = np.array(dy)  # which may be changed in place
        found = grad(*values, upstream=upstreams) if by_name else grad(upstreams)
    listed = list(found) if isinstance(found, list | tuple) else [found]
    if len(listed) != len(values):
        raise ValueError(
            f"custom_gradient: the gradient of {f.__name__} should be of {len(values)} tensors, got {len(listed)}"
        )
    return listed
