"""One row per kernel: what the kernel tests, the gradient tests and the benches are fed from."""

from __future__ import annotations

from .activations import SPECS as ACTIVATIONS
from .spec import Fields, Spec

SPECS: list[Spec] = [*ACTIVATIONS]

__all__ = ["SPECS", "Fields", "Spec"]
