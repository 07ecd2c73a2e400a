"""Shapes that layers are given: to their constructors, and to `build`."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from pydl._base.args import open_shape_of, whole


def first_shape(
    owner: str,
    input_shape: Any = None,
    input_dim: Any = None,
    batch_input_shape: Any = None,
    autocast: bool = True,
    **unknown: Any,
) -> tuple[int | None, ...] | None:
    """The shape of a row that a layer's constructor was given, if any."""
    if unknown:
        raise TypeError(f"{owner}.__init__() got an unexpected keyword argument {next(iter(unknown))!r}")
    if sum(given is not None for given in (input_shape, input_dim, batch_input_shape)) > 1:
        raise TypeError(
            f"{owner}: expected input_shape, input_dim or batch_input_shape, not both; input_dim=n stands for "
            "input_shape=(n,), and batch_input_shape has the batch in front"
        )
    if batch_input_shape is not None:
        return open_shape_of(f"{owner}: batch_input_shape", batch_input_shape)[1:]
    if input_dim is not None:
        return (whole(owner, "input_dim", input_dim, at_least=1),)
    return None if input_shape is None else open_shape_of(f"{owner}: input_shape", input_shape)


def _shapes(given: Any) -> Any:
    """The shape of an input as a tuple, those of several as a list of them, whichever way they are given."""
    if not isinstance(given, list | tuple):
        return given
    return [_shapes(part) for part in given] if any(isinstance(part, list | tuple) for part in given) else tuple(given)


def noting_shape(build: Callable[..., None], of_library: bool) -> Callable[..., None]:
    """A layer's `build` that sets `built`, and `input_shape` where the constructor was not given one; one of the
    library notes the weights that it makes, of which a class derived from it may have more."""

    @wraps(build)
    def building(self: Any, *args: Any, **keywords: Any) -> None:
        if len(args) == 1 and isinstance(args[0], list | tuple):
            args = (_shapes(args[0]),)
        before = len(self._own)
        build(self, *args, **keywords)
        if of_library:
            self._of_library = [*self._of_library, *self._own[before:]]
        self.built = True
        given = args or tuple(keywords.values())
        if self.input_shape is None and given:
            self.input_shape = _shapes(given[0])

    return building
