"""pydl: deep learning on ordinary CPUs.

The Keras 3 API over C kernels: `Sequential`, `Model`, `layers`, `compile`, `fit`, `predict`, `save`. Importing it
starts no thread, sets no environment variable and prints nothing.
"""

import importlib
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
from pydl._base.missing import explain, missing
from pydl.config import show_config
from pydl.layers import Input
from pydl.models import Model, Sequential
from pydl.variable import Variable

if TYPE_CHECKING:  # by __getattr__: few programs need them
    from pydl import applications, backend, datasets, mixed_precision, ops, preprocessing, random, saving, tree
    from pydl.initializers import Initializer
    from pydl.layers import Layer
    from pydl.losses import Loss
    from pydl.metrics import Metric
    from pydl.optimizers import Optimizer
    from pydl.regularizers import Regularizer

__version__: str

__all__ = [
    "FormatError", "Initializer", "Input", "Layer", "Loss", "Metric", "Model", "Optimizer", "Regularizer",
    "Sequential", "Variable", "__version__", "activations", "applications", "backend", "callbacks", "config",
    "constraints", "datasets", "initializers", "layers", "losses", "metrics", "mixed_precision", "models", "ops",
    "optimizers", "preprocessing", "random", "regularizers", "saving", "show_config", "tree", "utils", "version",
    "wrappers",
]  # fmt: skip

_MODULES = {
    "applications", "backend", "datasets", "mixed_precision", "ops", "pipeline", "preprocessing", "random", "saving",
    "tree", "wrappers",
}  # fmt: skip
_BASES = {
    "Initializer": initializers, "Layer": layers, "Loss": losses, "Metric": metrics, "Optimizer": optimizers,
    "Regularizer": regularizers,
}  # fmt: skip


def version() -> str:
    """The version of pydl."""
    return str(__getattr__("__version__"))


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return importlib.import_module(f"pydl.{name}")
    if name in _BASES:
        return getattr(_BASES[name], name)
    if name == "__version__":  # importlib.metadata takes a tenth of the import's time
        from importlib.metadata import version as installed

        return installed("pydl")
    raise missing("pydl", name, __all__)


for _module in (
    activations, callbacks, constraints, initializers, layers, losses, metrics, models, optimizers,
    optimizers.schedules, regularizers, utils,
):  # fmt: skip
    explain(_module)
