"""Images as the nets of `keras.applications` were trained on them."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from pydl import layers, ops
from pydl._base.args import one_of
from pydl._engine.graph import SymbolicTensor

__all__ = ["decode_predictions", "preprocess_input"]

_MEAN = (103.939, 116.779, 123.68)  # of ImageNet, blue first
_SCALED = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))  # mean and deviation of values in [0, 1], red first


def preprocess_input(x: Any, data_format: str | None = None, mode: str = "caffe") -> Any:
    """Pixels in [0, 255] as a net expects them: an array in new memory, of a symbolic tensor what layers make of it.

    Parameters
    ----------
    x : array_like or SymbolicTensor, shape (..., 3)
        Red, green, blue.
    data_format : {"channels_last", None}
    mode : {"caffe", "tf", "torch"}
        "caffe": blue first, less the mean of ImageNet. "tf": in [-1, 1]. "torch": in [0, 1], then standardized.
    """
    one_of("preprocess_input", "data_format", data_format, ("channels_last", None))
    one_of("preprocess_input", "mode", mode, ("caffe", "tf", "torch"))
    if isinstance(x, SymbolicTensor):
        return _by_layers(x, mode)
    given = np.asarray(x)
    pixels = given.astype(given.dtype if given.dtype.kind == "f" else np.float32)
    if mode == "caffe":
        found = pixels[..., ::-1] - np.asarray(_MEAN, pixels.dtype)
    elif mode == "tf":
        found = pixels / 127.5 - 1
    else:
        mean, deviation = np.asarray(_SCALED, pixels.dtype)
        found = (pixels / 255 - mean) / deviation
    return np.ascontiguousarray(found)


def _by_layers(x: SymbolicTensor, mode: str) -> Any:
    if mode == "caffe":
        return layers.Rescaling(1.0, [-m for m in _MEAN])(ops.flip(x, axis=-1))
    if mode == "tf":
        return layers.Rescaling(1 / 127.5, -1.0)(x)
    mean, deviation = _SCALED
    scale, offset = [1 / (255 * d) for d in deviation], [-m / d for m, d in zip(mean, deviation, strict=True)]
    return layers.Rescaling(scale, offset)(x)


def decode_predictions(preds: Any, top: int = 5) -> Any:
    """Names for classes of ImageNet, which pydl does not have.

    Raises
    ------
    NotImplementedError
        Always.
    """
    raise NotImplementedError(
        "decode_predictions: the names of ImageNet's classes are not part of pydl; numpy.argsort(preds)[:, -5:] gives "
        "the numbers of the likeliest ones"
    )


caffe = partial(preprocess_input, mode="caffe")
tf = partial(preprocess_input, mode="tf")
