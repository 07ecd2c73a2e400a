"""What layers that convolve each channel by itself have in common: arguments, the depthwise kernel, its records."""

from __future__ import annotations

from typing import Any

from pydl import constraints, initializers, regularizers
from pydl._base.args import each_axis, one_of, whole
from pydl._engine.builder import Builder
from pydl._engine.epilogue import derivative
from pydl._engine.tensor import Tensor
from pydl._engine.variable import Variable
from pydl._engine.windows import holes, sizes_of_windows
from pydl.layers.spatial import Windowed, channels_last
from pydl.layers.weighted import ActivationOf

# Slices of the batch that gradients of weights are summed up in, at most: part of what a result's bits are.
SLICES = 32


class Channelwise(Windowed):
    """What these layers have in common.

    A kernel of `depth_multiplier` numbers for each tap and channel makes as many channels of each: channel
    `c * depth_multiplier + m` of the result is that of channel c with `kernel[..., c, m]`. Records know kernels of one
    number: where there are more, channels are repeated first.
    """

    kernel_name = "kernel"

    activation = ActivationOf()

    def __init__(
        self,
        kernel_size: Any,
        strides: Any,
        padding: str,
        data_format: str | None,
        dilation_rate: Any,
        depth_multiplier: int,
        activation: Any,
        use_bias: bool,
        depthwise_initializer: Any,
        bias_initializer: Any,
        depthwise_regularizer: Any,
        bias_regularizer: Any,
        activity_regularizer: Any,
        depthwise_constraint: Any,
        bias_constraint: Any,
        **kwargs: Any,
    ) -> None:
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        owner = type(self).__name__
        self.kernel_size = each_axis(owner, "kernel_size", kernel_size, self.axes)
        self.strides = each_axis(owner, "strides", strides, self.axes)
        padding = padding.lower() if isinstance(padding, str) else padding
        self.padding = one_of(owner, "padding", padding, ("valid", "same"))
        self.data_format = channels_last(owner, data_format, self.axes)
        self.dilation_rate = each_axis(owner, "dilation_rate", dilation_rate, self.axes)
        self.depth_multiplier = whole(owner, "depth_multiplier", depth_multiplier, at_least=1)
        self.activation = activation
        self.use_bias = bool(use_bias)
        self.depthwise_initializer = initializers.get(depthwise_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.depthwise_regularizer = regularizers.get(depthwise_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.depthwise_constraint = constraints.get(depthwise_constraint)
        self.bias_constraint = constraints.get(bias_constraint)
        self.bias: Variable | None = None

    @property
    def taps(self) -> tuple[int, ...]:
        return self.kernel_size

    @property
    def dilations(self) -> tuple[int, ...]:
        return self.dilation_rate

    def channels(self, channels: int) -> int:
        self._same_channels(channels)
        return channels * self.depth_multiplier

    def add_depthwise_kernel(self, input_shape: Any) -> Variable:
        """The kernel, once the input is found to fit."""
        self.compute_output_shape(input_shape)
        return self.add_weight(
            (*self.kernel_size, input_shape[-1], self.depth_multiplier), self.depthwise_initializer,
            name=self.kernel_name, regularizer=self.depthwise_regularizer, constraint=self.depthwise_constraint,
        )  # fmt: skip

    def add_bias(self, channels: int) -> None:
        """The bias of so many channels, if there is to be one."""
        if self.use_bias:
            self.bias = self.add_weight(
                (channels,), self.bias_initializer, name="bias",
                regularizer=self.bias_regularizer, constraint=self.bias_constraint,
            )  # fmt: skip

    def _repeats(self, x: Tensor) -> dict[str, int]:
        """The sizes of a record that repeats channels."""
        return {**x.by_last(), "O": x.shape[-1], "M": self.depth_multiplier}

    def _sizes(self, x: Tensor) -> dict[str, int]:
        """The sizes of a record of the convolution."""
        grid = self.grid(x)
        return {**sizes_of_windows(x.batch, *grid), **holes(*grid), "O": x.shape[-1] * self.depth_multiplier}

    def out_shape(self, x: Tensor, channels: int) -> tuple[int, ...]:
        return (x.batch, *(w.out for w in self.along(x.shape[1:-1])), channels)

    def convolve(self, b: Builder, x: Tensor, kernel: Variable, y: Any, fields: dict[str, Any]) -> Any:
        """Emit the record that writes y, with these fields more; what it reads, for `convolve_back`."""
        read = x.buffer
        if self.depth_multiplier > 1:
            read = b.buffer((*x.shape[:-1], x.shape[-1] * self.depth_multiplier))
            b.emit("repeat", x=x.buffer, y=read, **self._repeats(x))
        b.emit("depthwise_fwd", x=read, w=kernel.buffer, y=y, **self._sizes(x), **fields)
        return read

    def convolve_back(self, b: Builder, x: Tensor, read: Any, kernel: Variable, bias: Variable | None, dy: Any) -> None:
        """Send gradients to x, the kernel and, unless None, the bias; `dy`: that of what `convolve` wrote."""
        sizes = self._sizes(x)
        if x.value.needs_grad and self.depth_multiplier == 1:
            fields = {"dy": dy, "w": kernel.buffer, **sizes, **derivative(x)}
            b.add_input_gradient(x, lambda dx, _: b.emit("depthwise_dx", dx=dx, **fields))
        elif x.value.needs_grad:
            repeated = b.buffer((*x.shape[:-1], sizes["O"]))
            b.emit("depthwise_dx", dy=dy, w=kernel.buffer, dx=repeated, **sizes)
            b.add_input_gradient(
                x, lambda dx, add: b.emit("sum_repeats", dy=repeated, dx=dx, add=add, **self._repeats(x)), adds=True
            )
        trained = [v for v in (kernel, bias) if v is not None and b.trains(v)]
        if not trained:
            return
        b.note_weight_gradient(*trained)
        slices, ld = min(sizes["B"], SLICES), (sizes["KH"] * sizes["KW"] + 1) * sizes["O"]

        def emit() -> None:
            parts = b.buffer((slices, ld), "float64")
            b.emit("depthwise_dw", x=read, dy=dy, parts=parts, S=slices, **sizes)
            for v in trained:
                at = 0 if v is kernel else ld - sizes["O"]
                b.emit("sum_wide", parts=parts, y=b.weight_gradient(v), n=v.size, S=slices, ld=ld, xo=at, add=b.adds(v))

        b.defer_to_tail(emit)
