"""EinsumDense: a product with a weight of any rank, by an equation."""

from __future__ import annotations

from collections.abc import Sequence
from string import ascii_letters
from typing import Any

import numpy as np

from pydl import constraints, initializers, regularizers
from pydl._base.args import open_shape_of, text
from pydl._engine.builder import Builder
from pydl._engine.graph import Shape
from pydl._engine.tensor import Tensor
from pydl._engine.variable import Variable
from pydl.layers.low_rank import LowRank
from pydl.layers.weighted import ActivationOf, KernelOf

Array = np.ndarray


class EinsumDense(LowRank):
    """`y = activation(einsum(equation, x, kernel) + bias)`. In NumPy, but for the activation.

    Parameters
    ----------
    equation : str
        Such as "ab,bc->ac" (a Dense layer), "abc,cd->abd", "...x,xy->...y". One letter for each axis; "..." stands for
        axes that are passed on.
    output_shape : int or tuple of int or None
        Of a row, without the batch and the axes that "..." stands for; None for a size that is the input's.
    activation : str, function or None
        See `pydl.activations`; None is linear.
    bias_axes : str, optional
        Letters of the output along which there is a bias; default: no bias.
    kernel_initializer, bias_initializer, kernel_regularizer, bias_regularizer, kernel_constraint, bias_constraint
    lora_rank, lora_alpha : int, float, optional
        Of an adapter: see `enable_lora`.
    **kwargs
        `name`, `trainable`, `dtype`, `activity_regularizer`.

    Raises
    ------
    ValueError
        An equation of another form, or whose sizes do not follow from the input and `output_shape`.
    """

    products = ""
    activation = ActivationOf()
    kernel = KernelOf()

    def __init__(
        self,
        equation: str,
        output_shape: Any,
        activation: Any = None,
        bias_axes: str | None = None,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        lora_rank: int | None = None,
        lora_alpha: float | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self._note_rank(lora_rank, lora_alpha)
        self.equation = text("EinsumDense", "equation", equation)
        shape = (output_shape,) if isinstance(output_shape, int) else output_shape
        self.partial_output_shape = open_shape_of("EinsumDense", tuple(shape))
        self.activation = activation
        self.bias_axes = bias_axes
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.bias_constraint = constraints.get(bias_constraint)
        self._kernel: Variable
        self.bias: Variable | None = None
        parts = self.equation.replace(" ", "").replace("->", ",").split(",")
        if len(parts) != 3 or "->" not in self.equation or "..." in parts[1] or not all(parts):
            self._refuse('expected an equation such as "ab,bc->ac" or "...x,xy->...y"')
        self._parts = parts

    @property
    def output_shape(self) -> tuple[int | None, ...]:
        """As given: of a row, without what "..." stands for."""
        return self.partial_output_shape

    def _refuse(self, why: str) -> None:
        raise ValueError(f'EinsumDense "{self.name}": {why}, got {self.equation!r}')

    def _letters(self, rank: int) -> list[str]:
        """The axes of input, kernel and output, a letter each."""
        x, w, y = self._parts
        free = [c for c in ascii_letters if c not in self.equation]
        hidden = "".join(free[: max(rank - len(x.replace("...", "")), 0)])
        letters = [part.replace("...", hidden) for part in (x, w, y)]
        if len(letters[0]) != rank or any("." in part or len(set(part)) < len(part) for part in letters):
            self._refuse(f"expected an axis of the input, of which there are {rank}, for each letter")
        return letters

    def _known(self, shape: Sequence[int | None]) -> dict[str, int | None]:
        """Sizes by letter."""
        x, _, y = self._letters(len(shape))
        known = dict(zip(x, shape, strict=True))
        own = (
            [c for c in y[1:] if c in self.equation] if y[0] in self.equation else [c for c in y if c in self.equation]
        )
        if "..." not in self._parts[2] and len(own) != len(self.partial_output_shape):
            self._refuse(f"expected an output_shape of {len(own)} sizes, not {self.partial_output_shape}")
        for letter, size in zip(own, self.partial_output_shape, strict=False):
            before = known.get(letter, size)
            if None not in (before, size) and before != size:
                self._refuse(f"axis {letter!r} of the input has size {before}, that of output_shape {size}")
            known[letter] = size if before is None else before
        return known

    def build(self, input_shape: Any) -> None:
        _, w, y = self._letters(len(input_shape))
        known = self._known(input_shape)
        shape = [known.get(c) for c in w]
        if None in shape:
            self._refuse(f"expected known sizes for all axes of the kernel, not {shape} for input {tuple(input_shape)}")
        self._kernel = self.add_weight(
            [int(d or 0) for d in shape], self.kernel_initializer, name="kernel",
            regularizer=self.kernel_regularizer, constraint=self.kernel_constraint,
        )  # fmt: skip
        self._build_bias(y, known)
        self._enable_if_asked()

    def _build_bias(self, y: str, known: dict[str, int | None]) -> None:
        if self.bias_axes is None:
            return
        if not self.bias_axes or any(c not in y for c in self.bias_axes):
            self._refuse(f"expected bias_axes, {self.bias_axes!r}, to be letters of the output")
        behind = y[min(y.index(c) for c in self.bias_axes) :]
        self.bias = self.add_weight(
            [int(known[c] or 0) if c in self.bias_axes else 1 for c in behind], self.bias_initializer, name="bias",
            regularizer=self.bias_regularizer, constraint=self.bias_constraint,
        )  # fmt: skip

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        known = self._known(input_shape)
        return tuple(known[c] for c in self._letters(len(input_shape))[2])

    def emit_forward(self, b: Builder, *x: Tensor) -> Tensor:
        y: Tensor = super().emit_forward(b, *x)
        if self.activation.kernel is None and self.activation.function is None:
            return y
        out = b.activate(y, self.activation)
        b.notes[id(out.value), id(self)] = y
        return out

    def emit_backward(self, b: Builder, *x: Tensor, y: Tensor) -> None:
        inner = b.notes.get((id(y.value), id(self)))
        if inner is None:
            super().emit_backward(b, *x, y=y)
            return
        dx = b.gradient(y)
        if dx is not None:
            b.give_input_gradient(inner, dx)
            super().emit_backward(b, *x, y=inner)

    def call(self, *inputs: Array) -> Array:
        x, w, y = self._letters(inputs[0].ndim)
        product = np.einsum(f"{x},{w}->{y}", inputs[0], self.merged())
        return product if self.bias is None else product + self.bias.numpy()

    def backward(self, inputs: Array, outputs: Array, dy: Array) -> Array:
        x, w, y = self._letters(inputs.ndim)
        if any(v.trainable for v in self.weights):
            self._send(np.einsum(f"{x},{y}->{w}", inputs, dy))
            if self.bias is not None:
                shape = (1,) * (dy.ndim - len(self.bias.shape)) + self.bias.shape
                axes = tuple(i for i, size in enumerate(shape) if size == 1)
                self.bias.gradient[...] = dy.sum(axis=axes, keepdims=True).reshape(self.bias.shape)
        return np.asarray(np.einsum(f"{y},{w}->{x}", dy, self.merged()))

    def _send(self, slope: Array) -> None:
        """Write the gradient of the kernel, or of its adapter."""
        if not self.lora_enabled:
            self._kernel.gradient[...] = slope
            return
        a, b = self.adapter
        rows = slope.reshape(-1, slope.shape[-1]) * self.lora_factor
        a.gradient[...] = (rows @ b.numpy().T).reshape(a.shape)
        b.gradient[...] = a.numpy().reshape(len(rows), -1).T @ rows
