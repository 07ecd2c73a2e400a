"""Loops, choices and maps, as plain Python: nothing is traced."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from pydl.ops.shapes import get_item, shape, stack


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
    return values if listed else values[0]


def fori_loop(lower: int, upper: int, body_fun: Callable[[int, Any], Any], init_val: Any) -> Any:
    """`body_fun(i, value)` for each i, on what it returned before."""
    value = init_val
    for i in range(int(lower), int(upper)):
        value = body_fun(i, value)
    return value


def scan(
    f: Callable[[Any, Any], Any],
    init: Any,
    xs: Any = None,
    length: int | None = None,
    reverse: bool = False,
    unroll: int | bool = 1,
) -> tuple[Any, Any]:
    """`carry, y = f(carry, x)` along the first axis of xs; the last carry, and all y in one array.

    With `reverse`, from the last x to the first; each y stands where its x does. `unroll` changes nothing here.
    """
    steps = range(shape(xs)[0] or 0 if length is None else length)
    carry, ys = init, []
    for i in reversed(steps) if reverse else steps:
        carry, y = f(carry, None if xs is None else get_item(xs, i))
        ys.append(y)
    return carry, stack(ys[::-1] if reverse else ys)


def map(f: Callable[[Any], Any], xs: Any) -> Any:
    """`f` of each entry along the first axis, in one array."""
    return stack([f(get_item(xs, i)) for i in range(shape(xs)[0] or 0)])


def vectorized_map(function: Callable[[Any], Any], elements: Any) -> Any:
    """The same as `map`."""
    return map(function, elements)


def switch(index: Any, branches: Sequence[Callable[..., Any]], *operands: Any) -> Any:
    """What one of several functions returns."""
    return branches[min(max(int(index), 0), len(branches) - 1)](*operands)
