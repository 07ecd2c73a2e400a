"""Loops, choices and maps, as plain Python: nothing is traced."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from pydl.ops.shapes import concatenate, get_item, ndim, shape, stack, take
from pydl.tree import flatten, map_structure


def cond(pred: Any, true_fn: Callable[[], Any], false_fn: Callable[[], Any]) -> Any:
    """What one of two functions returns."""
    return true_fn() if bool(pred) else false_fn()


def while_loop(
    cond: Callable[..., Any], body: Callable[..., Any], loop_vars: Any, maximum_iterations: int | None = None
) -> Any:
    """Call `body` on what it returned, at first `loop_vars`, as long as `cond` of them holds."""
    listed = isinstance(loop_vars, list | tuple)
    values = tuple(loop_vars) if listed else (loop_vars,)
    n = 0
    while bool(cond(*values)) and (maximum_iterations is None or n < maximum_iterations):
        result = body(*values)
        values = tuple(result) if isinstance(result, list | tuple) else (result,)
        n += 1
    values = tuple(map_structure(_tensor, v) for v in values)
    return values if listed else values[0]


def fori_loop(lower: int, upper: int, body_fun: Callable[[int, Any], Any], init_val: Any) -> Any:
    """`body_fun(i, value)` for each i, on what it returned before."""
    value = init_val
    for i in range(int(lower), int(upper)):
        value = body_fun(i, value)
    return map_structure(_tensor, value)


def scan(
    f: Callable[[Any, Any], Any],
    init: Any,
    xs: Any = None,
    length: int | None = None,
    reverse: bool = False,
    unroll: int | bool = 1,
) -> tuple[Any, Any]:
    """`carry, y = f(carry, x)` along the first axis of xs; the last carry, and all y in one array.

    xs, and y, may be lists, tuples and dicts of arrays. With `reverse`, from the last x to the first; each y stands
    where its x does. `unroll` changes nothing here.
    """
    xs = None if xs is None else _tree(xs)
    if xs is not None and length not in (None, _length(xs)):
        raise ValueError(f"scan: expected length={_length(xs)}, that of the first axis of xs, got {length}")
    steps = range(_length(xs) if length is None else length)
    carry, ys = init, []
    for i in reversed(steps) if reverse else steps:
        carry, y = f(carry, None if xs is None else _entry(xs, i))
        ys.append(y)
    return carry, _stacked(ys[::-1] if reverse else ys)


def map(f: Callable[[Any], Any], xs: Any) -> Any:
    """`f` of each entry along the first axis, in one array; both may be lists, tuples and dicts of arrays."""
    xs = _tree(xs)
    return _stacked([f(_entry(xs, i)) for i in range(_length(xs))])


def vectorized_map(function: Callable[[Any], Any], elements: Any) -> Any:
    """The same as `map`."""
    return map(function, elements)


def associative_scan(f: Callable[[Any, Any], Any], elems: Any, reverse: bool = False, axis: int = 0) -> Any:
    """What `f` makes of the first entry along an axis and those behind it, up to each: sums, with `f` that adds.

    `f` takes, and gives, two entries, with the axis, of size 1, or lists, tuples and dicts of such. One after the
    other. With `reverse`, from the last entry on.
    """
    n = shape(flatten(elems)[0])[axis]
    if not n:
        raise ValueError(f"associative_scan: expected entries along axis {axis}, their number known, got {n}")
    order = range(n - 1, -1, -1) if reverse else range(n)
    parts = [map_structure(lambda x, i=i: take(x, [i], axis), elems) for i in order]
    found = parts[:1]
    for part in parts[1:]:
        found.append(f(found[-1], part))
    return map_structure(lambda *each: concatenate(list(each), axis), *(found[::-1] if reverse else found))


def vectorize(pyfunc: Callable[..., Any], *, excluded: Any = None, signature: str | None = None) -> Callable[..., Any]:
    """A function that calls another one on each element of its arrays, which are broadcast, as `numpy.vectorize`.

    Parameters
    ----------
    pyfunc : callable
        Takes numbers, or arrays of the shapes that `signature` says.
    excluded : set of int, optional
        Arguments that are passed as they are.
    signature : str, optional
        Such as `"(m,n),(n)->(m)"`.
    """
    if not callable(pyfunc):
        raise ValueError(f"vectorize: expected a function, got {pyfunc!r}")
    return np.vectorize(pyfunc, excluded=excluded, signature=signature)


def _tensor(x: Any) -> Any:
    """A number as an array, as anything else that comes out is one."""
    return np.asarray(x) if isinstance(x, int | float) else x


def _tree(xs: Any) -> Any:
    """Arrays in lists, tuples and dicts; of numbers in such, an array."""
    return xs if all(ndim(x) for x in flatten(xs)) else np.asarray(xs)


def _length(xs: Any) -> int:
    size = shape(flatten(xs)[0])[0]
    if not size:
        given = "none" if size == 0 else "a symbolic tensor, whose batch has any size; apply the function to all of it"
        raise ValueError(f"map, scan and kin: expected entries along the first axis, one at least, got {given}")
    return int(size)


def _entry(xs: Any, i: int) -> Any:
    return map_structure(lambda x: get_item(x, i), xs)


def _stacked(ys: list[Any]) -> Any:
    return map_structure(lambda *each: stack(list(each)), *ys) if ys else stack(ys)


def switch(index: Any, branches: Sequence[Callable[..., Any]], *operands: Any) -> Any:
    """What one of several functions returns."""
    return branches[min(max(int(index), 0), len(branches) - 1)](*operands)
