"""Layers, with the names, signatures and defaults of Keras 3."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pydl._base.later import Later
from pydl._base.registry import Registry, serialize
from pydl.layers.arithmetic import Arithmetic
from pydl.layers.base import AddedLoss, Layer
from pydl.layers.core import Activation, Dropout, Flatten, Rescaling, Reshape
from pydl.layers.input import Input, InputLayer
from pydl.layers.operation import Operation

if TYPE_CHECKING:  # by __getattr__
    from pydl.layers.activating import ELU, LeakyReLU, PReLU, ReLU, Softmax
    from pydl.layers.adapting import Normalization
    from pydl.layers.category_encoding import CategoryEncoding
    from pydl.layers.dense import Dense
    from pydl.layers.discretization import Discretization
    from pydl.layers.dot import Dot, dot
    from pydl.layers.einsum_dense import EinsumDense
    from pydl.layers.embedding import Embedding
    from pydl.layers.function import Lambda
    from pydl.layers.hashed_crossing import HashedCrossing
    from pydl.layers.hashing import Hashing
    from pydl.layers.lookup import IntegerLookup, StringLookup
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
    from pydl.layers.noise import (
        AlphaDropout,
        GaussianDropout,
        GaussianNoise,
        SpatialDropout1D,
        SpatialDropout2D,
        SpatialDropout3D,
    )  # fmt: skip
    from pydl.layers.normalization import BatchNormalization, LayerNormalization
    from pydl.layers.normalizing import GroupNormalization, RMSNormalization, UnitNormalization
    from pydl.layers.passing import ActivityRegularization, Identity
    from pydl.layers.pooling import GlobalAveragePooling1D
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

__all__ = [
    "Activation", "ActivityRegularization", "Add", "AlphaDropout", "Average", "BatchNormalization",
    "CategoryEncoding", "Concatenate", "Cropping1D", "Cropping2D", "Cropping3D", "Dense", "Discretization", "Dot",
    "Dropout", "ELU", "EinsumDense", "Embedding", "Flatten", "GaussianDropout", "GaussianNoise",
    "GlobalAveragePooling1D", "GroupNormalization", "HashedCrossing", "Hashing", "Identity", "Input", "InputLayer",
    "IntegerLookup", "Lambda", "Layer", "LayerNormalization", "LeakyReLU", "Masking", "Maximum", "Minimum", "Multiply",
    "Normalization", "PReLU", "Permute", "RMSNormalization", "ReLU", "RepeatVector", "Rescaling", "Reshape",
    "Softmax", "SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D", "StringLookup", "Subtract",
    "TextVectorization", "UnitNormalization", "UpSampling1D", "UpSampling2D", "UpSampling3D", "ZeroPadding1D",
    "ZeroPadding2D", "ZeroPadding3D", "add", "average", "concatenate", "deserialize", "dot", "maximum", "minimum",
    "multiply", "serialize", "subtract",
]  # fmt: skip

_later = Later(
    __name__,
    {
        "activating": "ELU LeakyReLU PReLU ReLU Softmax",
        "adapting": "Normalization",
        "category_encoding": "CategoryEncoding",
        "dense": "Dense",
        "discretization": "Discretization",
        "dot": "Dot dot",
        "einsum_dense": "EinsumDense",
        "embedding": "Embedding",
        "function": "Lambda",
        "hashed_crossing": "HashedCrossing",
        "hashing": "Hashing",
        "lookup": "IntegerLookup StringLookup",
        "masking": "Masking",
        "merging": (
            "Add Average Concatenate Maximum Minimum Multiply Subtract add average concatenate maximum minimum "
            "multiply subtract"
        ),
        "noise": "AlphaDropout GaussianDropout GaussianNoise SpatialDropout1D SpatialDropout2D SpatialDropout3D",
        "normalization": "BatchNormalization LayerNormalization",
        "normalizing": "GroupNormalization RMSNormalization UnitNormalization",
        "passing": "ActivityRegularization Identity",
        "pooling": "GlobalAveragePooling1D",
        "positions": (
            "Cropping1D Cropping2D Cropping3D UpSampling1D UpSampling2D UpSampling3D ZeroPadding1D ZeroPadding2D "
            "ZeroPadding3D"
        ),
        "reshaping": "Permute RepeatVector",
        "text_vectorization": "TextVectorization",
    },
)
__getattr__ = _later

_registry = Registry(
    "layer",
    Layer,
    [Activation, AddedLoss, Arithmetic, Dropout, Flatten, InputLayer, Operation, Rescaling, Reshape],
    later=_later,
)


def deserialize(config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None) -> Layer:
    """The layer that `serialize` described; only names of this closed table and of `custom_objects` are known."""
    return _registry.deserialize(config, custom_objects)
