"""Normalizations of each row by itself: RMSNormalization, UnitNormalization, GroupNormalization."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from pydl import constraints, initializers, regularizers
from pydl._base.args import real, whole
from pydl._engine.builder import Builder
from pydl._engine.graph import Shape
from pydl._engine.tensor import Tensor
from pydl._engine.variable import Variable
from pydl.layers.base import Layer

Array = np.ndarray


def _axes(layer: Layer, given: Any, shape: Any) -> list[int]:
    """Axes from the front, none of them the batch."""
    listed = given if isinstance(given, list | tuple) else [given]
    axes = [a + len(shape) if a < 0 else a for a in listed]
    if any(not 0 < a < len(shape) for a in axes):
        raise ValueError(
            f'{type(layer).__name__} "{layer.name}": expected axes behind the batch, got {given} for {tuple(shape)}'
        )
    return sorted(axes)


class RMSNormalization(Layer):
    """`y = scale * x / sqrt(mean(x^2) + epsilon)` along the last axis, or the last ones. Zhang and Sennrich 2019.

    Parameters
    ----------
    axis : int or list of int
        -1, or several up to the last axis.
    epsilon : float
    **kwargs
        `name`, `trainable`, `dtype`, `activity_regularizer`.

    Attributes
    ----------
    scale : Variable
        Of the shape of these axes, ones to begin with.

    Raises
    ------
    ValueError
        Other axes, or of unknown size.
    """

    supports_masking = True

    def __init__(self, axis: Any = -1, epsilon: float = 1e-6, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        several = isinstance(axis, list | tuple)
        axes = [whole("RMSNormalization", "axis", a, at_least=-32) for a in (axis if several else [axis])]
        self.axis = axes if several else axes[0]
        self.epsilon = real("RMSNormalization", "epsilon", epsilon, at_least=0)
        self.scale: Variable

    def build(self, input_shape: Any) -> None:
        sizes = self._sizes(input_shape)
        self.scale = self.add_weight(sizes, "ones", name="scale")

    def _sizes(self, shape: Any) -> tuple[int, ...]:
        axes = _axes(self, self.axis, shape)
        sizes = tuple(shape[a] for a in axes)
        if axes != list(range(axes[0], len(shape))) or None in sizes:
            raise ValueError(
                f'RMSNormalization "{self.name}": expected axes of known sizes up to the last one, got {self.axis} for '
                f"{tuple(shape)}; pydl.layers.Permute gives axes another order"
            )
        return sizes

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        if self._sizes(input_shape) != self.scale.shape:
            raise ValueError(
                f'RMSNormalization "{self.name}": expected input whose last axes are {self.scale.shape}, got '
                f"{tuple(input_shape)}"
            )
        return tuple(input_shape)

    def _rows(self, t: Tensor) -> dict[str, int]:
        n = self.scale.size
        return {"B": t.batch * t.columns // n, "L": t.columns // n, "O": n}

    def emit_forward(self, b: Builder, *x: Tensor) -> Tensor:
        t, sizes = x[0], self._rows(x[0])
        b.note_reader(t)
        y = b.tensor(t.shape, t, trainable=b.trains(*self.weights))
        statistics = {name: b.buffer((sizes["B"],)) for name in ("mean", "mean_low", "rstd")}
        b.notes[id(y.value)] = statistics
        b.emit("rms_fwd", x=t.buffer, y=y.buffer, gamma=self.scale.buffer, eps=self.epsilon, **statistics, **sizes)
        return y

    def emit_backward(self, b: Builder, *x: Tensor, y: Tensor) -> None:
        t, dy, sizes = x[0], b.gradient(y), self._rows(x[0])
        common = {"x": t.buffer, "dy": dy, **b.notes[id(y.value)]}
        b.add_input_gradient(t, lambda dx, _: b.emit("rms_bwd", dx=dx, gamma=self.scale.buffer, **sizes, **common))
        if b.trains(self.scale):
            b.add_weight_gradient(
                self.scale,
                lambda dw, add: b.emit("ln_grad", dgamma=dw, add=add, n=sizes["O"], B=sizes["B"], **common),
            )


class UnitNormalization(Layer):
    """`y = x / sqrt(sum(x^2))` along an axis, or several: rows of length 1. What is zero stays zero.

    Parameters
    ----------
    axis : int or list of int
        The batch is axis 0.
    **kwargs
        `name`, `trainable`, `dtype`, `activity_regularizer`.
    """

    supports_masking = True

    def __init__(self, axis: Any = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        several = isinstance(axis, list | tuple)
        axes = [whole("UnitNormalization", "axis", a, at_least=-32) for a in (axis if several else [axis])]
        self.axis = axes if several else axes[0]

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        _axes(self, self.axis, input_shape)
        return tuple(input_shape)

    def _inverse(self, x: Array) -> Array:
        """1 / length, at most 1e12."""
        axes = tuple(_axes(self, self.axis, x.shape))
        with np.errstate(divide="ignore"):
            return np.minimum(1 / np.sqrt((x * x).sum(axis=axes, keepdims=True)), 1e12)

    def call(self, *inputs: Array) -> Array:
        return np.asarray(inputs[0] * self._inverse(inputs[0]))

    def backward(self, x: Array, y: Array, dy: Array) -> Array:
        axes = tuple(_axes(self, self.axis, x.shape))
        return np.asarray((dy - y * (dy * y).sum(axis=axes, keepdims=True)) * self._inverse(x))


class GroupNormalization(Layer):
    """`y = gamma * (x - mean) / sqrt(var + epsilon) + beta`, with mean and variance of each group of features.

    Features are parted in `groups` of neighbours; the mean is taken over a group and all positions. Wu and He 2018. In
    NumPy.

    Parameters
    ----------
    groups : int
        How many; the number of features must be a multiple of it. -1: each feature is a group.
    axis : int
        Of the features; the batch is axis 0.
    epsilon : float
    center, scale : bool
        Learn beta (added), gamma (multiplied).
    beta_initializer, gamma_initializer, beta_regularizer, gamma_regularizer, beta_constraint, gamma_constraint
    **kwargs
        `name`, `trainable`, `dtype`, `activity_regularizer`.
    """

    supports_masking = True

    def __init__(
        self,
        groups: int = 32,
        axis: int = -1,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.groups = whole("GroupNormalization", "groups", groups, at_least=-1)
        if self.groups == 0:
            raise ValueError(f'GroupNormalization "{self.name}": argument `groups` must be at least 1, or -1, got 0')
        self.axis = whole("GroupNormalization", "axis", axis, at_least=-32)
        self.epsilon = real("GroupNormalization", "epsilon", epsilon, above=0)
        self.center, self.scale = bool(center), bool(scale)
        self.beta_initializer = initializers.get(beta_initializer)
        self.gamma_initializer = initializers.get(gamma_initializer)
        self.beta_regularizer = regularizers.get(beta_regularizer)
        self.gamma_regularizer = regularizers.get(gamma_regularizer)
        self.beta_constraint = constraints.get(beta_constraint)
        self.gamma_constraint = constraints.get(gamma_constraint)
        self.gamma: Variable | None = None
        self.beta: Variable | None = None

    def build(self, input_shape: Any) -> None:
        self._check(input_shape)
        features = (input_shape[_axes(self, self.axis, input_shape)[0]],)
        if self.scale:
            self.gamma = self.add_weight(
                features, self.gamma_initializer, name="gamma",
                regularizer=self.gamma_regularizer, constraint=self.gamma_constraint,
            )  # fmt: skip
        if self.center:
            self.beta = self.add_weight(
                features, self.beta_initializer, name="beta",
                regularizer=self.beta_regularizer, constraint=self.beta_constraint,
            )  # fmt: skip

    def _check(self, shape: Any) -> None:
        features = shape[_axes(self, self.axis, shape)[0]]
        owner = f'GroupNormalization "{self.name}"'
        if features is None:
            raise ValueError(
                f"{owner}: axis {self.axis} of the input tensor should have a defined dimension but the layer received "
                f"an input with shape {tuple(shape)}"
            )
        if self._groups(features) > features:
            raise ValueError(
                f"{owner}: the number of groups, {self.groups}, cannot be more than the number of channels, {features}"
            )
        if features % self._groups(features):
            raise ValueError(
                f"{owner}: the number of channels, {features}, is no multiple of the number of groups, {self.groups}"
            )

    def _groups(self, features: int) -> int:
        return features if self.groups == -1 else self.groups

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        self._check(input_shape)
        return tuple(input_shape)

    def _grouped(self, x: Array) -> Array:
        """(batch, groups, features of a group, positions)"""
        moved = np.moveaxis(x, _axes(self, self.axis, x.shape)[0], 1)
        groups = self._groups(moved.shape[1])
        return moved.reshape(len(x), groups, moved.shape[1] // groups, math.prod(moved.shape[2:]))

    def _back(self, grouped: Array, like: Array) -> Array:
        axis = _axes(self, self.axis, like.shape)[0]
        return np.moveaxis(grouped.reshape(np.moveaxis(like, axis, 1).shape), 1, axis)

    def _normal(self, x: Array) -> tuple[Array, Array]:
        """x^ and 1 / deviation, grouped."""
        grouped = self._grouped(x)
        centred = grouped - grouped.mean(axis=(2, 3), keepdims=True, dtype=np.float64)  # exact far from zero
        inverse = 1 / np.sqrt((centred**2).mean(axis=(2, 3), keepdims=True) + self.epsilon)
        return (centred * inverse).astype(x.dtype), inverse.astype(x.dtype)

    def _per_feature(self, v: Variable | None, otherwise: float, like: Array) -> Any:
        return otherwise if v is None else v.numpy().reshape(1, like.shape[1], like.shape[2], 1)

    def call(self, *inputs: Array) -> Array:
        normal, _ = self._normal(inputs[0])
        scaled = normal * self._per_feature(self.gamma, 1.0, normal) + self._per_feature(self.beta, 0.0, normal)
        return self._back(scaled, inputs[0])

    def backward(self, x: Array, y: Array, dy: Array) -> Array:
        normal, inverse = self._normal(x)
        slope = self._grouped(dy)
        if any(v.trainable for v in self.weights):
            for v, g in ((self.gamma, slope * normal), (self.beta, slope)):
                if v is not None:
                    v.gradient[...] = g.sum(axis=(0, 3)).reshape(-1)
        slope = slope * self._per_feature(self.gamma, 1.0, normal)
        centred = slope - slope.mean(axis=(2, 3), keepdims=True)
        dx = inverse * (centred - normal * (slope * normal).mean(axis=(2, 3), keepdims=True))
        return self._back(dx, x)
