"""Convolutions over steps and images: Conv1D, Conv2D."""

from __future__ import annotations

from typing import Any

from pydl._base.args import whole
from pydl._engine.builder import Builder
from pydl._engine.epilogue import Epilogue, derivative
from pydl._engine.tensor import Tensor
from pydl._engine.variable import Variable
from pydl.layers.convolving import Convolution, train_bias, train_kernel, turned
from pydl.layers.low_rank import LowRank


class _Conv(LowRank, Convolution):
    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Any = 1,
        groups: int = 1,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        lora_rank: int | None = None,
        lora_alpha: float | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            filters, kernel_size, strides, padding, data_format, dilation_rate, activation, use_bias,
            kernel_initializer, bias_initializer, kernel_regularizer, bias_regularizer, activity_regularizer,
            kernel_constraint, bias_constraint, **kwargs,
        )  # fmt: skip
        self.groups = whole(type(self).__name__, "groups", groups, at_least=1)
        if self.filters % self.groups:
            raise ValueError(
                f"{type(self).__name__}: filters={self.filters} must be a multiple of groups={self.groups}"
            )
        self._note_rank(lora_rank, lora_alpha)

    def build(self, input_shape: Any) -> None:
        super().build(input_shape)
        self._enable_if_asked()

    def _enable(self, *options: Any) -> None:
        if self.groups > 1:
            raise ValueError(
                f'{type(self).__name__} "{self.name}": an adapter is for one group of channels, got '
                f"groups={self.groups}"
            )
        super()._enable(*options)

    def emit_forward(self, b: Builder, *x: Tensor) -> Tensor:
        t = x[0]
        b.note_reader(t)
        if self.lora_enabled:
            return self._forward_adapted(b, t)
        sizes = self._geometry(t)
        y = b.tensor(self._shape(t), t, trainable=b.trains(*self.weights))
        self._note_turned(b, t, y, self._kernel, sizes)
        epilogue = Epilogue(b, y, self.activation)
        b.emit("conv_fwd", x=t.buffer, w=self._kernel.buffer, b=self.bias and self.bias.buffer, y=y.buffer, **sizes,
               **epilogue.fields)  # fmt: skip
        return b.activate_by_function(y, self.activation)

    def _shape(self, t: Tensor) -> tuple[int, ...]:
        return (t.batch, *(w.out for w in self.along(t.shape[1:-1])), self.filters)

    def _note_turned(self, b: Builder, t: Tensor, y: Tensor, kernel: Variable, sizes: dict[str, int]) -> None:
        """Have the kernel turned, with which y is made, if the backward pass will want it."""
        if b.gradients and t.value.needs_grad:
            b.notes[id(y.value)] = turned(b, kernel, sizes)

    def _forward_adapted(self, b: Builder, t: Tensor) -> Tensor:
        a, _ = self.adapter
        shape = self._shape(t)
        base, down = (b.tensor((*shape[:-1], n), t, trainable=True) for n in (self.filters, a.shape[-1]))
        bias = self.bias and self.bias.buffer
        for w, add, y in ((self._kernel, bias, base), (a, None, down)):
            sizes = {**self._geometry(t), "O": y.shape[-1]}
            self._note_turned(b, t, y, w, sizes)
            b.emit("conv_fwd", x=t.buffer, w=w.buffer, b=add, y=y.buffer, **sizes)
        y, act = self.emit_up(b, base, down), self.activation
        y = y if act.kernel is None and act.function is None else b.activate(y, act)
        b.notes[id(y.value), id(self)] = base, down
        return y

    def emit_backward(self, b: Builder, *x: Tensor, y: Tensor) -> None:
        dz = b.gradient(y)
        if dz is None:
            return
        t = x[0]
        bias = self.bias if b.trains(self.bias) else None
        if not self.lora_enabled:
            self._send(b, t, dz, y, self._kernel, bias, derivative(t) if t.value.needs_grad else {})
        else:
            base, down = b.notes[id(y.value), id(self)]
            self._send(b, t, dz, base, self._kernel, bias, {})
            self._send(b, t, self.emit_up_slopes(b, down, dz), down, self.adapter[0], None, {})

    def _send(
        self, b: Builder, t: Tensor, dy: Any, y: Tensor, kernel: Variable, bias: Variable | None, fields: dict[str, Any]
    ) -> None:
        """Send the gradients of y, which the kernel makes of t, to t, the kernel and, if it is given, the bias."""
        sizes = {**self._geometry(t), "O": kernel.shape[-1]}
        if t.value.needs_grad:
            fields = {"dy": dy, "t": b.notes[id(y.value)], **sizes, **fields}
            b.add_input_gradient(t, lambda dx, add: b.emit("conv_dx", dx=dx, add=add, **fields), adds=True)
        if b.trains(kernel):
            train_kernel(b, kernel, bias, t.buffer, dy, sizes)
        elif bias is not None:
            train_bias(b, bias, dy, y)


class Conv1D(_Conv):
    """Convolution over steps: `(batch, steps, channels)` -> `(batch, new steps, filters)`.

    Cost: 2 * batch * new steps * filters * kernel_size * channels / groups flops, twice that backward.

    Parameters
    ----------
    filters : int
        Channels that come out, > 0.
    kernel_size : int
        Steps that a window reads.
    strides : int
        Steps from one window to the next; 1 where `dilation_rate` is not.
    padding : {"valid", "same", "causal"}
        "valid": windows lie within the input. "same": ceil(steps / strides) windows, with zeros where they reach beyond
        it, half in front, rounded down, and half behind. "causal": zeros in front alone, so that no output depends on
        later steps. An Inf or NaN in the kernel makes NaN of such zeros.
    data_format : {"channels_last"}, optional
    dilation_rate : int
        Steps from one that a window reads to the next.
    groups : int
        Of channels and filters, each group of filters reads one of channels.
    activation, use_bias, kernel_initializer, bias_initializer, kernel_regularizer, bias_regularizer,
    activity_regularizer, kernel_constraint, bias_constraint
        As of `Dense`. The kernel has the shape `(kernel_size, channels / groups, filters)`.
    lora_rank, lora_alpha : int, float, optional
        Of an adapter, for one group: see `enable_lora`.
    **kwargs
        `name`, `trainable`, `dtype`.

    Raises
    ------
    ValueError
        Sizes that are not positive or do not fit the groups, strides and a dilation at once, an input of another rank
        or too few steps, `data_format="channels_first"`.
    """

    axes = 1
    paddings = ("valid", "same", "causal")


class Conv2D(_Conv):
    """Convolution over images: `(batch, rows, columns, channels)` -> `(batch, new rows, new columns, filters)`.

    Cost: 2 * batch * new rows * new columns * filters * kernel size * channels / groups flops, twice that backward.

    Parameters
    ----------
    filters : int
        Channels that come out, > 0.
    kernel_size : int or tuple of two int
        Rows and columns that a window reads.
    strides : int or tuple of two int
        From one window to the next; 1 where `dilation_rate` is not.
    padding : {"valid", "same"}
        "valid": windows lie within the image. "same": ceil(size / strides) windows, with zeros where they reach beyond
        it, half above and left, rounded down, and half below and right. An Inf or NaN in the kernel makes NaN of such
        zeros.
    data_format : {"channels_last"}, optional
    dilation_rate : int or tuple of two int
        From one pixel that a window reads to the next.
    groups : int
        Of channels and filters, each group of filters reads one of channels.
    activation, use_bias, kernel_initializer, bias_initializer, kernel_regularizer, bias_regularizer,
    activity_regularizer, kernel_constraint, bias_constraint
        As of `Dense`. The kernel has the shape `(*kernel_size, channels / groups, filters)`.
    lora_rank, lora_alpha : int, float, optional
        Of an adapter, for one group: see `enable_lora`.
    **kwargs
        `name`, `trainable`, `dtype`.

    Raises
    ------
    ValueError
        Sizes that are not positive or do not fit the groups, strides and a dilation at once, an input of another rank
        or too small an image, `data_format="channels_first"`.
    """

    axes = 2
