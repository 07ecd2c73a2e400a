"""Layers without weights: activation, dropout, shapes, rescaling."""

from __future__ import annotations

import math
from typing import Any

from pydl import activations
from pydl._base.args import real, whole
from pydl._engine.builder import Builder
from pydl._engine.facts import rowwise
from pydl._engine.graph import Shape, SymbolicTensor
from pydl._engine.tensor import Tensor
from pydl.layers.base import Layer


class Activation(Layer):
    """`y = activation(x)`, element by element (softmax: over the last axis).

    Parameters
    ----------
    activation : str or function
        See `pydl.activations`.
    """

    supports_masking = True

    def __init__(self, activation: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.activation = activations.get(activation)

    def build(self, input_shape: Shape) -> None:
        activations.warn_of_one_unit(self.activation, input_shape[-1], f'Activation "{self.name}": ')

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        if len(input_shape) < 2 and rowwise(self.activation):
            raise ValueError(f'Activation "{self.name}": expected input (batch, ..., classes), got {input_shape}')
        return input_shape

    def emit_forward(self, b: Builder, *x: Tensor) -> Tensor:
        act = self.activation
        return x[0] if act.kernel is None and act.function is None else b.activate(x[0], act)

    def emit_backward(self, b: Builder, *x: Tensor, y: Tensor) -> None:
        if y is x[0]:
            return
        dx = b.gradient(y)
        if dx is not None:
            b.give_input_gradient(x[0], dx)


def _activated(tensors: Any, others: Any) -> Any:
    """An activation of a symbolic tensor, as a layer; along other axes than the last there is no kernel."""
    activation = activations.Activation(others["name"], others["alpha"])
    if others.get("axis", -1) != -1 and rowwise(activation):
        return NotImplemented
    return Activation(activation, dtype=tensors[0].dtype)(tensors[0])


SymbolicTensor.forms["activate"] = _activated


class Dropout(Layer):
    """In training, each element is 0 with probability `rate`, else `x / (1 - rate)`; else `y = x`.

    The mask is a function of the model's seed, the step and the element's index, so it depends on no thread count and
    is recomputed, not stored, for the backward pass. Source: Srivastava et al., JMLR 15, 2014.

    Parameters
    ----------
    rate : float
        In [0, 1).
    """

    supports_masking = True
    only_in_training = True

    def __init__(self, rate: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if isinstance(rate, bool) or not isinstance(rate, int | float) or not 0 <= rate < 1:
            raise ValueError(f'Dropout "{self.name}": expected 0 <= rate < 1, got {rate!r}')
        self.rate = float(rate)

    def emit_forward(self, b: Builder, *x: Tensor) -> Tensor:
        t = x[0]
        if not b.training or self.rate == 0:
            return t
        b.note_reader(t)
        y = b.tensor(t.shape, t)
        stream = b.stream()
        b.notes[id(y.value)] = stream
        b.emit("dropout", x=t.buffer, y=y.buffer, B=t.batch, O=t.columns, stream=stream, rate=self.rate)
        return y

    def emit_backward(self, b: Builder, *x: Tensor, y: Tensor) -> None:
        if y is x[0]:
            return
        t, dy, stream = x[0], b.gradient(y), b.notes[id(y.value)]
        b.emit("dropout", x=dy, y=dy, B=t.batch, O=t.columns, stream=stream, rate=self.rate)
        assert dy is not None
        b.give_input_gradient(t, dy)


class Rescaling(Layer):
    """`y = scale * x + offset`, e.g. `Rescaling(1 / 255)` for pixels.

    Parameters
    ----------
    scale, offset : float
    """

    supports_masking = True

    def __init__(self, scale: float, offset: float = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.scale = real("Rescaling", "scale", scale)
        self.offset = real("Rescaling", "offset", offset)

    def emit_forward(self, b: Builder, *x: Tensor) -> Tensor:
        b.note_reader(x[0])
        y = b.tensor(x[0].shape, x[0])
        b.emit("affine", x=x[0].buffer, y=y.buffer, B=y.batch, O=y.columns, a=self.scale, c=self.offset)
        return y

    def emit_backward(self, b: Builder, *x: Tensor, y: Tensor) -> None:
        dy = b.gradient(y)
        b.add_input_gradient(
            x[0], lambda dx, _: b.emit("affine", x=dy, y=dx, B=y.batch, O=y.columns, a=self.scale, c=0.0)
        )


class _View(Layer):
    """A layer that shows its input with another shape: no record at all."""

    def emit_forward(self, b: Builder, *x: Tensor) -> Tensor:
        shape = self.compute_output_shape((None, *x[0].shape[1:]))
        return Tensor(x[0].value, (b.batch, *(int(d or 0) for d in shape[1:])))

    def code_limits(self, limit: int | None, inputs: int) -> list[int | None]:
        return [limit]

    def emit_backward(self, b: Builder, *x: Tensor, y: Tensor) -> None:
        """The gradient is the same buffer."""


class Flatten(_View):
    """`(batch, a, b, ...)` -> `(batch, a * b * ...)`. Costs nothing: the same memory under another shape."""

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (input_shape[0], _elements(self, input_shape))


class Reshape(_View):
    """`(batch, ...)` -> `(batch, *target_shape)`. Costs nothing: the same memory under another shape.

    Parameters
    ----------
    target_shape : tuple of int
        Without the batch; one entry may be -1.
    """

    def __init__(self, target_shape: tuple[int, ...], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.target_shape = tuple(whole("Reshape", "target_shape", d, at_least=-1) for d in target_shape)
        if self.target_shape.count(-1) > 1 or 0 in self.target_shape:
            raise ValueError(f'Reshape "{self.name}": expected sizes > 0, at most one -1, got {self.target_shape}')

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        size = _elements(self, input_shape)
        known = math.prod(d for d in self.target_shape if d != -1)
        free = -1 in self.target_shape
        if (free and size % known) or (not free and size != known):
            raise ValueError(f'Reshape "{self.name}": cannot show {size} elements per row as {self.target_shape}')
        return (input_shape[0], *(size // known if d == -1 else d for d in self.target_shape))


def _elements(layer: Layer, shape: Shape) -> int:
    """Elements of a sample, of which all sizes must be known."""
    sizes = [d for d in shape[1:] if d is not None]
    if len(sizes) < len(shape) - 1:
        raise ValueError(f'{type(layer).__name__} "{layer.name}": expected sizes known in advance, got {tuple(shape)}')
    return math.prod(sizes)
