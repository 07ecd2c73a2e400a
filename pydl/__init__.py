"""pydl: deep learning on ordinary CPUs.

The Keras 3 API over C kernels: `Sequential`, `Model`, `layers`, `compile`, `fit`, `predict`, `save`. Importing it
starts no thread, sets no environment variable and prints nothing.
"""

from importlib.metadata import version as _version

from pydl import (
    activations,
    callbacks,
    config,
    constraints,
    datasets,
    initializers,
    layers,
    losses,
    metrics,
    models,
    ops,
    optimizers,
    regularizers,
    utils,
)
from pydl._errors import FormatError
from pydl.config import show_config
from pydl.layers import Input
from pydl.models import Model, Sequential

__version__ = _version("pydl")

__all__ = [
    "FormatError", "Input", "Model", "Sequential", "__version__", "activations", "callbacks", "config", "constraints",
    "datasets", "initializers", "layers", "losses", "metrics", "models", "ops", "optimizers", "regularizers",
    "show_config", "utils",
]  # fmt: skip
