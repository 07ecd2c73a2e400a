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
from pydl.layers.input_spec import InputSpec
from pydl.layers.operation import Operation

if TYPE_CHECKING:  # by __getattr__
    from pydl.layers.activating import ELU, LeakyReLU, PReLU, ReLU, Softmax
    from pydl.layers.adapting import Normalization
    from pydl.layers.adaptive_pooling import (
        AdaptiveAveragePooling1D,
        AdaptiveAveragePooling2D,
        AdaptiveAveragePooling3D,
        AdaptiveMaxPooling1D,
        AdaptiveMaxPooling2D,
        AdaptiveMaxPooling3D,
    )  # fmt: skip
    from pydl.layers.augmenting import RandomBrightness, RandomContrast, RandomFlip
    from pydl.layers.category_encoding import CategoryEncoding
    from pydl.layers.coloring import (
        AutoContrast,
        RandomColorDegeneration,
        RandomGrayscale,
        RandomHue,
        RandomInvert,
        RandomPosterization,
        RandomSaturation,
        Solarization,
    )  # fmt: skip
    from pydl.layers.concatenating import Concatenate, concatenate
    from pydl.layers.convolution import Conv1D, Conv2D
    from pydl.layers.convolution import Conv1D as Convolution1D
    from pydl.layers.convolution import Conv2D as Convolution2D
    from pydl.layers.convolution_transpose import Conv1DTranspose, Conv2DTranspose
    from pydl.layers.convolution_transpose import Conv1DTranspose as Convolution1DTranspose
    from pydl.layers.convolution_transpose import Conv2DTranspose as Convolution2DTranspose
    from pydl.layers.dense import Dense
    from pydl.layers.depthwise import DepthwiseConv1D, DepthwiseConv2D
    from pydl.layers.discretization import Discretization
    from pydl.layers.distorting import RandomElasticTransform, RandomPerspective, RandomShear
    from pydl.layers.dot_product import Dot, dot
    from pydl.layers.einsum_dense import EinsumDense
    from pydl.layers.embedding import Embedding
    from pydl.layers.equalizing import ContrastLimitedAdaptiveHistogramEqualization, Equalization
    from pydl.layers.filtering import RandomErasing, RandomGaussianBlur, RandomSharpness
    from pydl.layers.function import Lambda
    from pydl.layers.global_pooling import (
        GlobalAveragePooling1D,
        GlobalAveragePooling2D,
        GlobalAveragePooling3D,
        GlobalAvgPool1D,
        GlobalAvgPool2D,
        GlobalAvgPool3D,
        GlobalMaxPool1D,
        GlobalMaxPool2D,
        GlobalMaxPool3D,
        GlobalMaxPooling1D,
        GlobalMaxPooling2D,
        GlobalMaxPooling3D,
    )  # fmt: skip
    from pydl.layers.hashed_crossing import HashedCrossing
    from pydl.layers.hashing import Hashing
    from pydl.layers.jittering import RandomColorJitter
    from pydl.layers.lookup import IntegerLookup, StringLookup
    from pydl.layers.masking import Masking
    from pydl.layers.max_num_bounding_boxes import MaxNumBoundingBoxes
    from pydl.layers.merging import (
        Add,
        Average,
        Maximum,
        Minimum,
        Multiply,
        Subtract,
        add,
        average,
        maximum,
        minimum,
        multiply,
        subtract,
    )  # fmt: skip
    from pydl.layers.mixing import CutMix, MixUp
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
    from pydl.layers.parametric import Parametric
    from pydl.layers.passing import ActivityRegularization, Identity
    from pydl.layers.pipeline import Pipeline
    from pydl.layers.pooling import (
        AveragePooling1D,
        AveragePooling2D,
        AvgPool1D,
        AvgPool2D,
        MaxPool1D,
        MaxPool2D,
        MaxPooling1D,
        MaxPooling2D,
    )  # fmt: skip
    from pydl.layers.positions import (
        Cropping1D,
        Cropping2D,
        Cropping3D,
        ZeroPadding1D,
        ZeroPadding2D,
        ZeroPadding3D,
    )  # fmt: skip
    from pydl.layers.rand_augment import AugMix, RandAugment
    from pydl.layers.reshaping import Permute, RepeatVector
    from pydl.layers.resizing import CenterCrop, RandomCrop, Resizing
    from pydl.layers.separable import SeparableConv1D, SeparableConv2D
    from pydl.layers.separable import SeparableConv1D as SeparableConvolution1D
    from pydl.layers.separable import SeparableConv2D as SeparableConvolution2D
    from pydl.layers.spectrograms import MelSpectrogram, STFTSpectrogram
    from pydl.layers.text_vectorization import TextVectorization
    from pydl.layers.upsampling import UpSampling1D, UpSampling2D, UpSampling3D
    from pydl.layers.warping import RandomRotation, RandomTranslation, RandomZoom
    from pydl.layers.wrapping import SpectralNormalization, Wrapper

__all__ = [
    "Activation", "ActivityRegularization", "AdaptiveAveragePooling1D", "AdaptiveAveragePooling2D",
    "AdaptiveAveragePooling3D", "AdaptiveMaxPooling1D", "AdaptiveMaxPooling2D", "AdaptiveMaxPooling3D", "Add",
    "AlphaDropout", "AugMix", "AutoContrast", "Average", "AveragePooling1D", "AveragePooling2D", "AvgPool1D",
    "AvgPool2D", "BatchNormalization", "CategoryEncoding", "CenterCrop", "Concatenate",
    "ContrastLimitedAdaptiveHistogramEqualization", "Conv1D", "Conv1DTranspose", "Conv2D", "Conv2DTranspose",
    "Convolution1D", "Convolution1DTranspose", "Convolution2D", "Convolution2DTranspose", "Cropping1D",
    "Cropping2D", "Cropping3D", "CutMix", "Dense", "DepthwiseConv1D", "DepthwiseConv2D", "Discretization", "Dot",
    "Dropout", "ELU", "EinsumDense", "Embedding", "Equalization", "Flatten", "GaussianDropout", "GaussianNoise",
    "GlobalAveragePooling1D", "GlobalAveragePooling2D", "GlobalAveragePooling3D", "GlobalAvgPool1D",
    "GlobalAvgPool2D", "GlobalAvgPool3D", "GlobalMaxPool1D", "GlobalMaxPool2D", "GlobalMaxPool3D",
    "GlobalMaxPooling1D", "GlobalMaxPooling2D", "GlobalMaxPooling3D", "GroupNormalization", "HashedCrossing",
    "Hashing", "Identity", "Input", "InputLayer", "InputSpec", "IntegerLookup", "Lambda", "Layer",
    "LayerNormalization", "LeakyReLU", "Masking", "MaxNumBoundingBoxes", "MaxPool1D", "MaxPool2D", "MaxPooling1D",
    "MaxPooling2D", "Maximum", "MelSpectrogram", "Minimum", "MixUp", "Multiply", "Normalization", "PReLU",
    "Parametric", "Permute", "Pipeline", "RMSNormalization", "RandAugment", "RandomBrightness",
    "RandomColorDegeneration", "RandomColorJitter", "RandomContrast", "RandomCrop", "RandomElasticTransform",
    "RandomErasing", "RandomFlip",
    "RandomGaussianBlur", "RandomGrayscale", "RandomHue", "RandomInvert", "RandomPerspective",
    "RandomPosterization", "RandomRotation", "RandomSaturation", "RandomSharpness", "RandomShear",
    "RandomTranslation", "RandomZoom", "ReLU", "RepeatVector", "Rescaling", "Reshape", "Resizing",
    "STFTSpectrogram", "SeparableConv1D", "SeparableConv2D", "SeparableConvolution1D", "SeparableConvolution2D",
    "Softmax", "Solarization", "SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D", "SpectralNormalization",
    "StringLookup", "Subtract", "TextVectorization", "UnitNormalization", "UpSampling1D", "UpSampling2D",
    "UpSampling3D", "Wrapper", "ZeroPadding1D", "ZeroPadding2D", "ZeroPadding3D", "add", "average", "concatenate",
    "deserialize", "dot", "maximum", "minimum", "multiply", "serialize", "subtract",
]  # fmt: skip

_later = Later(
    __name__,
    {
        "activating": "ELU LeakyReLU PReLU ReLU Softmax",
        "adapting": "Normalization",
        "adaptive_pooling": (
            "AdaptiveAveragePooling1D AdaptiveAveragePooling2D AdaptiveAveragePooling3D AdaptiveMaxPooling1D "
            "AdaptiveMaxPooling2D AdaptiveMaxPooling3D"
        ),
        "augmenting": "RandomBrightness RandomContrast RandomFlip",
        "category_encoding": "CategoryEncoding",
        "coloring": (
            "AutoContrast RandomColorDegeneration RandomGrayscale RandomHue RandomInvert RandomPosterization "
            "RandomSaturation Solarization"
        ),
        "concatenating": "Concatenate concatenate",
        "convolution": "Conv1D Conv2D",
        "convolution_transpose": "Conv1DTranspose Conv2DTranspose",
        "dense": "Dense",
        "depthwise": "DepthwiseConv1D DepthwiseConv2D",
        "discretization": "Discretization",
        "distorting": "RandomElasticTransform RandomPerspective RandomShear",
        "equalizing": "ContrastLimitedAdaptiveHistogramEqualization Equalization",
        "jittering": "RandomColorJitter",
        "max_num_bounding_boxes": "MaxNumBoundingBoxes",
        "mixing": "CutMix MixUp",
        "rand_augment": "AugMix RandAugment",
        "dot_product": "Dot dot",
        "einsum_dense": "EinsumDense",
        "embedding": "Embedding",
        "filtering": "RandomErasing RandomGaussianBlur RandomSharpness",
        "function": "Lambda",
        "hashed_crossing": "HashedCrossing",
        "hashing": "Hashing",
        "lookup": "IntegerLookup StringLookup",
        "masking": "Masking",
        "merging": ("Add Average Maximum Minimum Multiply Subtract add average maximum minimum multiply subtract"),
        "noise": "AlphaDropout GaussianDropout GaussianNoise SpatialDropout1D SpatialDropout2D SpatialDropout3D",
        "normalization": "BatchNormalization LayerNormalization",
        "normalizing": "GroupNormalization RMSNormalization UnitNormalization",
        "parametric": "Parametric",
        "passing": "ActivityRegularization Identity",
        "pipeline": "Pipeline",
        "global_pooling": (
            "GlobalAveragePooling1D GlobalAveragePooling2D GlobalAveragePooling3D GlobalAvgPool1D GlobalAvgPool2D "
            "GlobalAvgPool3D GlobalMaxPool1D GlobalMaxPool2D GlobalMaxPool3D GlobalMaxPooling1D GlobalMaxPooling2D "
            "GlobalMaxPooling3D"
        ),
        "pooling": (
            "AveragePooling1D AveragePooling2D AvgPool1D AvgPool2D MaxPool1D MaxPool2D MaxPooling1D MaxPooling2D"
        ),
        "positions": "Cropping1D Cropping2D Cropping3D ZeroPadding1D ZeroPadding2D ZeroPadding3D",
        "reshaping": "Permute RepeatVector",
        "resizing": "CenterCrop RandomCrop Resizing",
        "separable": "SeparableConv1D SeparableConv2D",
        "spectrograms": "MelSpectrogram STFTSpectrogram",
        "text_vectorization": "TextVectorization",
        "upsampling": "UpSampling1D UpSampling2D UpSampling3D",
        "warping": "RandomRotation RandomTranslation RandomZoom",
        "wrapping": "SpectralNormalization Wrapper",
    },
    {f"Convolution{axes}": f"Conv{axes}" for axes in ("1D", "1DTranspose", "2D", "2DTranspose")}
    | {f"SeparableConvolution{axes}": f"SeparableConv{axes}" for axes in ("1D", "2D")},
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
