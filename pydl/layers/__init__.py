"""Layers, with the names, signatures and defaults of Keras 3."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pydl._base.registry import Registry, serialize
from pydl.layers.activating import ELU, LeakyReLU, PReLU, ReLU, Softmax
from pydl.layers.adapting import Normalization
from pydl.layers.arithmetic import Arithmetic
from pydl.layers.base import AddedLoss, Layer
from pydl.layers.convolution import Conv1D, Conv2D
from pydl.layers.convolution_transpose import Conv1DTranspose, Conv2DTranspose
from pydl.layers.core import Activation, Dropout, Flatten, Rescaling, Reshape
from pydl.layers.dense import Dense
from pydl.layers.embedding import Embedding
from pydl.layers.function import Lambda
from pydl.layers.input import Input, InputLayer
from pydl.layers.masking import Masking
from pydl.layers.merging import (
    Add,
    Average,
    Concatenate,
    Maximum,
    Minimum,
    Multiply,
    Subtract,
    add,
    average,
    concatenate,
    maximum,
    minimum,
    multiply,
    subtract,
)  # fmt: skip
from pydl.layers.normalization import BatchNormalization, LayerNormalization
from pydl.layers.operation import Operation
from pydl.layers.passing import ActivityRegularization, Identity
from pydl.layers.pooling import GlobalAveragePooling1D

if TYPE_CHECKING:  # by __getattr__: few programs need them
    from pydl.layers.category_encoding import CategoryEncoding
    from pydl.layers.discretization import Discretization
    from pydl.layers.dot import Dot, dot
    from pydl.layers.einsum_dense import EinsumDense
    from pydl.layers.hashing import Hashing
    from pydl.layers.lookup import IntegerLookup, StringLookup
    from pydl.layers.noise import (
        AlphaDropout,
        GaussianDropout,
        GaussianNoise,
        SpatialDropout1D,
        SpatialDropout2D,
        SpatialDropout3D,
    )  # fmt: skip
    from pydl.layers.normalizing import GroupNormalization, RMSNormalization, UnitNormalization
    from pydl.layers.positions import (
        Cropping1D,
        Cropping2D,
        Cropping3D,
        UpSampling1D,
        UpSampling2D,
        UpSampling3D,
        ZeroPadding1D,
        ZeroPadding2D,
        ZeroPadding3D,
    )  # fmt: skip
    from pydl.layers.reshaping import Permute, RepeatVector
    from pydl.layers.text_vectorization import TextVectorization

Convolution1D, Convolution1DTranspose = Conv1D, Conv1DTranspose  # other names of Keras's
Convolution2D, Convolution2DTranspose = Conv2D, Conv2DTranspose

__all__ = [
    "Activation", "ActivityRegularization", "Add", "AlphaDropout", "Average", "BatchNormalization",
    "CategoryEncoding", "Concatenate", "Conv1D", "Conv1DTranspose", "Conv2D", "Conv2DTranspose", "Convolution1D",
    "Convolution1DTranspose", "Convolution2D", "Convolution2DTranspose", "Cropping1D", "Cropping2D", "Cropping3D",
    "Dense", "Discretization", "Dot", "Dropout", "ELU", "EinsumDense", "Embedding", "Flatten", "GaussianDropout",
    "GaussianNoise", "GlobalAveragePooling1D", "GroupNormalization", "Hashing", "Identity", "Input", "InputLayer",
    "IntegerLookup", "Lambda", "Layer", "LayerNormalization", "LeakyReLU", "Masking", "Maximum", "Minimum",
    "Multiply", "Normalization", "PReLU", "Permute", "RMSNormalization", "ReLU", "RepeatVector", "Rescaling",
    "Reshape", "Softmax", "SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D", "StringLookup", "Subtract",
    "TextVectorization", "UnitNormalization", "UpSampling1D", "UpSampling2D", "UpSampling3D", "ZeroPadding1D",
    "ZeroPadding2D", "ZeroPadding3D", "add", "average", "concatenate", "deserialize", "dot", "maximum", "minimum",
    "multiply", "serialize", "subtract",
]  # fmt: skip

_registry = Registry(
    "layer",
    Layer,
    [
        Activation, ActivityRegularization, Add, AddedLoss, Arithmetic, Average, BatchNormalization, Concatenate,
        Conv1D, Conv1DTranspose, Conv2D, Conv2DTranspose, Dense, Dropout, ELU, Embedding, Flatten,
        GlobalAveragePooling1D, Identity, InputLayer, Lambda,
        LayerNormalization, LeakyReLU, Masking, Maximum, Minimum, Multiply, Normalization, Operation, PReLU, ReLU,
        Rescaling, Reshape, Softmax, Subtract,
    ],
)  # fmt: skip

_LATER = {
    "category_encoding": ["CategoryEncoding"],
    "discretization": ["Discretization"],
    "dot": ["Dot", "dot"],
    "einsum_dense": ["EinsumDense"],
    "hashing": ["Hashing"],
    "lookup": ["IntegerLookup", "StringLookup"],
    "noise": [
        "AlphaDropout", "GaussianDropout", "GaussianNoise", "SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D",
    ],
    "normalizing": ["GroupNormalization", "RMSNormalization", "UnitNormalization"],
    "positions": [
        "Cropping1D", "Cropping2D", "Cropping3D", "UpSampling1D", "UpSampling2D", "UpSampling3D", "ZeroPadding1D",
        "ZeroPadding2D", "ZeroPadding3D",
    ],
    "reshaping": ["Permute", "RepeatVector"],
    "text_vectorization": ["TextVectorization"],
}  # fmt: skip


def __getattr__(name: str) -> Any:
    for module, names in _LATER.items():
        if name in names:
            found = importlib.import_module(f"pydl.layers.{module}")
            globals().update({n: getattr(found, n) for n in names})
            return globals()[name]
    raise AttributeError(f"module 'pydl.layers' has no attribute {name!r}")


def deserialize(config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None) -> Layer:
    """The layer that `serialize` described; only names of this closed table and of `custom_objects` are known."""
    if isinstance(config, Mapping) and config.get("class_name") not in _registry.classes:
        rare = [__getattr__(name) for names in _LATER.values() for name in names if name[0].isupper()]
        _registry.classes.update({cls.__name__: cls for cls in rare})
    return _registry.deserialize(config, custom_objects)
