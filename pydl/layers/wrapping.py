"""Layers that hold another one: Wrapper, and SpectralNormalization of a kernel."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np

from pydl import initializers
from pydl._base.args import whole
from pydl._base.errors import WrongTypeError
from pydl._base.registry import serialize, tables
from pydl._engine.builder import Builder
from pydl._engine.graph import Shape
from pydl._engine.tensor import Tensor
from pydl._engine.variable import Variable
from pydl.layers.base import Layer

Array = np.ndarray


class Wrapper(Layer):
    """A layer that computes what the one that it holds does: to derive from.

    Parameters
    ----------
    layer : Layer
    **kwargs
        `name`, `trainable`, `dtype`, `activity_regularizer`.

    Raises
    ------
    TypeError
        When `layer` is none.
    """

    def __init__(self, layer: Layer, **kwargs: Any) -> None:
        if not isinstance(layer, Layer):
            raise WrongTypeError(f"{type(self).__name__}: layer must be a layer, got {layer!r}")
        super().__init__(**kwargs)
        self.layer = layer

    def build(self, input_shape: Any = None) -> None:
        if input_shape is not None:
            self.layer._build_once(input_shape)

    def call(self, x: Any) -> Any:
        return self.layer(x)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        shape: Shape = self.layer.compute_output_shape(input_shape)
        return shape

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments as plain JSON values."""
        return {**super().get_config(), "layer": serialize(self.layer)}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """The layer that `get_config` described."""
        return cls(**{**config, "layer": tables["layer"].deserialize(config["layer"])})


class SpectralNormalization(Wrapper):
    """Divides the kernel of a layer by its largest singular value, in each step of training before it is used.

    The value is that of power iterations, which go on from step to step: `v = u W' / |u W'|`, `u = v W / |v W|`,
    `W = W / (v W u')`, with W as a matrix whose columns are the kernel's last axis. A kernel of zeros stays. Source:
    Miyato and others, 2018. In NumPy, but for the layer itself.

    Parameters
    ----------
    layer : Layer
        One with a `kernel` or `embeddings`, such as Dense or Conv2D.
    power_iterations : int
        In each step.
    **kwargs
        `name`, `trainable`, `dtype`, `activity_regularizer`.
    """

    def __init__(self, layer: Layer, power_iterations: int = 1, **kwargs: Any) -> None:
        super().__init__(layer, **kwargs)
        self.power_iterations = whole("SpectralNormalization", "power_iterations", power_iterations, at_least=1)
        self.vector_u: Variable

    def build(self, input_shape: Any = None) -> None:
        super().build(input_shape)
        self.vector_u = self.add_weight(
            (1, self._kernel().shape[-1]), initializers.TruncatedNormal(stddev=0.02), trainable=False, name="vector_u"
        )

    def _own_in_order(self) -> list[Variable]:
        """The kernel as well, first, as Keras has it."""
        return [self._kernel(), *super()._own_in_order()] if self.built else super()._own_in_order()

    def _kernel(self) -> Variable:
        found = getattr(self.layer, "kernel", None) or getattr(self.layer, "embeddings", None)
        if not isinstance(found, Variable):
            raise ValueError(
                f'SpectralNormalization "{self.name}": its {type(self.layer).__name__} object has no attribute '
                "'kernel' nor 'embeddings'; give it a layer with one"
            )
        return found

    def emit_forward(self, b: Builder, *x: Tensor) -> Any:
        if b.training:
            kernel = self._kernel()
            buffers = [kernel.buffer, self.vector_u.buffer]
            b.emit_python("spectral normalization", lambda: self._normalize(kernel), buffers, buffers)
        return super().emit_forward(b, *x)

    def _normalize(self, kernel: Variable) -> None:
        w = kernel.numpy().reshape(-1, kernel.shape[-1])
        if not w.any():
            return
        u = self.vector_u.numpy()
        for _ in range(self.power_iterations):
            v = _of_length_one(u @ w.T)
            u = _of_length_one(v @ w)
        self.vector_u.assign(u)
        kernel.assign((w / (v @ w @ u.T)).reshape(kernel.shape))


def _of_length_one(x: Array) -> Array:
    return np.asarray(x / np.sqrt(np.maximum((x * x).sum(), 1e-12)))
