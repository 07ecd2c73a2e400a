"""Hashing: text and whole numbers in bins, without a vocabulary."""

from __future__ import annotations

from typing import Any

import numpy as np

from pydl._base.args import whole
from pydl._engine.graph import Shape
from pydl.layers.host import HostLayer, encode, encoded_shape, hashed, mode_of, refuse_sparse, salt_of

Array = np.ndarray


class Hashing(HostLayer):
    """The bin of each text or number: its hash modulo the number of bins, the same in every process.

    Numbers are hashed as the text that says them, without what is behind the point.

    Parameters
    ----------
    num_bins : int
    mask_value : str or int, optional
        What goes to bin 0, which then takes nothing else.
    salt : int or tuple of two int, optional
        A key: other numbers, other bins. With it SipHash-2-4, without it FarmHash64.
    output_mode : {"int", "one_hot", "multi_hot", "count"}
        The bins, as int64, or what `CategoryEncoding` makes of them.
    sparse : bool
        Not available.
    **kwargs
        `name`, `dtype` of the output.
    """

    def __init__(
        self,
        num_bins: int,
        mask_value: Any = None,
        salt: Any = None,
        output_mode: str = "int",
        sparse: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if num_bins is None:
            raise ValueError("Hashing: `num_bins` cannot be `None`: give a number of bins")
        self.num_bins = whole("Hashing", "num_bins", num_bins, at_least=1)
        self.mask_value = mask_value
        self.salt = salt_of("Hashing", salt)
        self.output_mode = mode_of("Hashing", output_mode)
        if self.output_mode == "int" and self._given_dtype not in (None, "int32", "int64"):
            raise ValueError(
                'Hashing: When `output_mode="int"`, `dtype` should be an integer type, "int32" or "int64", got '
                f"{self._given_dtype!r}"
            )
        refuse_sparse("Hashing", sparse)
        self.sparse = False

    @property
    def output_dtype(self) -> str:
        return self._given_dtype or "int64" if self.output_mode == "int" else super().output_dtype

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return encoded_shape(tuple(input_shape), self.output_mode, self.num_bins)

    def preprocess(self, x: Array) -> Array:
        masked = self.mask_value is not None and self.num_bins > 1
        codes = hashed(x, self.num_bins - masked, self.salt)
        if masked:
            codes = np.where(x == self.mask_value, 0, codes + 1)
        return encode(codes, self.output_mode, self.num_bins, self.output_dtype)
