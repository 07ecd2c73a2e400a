"""Layers, with the names, signatures and defaults of Keras 3."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydl._base.registry import Registry, serialize
from pydl.layers.adapting import Normalization
from pydl.layers.arithmetic import Arithmetic
from pydl.layers.base import Layer
from pydl.layers.core import Activation, Dropout, Flatten, Rescaling, Reshape
from pydl.layers.dense import Dense
from pydl.layers.embedding import Embedding
from pydl.layers.function import Lambda
from pydl.layers.input import Input, InputLayer
from pydl.layers.masking import Masking
from pydl.layers.merging import Add, Concatenate, Multiply
from pydl.layers.normalization import BatchNormalization, LayerNormalization
from pydl.layers.operation import Operation
from pydl.layers.pooling import GlobalAveragePooling1D

__all__ = [
    "Activation", "Add", "BatchNormalization", "Concatenate", "Dense", "Dropout", "Embedding", "Flatten",
    "GlobalAveragePooling1D", "Input", "InputLayer", "Lambda", "Layer", "LayerNormalization", "Masking", "Multiply",
    "Normalization", "Rescaling", "Reshape", "deserialize", "serialize",
]  # fmt: skip

_registry = Registry(
    "layer",
    Layer,
    [
        Activation, Add, Arithmetic, BatchNormalization, Concatenate, Dense, Dropout, Embedding, Flatten,
        GlobalAveragePooling1D, InputLayer, Lambda, LayerNormalization, Masking, Multiply, Normalization, Operation,
        Rescaling, Reshape,
    ],
)  # fmt: skip


def deserialize(config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None) -> Layer:
    """The layer that `serialize` described; only names of this closed table and of `custom_objects` are known."""
    return _registry.deserialize(config, custom_objects)
