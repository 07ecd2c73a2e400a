"""What a test, a gradient check or a bench needs to know of an op."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Spec:
    """One way of calling a kernel, and what it must give.

    Output names are fields of the op; those that are none name an entry of `step` (sums, sinks).
    """

    op: str
    args: Callable[[np.random.Generator, str, int], dict[str, Any]]
    outputs: tuple[str, ...]
    reference: Callable[[dict[str, Any]], dict[str, Any]]
    ulps: float = 4.0
    scale: float = 1.0
    in_place: tuple[tuple[str, str], ...] = ()
