"""Activations as layers: ReLU and its kin, PReLU, Softmax."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from pydl import constraints, initializers, regularizers
from pydl._base.args import optional_real, real, whole
from pydl._engine.builder import Builder
from pydl._engine.graph import Shape, is_symbolic
from pydl._engine.tensor import Tensor
from pydl._engine.variable import Variable
from pydl.activations import Activation, warn_of_one_unit
from pydl.layers.base import Layer
from pydl.layers.core import Pointwise

Array = np.ndarray


class ReLU(Pointwise):
    """`y = x` where `x > threshold`, at most `max_value`; else `negative_slope * (x - threshold)`.

    A kernel where one of `max_value` and `negative_slope` is given at most, and no threshold; else in NumPy.

    Parameters
    ----------
    max_value : float, optional
        At least 0.
    negative_slope, threshold : float
        At least 0.
    **kwargs
        `name`, `trainable`, `dtype`, `activity_regularizer`.
    """

    def __init__(
        self, max_value: float | None = None, negative_slope: float = 0.0, threshold: float = 0.0, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.max_value = optional_real("ReLU", "max_value", max_value, at_least=0)
        self.negative_slope = real("ReLU", "negative_slope", negative_slope, at_least=0)
        self.threshold = real("ReLU", "threshold", threshold, at_least=0)
        self._has_kernel = not self.threshold and not (self.negative_slope and self.max_value is not None)
        self.activation = Activation("relu")
        if self.negative_slope:
            self.activation = Activation("leaky_relu", self.negative_slope)
        elif self.max_value is not None:
            self.activation = Activation("relu6", self.max_value)

    @property
    def as_activation(self) -> Activation:
        """What it stands for where a layer is given as another one's activation."""
        if not self._has_kernel:
            raise ValueError(
                f'ReLU "{self.name}": with these arguments it is no activation of another layer; put it behind that one'
            )
        return self.activation

    def emit_forward(self, b: Builder, *x: Tensor) -> Tensor:
        if self._has_kernel:
            return super().emit_forward(b, *x)
        y: Tensor = Layer.emit_forward(self, b, *x)
        return y

    def emit_backward(self, b: Builder, *x: Tensor, y: Tensor) -> None:
        if self._has_kernel:
            super().emit_backward(b, *x, y=y)
        else:
            Layer.emit_backward(self, b, *x, y=y)

    def call(self, *inputs: Array) -> Array:
        x = inputs[0]
        y = np.where(x <= self.threshold, self.negative_slope * (x - self.threshold), x)
        return y if self.max_value is None else np.minimum(y, self.max_value)

    def backward(self, x: Array, y: Array, dy: Array) -> Array:
        slope = np.where(x <= self.threshold, self.negative_slope, 1.0)
        return dy * (slope if self.max_value is None else np.where(y < self.max_value, slope, 0.0))


class LeakyReLU(Pointwise):
    """`y = x` where `x > 0`, else `negative_slope * x`.

    Parameters
    ----------
    negative_slope : float
        At least 0. `alpha`, its old name, is understood, with a warning.
    **kwargs
        `name`, `trainable`, `dtype`, `activity_regularizer`.
    """

    def __init__(self, negative_slope: float = 0.3, **kwargs: Any) -> None:
        if "alpha" in kwargs:
            negative_slope = kwargs.pop("alpha")
            warnings.warn("LeakyReLU: alpha is now called negative_slope", DeprecationWarning, stacklevel=2)
        super().__init__(**kwargs)
        self.negative_slope = real("LeakyReLU", "negative_slope", negative_slope, at_least=0)
        self.activation = Activation("leaky_relu", self.negative_slope)


class ELU(Pointwise):
    """`y = x` where `x > 0`, else `alpha * (exp(x) - 1)`.

    Parameters
    ----------
    alpha : float
        Above 0.
    **kwargs
        `name`, `trainable`, `dtype`, `activity_regularizer`.
    """

    def __init__(self, alpha: float = 1.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.alpha = real("ELU", "alpha", alpha, above=0)
        self.activation = Activation("elu", self.alpha)


class PReLU(Layer):
    """`y = x` where `x > 0`, else `alpha * x`, with an `alpha` that is learnt. He, Zhang, Ren and Sun 2015.

    Parameters
    ----------
    alpha_initializer, alpha_regularizer, alpha_constraint
        See `pydl.initializers`, `pydl.regularizers`, `pydl.constraints`.
    shared_axes : int or list of int, optional
        Axes along which there is one alpha for all; the batch is axis 0. Default: none, an alpha for each element of a
        row. Kernels compute it where axes are shared up to some axis and none behind it, such as [1] for
        `(batch, steps, features)`; else NumPy.
    **kwargs
        `name`, `trainable`, `dtype`, `activity_regularizer`.

    Raises
    ------
    ValueError
        Axes that the input has not; axes of unknown size that are not shared.
    """

    supports_masking = True

    def __init__(
        self,
        alpha_initializer: Any = "zeros",
        alpha_regularizer: Any = None,
        alpha_constraint: Any = None,
        shared_axes: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.alpha_initializer = initializers.get(alpha_initializer)
        self.alpha_regularizer = regularizers.get(alpha_regularizer)
        self.alpha_constraint = constraints.get(alpha_constraint)
        axes = shared_axes if isinstance(shared_axes, list | tuple) else [shared_axes]
        self.shared_axes = None if shared_axes is None else [whole("PReLU", "shared_axes", a, at_least=1) for a in axes]
        self.alpha: Variable

    def build(self, input_shape: Any) -> None:
        shape = list(input_shape[1:])
        for axis in self.shared_axes or []:
            if axis > len(shape):
                raise ValueError(f'PReLU "{self.name}": no axis {axis} in an input of shape {tuple(input_shape)}')
            shape[axis - 1] = 1
        if None in shape:
            raise ValueError(
                f'PReLU "{self.name}": expected known sizes of axes that are not shared, got {tuple(input_shape)}'
            )
        self.alpha = self.add_weight(
            shape, self.alpha_initializer, name="alpha",
            regularizer=self.alpha_regularizer, constraint=self.alpha_constraint,
        )  # fmt: skip

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """As the input."""
        return tuple(input_shape)

    def _columns(self, x: Tensor) -> int | None:
        """How many alphas go round and round over a row; None if they do not lie like that."""
        sizes = self.alpha.shape
        own = sizes
        while own and own[0] == 1:
            own = own[1:]
        return self.alpha.size if own == x.shape[len(x.shape) - len(own) :] else None

    def _sizes(self, x: Tensor, n: int) -> dict[str, int]:
        return {"B": x.batch * x.columns // n, "L": x.columns // n, "O": n}

    def emit_forward(self, b: Builder, *x: Tensor) -> Tensor:
        t, n = x[0], self._columns(x[0])
        if n is None:
            y: Tensor = super().emit_forward(b, *x)
            return y
        b.note_reader(t)
        y = b.tensor(t.shape, t, trainable=b.trains(*self.weights))
        b.emit("prelu_fwd", x=t.buffer, w=self.alpha.buffer, y=y.buffer, **self._sizes(t, n))
        return y

    def emit_backward(self, b: Builder, *x: Tensor, y: Tensor) -> None:
        t, n = x[0], self._columns(x[0])
        if n is None:
            super().emit_backward(b, *x, y=y)
            return
        dy, sizes = b.gradient(y), self._sizes(t, n)
        b.add_input_gradient(
            t, lambda dx, _: b.emit("prelu_bwd", x=t.buffer, dy=dy, w=self.alpha.buffer, dx=dx, **sizes)
        )
        if b.trains(self.alpha):
            b.add_weight_gradient(
                self.alpha,
                lambda dw, add: b.emit("prelu_grad", x=t.buffer, dy=dy, dw=dw, n=n, B=sizes["B"], add=add),
            )

    def call(self, *inputs: Array) -> Array:
        x = inputs[0]
        return np.where(x > 0, x, self.alpha.numpy() * x)

    def backward(self, x: Array, y: Array, dy: Array) -> Array:
        if self.alpha.trainable:
            shared = (0, *(i + 1 for i, size in enumerate(self.alpha.shape) if size == 1))
            self.alpha.gradient[...] = (np.minimum(x, 0) * dy).sum(axis=shared).reshape(self.alpha.shape)
        return dy * np.where(x > 0, 1, self.alpha.numpy())


class Softmax(Layer):
    """`y = exp(x) / sum(exp(x))` along an axis, or several.

    The last axis is a kernel's, which the loss may absorb; others are NumPy's.

    Parameters
    ----------
    axis : int or list of int
        Along which all is summed up; the batch is axis 0.
    **kwargs
        `name`, `trainable`, `dtype`, `activity_regularizer`.

    Notes
    -----
    `layer(x, mask=m)`, on arrays or symbolic tensors: where m, of a shape that repeats to that of x, is not above 0.5,
    y is 0 and the others sum to 1.
    """

    supports_masking = True

    def __init__(self, axis: Any = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        several = isinstance(axis, list | tuple)
        axes = [whole("Softmax", "axis", a, at_least=-32) for a in (axis if several else [axis])]
        self.axis = axes if several else axes[0]
        self._axes = axes
        self.activation = Activation("softmax")

    def __call__(self, inputs: Any, *others: Any, mask: Any = None, training: Any = None) -> Any:
        """Connect the layer to symbolic tensors, or apply it to arrays; see Notes for the mask."""
        mask = others[0] if others else mask
        if not is_symbolic(inputs) and np.ndim(inputs) == 1:  # a vector without a batch
            return self(np.asarray(inputs)[None], mask=None if mask is None else np.asarray(mask)[None])[0]
        if mask is None:
            return super().__call__(inputs, training=training)
        shape, of_mask = np.shape(inputs) if not is_symbolic(inputs) else inputs.shape, np.shape(mask)
        if is_symbolic(mask):
            of_mask = mask.shape
        fits = zip(of_mask[::-1], shape[::-1], strict=False)
        if len(of_mask) > len(shape) or any(None not in (m, d) and m not in (1, d) for m, d in fits):
            raise ValueError(
                f'Softmax "{self.name}": the mask must be broadcastable to the input, and must not have more '
                f"dimensions: got {of_mask} for {tuple(shape)}"
            )
        if not is_symbolic(inputs):
            mask = np.broadcast_to(np.asarray(mask) > 0.5, shape).astype(self.dtype)
        return super().__call__([inputs, mask], training=training)

    def build(self, input_shape: Any) -> None:
        shape = input_shape[0] if isinstance(input_shape, list) else input_shape
        sizes = [shape[a] for a in self._axes if -len(shape) <= a < len(shape)]
        units = None if None in sizes else math.prod(sizes)
        warn_of_one_unit(self.activation, units, f'Softmax "{self.name}": ')

    def compute_output_shape(self, input_shape: Any) -> Shape:
        shape = input_shape[0] if isinstance(input_shape, list) else input_shape
        for axis in self._axes:
            if not -len(shape) < axis < len(shape) or axis == 0:
                raise ValueError(f'Softmax "{self.name}": expected axes behind the batch, got {self.axis} for {shape}')
        return tuple(shape)

    def _has_kernel(self, x: Sequence[Tensor]) -> bool:
        return len(x) == 1 and [a % len(x[0].shape) for a in self._axes] == [len(x[0].shape) - 1]

    def emit_forward(self, b: Builder, *x: Tensor) -> Tensor:
        if self._has_kernel(x):
            return b.activate(x[0], self.activation)
        y: Tensor = super().emit_forward(b, *x)
        return y

    def emit_backward(self, b: Builder, *x: Tensor, y: Tensor) -> None:
        if not self._has_kernel(x):
            super().emit_backward(b, *x, y=y)
            return
        dx = b.gradient(y)
        if dx is not None:
            b.give_input_gradient(x[0], dx)

    def call(self, *inputs: Array) -> Array:
        x, axes = inputs[0], tuple(self._axes)
        keep = inputs[1] > 0.5 if len(inputs) > 1 else np.True_
        x = np.where(keep, x, -1e9)
        e = np.exp(x - x.max(axis=axes, keepdims=True))
        return np.where(keep, e / e.sum(axis=axes, keepdims=True), 0)

    def backward(self, *args: Any) -> Any:
        *x, y, dy = args
        dx = y * (dy - (y * dy).sum(axis=tuple(self._axes), keepdims=True))
        return [dx, *(np.zeros_like(m) for m in x[1:])]
