"""What layers of convolution have in common: arguments, weights, and the records of their gradients."""

from __future__ import annotations

from functools import partial
from typing import Any

from pydl import constraints, initializers, regularizers
from pydl._base.args import each_axis, one_of, whole
from pydl._engine.builder import Builder
from pydl._engine.layout import Panels
from pydl._engine.tensor import Tensor
from pydl._engine.variable import Variable
from pydl._engine.windows import Windows, holes, sizes_of_windows
from pydl.activations import warn_of_one_unit
from pydl.layers.spatial import Windowed, channels_last
from pydl.layers.weighted import ActivationOf, KernelOf

# Slices of the batch that a kernel's gradient is summed up in: at most so many, of about so many windows each. They are
# part of what a result's bits are (docs/adr/0017).
SLICES, SLICE_WINDOWS = 8, 4096


class Convolution(Windowed):
    """What convolutions have in common: the arguments, the weights and the records of their gradients.

    `y(i) = activation(sum over taps t and channels c of x(i * strides + t * dilation_rate - before, c) kernel(t, c) +
    bias)` along each axis of positions.
    """

    paddings: tuple[str, ...] = ("valid", "same")
    groups = 1

    def __init_subclass__(cls, **options: Any) -> None:
        if "convolution_op" in vars(cls) and "call" not in vars(cls):
            cls.call = _convolved  # type: ignore[method-assign]
        super().__init_subclass__(**options)

    activation = ActivationOf()
    kernel = KernelOf()

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Any = 1,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        owner = type(self).__name__
        self.filters = whole(owner, "filters", filters, at_least=1)
        self.kernel_size = each_axis(owner, "kernel_size", kernel_size, self.axes)
        self.strides = each_axis(owner, "strides", strides, self.axes)
        self.padding = one_of(owner, "padding", _lower(padding), self.paddings)
        self.data_format = channels_last(owner, data_format, self.axes)
        self.dilation_rate = each_axis(owner, "dilation_rate", dilation_rate, self.axes)
        if max(self.strides) > 1 and max(self.dilation_rate) > 1:
            raise ValueError(
                f"{owner}: expected strides or dilation_rate of 1, got strides={self.strides} and "
                f"dilation_rate={self.dilation_rate}"
            )
        self.activation = activation
        self.use_bias = bool(use_bias)
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.bias_constraint = constraints.get(bias_constraint)
        self._kernel: Variable
        self.bias: Variable | None = None

    @property
    def taps(self) -> tuple[int, ...]:
        return self.kernel_size

    @property
    def dilations(self) -> tuple[int, ...]:
        return self.dilation_rate

    def channels(self, channels: int) -> int:
        self._same_channels(channels)
        return self.filters

    def _kernel_shape(self, channels: int) -> tuple[int, ...]:
        """Of a kernel that reads so many channels; their number fits the groups."""
        if channels % self.groups:
            raise ValueError(
                f'{type(self).__name__} "{self.name}": expected a number of channels that is a multiple of '
                f"groups={self.groups}, got {channels}"
            )
        return (*self.kernel_size, channels // self.groups, self.filters)

    def build(self, input_shape: Any) -> None:
        self.compute_output_shape(input_shape)  # refuses what does not fit
        warn_of_one_unit(self.activation, self.filters, f'{type(self).__name__} "{self.name}": ')
        self._kernel = self.add_weight(
            self._kernel_shape(input_shape[-1]), self.kernel_initializer, name="kernel",
            layout=partial(Panels, groups=self.groups), regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
        )  # fmt: skip
        if self.use_bias:
            self.bias = self.add_weight(
                (self.filters,), self.bias_initializer, name="bias",
                regularizer=self.bias_regularizer, constraint=self.bias_constraint,
            )  # fmt: skip

    def convolution_op(self, inputs: Any, kernel: Any) -> Any:
        """The convolution of inputs with a kernel; a class that overrides it decides what it is, and runs in NumPy."""
        from pydl import ops  # many, and most programs use none

        return ops.conv(inputs, kernel, self.strides, self.padding, self.data_format, self.dilation_rate)

    def _geometry(self, x: Tensor) -> dict[str, int]:
        """The sizes in the records of the convolution: those of images that windows read, and of what comes out."""
        return {**self._sizes(x.batch, *self.grid(x)), "C": x.shape[-1], "O": self.filters}

    def _sizes(self, batch: int, rows: Windows, columns: Windows) -> dict[str, int]:
        """The same without channels."""
        return {**sizes_of_windows(batch, rows, columns), **holes(rows, columns), "G": self.groups}


def _convolved(self: Any, inputs: Any) -> Any:
    """The `call` of a class with a `convolution_op` of its own."""
    y = self.convolution_op(inputs, self.kernel)
    return self.activation(y if self.bias is None else y + self.bias)


def turned(b: Builder, kernel: Variable, sizes: dict[str, int]) -> Any:
    """The kernel as `conv_dx` reads it: a copy, made anew in each step."""
    inputs = Panels((sizes["O"] // sizes["G"], sizes["C"]), kernel.dtype, sizes["G"])
    names = ("C", "O", "KH", "KW", "SH", "SW", "top", "left", "G")
    t = b.buffer((sizes["KH"] * sizes["KW"], *inputs.storage))
    b.emit_first("conv_turn", w=kernel.buffer, t=t, **{name: sizes[name] for name in names})
    return t


def train_bias(b: Builder, bias: Variable, dy: Any, y: Tensor) -> None:
    """The record that writes the gradient of the bias of an output."""
    sizes = {"n": bias.size, "B": y.rows_of_last}
    b.add_weight_gradient(bias, lambda db, add: b.emit("colsum", x=dy, y=db, add=add, **sizes))


def train_kernel(b: Builder, kernel: Variable, bias: Variable | None, x: Any, dy: Any, sizes: dict[str, int]) -> None:
    """Records that write the gradients of a convolution's kernel and, if there is one to be trained, bias.

    Images are summed up in slices, whose number depends on the shape alone, and those in their order (docs/adr/0017).
    """
    trained = {"dw": kernel} if bias is None else {"dw": kernel, "db": bias}
    slices = min(max(sizes["B"] * sizes["OH"] * sizes["OW"] // SLICE_WINDOWS, 1), SLICES, sizes["B"])
    b.note_weight_gradient(*trained.values())

    def emit() -> None:
        adds = {name: b.adds(v) for name, v in trained.items()}
        gradients = {name: b.weight_gradient(v) for name, v in trained.items()}
        add = adds["dw"] if slices == 1 and len(set(adds.values())) == 1 else None  # None: added up afterwards
        parts: dict[str, Any] = gradients
        if add is None:
            parts = {name: b.buffer((slices, gradient.size)) for name, gradient in gradients.items()}
        ldb = 0 if bias is None else bias.buffer.size
        b.emit("conv_dw", x=x, dy=dy, ldb=ldb, S=slices, add=add or 0, **parts, **sizes)
        for name, gradient in gradients.items() if add is None else ():
            n = gradient.size
            b.emit("sum_slices", x=parts[name], y=gradient, n=n, S=slices, ld=n, add=adds[name])

    b.defer_to_tail(emit)


def _lower(padding: Any) -> Any:
    return padding.lower() if isinstance(padding, str) else padding
