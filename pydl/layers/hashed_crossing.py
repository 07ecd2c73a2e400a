"""HashedCrossing: several columns of text or codes as one, in bins, without a vocabulary."""

from __future__ import annotations

from typing import Any

import numpy as np

from pydl._base.args import whole
from pydl._base.frames import array_of_any
from pydl._base.hashes import farmhash64
from pydl._engine.graph import is_symbolic
from pydl.layers.host import HostLayer, encode, encoded_shape, mode_of, refuse_sparse

Array = np.ndarray

_KEY, _FACTOR, _BITS = 0xDECAFCAFFE, 0xC6A4A7935BD1E995, 2**64 - 1


class HashedCrossing(HostLayer):
    """The bin of each combination of what stands in several columns: of a hash of all, modulo the number of bins.

    With it a model learns of pairs, such as a town and an hour, what a sum over columns cannot. The bins are those of
    Keras and TensorFlow: texts by FarmHash64, whole numbers as they are.

    Parameters
    ----------
    num_bins : int
    output_mode : {"int", "one_hot"}
        The bins, as int64, or a row of zeros with a one for each.
    sparse : bool
        Not available.
    **kwargs
        `name`, `dtype` of the output.

    Raises
    ------
    ValueError
        When called on anything but a list of two or more columns of one shape, (batch,) or (batch, 1), each of text or
        whole numbers.
    """

    def __init__(self, num_bins: int, output_mode: str = "int", sparse: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.num_bins = whole("HashedCrossing", "num_bins", num_bins, at_least=1)
        self.output_mode = mode_of("HashedCrossing", output_mode)
        if self.output_mode not in ("int", "one_hot"):
            raise ValueError(f'HashedCrossing: output_mode must be "int" or "one_hot", got {output_mode!r}')
        refuse_sparse("HashedCrossing", sparse)
        self.sparse = False

    @property
    def output_dtype(self) -> str:
        return self._given_dtype or "int64" if self.output_mode == "int" else super().output_dtype

    def compute_output_shape(self, input_shape: Any) -> Any:
        self._check([tuple(shape) for shape in input_shape] if isinstance(input_shape, list | tuple) else [])
        return encoded_shape(tuple(input_shape[0]), self.output_mode, self.num_bins)

    def __call__(self, inputs: Any, *others: Any, training: Any = None) -> Any:
        """Connect the layer to a list of symbolic tensors, or apply it to one of arrays."""
        if not isinstance(inputs, list | tuple) or any(is_symbolic(x) for x in inputs):
            return super().__call__(inputs, *others, training=training)
        return self.preprocess(inputs)

    def preprocess(self, x: Any) -> Array:
        columns = [array_of_any(column) for column in (x if isinstance(x, list | tuple) else [x])]
        self._check([column.shape for column in columns])
        for column in columns:
            if column.dtype.kind not in "iuU":
                raise ValueError(
                    f'HashedCrossing "{self.name}": columns should have an integer or string dtype, got {column.dtype}'
                )
        rows, places = np.unique(np.stack([_codes(c) for c in columns], axis=-1).reshape(-1, len(columns)), axis=0,
                                 return_inverse=True)  # fmt: skip
        bins = np.array([self._bin(row) for row in rows.tolist()], np.int64)[places.reshape(-1)]
        return encode(bins.reshape(columns[0].shape), self.output_mode, self.num_bins, self.output_dtype)

    def _check(self, shapes: list[tuple[int | None, ...]]) -> None:
        owner = f'HashedCrossing "{self.name}"'
        if len(shapes) < 2:
            raise ValueError(f"{owner}: it should be called on a list of at least two inputs, got shapes {shapes}")
        if any(s[1:] != shapes[0][1:] or len(s) > 2 or s[1:] not in ((), (1,)) for s in shapes):
            raise ValueError(f"{owner}: inputs should have shape (batch,) or (batch, 1), all the same, got {shapes}")

    def _bin(self, hashes: list[int]) -> int:
        total = _KEY
        for code in hashes:
            total ^= _FACTOR ^ _mixed(code * _FACTOR & _BITS) * _FACTOR & _BITS
            total = _mixed(total * _FACTOR & _BITS) * _FACTOR & _BITS
            total = _mixed(total)
        return total % self.num_bins


def _mixed(code: int) -> int:
    return code ^ code >> 47


def _codes(column: Array) -> Array:
    """Whole numbers as they are, texts by their hash, as uint64."""
    if column.dtype.kind != "U":
        return column.astype(np.int64).astype(np.uint64)
    texts, places = np.unique(column, return_inverse=True)
    return np.array([farmhash64(text.encode()) for text in texts.tolist()], np.uint64)[places].reshape(column.shape)
