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

if TYPE_CHECKING:
    from pydl import datasets, ops, saving  # by __getattr__: few programs need them

__version__: str

__all__ = [
    "FormatError", "Input", "Model", "Sequential", "__version__", "activations", "callbacks", "config", "constraints",
    "datasets", "initializers", "layers", "losses", "metrics", "models", "ops", "optimizers", "regularizers", "saving",
    "show_config", "utils",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name in ("datasets", "ops", "pipeline", "saving"):
        return importlib.import_module(f"pydl.{name}")
    if name == "__version__":  # importlib.metadata takes a tenth of the import's time
        from importlib.metadata import version

        return version("pydl")
    raise missing("pydl", name, __all__)


for _module in (
    activations, callbacks, constraints, initializers, layers, losses, metrics, models, optimizers,
    optimizers.schedules, regularizers, utils,
):  # fmt: skip
    explain(_module)
