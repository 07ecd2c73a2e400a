"""Keras's estimators for scikit-learn, those of Keras 2 in `scikit_learn`; pydl's own are in `pydl.sklearn`."""

import importlib
from typing import Any

__all__ = ["SKLearnClassifier", "SKLearnRegressor", "SKLearnTransformer", "scikit_learn"]


def __getattr__(name: str) -> Any:
    if name == "scikit_learn":
        return importlib.import_module("pydl.wrappers.scikit_learn")
    if name in __all__:
        return getattr(importlib.import_module("pydl.wrappers.compiled"), name)
    raise AttributeError(f"module 'pydl.wrappers' has no attribute {name!r}")
