"""Input: where a model's data come in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydl import config
from pydl._base.args import open_shape_of
from pydl._engine.graph import SymbolicTensor
from pydl.layers.base import Layer, unique_name


class InputLayer(Layer):
    """The layer form of `Input`, for `Sequential` and configs.

    Parameters
    ----------
    shape : tuple of int or None
        Of one row, without the batch; () for rows of a single number, such as the codes of an Embedding. None: a size
        that may differ from batch to batch, such as the length of a sequence.
    """

    def __init__(self, shape: Sequence[int | None], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.shape = open_shape_of(f'Input "{self.name}"', shape)
        if 0 in self.shape:
            raise ValueError(
                f'Input "{self.name}": expected a shape such as (784,), without the batch, got {self.shape}'
            )
        self.built = True

    def tensor(self) -> SymbolicTensor:
        """The symbolic tensor `(None, *shape)`."""
        return SymbolicTensor((None, *self.shape), self.dtype, self.name)


def Input(shape: Sequence[int | None], dtype: str | None = None, name: str | None = None) -> SymbolicTensor:
    """A symbolic tensor `(batch, *shape)` to build a model from.

    Parameters
    ----------
    shape : tuple of int or None
        Of one row, without the batch; () for rows of a single number, such as the codes of an Embedding. None: a size
        that may differ from batch to batch, such as the length of a sequence.
    dtype : str, optional
        What the model computes in; default `pydl.config.floatx()`. Data of any numeric dtype are converted.
    name : str, optional
        Default `input`, numbered.

    Raises
    ------
    ValueError
        Sizes that are not positive.
    """
    layer = InputLayer(shape, dtype=config.standardize_dtype(dtype), name=name or unique_name("input"))
    return layer.tensor()
