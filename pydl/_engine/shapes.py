"""Shapes of what a NumPy function returns, where nobody has said them: found by calling it on zeros."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from pydl._base.errors import memory_errors, of_memory
from pydl._base.scoped import Scoped
from pydl._engine.graph import Shape
from pydl._engine.operators import recording

#: Sizes that stand for the batch, and for other open axes, in three trials: what differs between the first two depends
#: on the batch, what differs between the last two on what is open.
_TRIALS = ((2, 5), (3, 5), (3, 7))

#: Whether code runs on zeros, which no metric should count.
on_trial: Scoped[bool] = Scoped(False)


@memory_errors
def shape_by_trial(
    owner: str, shapes: Sequence[Shape], dtype: str, function: Callable[[list[Any]], Any], *, whole: bool = False
) -> list[Shape]:
    """Shapes of the arrays that `function` returns for inputs of these shapes, None for the batch and what is open.

    `whole`: a single number for the whole batch will do as well, of shape ().

    Raises
    ------
    ValueError
        When the function fails on zeros, or a result does not have the batch as its first axis.
    """
    found = []
    for batch, other in _TRIALS:
        sizes = [[(batch if i == 0 else other) if d is None else d for i, d in enumerate(s)] for s in shapes]
        zeros = [np.broadcast_to(np.zeros((), dtype), s) for s in sizes]
        try:
            with recording(None), on_trial.bound(True):
                found.append([np.shape(y) for y in function(zeros)])
        except Exception as error:
            if of_memory(error):
                raise
            raise ValueError(
                f"{owner}: failed on zeros of {'shape' if len(sizes) == 1 else 'shapes'} "
                f"{', '.join(str(tuple(s)) for s in sizes)}, which show what comes out: {type(error).__name__}: {error}"
            ) from error
    result: list[Shape] = []
    for first, second, third in zip(*found, strict=True):
        if whole and first == second == third == ():
            result.append(())
            continue
        by_batch = [i for i, (p, q) in enumerate(zip(first, second, strict=True)) if p != q]
        if by_batch != [0] or (first[0], third[0]) != (_TRIALS[0][0], _TRIALS[2][0]):
            raise ValueError(
                f"{owner}: expected a result with the batch as its first axis, and no other that depends on it; got "
                f"shapes {first} and {second} of batches of {_TRIALS[0][0]} and {_TRIALS[1][0]}; in a model samples do "
                "not meet: what is computed over the batch belongs in a loss or metric"
            )
        result.append(tuple(p if p == q else None for p, q in zip(first, third, strict=True)))
    return result
