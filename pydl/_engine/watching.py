"""What a metric takes in where code of layers updates it."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import wraps
from typing import Any

from pydl._engine.graph import SymbolicTensor
from pydl._engine.shapes import on_trial
from pydl._engine.tape import Traced


def of_values(update: Callable[..., Any]) -> Callable[..., Any]:
    """A metric's `update_state` that takes values with a history, through which no gradient goes; none on trial."""

    @wraps(update)
    def updating(self: Any, *args: Any, **keywords: Any) -> Any:
        if any(isinstance(x, SymbolicTensor) for x in (*args, *keywords.values())):
            warnings.warn(
                f'metric "{self.name}" stands still: it is updated where code is run once on symbolic tensors, to find '
                "its graph; update it in a layer that holds no others",
                stacklevel=2,
            )
            return None
        if on_trial.get():
            return None
        return update(self, *map(_value, args), **{name: _value(x) for name, x in keywords.items()})

    return updating


def _value(x: Any) -> Any:
    return x.value if isinstance(x, Traced) else x
