"""Separable convolutions, depthwise and then pointwise: SeparableConv1D, SeparableConv2D."""

from __future__ import annotations

from typing import Any

from pydl import constraints, initializers, regularizers
from pydl._base.args import whole
from pydl._engine.builder import Builder
from pydl._engine.epilogue import Epilogue
from pydl._engine.layout import Panels
from pydl._engine.tensor import Tensor
from pydl._engine.variable import Variable
from pydl.layers.channelwise import Channelwise


class _SeparableConv(Channelwise):
    kernel_name = "depthwise_kernel"

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Any = 1,
        depth_multiplier: int = 1,
        activation: Any = None,
        use_bias: bool = True,
        depthwise_initializer: Any = "glorot_uniform",
        pointwise_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        depthwise_regularizer: Any = None,
        pointwise_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        depthwise_constraint: Any = None,
        pointwise_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            kernel_size, strides, padding, data_format, dilation_rate, depth_multiplier, activation, use_bias,
            depthwise_initializer, bias_initializer, depthwise_regularizer, bias_regularizer, activity_regularizer,
            depthwise_constraint, bias_constraint, **kwargs,
        )  # fmt: skip
        self.filters = whole(type(self).__name__, "filters", filters, at_least=1)
        self.pointwise_initializer = initializers.get(pointwise_initializer)
        self.pointwise_regularizer = regularizers.get(pointwise_regularizer)
        self.pointwise_constraint = constraints.get(pointwise_constraint)
        self.depthwise_kernel: Variable
        self.pointwise_kernel: Variable

    def channels(self, channels: int) -> int:
        super().channels(channels)
        return self.filters

    def build(self, input_shape: Any) -> None:
        self.depthwise_kernel = self.add_depthwise_kernel(input_shape)
        self.pointwise_kernel = self.add_weight(
            (*(1,) * self.axes, input_shape[-1] * self.depth_multiplier, self.filters), self.pointwise_initializer,
            name="pointwise_kernel", layout=Panels, regularizer=self.pointwise_regularizer,
            constraint=self.pointwise_constraint,
        )  # fmt: skip
        self.add_bias(self.filters)

    def emit_forward(self, b: Builder, *x: Tensor) -> Tensor:
        t = x[0]
        b.note_reader(t)
        inputs = t.shape[-1] * self.depth_multiplier
        apart = b.buffer(self.out_shape(t, inputs))  # what the depthwise convolution gives
        read = self.convolve(b, t, self.depthwise_kernel, apart, {})
        y = b.tensor(self.out_shape(t, self.filters), t, trainable=b.trains(*self.weights))
        epilogue = Epilogue(b, y, self.activation)
        b.emit("gemm_fwd", x=apart, w=self.pointwise_kernel.buffer, b=self.bias and self.bias.buffer, y=y.buffer,
               I=inputs, O=self.filters, **y.by_last(), **epilogue.fields)  # fmt: skip
        b.notes[id(y.value)] = read, apart
        return b.activate_by_function(y, self.activation)

    def emit_backward(self, b: Builder, *x: Tensor, y: Tensor) -> None:
        dz = b.gradient(y)
        if dz is None:
            return
        read, apart = b.notes[id(y.value)]
        kernel, bias = self.pointwise_kernel, self.bias
        sizes = {"I": apart.shape[-1], "O": self.filters}
        if x[0].value.needs_grad or b.trains(self.depthwise_kernel):
            slope = b.buffer(apart.shape)
            b.emit("gemm_dx", dy=dz, w=kernel.buffer, dx=slope, **sizes, **y.by_last())
            self.convolve_back(b, x[0], read, self.depthwise_kernel, None, slope)
        if b.trains(kernel):
            b.add_weight_gradient(
                kernel,
                lambda dw, add: b.emit("gemm_dw", x=apart, dy=dz, dw=dw, add=add, n=kernel.buffer.size,
                                       B=y.rows_of_last, **sizes),
            )  # fmt: skip
        if bias is not None and b.trains(bias):
            b.add_weight_gradient(
                bias, lambda db, add: b.emit("colsum", x=dz, y=db, n=self.filters, B=y.rows_of_last, add=add)
            )


class SeparableConv1D(_SeparableConv):
    """A convolution of each channel by itself, then one across channels, step by step.

    `(batch, steps, channels)` -> `(batch, new steps, filters)`: as `DepthwiseConv1D` without bias and activation, then
    as `Dense` over the last axis.

    Parameters
    ----------
    filters : int
        Channels that come out, > 0.
    kernel_size, strides, padding, data_format, dilation_rate, depth_multiplier
        As of `DepthwiseConv1D`.
    activation, use_bias, depthwise_initializer, pointwise_initializer, bias_initializer, depthwise_regularizer,
    pointwise_regularizer, bias_regularizer, activity_regularizer, depthwise_constraint, pointwise_constraint,
    bias_constraint
        As of `Dense`, for the kernels `depthwise_kernel`, `(kernel_size, channels, depth_multiplier)`, and
        `pointwise_kernel`, `(1, channels * depth_multiplier, filters)`.
    **kwargs
        `name`, `trainable`, `dtype`.

    Raises
    ------
    ValueError
        Sizes that are not positive, an input of another rank or too few steps, `data_format="channels_first"`.
    """

    axes = 1


class SeparableConv2D(_SeparableConv):
    """A convolution of each channel by itself, then one across channels, pixel by pixel.

    `(batch, rows, columns, channels)` -> `(batch, new rows, new columns, filters)`: as `DepthwiseConv2D` without bias
    and activation, then as `Dense` over the last axis.

    Parameters
    ----------
    filters : int
        Channels that come out, > 0.
    kernel_size, strides, padding, data_format, dilation_rate, depth_multiplier
        As of `DepthwiseConv2D`.
    activation, use_bias, depthwise_initializer, pointwise_initializer, bias_initializer, depthwise_regularizer,
    pointwise_regularizer, bias_regularizer, activity_regularizer, depthwise_constraint, pointwise_constraint,
    bias_constraint
        As of `Dense`, for the kernels `depthwise_kernel`, `(*kernel_size, channels, depth_multiplier)`, and
        `pointwise_kernel`, `(1, 1, channels * depth_multiplier, filters)`.
    **kwargs
        `name`, `trainable`, `dtype`.

    Raises
    ------
    ValueError
        Sizes that are not positive, an input of another rank or too small an image, `data_format="channels_first"`.
    """

    axes = 2
