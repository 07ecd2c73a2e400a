"""Where Keras 2 had its estimators for scikit-learn; those of pydl are in `pydl.sklearn`."""

import importlib
from typing import Any

__all__ = ["scikit_learn"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        return importlib.import_module(f"pydl.wrappers.{name}")
    raise AttributeError(f"module 'pydl.wrappers' has no attribute {name!r}")
