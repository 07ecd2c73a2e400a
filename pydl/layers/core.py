"""Layers without weights: activation, dropout, shapes, rescaling; and what others of their kind are made from."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from pydl import activations
from pydl._base.args import one_of, optional_whole, real, whole
from pydl._base.arrays import float_array
from pydl._engine.builder import Builder
from pydl._engine.facts import rowwise
from pydl._engine.graph import Shape, SymbolicTensor
from pydl._engine.layout import array_of
from pydl._engine.tensor import Tensor
from pydl.layers.base import Layer
from pydl.layers.weighted import ActivationOf


class Pointwise(Layer):
    """A layer that is an activation: `activation`, which its constructor sets."""

    supports_masking = True
    activation: activations.Activation

    @property
    def as_activation(self) -> activations.Activation:
        """What it stands for where a layer is given as another one's activation."""
        return self.activation

    def build(self, input_shape: Shape) -> None:
        activations.warn_of_one_unit(self.activation, input_shape[-1], f'{type(self).__name__} "{self.name}": ')

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        if len(input_shape) < 2 and rowwise(self.activation):
            raise ValueError(
                f'{type(self).__name__} "{self.name}": expected input (batch, ..., classes), got {input_shape}'
            )
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


class Activation(Pointwise):
    """`y = activation(x)`, element by element (softmax: over the last axis).

    Parameters
    ----------
    activation : str or function
        See `pydl.activations`.
    """

    activation = ActivationOf()

    def __init__(self, activation: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.activation = activation


def _activated(tensors: Any, others: Any) -> Any:
    """An activation of a symbolic tensor, as a layer; along other axes than the last there is no kernel.

    A layer would keep a mask, at which a function ends.
    """
    activation = activations.Activation(others["name"], others["alpha"])
    if tensors[0].masked or (others.get("axis", -1) != -1 and rowwise(activation)):
        return NotImplemented
    return Activation(activation, dtype=tensors[0].dtype)(tensors[0])


SymbolicTensor.forms["activate"] = _activated


class Noise(Layer):
    """A layer that draws in training, and then only if its `rate` is not 0.

    What it draws is a function of a seed, the step and the element's index, so it depends on no thread count and is
    drawn again, not stored, for the backward pass. The seed is the model's, or the layer's own, `seed`.
    """

    supports_masking = True
    rate: float
    seed: int | None = None
    only_in_training = True

    def _rate(self, value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1:
            raise ValueError(
                f'{type(self).__name__} "{self.name}": Invalid value received for argument `rate`. Expected a float '
                f"value between 0 and 1, which is not 1, got {value!r}"
            )
        return float(value)

    def _seed(self, value: Any) -> int | None:
        return optional_whole(type(self).__name__, "seed", value, below=2**62)

    def emit_forward(self, b: Builder, *x: Tensor) -> Tensor:
        t = x[0]
        if not b.training or self.rate == 0:
            return t
        b.note_reader(t)
        y = b.tensor(t.shape, t)
        draw = b.notes[id(y.value)] = b.draw(self.seed)
        self._emit(b, t, t.buffer, y.buffer, draw)
        return y

    def emit_backward(self, b: Builder, *x: Tensor, y: Tensor) -> None:
        if y is x[0]:
            return
        dy = b.gradient(y)
        assert dy is not None
        self._emit_slope(b, x[0], dy, b.notes[id(y.value)])
        b.give_input_gradient(x[0], dy)

    def _emit(self, b: Builder, t: Tensor, x: Any, y: Any, draw: dict[str, int]) -> None:
        """y = what becomes of x, of the shape of t."""
        raise NotImplementedError

    def _emit_slope(self, b: Builder, t: Tensor, dy: Any, draw: dict[str, int]) -> None:
        """The gradient with respect to x in place of that with respect to y. Default: where y is a multiple of x."""
        self._emit(b, t, dy, dy, draw)


class Dropout(Noise):
    """In training, each element is 0 with probability `rate`, else `x / (1 - rate)`; else `y = x`.

    The mask is a function of a seed, the step and the element's index, so it depends on no thread count and is
    recomputed, not stored, for the backward pass. Source: Srivastava et al., JMLR 15, 2014.

    Parameters
    ----------
    rate : float
        In [0, 1).
    noise_shape : tuple of int or None, optional
        Shape of the mask, batch first: 1 for an axis along which all elements are kept or dropped together, None for
        the input's size. Such as (None, 1, None): whole features of a sequence.
    seed : int, optional
        Of this layer's draws; default: the model's.
    """

    def __init__(self, rate: float, noise_shape: Any = None, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.rate = self._rate(rate)
        self.seed = self._seed(seed)
        self.noise_shape = _noise_shape(f'Dropout "{self.name}"', noise_shape)

    def _emit(self, b: Builder, t: Tensor, x: Any, y: Any, draw: dict[str, int]) -> None:
        shape = t.shape if self.noise_shape is None else _drawn(self, t.shape)
        if shape == t.shape:
            b.emit("dropout", x=x, y=y, B=t.batch, O=t.columns, rate=self.rate, **draw)
            return
        if shape == (t.batch, *[1] * (len(shape) - 2), t.shape[-1]):  # whole features
            b.emit("dropout_maps", x=x, y=y, O=t.shape[-1], rate=self.rate, **t.by_last(), **draw)
            return
        one, kept = b.zeros(shape), b.buffer(shape)
        array_of(one)[...] = 1
        b.emit("dropout", x=one, y=kept, B=shape[0], O=math.prod(shape[1:]), rate=self.rate, **draw)

        def run() -> None:
            np.multiply(_seen(x, t.shape), _seen(kept, shape), out=_seen(y, t.shape))

        b.emit_python("Dropout.noise_shape", run, [x, kept], [y])


def _noise_shape(owner: str, shape: Any) -> tuple[int | None, ...] | None:
    if shape is None:
        return None
    wrong = f"{owner}: Invalid value received for argument `noise_shape`. Expected"
    if not isinstance(shape, list | tuple) or not shape:
        raise ValueError(f"{wrong} a tuple or list of integers, and None for sizes of the input, got {shape!r}")
    if any(d is not None and (isinstance(d, bool) or not isinstance(d, int)) for d in shape):
        raise ValueError(f"{wrong} all elements to be integers or None, got {shape!r}")
    if any(d is not None and d < 1 for d in shape):
        raise ValueError(f"{wrong} all dimensions to be positive integers or None, got {shape!r}")
    return tuple(shape)


def _drawn(layer: Dropout, shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape of the mask for an input of this shape."""
    wanted = layer.noise_shape or shape
    drawn = tuple(s if d is None else d for s, d in zip(shape, wanted, strict=False))
    if len(wanted) != len(shape) or any(d not in (1, s) for s, d in zip(shape, drawn, strict=True)):
        raise ValueError(
            f'Dropout "{layer.name}": expected a noise_shape that repeats to the input {shape}, got {wanted}'
        )
    return drawn


def _seen(buffer: Any, shape: tuple[int, ...]) -> np.ndarray:
    return array_of(buffer).reshape(shape)


class Rescaling(Layer):
    """`y = scale * x + offset`, e.g. `Rescaling(1 / 255)` for pixels.

    Parameters
    ----------
    scale, offset : float or array_like
        Arrays repeat to the shape of a sample, such as one number for each channel.

    Raises
    ------
    ValueError
        An array that does not.
    """

    supports_masking = True

    def __init__(self, scale: Any, offset: Any = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.scale, self.offset = _factor("scale", scale), _factor("offset", offset)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        for factor in (self.scale, self.offset):
            sizes = np.shape(factor)
            if sizes and not _repeats(sizes, input_shape[1:]):
                raise ValueError(
                    f'Rescaling "{self.name}": expected numbers that repeat to the shape of a sample, '
                    f"{tuple(input_shape[1:])}, got {sizes}"
                )
        return tuple(input_shape)

    def emit_forward(self, b: Builder, *x: Tensor) -> Tensor:
        b.note_reader(x[0])
        y = b.tensor(x[0].shape, x[0])
        self._emit(b, y, x[0].buffer, y.buffer, self.offset)
        return y

    def emit_backward(self, b: Builder, *x: Tensor, y: Tensor) -> None:
        dy = b.gradient(y)
        b.add_input_gradient(x[0], lambda dx, _: self._emit(b, y, dy, dx, 0.0))

    def _emit(self, b: Builder, like: Tensor, x: Any, y: Any, offset: Any) -> None:
        """y = scale * x + offset."""
        if np.ndim(self.scale) == np.ndim(offset) == 0:
            b.emit("affine", x=x, y=y, B=like.batch, O=like.columns, a=self.scale, c=offset)
            return
        rank = max(np.ndim(self.scale), np.ndim(offset))
        shape = like.shape[len(like.shape) - rank :]
        n = math.prod(shape)

        def buffer(value: Any) -> Any:
            made = b.zeros((n,))
            array_of(made)[...] = np.broadcast_to(value, shape).reshape(-1)
            return made

        rows = like.columns // n
        b.emit("bn_infer", x=x, y=y, B=like.batch * rows, L=rows, O=n, eps=0.0, gamma=buffer(self.scale),
               beta=buffer(offset), mean=b.zeros((n,)), var=buffer(1.0))  # fmt: skip


def _factor(name: str, value: Any) -> Any:
    """A number, or an array of numbers as nested lists."""
    array = value if isinstance(value, bool | int | float | str) else np.asarray(value)
    if np.ndim(array) == 0:
        return real("Rescaling", name, value.item() if isinstance(value, np.ndarray) else value)
    return float_array("Rescaling", name, array, "float64").tolist()


def _repeats(sizes: tuple[int, ...], shape: Shape) -> bool:
    """Whether an array of these sizes repeats to a sample's shape, whose last axes have known sizes."""
    last = shape[max(len(shape) - len(sizes), 0) :]
    return len(sizes) <= len(shape) and all(d is not None and n in (1, d) for n, d in zip(sizes, last, strict=True))


class View(Layer):
    """A layer that shows its input with another shape: no record at all."""

    def emit_forward(self, b: Builder, *x: Tensor) -> Tensor:
        shape = self.compute_output_shape((None, *x[0].shape[1:]))
        return Tensor(x[0].value, (b.batch, *(int(d or 0) for d in shape[1:])))

    def code_limits(self, limit: int | None, inputs: int) -> list[int | None]:
        return [limit]

    def emit_backward(self, b: Builder, *x: Tensor, y: Tensor) -> None:
        """The gradient is the same buffer."""


class Flatten(View):
    """`(batch, a, b, ...)` -> `(batch, a * b * ...)`. Costs nothing: the same memory under another shape.

    Parameters
    ----------
    data_format : {"channels_last"}, optional
        For "channels_first", put a `Permute` in front.
    **kwargs
        `name`, `trainable`, `dtype`.
    """

    def __init__(self, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.data_format = one_of("Flatten", "data_format", data_format or "channels_last", ("channels_last",))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (input_shape[0], _elements(input_shape))


class Reshape(View):
    """`(batch, ...)` -> `(batch, *target_shape)`. Costs nothing: the same memory under another shape.

    Parameters
    ----------
    target_shape : tuple of int
        Without the batch; one entry may be -1: what is left, which data decide where they decide a size of the input.
    """

    def __init__(self, target_shape: tuple[int, ...], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.target_shape = tuple(whole("Reshape", "target_shape", d, at_least=-1) for d in target_shape)
        if self.target_shape.count(-1) > 1 or 0 in self.target_shape:
            raise ValueError(f'Reshape "{self.name}": expected sizes > 0, at most one -1, got {self.target_shape}')

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        size = _elements(input_shape)
        known = math.prod(d for d in self.target_shape if d != -1)
        free = -1 in self.target_shape
        if size is None:
            return (input_shape[0], *(None if d == -1 else d for d in self.target_shape))
        if (free and size % known) or (not free and size != known):
            raise ValueError(f'Reshape "{self.name}": cannot show {size} elements per row as {self.target_shape}')
        return (input_shape[0], *(size // known if d == -1 else d for d in self.target_shape))


def _elements(shape: Shape) -> int | None:
    """Elements of a sample, None where data decide a size."""
    sizes = [d for d in shape[1:] if d is not None]
    return math.prod(sizes) if len(sizes) == len(shape) - 1 else None
