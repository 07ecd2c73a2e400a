"""Transposed convolutions, which enlarge: Conv1DTranspose, Conv2DTranspose."""

from __future__ import annotations

from typing import Any

from pydl._base.args import each_axis
from pydl._engine.builder import Builder
from pydl._engine.epilogue import Epilogue
from pydl._engine.graph import Shape
from pydl._engine.tensor import Tensor
from pydl._engine.windows import Windows, enlarged, windows
from pydl.layers.convolving import Convolution, train_bias, train_kernel, turned


class _Transposed(Convolution):
    """The input gradient of a convolution, as a layer: each position of the input adds a kernel to the output.

    The records are those of the convolution that leads from the output back to the input.
    """

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        output_padding: Any = None,
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
        super().__init__(
            filters, kernel_size, strides, padding, data_format, dilation_rate, activation, use_bias,
            kernel_initializer, bias_initializer, kernel_regularizer, bias_regularizer, activity_regularizer,
            kernel_constraint, bias_constraint, **kwargs,
        )  # fmt: skip
        owner = type(self).__name__
        self.output_padding = output_padding
        self._more: tuple[int | None, ...] = (None,) * self.axes
        if output_padding is not None:
            self._more = each_axis(owner, "output_padding", output_padding, self.axes, at_least=0)
            if any(more >= s for more, s in zip(self._more, self.strides, strict=True) if more is not None):
                raise ValueError(
                    f"{owner}: output_padding={output_padding} must be less than strides={self.strides} on each axis"
                )

    def _kernel_shape(self, channels: int) -> tuple[int, ...]:
        return (*self.kernel_size, self.filters, channels)

    def _enlarged(self, sizes: Any) -> list[Windows]:
        """The windows over the output that lead back to each axis of positions of the input."""
        axes = zip(sizes, self.kernel_size, self.strides, self.dilation_rate, self._more, strict=True)
        return [enlarged(n, k, s, d, more, self.padding) for n, k, s, d, more in axes]

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        super().compute_output_shape((None,) * len(input_shape[:-1]) + (input_shape[-1],))  # refuses what does not fit
        sizes = [
            None if n is None else self._enlarged([n] * self.axes)[i].size for i, n in enumerate(input_shape[1:-1])
        ]
        if any(n is not None and n < 1 for n in sizes):
            raise ValueError(
                f'{type(self).__name__} "{self.name}": nothing would come out of input {tuple(input_shape)}; choose a '
                "larger output_padding"
            )
        return (input_shape[0], *sizes, self.filters)

    def _geometry(self, x: Tensor) -> dict[str, int]:
        found = self._enlarged(x.shape[1:-1])
        rows, columns = (windows(1, 1), found[0]) if self.axes == 1 else found
        return {**self._sizes(x.batch, rows, columns), "C": self.filters, "O": x.shape[-1]}

    def emit_forward(self, b: Builder, *x: Tensor) -> Tensor:
        t = x[0]
        b.note_reader(t)
        sizes = self._geometry(t)
        shape = (t.batch, *(w.size for w in self._enlarged(t.shape[1:-1])), self.filters)
        y = b.tensor(shape, t, trainable=b.trains(*self.weights))
        epilogue = Epilogue(b, y, self.activation)
        b.emit("conv_dx", dy=t.buffer, t=turned(b, self._kernel, sizes), b=self.bias and self.bias.buffer, dx=y.buffer,
               **sizes, **epilogue.fields)  # fmt: skip
        return b.activate_by_function(y, self.activation)

    def emit_backward(self, b: Builder, *x: Tensor, y: Tensor) -> None:
        dz = b.gradient(y)
        if dz is None:
            return
        t = x[0]
        sizes = self._geometry(t)
        b.add_input_gradient(t, lambda dx, _: b.emit("conv_fwd", x=dz, w=self._kernel.buffer, y=dx, **sizes))
        for v in filter(b.trains, self.weights):
            if v is self._kernel:
                train_kernel(b, v, None, dz, t.buffer, sizes)
            else:
                train_bias(b, v, dz, y)


class Conv1DTranspose(_Transposed):
    """Transposed convolution over steps: `(batch, steps, channels)` -> `(batch, new steps, filters)`.

    Each step of the input adds its channels times the kernel to `kernel_size` steps of the output, `strides` further on
    than the step before. Cost: that of the convolution that leads back.

    Parameters
    ----------
    filters : int
        Channels that come out, > 0.
    kernel_size : int
        Steps that each step of the input adds to.
    strides : int
        Steps of the output for each step of the input; 1 where `dilation_rate` is not.
    padding : {"valid", "same"}
        "valid": all that was added to, (steps - 1) * strides + max(kernel_size, strides). "same": steps * strides.
    output_padding : int, optional
        Further steps, fewer than `strides`: (steps - 1) * strides + kernel_size + output_padding, or with "same" the
        parity of kernel_size in place of it.
    data_format : {"channels_last"}, optional
    dilation_rate : int
        Steps from one that is added to to the next.
    activation, use_bias, kernel_initializer, bias_initializer, kernel_regularizer, bias_regularizer,
    activity_regularizer, kernel_constraint, bias_constraint
        As of `Dense`. The kernel has the shape `(kernel_size, filters, channels)`.
    **kwargs
        `name`, `trainable`, `dtype`.

    Raises
    ------
    ValueError
        As `Conv1D`; an `output_padding` that is not less than the strides.
    """

    axes = 1


class Conv2DTranspose(_Transposed):
    """Transposed convolution over images: `(batch, rows, columns, channels)` -> `(batch, more rows, columns, filters)`.

    Each pixel of the input adds its channels times the kernel to a window of the output, `strides` further on than that
    of the pixel before. Cost: that of the convolution that leads back.

    Parameters
    ----------
    filters : int
        Channels that come out, > 0.
    kernel_size : int or tuple of two int
        Rows and columns that each pixel of the input adds to.
    strides : int or tuple of two int
        Rows and columns of the output for each pixel of the input; 1 where `dilation_rate` is not.
    padding : {"valid", "same"}
        "valid": all that was added to, (size - 1) * strides + max(kernel_size, strides). "same": size * strides.
    output_padding : int or tuple of two int, optional
        Further positions, fewer than `strides`: (size - 1) * strides + kernel_size + output_padding, or with "same" the
        parity of kernel_size in place of it.
    data_format : {"channels_last"}, optional
    dilation_rate : int or tuple of two int
        From one pixel that is added to to the next.
    activation, use_bias, kernel_initializer, bias_initializer, kernel_regularizer, bias_regularizer,
    activity_regularizer, kernel_constraint, bias_constraint
        As of `Dense`. The kernel has the shape `(*kernel_size, filters, channels)`.
    **kwargs
        `name`, `trainable`, `dtype`.

    Raises
    ------
    ValueError
        As `Conv2D`; an `output_padding` that is not less than the strides.
    """

    axes = 2
