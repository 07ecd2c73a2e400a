"""One row per kernel: what the kernel tests, the gradient tests and the benches are fed from."""

from __future__ import annotations

from .losses import SPECS as LOSSES
from .metrics import SPECS as METRICS
from .norms import SPECS as NORMS
from .optimizers import SPECS as OPTIMIZERS
from .spec import Fields, Spec
from .tensor import SPECS as TENSOR

SPECS: list[Spec] = [*LOSSES, *METRICS, *OPTIMIZERS, *NORMS, *TENSOR]

__all__ = ["SPECS", "Fields", "Spec"]
