"""The base of layers that prepare data of any dtype, text included, on arrays: what no kernel computes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from pydl import config
from pydl._base.args import one_of
from pydl._base.frames import array_of_any
from pydl._base.hashes import farmhash64, siphash
from pydl._engine.graph import Shape, is_symbolic
from pydl.layers.base import Layer

Array = np.ndarray
MODES = ("int", "one_hot", "multi_hot", "count")


class HostLayer(Layer):
    """A layer without weights or gradient whose `preprocess` makes an array of an array.

    Parameters
    ----------
    dtype : str, optional
        Of what comes out: `output_dtype` says what it is if none is given.
    **kwargs
        `name`, `trainable`.
    """

    on_host = True

    def __init__(self, *, dtype: Any = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._given_dtype = None if dtype is None else np.dtype(dtype).name

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments as plain JSON values."""
        return {**super().get_config(), "dtype": self._given_dtype}

    @property
    def output_dtype(self) -> str:
        """Name of the dtype of what comes out."""
        return self._given_dtype or config.floatx()

    def _output_kind(self) -> str:
        return self.output_dtype if self.output_dtype in ("int32", "int64") else self.dtype

    def preprocess(self, x: Array) -> Array:
        """The output for an array of any dtype, the batch first."""
        raise NotImplementedError

    def __call__(self, inputs: Any, *others: Any, **keywords: Any) -> Any:
        """Connect the layer to a symbolic tensor, or apply it to an array, a list or a frame's column."""
        if is_symbolic(inputs):
            return super().__call__(inputs, *others, **keywords)
        x = array_of_any(inputs)
        self._build_once((None, *x.shape[1:]))
        return super().__call__(x, *others, **keywords)

    def call(self, *inputs: Array) -> Array:
        return self.preprocess(inputs[0])

    def backward(self, x: Array, y: Array, dy: Array) -> Array:
        return np.zeros_like(x)

    def code_limits(self, limit: int | None, inputs: int) -> list[int | None]:
        """Codes are what it makes, not what it takes."""
        return [None] * inputs


def batches_of(data: Any, steps: int | None = None) -> Iterator[Array]:
    """The arrays that data to adapt to consist of: themselves, or batches of an iterable, `steps` of them at most."""
    if isinstance(data, list | tuple | np.ndarray) or hasattr(data, "__array__"):
        yield array_of_any(data)
        return
    if not isinstance(data, Iterable):
        raise TypeError(f"adapt: expected an array, or an iterable of batches, got {data!r}")
    for i, batch in enumerate(data):
        if steps is not None and i >= steps:
            return
        yield array_of_any(batch[0] if isinstance(batch, tuple) else batch)


def mode_of(owner: str, mode: Any, more: tuple[str, ...] = ()) -> str:
    """An `output_mode` by its name; "binary" is an old one of "multi_hot"."""
    return str(one_of(owner, "output_mode", {"binary": "multi_hot"}.get(mode, mode), (*MODES, *more)))


def refuse_sparse(owner: str, sparse: Any) -> None:
    if sparse:
        raise ValueError(f"{owner}: sparse=True is not available, outputs are arrays; leave it out")


def encode(codes: Array, mode: str, depth: int, dtype: str, weights: Array | None = None) -> Array:
    """What codes become: themselves; a row of 0 and 1 for each, or for all of a sample; how often each occurs in it.

    Codes that are not in [0, depth) count nowhere. A sample is what lies along axis 1, or, of a vector, all of it.

    Parameters
    ----------
    codes : integer array
    mode : {"int", "one_hot", "multi_hot", "count"}
    depth : int
        How many codes there are.
    weights : array, optional
        Of the shape of codes, for "count": what each one counts.
    """
    if mode == "int":
        return codes.astype(dtype)
    codes = codes.reshape(1) if codes.ndim == 0 else codes
    if mode == "one_hot":
        codes = codes[..., 0] if codes.ndim > 1 and codes.shape[-1] == 1 else codes
        return (codes[..., None] == np.arange(depth)).astype(dtype)
    moved = np.moveaxis(codes, 1, -1) if codes.ndim > 1 else codes
    rows = moved.reshape(-1, moved.shape[-1])
    known = (rows >= 0) & (rows < depth)
    each: Any = 1 if weights is None else np.broadcast_to(weights, codes.shape)
    if weights is not None:
        each = (np.moveaxis(each, 1, -1) if codes.ndim > 1 else each).reshape(rows.shape)[known]
    total = np.zeros((len(rows), depth))
    np.add.at(total, (np.nonzero(known)[0], rows[known].astype(np.int64)), each)
    if mode == "multi_hot":
        total = np.minimum(total, 1)
    return total.reshape(*moved.shape[:-1], depth).astype(dtype)


def encoded_shape(shape: Shape, mode: str, depth: int) -> Shape:
    """The shape of what `encode` makes of codes of this shape."""
    if mode == "int":
        return tuple(shape)
    if mode == "one_hot":
        return (*(shape[:-1] if len(shape) > 1 and shape[-1] == 1 else shape), depth)
    return (*shape[:1], *shape[2:], depth) if len(shape) > 1 else (depth,)


def salt_of(owner: str, salt: Any) -> list[int] | None:
    """A key for `hashed`: None, one number, or two."""
    both = [salt, salt] if isinstance(salt, int) else list(salt) if isinstance(salt, list | tuple) else salt
    if both is not None and (not isinstance(both, list) or len(both) != 2 or any(not isinstance(k, int) for k in both)):
        raise ValueError(f"{owner}: salt must be an integer, or two, got {salt!r}")
    return both


def hashed(x: Array, bins: int, salt: list[int] | None) -> Array:
    """The bin of each element, by the hash of the text that says it."""
    values, places = np.unique(x.astype(np.int64) if x.dtype.kind == "f" else x, return_inverse=True)
    texts = [(str(v).lower() if x.dtype.kind == "b" else str(v)).encode() for v in values]
    hashes = [farmhash64(t) if salt is None else siphash(t, (salt[0], salt[1])) for t in texts]
    return np.array([h % bins for h in hashes], np.int64)[places].reshape(x.shape)
