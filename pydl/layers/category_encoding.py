"""CategoryEncoding: codes as rows of numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

from pydl._base.args import whole
from pydl._base.frames import array_of_any
from pydl._engine.graph import Shape, is_symbolic
from pydl.layers.host import HostLayer, encode, encoded_shape, mode_of, refuse_sparse

Array = np.ndarray


class CategoryEncoding(HostLayer):
    """Codes, whole numbers in [0, num_tokens), as rows of num_tokens numbers.

    Codes that are none count nowhere.

    Parameters
    ----------
    num_tokens : int
        How many codes there are.
    output_mode : {"multi_hot", "one_hot", "count"}
        A row for each sample, 1 where the code occurs in it; a row for each code, (n, 1) counting as (n,); or a row for
        each sample of how often each code occurs. A vector is one sample, but for "one_hot".
    sparse : bool
        Not available.
    **kwargs
        `name`, `dtype` of the output.

    Notes
    -----
    `layer(codes, count_weights=w)`, for "count": each code counts its weight, of the shape of the codes.
    """

    def __init__(
        self, num_tokens: int | None = None, output_mode: str = "multi_hot", sparse: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        if num_tokens is None:
            raise ValueError(
                "CategoryEncoding: num_tokens must be set to use this layer; where it is not known, use IntegerLookup"
            )
        self.num_tokens = whole("CategoryEncoding", "num_tokens", num_tokens, at_least=1)
        self.output_mode = mode_of("CategoryEncoding", output_mode)
        if self.output_mode == "int":
            raise ValueError('CategoryEncoding: output_mode must be "multi_hot", "one_hot" or "count", got "int"')
        refuse_sparse("CategoryEncoding", sparse)
        self.sparse = False

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return encoded_shape(tuple(input_shape), self.output_mode, self.num_tokens)

    def __call__(self, inputs: Any, *others: Any, count_weights: Any = None, training: Any = None) -> Any:
        """Connect the layer to a symbolic tensor, or apply it to codes; see Notes for the weights."""
        count_weights = others[0] if others else count_weights
        if count_weights is None:
            return super().__call__(inputs, training=training)
        if self.output_mode != "count" or is_symbolic(inputs):
            raise ValueError(
                f'CategoryEncoding "{self.name}": count_weights are for arrays and output_mode "count", not '
                f'"{self.output_mode}"'
            )
        codes = array_of_any(inputs)
        return encode(codes, "count", self.num_tokens, self.output_dtype, np.asarray(count_weights))

    def preprocess(self, x: Array) -> Array:
        if x.dtype.kind not in "biuf":
            raise TypeError(f'CategoryEncoding "{self.name}": expected codes, got dtype {x.dtype}; use StringLookup')
        return encode(x, self.output_mode, self.num_tokens, self.output_dtype)
