"""pydl: deep learning on ordinary CPUs.

The Keras 3 API over C kernels: `Sequential`, `Model`, `layers`, `compile`, `fit`, `predict`, `save`. Importing it
starts no thread, sets no environment variable and prints nothing.
"""

import sys
from typing import TYPE_CHECKING, Any

from pydl import (
    activations,
    callbacks,
    config,
    constraints,
    initializers,
    layers,
    losses,
    metrics,
    models,
    optimizers,
    regularizers,
    utils,
)
from pydl._base.errors import FormatError
from pydl._base.later import Later
from pydl._base.missing import explain
from pydl._base.release import VERSION as __version__
from pydl._engine.graph import SymbolicTensor as KerasTensor
from pydl.config import DTypePolicy, device, show_config
from pydl.layers import Input, InputSpec
from pydl.models import Model, Sequential
from pydl.variable import Variable, name_scope

if TYPE_CHECKING:  # by __getattr__: few programs need them
    from pydl import (
        applications,
        backend,
        datasets,
        dtype_policies,
        mixed_precision,
        ops,
        preprocessing,
        random,
        saving,
        tree,
    )
    from pydl._base.linking import get_include, get_libraries, get_library_dirs
    from pydl.initializers import Initializer
    from pydl.layers import Layer
    from pydl.losses import Loss
    from pydl.metrics import Metric
    from pydl.optimizers import Optimizer
    from pydl.regularizers import Regularizer


__all__ = [
    "DTypePolicy", "FormatError", "Initializer", "Input", "InputSpec", "KerasTensor", "Layer", "Loss", "Metric",
    "Model", "Optimizer", "Regularizer", "Sequential", "Variable", "__version__", "activations", "applications",
    "backend", "callbacks", "config", "constraints", "datasets", "device", "dtype_policies", "get_include",
    "get_libraries", "get_library_dirs", "initializers", "layers", "losses", "metrics", "mixed_precision", "models",
    "name_scope", "ops", "optimizers", "preprocessing", "random", "regularizers", "saving", "show_config", "tree",
    "utils", "version", "wrappers",
]  # fmt: skip

_later = Later(
    __name__,
    {
        "applications": "", "mlflow": "", "_base.linking": "get_include get_libraries get_library_dirs",
        "backend": "", "datasets": "", "dtype_policies": "", "mixed_precision": "", "ops": "", "pipeline": "",
        "preprocessing": "", "random": "", "saving": "", "tree": "", "wrappers": "", "initializers": "Initializer",
        "layers": "Layer", "losses": "Loss", "metrics": "Metric", "optimizers": "Optimizer",
        "regularizers": "Regularizer",
    },
)  # fmt: skip


def version() -> str:
    """The version of pydl."""
    return __version__


def __getattr__(name: str) -> Any:
    return _later(name)


for _module in (
    sys.modules[__name__], activations, callbacks, constraints, initializers, layers, losses, metrics, models,
    optimizers, optimizers.schedules, regularizers, utils,
):  # fmt: skip
    explain(_module)
