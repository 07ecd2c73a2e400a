"""Dense: the fully connected layer."""

from __future__ import annotations

from typing import Any

from pydl import activations, constraints, initializers, regularizers
from pydl._base.args import whole
from pydl._engine.builder import Builder, Tensor
from pydl._engine.graph import Shape
from pydl._engine.variable import Variable
from pydl.layers.base import Layer


class Dense(Layer):
    """`y = activation(x @ kernel + bias)` over the last axis.

    Input `(batch, ..., features)`, output `(batch, ..., units)`. One record forward, up to three backward; 2 * batch *
    features * units flops each. The kernel is stored in panels, and shown as `(features, units)`.

    Parameters
    ----------
    units : int
        Size of the output, > 0.
    activation : str, function or None
        See `pydl.activations`; None is linear.
    use_bias : bool
    kernel_initializer, bias_initializer
        See `pydl.initializers`.
    kernel_regularizer, bias_regularizer
        See `pydl.regularizers`.
    kernel_constraint, bias_constraint
        See `pydl.constraints`.
    **kwargs
        `name`, `trainable`, `dtype`.

    Raises
    ------
    ValueError
        An unknown activation, initializer, ...; `units` not positive; an input without a last axis of known size.
    """

    def __init__(
        self,
        units: int,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.units = whole("Dense", "units", units, at_least=1)
        self.activation = activations.get(activation)
        self.use_bias = use_bias
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.bias_constraint = constraints.get(bias_constraint)
        self.kernel: Variable
        self.bias: Variable | None = None

    def build(self, input_shape: Any) -> None:
        if isinstance(input_shape, list) or len(input_shape) < 2 or input_shape[-1] is None:
            raise ValueError(f'Dense "{self.name}": expected one input (batch, ..., features), got {input_shape}')
        self.kernel = self.add_weight(
            (input_shape[-1], self.units), self.kernel_initializer, name="kernel", panels=True,
            regularizer=self.kernel_regularizer, constraint=self.kernel_constraint,
        )  # fmt: skip
        if self.use_bias:
            self.bias = self.add_weight(
                (self.units,), self.bias_initializer, name="bias",
                regularizer=self.bias_regularizer, constraint=self.bias_constraint,
            )  # fmt: skip

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        if self.built and input_shape[-1] != self.kernel.shape[0]:
            raise ValueError(
                f'Dense "{self.name}": expected input (batch, ..., {self.kernel.shape[0]}), got {tuple(input_shape)}'
            )
        return (*input_shape[:-1], self.units)

    def emit_forward(self, b: Builder, *x: Tensor) -> Tensor:
        return b.dense_forward(x[0], self.kernel, self.bias, self.activation, bool(self.trainable_weights))

    def emit_backward(self, b: Builder, *x: Tensor, y: Tensor) -> None:
        b.dense_backward(x[0], y, self.kernel, self.bias, self.trainable)
