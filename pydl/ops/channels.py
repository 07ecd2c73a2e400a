"""What functions of pictures have in common: where channels are, and which dtype comes out."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np

from pydl._base.args import one_of
from pydl.ops.shapes import moveaxis, ndim, shape


def channels_behind(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function of pictures with their channels behind that takes `data_format="channels_first"` as well."""
    signature = inspect.signature(function)

    @wraps(function)
    def of_either(*args: Any, **keywords: Any) -> Any:
        given = signature.bind(*args, **keywords).arguments
        formats = ("channels_last", "channels_first")
        found = one_of(function.__name__, "data_format", given.pop("data_format", None) or formats[0], formats)
        if found == formats[0]:
            return function(**given)
        name = next(iter(given))
        given[name] = moveaxis(given[name], -3, -1) if ndim(given[name]) > 2 else given[name]
        return moveaxis(function(**given), -1, -3)

    return of_either


def pictures(owner: str, images: Any) -> tuple[int | None, ...]:
    """The shape of a picture, or of a batch of them; channels come last."""
    sizes = tuple(shape(images))
    if len(sizes) not in (3, 4):
        raise ValueError(f"{owner}: expected pictures (batch, height, width, channels) or one of them, got {sizes}")
    return sizes


def as_given(y: Any, images: Any) -> Any:
    """In the dtype of the pictures, where that is one of whole numbers."""
    kind = getattr(images, "dtype", None)
    if not isinstance(kind, np.dtype) or kind.kind not in "iu" or not isinstance(y, np.ndarray):
        return y
    return np.clip(y, np.iinfo(kind).min, np.iinfo(kind).max).astype(kind)
