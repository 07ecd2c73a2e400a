"""Depthwise convolutions, each channel by itself: DepthwiseConv1D, DepthwiseConv2D."""

from __future__ import annotations

from typing import Any

from pydl._engine.builder import Builder
from pydl._engine.epilogue import Epilogue
from pydl._engine.tensor import Tensor
from pydl._engine.variable import Variable
from pydl.layers.channelwise import Channelwise


class _DepthwiseConv(Channelwise):
    def __init__(
        self,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        depth_multiplier: int = 1,
        data_format: str | None = None,
        dilation_rate: Any = 1,
        activation: Any = None,
        use_bias: bool = True,
        depthwise_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        depthwise_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        depthwise_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            kernel_size, strides, padding, data_format, dilation_rate, depth_multiplier, activation, use_bias,
            depthwise_initializer, bias_initializer, depthwise_regularizer, bias_regularizer, activity_regularizer,
            depthwise_constraint, bias_constraint, **kwargs,
        )  # fmt: skip
        self.kernel: Variable

    def build(self, input_shape: Any) -> None:
        self.kernel = self.add_depthwise_kernel(input_shape)
        self.add_bias(input_shape[-1] * self.depth_multiplier)

    def emit_forward(self, b: Builder, *x: Tensor) -> Tensor:
        t = x[0]
        b.note_reader(t)
        shape = self.out_shape(t, t.shape[-1] * self.depth_multiplier)
        y = b.tensor(shape, t, trainable=b.trains(*self.weights))
        epilogue = Epilogue(b, y, self.activation)
        fields = {"b": self.bias and self.bias.buffer, **epilogue.fields}
        b.notes[id(y.value)] = self.convolve(b, t, self.kernel, y.buffer, fields)
        return b.activate_by_function(y, self.activation)

    def emit_backward(self, b: Builder, *x: Tensor, y: Tensor) -> None:
        dz = b.gradient(y)
        if dz is not None:
            self.convolve_back(b, x[0], b.notes[id(y.value)], self.kernel, self.bias, dz)


class DepthwiseConv1D(_DepthwiseConv):
    """Convolution of each channel by itself: `(batch, steps, channels)` -> `(batch, new steps, new channels)`.

    `y[i, c * depth_multiplier + m] = activation(sum over t of x[i * strides + t * dilation_rate - before, c] *
    kernel[t, c, m] + bias[c * depth_multiplier + m])`.

    Parameters
    ----------
    kernel_size : int
        Steps that a window reads.
    strides : int
        Steps from one window to the next.
    padding : {"valid", "same"}
        "valid": windows lie within the input. "same": ceil(steps / strides) windows; what they reach beyond it counts
        as zero, half in front, rounded down, and half behind.
    depth_multiplier : int
        Channels that are made of each one.
    data_format : {"channels_last"}, optional
    dilation_rate : int
        Steps from one that a window reads to the next; strides may exceed 1 as well.
    activation, use_bias, depthwise_initializer, bias_initializer, depthwise_regularizer, bias_regularizer,
    activity_regularizer, depthwise_constraint, bias_constraint
        As of `Dense`, those named depthwise for the kernel, of shape `(kernel_size, channels, depth_multiplier)`.
    **kwargs
        `name`, `trainable`, `dtype`.

    Raises
    ------
    ValueError
        Sizes that are not positive, an input of another rank or too few steps, `data_format="channels_first"`.
    """

    axes = 1


class DepthwiseConv2D(_DepthwiseConv):
    """Convolution of each channel of images by itself: `(batch, rows, columns, channels)` to as many images.

    As `DepthwiseConv1D`, along two axes. Cost: 2 * batch * new rows * new columns * channels * depth_multiplier *
    kernel size flops, twice that backward.

    Parameters
    ----------
    kernel_size : int or tuple of two int
        Rows and columns that a window reads.
    strides : int or tuple of two int
        From one window to the next.
    padding : {"valid", "same"}
        "valid": windows lie within the image. "same": ceil(size / strides) windows; what they reach beyond it counts
        as zero, half above and left, rounded down, and half below and right.
    depth_multiplier : int
        Channels that are made of each one.
    data_format : {"channels_last"}, optional
    dilation_rate : int or tuple of two int
        From one pixel that a window reads to the next; strides may exceed 1 as well.
    activation, use_bias, depthwise_initializer, bias_initializer, depthwise_regularizer, bias_regularizer,
    activity_regularizer, depthwise_constraint, bias_constraint
        As of `Dense`, those named depthwise for the kernel, of shape `(*kernel_size, channels, depth_multiplier)`.
    **kwargs
        `name`, `trainable`, `dtype`.

    Raises
    ------
    ValueError
        Sizes that are not positive, an input of another rank or too small an image, `data_format="channels_first"`.
    """

    axes = 2
