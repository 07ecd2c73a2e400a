"""Input: where a model's data come in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pydl import config
from pydl._base.args import open_shape_of, optional_whole
from pydl._engine.graph import SymbolicTensor
from pydl.layers.base import Layer

_FLOATS = ("float32", "float64")
_OTHERS = (
    "bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "string",
)  # fmt: skip


class InputLayer(Layer):
    """The layer form of `Input`, for `Sequential` and configs.

    Parameters
    ----------
    shape : tuple of int or None
        Of one row, without the batch; () for rows of a single number, such as the codes of an Embedding. None: a size
        that may differ from batch to batch, such as the length of a sequence. An int n stands for (n,).
    batch_size : int, optional
        What symbolic shapes and summaries say; batches have the size that the data have, whatever it is.
    sparse, ragged : bool
        False, for there are no such tensors.
    batch_shape : tuple, optional
        Instead of `shape`: the same with the batch in front.
    """

    def __init__(
        self,
        shape: Sequence[int | None] | int | None = None,
        batch_size: int | None = None,
        dtype: str | None = None,
        sparse: bool = False,
        ragged: bool = False,
        batch_shape: Sequence[int | None] | None = None,
        name: str | None = None,
        **first: Any,
    ) -> None:
        kind = input_dtype(dtype)
        super().__init__(name=name, dtype=kind if kind in _FLOATS else None, **first)
        self.dtype = kind
        owner = f'Input "{self.name}"'
        for kind_of, wanted in (("sparse", sparse), ("ragged", ragged)):
            if wanted:
                raise ValueError(f"{owner}: `{kind_of}=True` is not supported; make arrays, as with pad_sequences")
        given: list[Any] = [self.first_shape] if self.first_shape is not None else []
        given += [(shape,) if isinstance(shape, int) else shape] if shape is not None else []
        if batch_shape is not None:
            batch, *rest = open_shape_of(f"{owner}: batch_shape", batch_shape)
            given.append(tuple(rest))
            batch_size = batch if batch_size is None else batch_size
        if not given:
            raise ValueError(f"{owner}: pass a `shape` argument, such as (784,), or batch_shape, such as (None, 784)")
        if len(given) > 1:
            raise ValueError(f"{owner}: you cannot pass both `shape` and `batch_shape`, as either of them says it")
        self.shape = open_shape_of(owner, given[0])
        self.batch_size = optional_whole(owner, "batch_size", batch_size, at_least=1)
        if 0 in self.shape:
            raise ValueError(f"{owner}: expected a shape such as (784,), without the batch, got {self.shape}")
        self.built = True

    def get_config(self) -> dict[str, Any]:
        known = {} if self.batch_size is None else {"batch_size": self.batch_size}
        return {
            "name": self.name, "trainable": self.trainable, "dtype": self.dtype, "shape": list(self.shape), **known
        }  # fmt: skip

    @property
    def batch_shape(self) -> tuple[int | None, ...]:
        """`(batch_size, *shape)`; batches have the size that the data have."""
        return (self.batch_size, *self.shape)

    def tensor(self) -> SymbolicTensor:
        """The symbolic tensor `(batch_size, *shape)`, which is the layer's output from then on."""
        self._tensor = SymbolicTensor(self.batch_shape, self.dtype, self.name)
        return self._tensor

    @classmethod
    def of(cls, tensor: SymbolicTensor) -> InputLayer:
        """The layer form of an input that is there."""
        layer = cls(tensor.shape[1:], tensor.shape[0], dtype=tensor.dtype, name=tensor.name)
        layer._tensor = tensor
        return layer

    _tensor: SymbolicTensor | None = None

    @property
    def output(self) -> Any:
        """The symbolic tensor that it stands for."""
        return self._known_call("output").output if self._tensor is None else self._tensor

    input = output


def input_dtype(dtype: Any) -> str:
    """The name of a dtype that inputs may have; None stands for `pydl.config.floatx()`.

    Raises
    ------
    ValueError
        Any other dtype.
    """
    if dtype is None:
        return config.floatx()
    try:
        name = "string" if dtype in ("string", str) else np.dtype(dtype).name
    except TypeError:
        name = getattr(dtype, "name", str(dtype))  # of another library's
    if name not in (*_FLOATS, *_OTHERS):
        raise ValueError(f"Input: dtype must be one of {', '.join(map(repr, (*_FLOATS, *_OTHERS)))}, got {dtype!r}")
    return name


def Input(
    shape: Sequence[int | None] | int | None = None,
    batch_size: int | None = None,
    dtype: str | None = None,
    sparse: bool = False,
    ragged: bool = False,
    batch_shape: Sequence[int | None] | None = None,
    name: str | None = None,
) -> SymbolicTensor:
    """A symbolic tensor `(batch, *shape)` to build a model from.

    Parameters
    ----------
    shape : tuple of int or None
        Of one row, without the batch; () for rows of a single number, such as the codes of an Embedding. None: a size
        that may differ from batch to batch, such as the length of a sequence. An int n stands for (n,).
    batch_size : int, optional
        What symbolic shapes and summaries say; batches have the size that the data have, whatever it is.
    dtype : str, optional
        Default `pydl.config.floatx()`; data of any numeric dtype are converted. Of a whole-number dtype: what is behind
        the point is cut off, unless an `Embedding` takes the values for codes, which must be whole. "bool": what is not
        0 is 1. "string": text, for a layer that makes numbers of it. The model computes in its layers' dtype.
    sparse, ragged : bool
        False, for there are no such tensors.
    batch_shape : tuple, optional
        Instead of `shape`: the same with the batch in front.
    name : str, optional
        Default `input_layer`, numbered.

    Raises
    ------
    ValueError
        Sizes that are not positive; neither `shape` nor `batch_shape`, or both.
    """
    return InputLayer(shape, batch_size, dtype, sparse, ragged, batch_shape, name).tensor()
