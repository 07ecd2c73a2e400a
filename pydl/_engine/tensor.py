"""Tensors of a plan: buffers with shapes, and what is known of their gradients."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from pydl._core import Buffer
from pydl._engine.layout import array_of
from pydl._engine.variable import Variable


class Value:
    """A buffer of a plan and what is known of its gradient. Reshaped tensors share one.

    Attributes
    ----------
    buffer : Buffer
        `(B, ...)`.
    needs_grad : bool
        Whether anything upstream can be trained.
    readers : int
        Records of the forward pass that will send a gradient back.
    act, saved : activation or None, Buffer
        The activation whose output this is, and what its backward kernel reads.
    picked : Value or None
        Of what each element is one, so that the derivative of its activation may be applied here instead.
    pending : activation or None
        An activation left to the loss: the buffer holds logits until the loss record has run.
    codes : int or None
        If all elements are known to be codes, whole numbers below this.
    grad : Buffer or None
        The gradient: of the loss with respect to the value, or, `grad_is_pre`, to the input of `act`.
    """

    def __init__(self, buffer: Buffer, needs_grad: bool) -> None:
        self.buffer = buffer
        self.needs_grad = needs_grad
        self.readers = 0
        self.act: Any = None
        self.act_columns = 0
        self.saved: Buffer | None = None
        self.picked: Value | None = None
        self.pending: Any = None
        self.codes: int | None = None
        self.grad: Buffer | None = None
        self.grad_is_pre = False

    def take_derivative_on(self) -> None:
        """Apply the derivative of an activation where the gradient comes to elements that were picked of its output.

        They are fewer, and the others get no gradient, if nothing else reads that output.
        """
        x = self.picked
        if x is None or self.act is not None or x.readers != 1 or x.grad is not None:
            return
        self.act, self.act_columns, self.saved = x.act, x.act_columns, self.buffer
        x.grad_is_pre = True


class Tensor:
    """A value seen with a shape `(B, ...)`.

    Attributes
    ----------
    mask : Tensor or None
        1 for each step, `(B, T)`, that counts, 0 for each that does not.
    """

    def __init__(self, value: Value, shape: tuple[int, ...], mask: Tensor | None = None) -> None:
        self.value = value
        self.shape = shape
        self.mask = mask

    @property
    def buffer(self) -> Buffer:
        return self.value.buffer

    @property
    def batch(self) -> int:
        return self.shape[0]

    @property
    def columns(self) -> int:
        """Elements per row of the batch."""
        return math.prod(self.shape[1:])

    @property
    def rows_of_last(self) -> int:
        """Rows when only the last axis counts as columns (Dense, normalization, class axes)."""
        return math.prod(self.shape[:-1])

    def by_last(self) -> dict[str, int]:
        """B and L of a record that works on rows of the last axis: rows, and how many of them make a sample."""
        return {"B": self.rows_of_last, "L": self.rows_of_last // self.batch}

    def array(self) -> np.ndarray:
        """A view of the memory that the plan is bound to now: not to be kept."""
        return array_of(self.buffer).reshape(self.shape)


class WeightGradient:
    """Stands for the gradient of a weight in records, so that one that no record needs gets no memory."""

    def __init__(self, variable: Variable) -> None:
        self.variable = variable

    @property
    def size(self) -> int:
        return self.variable.buffer.size

    @property
    def buffer(self) -> Buffer:
        """Its memory, made when first asked for."""
        return self.variable.gradient_buffer()
