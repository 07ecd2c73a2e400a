"""Embedding: a trained row of numbers for each code."""

from __future__ import annotations

from typing import Any

import numpy as np

from pydl import constraints, initializers, regularizers
from pydl._base.args import whole
from pydl._base.check import not_below
from pydl._engine.builder import Builder
from pydl._engine.graph import Shape
from pydl._engine.tensor import Tensor
from pydl._engine.variable import Variable
from pydl.layers.low_rank import LowRank
from pydl.layers.weighted import KernelOf


class Embedding(LowRank):
    """`y = embeddings[x]`: codes `(batch, ...)` become `(batch, ..., output_dim)`.

    Codes are whole numbers in [0, input_dim), of any numeric dtype. They come straight from an Input (of shape `()` for
    one code per row), with nothing but Flatten, Reshape and Concatenate between; data that hold anything else are
    refused before a step is run. The gradient is that of the whole table: it takes memory of the table's size, and the
    optimizer's step goes over all rows.

    Parameters
    ----------
    input_dim : int
        How many codes there are, > 0; at most 2^24 in float32 and 2^53 in float64, below which every whole number has
        a float.
    output_dim : int
        Numbers per code, > 0.
    embeddings_initializer
        See `pydl.initializers`.
    embeddings_regularizer
        See `pydl.regularizers`.
    embeddings_constraint
        See `pydl.constraints`.
    mask_zero : bool
        Code 0 stands for "no step": it is left out by the pooling, losses and metrics that the mask reaches. Its row of
        the table is a row like any other.
    weights : array_like, or list of one, optional
        The first values of the table, instead of the initializer's: numbers learnt elsewhere. Not in the configuration.
    lora_rank, lora_alpha : int, float, optional
        Of an adapter: see `enable_lora`.
    **kwargs
        `name`, `trainable`, `dtype`, `input_shape`; `input_length=n` stands for `input_shape=(n,)`.

    Raises
    ------
    ValueError
        Sizes that are not positive or too large; in a model, codes that other layers compute.
    """

    adapted = "embeddings"
    embeddings = KernelOf()
    products = "b"

    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        embeddings_initializer: Any = "uniform",
        embeddings_regularizer: Any = None,
        embeddings_constraint: Any = None,
        mask_zero: bool = False,
        weights: Any = None,
        lora_rank: int | None = None,
        lora_alpha: float | None = None,
        **kwargs: Any,
    ) -> None:
        length = kwargs.pop("input_length", None)
        super().__init__(**kwargs if length is None else {**kwargs, "input_shape": (length,)})
        most = 2 ** (np.finfo(self.dtype).nmant + 1)
        self.input_dim = whole("Embedding", "input_dim", input_dim, at_least=1, below=most + 1)
        self.output_dim = whole("Embedding", "output_dim", output_dim, at_least=1)
        self.embeddings_initializer = initializers.get(embeddings_initializer)
        self.embeddings_regularizer = regularizers.get(embeddings_regularizer)
        self.embeddings_constraint = constraints.get(embeddings_constraint)
        self.mask_zero = bool(mask_zero)
        self._embeddings: Variable
        self._note_rank(lora_rank, lora_alpha)
        if weights is not None:
            self.build()
            self.set_weights(weights if isinstance(weights, list) and len(weights) == 1 else [weights])

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments but the weights, as plain JSON values."""
        return {name: value for name, value in super().get_config().items() if name != "weights"}

    def build(self, input_shape: Any = None) -> None:
        if isinstance(input_shape, list):
            raise ValueError(f'Embedding "{self.name}": expected one input (batch, ...) of codes, got {input_shape}')
        self._embeddings = self.add_weight(
            (self.input_dim, self.output_dim), self.embeddings_initializer, name="embeddings",
            regularizer=self.embeddings_regularizer, constraint=self.embeddings_constraint,
        )  # fmt: skip
        self._enable_if_asked()

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (*input_shape, self.output_dim)

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """Of an array of codes, whether each counts; None where all do."""
        return np.asarray(inputs) != 0 if self.mask_zero else None

    @property
    def supports_masking(self) -> bool:  # type: ignore[override]
        """Whether there is a mask behind it."""
        return self.mask_zero

    def output_masks(self, masked: list[bool]) -> list[bool]:
        return [self.mask_zero]

    def emit_masks(self, b: Builder, x: list[Tensor], y: list[Tensor]) -> None:
        if self.mask_zero:
            y[0].mask = b.constant_tensor(x[0].shape)
            n = x[0].columns
            b.emit("mask_steps", x=x[0].buffer, m=y[0].mask.buffer, B=b.batch * n, L=n, O=1, value=0.0)

    def code_limits(self, limit: int | None, inputs: int) -> list[int | None]:
        return [self.input_dim]

    def emit_forward(self, b: Builder, *x: Tensor) -> Tensor:
        codes = x[0].value.codes
        if codes is None or codes > self.input_dim:
            b.emit_python("codes", lambda: self._must_be_codes(x[0].array()), [x[0].buffer], [])
        y = self._looked_up(b, x[0], self._embeddings)
        if not self.lora_enabled:
            return y
        down = self._looked_up(b, x[0], self.adapter[0])
        y = self.emit_up(b, y, down)
        b.notes[id(y.value), id(self)] = down
        return y

    def _must_be_codes(self, x: np.ndarray) -> None:
        place = not_below(self.input_dim, x)
        if place is not None:
            raise ValueError(
                f'Embedding "{self.name}": expected codes, whole numbers in [0, {self.input_dim}), its input_dim; got '
                f"{x[place]} in row {place[0]} of the batch"
            )

    def _looked_up(self, b: Builder, x: Tensor, table: Variable) -> Tensor:
        y = b.tensor((*x.shape, table.shape[-1]), x, trainable=b.trains(*self.weights))
        b.emit("embed_fwd", x=x.buffer, w=table.buffer, y=y.buffer, **self._sizes(x, table))
        return y

    def emit_backward(self, b: Builder, *x: Tensor, y: Tensor) -> None:
        dy = b.gradient(y)
        if dy is None:
            return
        table = self._embeddings
        if self.lora_enabled:
            dy, table = self.emit_up_slopes(b, b.notes[id(y.value), id(self)], dy), self.adapter[0]
        if b.trains(table):
            b.add_weight_gradient(
                table,
                lambda dw, add: b.emit("embed_bwd", x=x[0].buffer, dy=dy, dw=dw, n=table.size, add=add,
                                       **self._sizes(x[0], table)),
            )  # fmt: skip

    def _sizes(self, x: Tensor, table: Variable) -> dict[str, int]:
        return {"B": x.batch * x.columns, "L": x.columns, "O": table.shape[-1], "V": self.input_dim}
