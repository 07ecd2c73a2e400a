"""Pooling layers: one value for many, of windows or of all positions."""

from __future__ import annotations

from typing import Any

from pydl._base.args import one_of
from pydl._engine.builder import Buffer, Builder
from pydl._engine.graph import Shape
from pydl._engine.tensor import Tensor
from pydl._engine.windows import PADDINGS, Windows, windows
from pydl.layers.base import Layer
from pydl.layers.spatial import Windowed, channels_last, each_axis

_BYTE_TAPS = 256  # whose numbers fit a byte


def _sizes(t: Tensor, rows: Windows, columns: Windows) -> dict[str, int]:
    """The sizes of a record that lays windows over the rows and the columns of a tensor."""
    return {
        "B": t.batch, "H": rows.size, "W": columns.size, "C": t.shape[-1], "OH": rows.out, "OW": columns.out,
        "KH": rows.taps, "KW": columns.taps, "sh": rows.stride, "sw": columns.stride, "top": rows.before,
        "left": columns.before,
    }  # fmt: skip


class _Pooled(Layer):
    """What comes from windows over the rows and the columns of an input: `grid`."""

    def grid(self, x: Tensor) -> tuple[Windows, Windows]:
        """The windows along the rows and the columns of a tensor."""
        raise NotImplementedError

    def emit_forward(self, b: Builder, *x: Tensor) -> Tensor:
        t = x[0]
        b.note_reader(t)
        shape = self.compute_output_shape(t.shape)  # refuses sizes, where data decide them, that do not fit
        y = b.tensor((b.batch, *(int(d or 0) for d in shape[1:])), t)
        self._emit(b, t, y, _sizes(t, *self.grid(t)))
        return y

    def _emit(self, b: Builder, t: Tensor, y: Tensor, sizes: dict[str, int]) -> None:
        raise NotImplementedError


class _Max(_Pooled):
    def _emit(self, b: Builder, t: Tensor, y: Tensor, sizes: dict[str, int]) -> None:
        wide = int(sizes["KH"] * sizes["KW"] > _BYTE_TAPS)
        at: Buffer | None = None  # which tap was the largest, where the backward pass will ask
        if y.value.needs_grad:
            at = b.buffer((y.batch * y.columns * (4 if wide else 1),), "uint8")
            b.notes[id(y.value)] = {"at": at, "wide": wide, **sizes}
        b.emit("pool_max_fwd", x=t.buffer, y=y.buffer, at=at, wide=wide, **sizes)

    def emit_backward(self, b: Builder, *x: Tensor, y: Tensor) -> None:
        dy, fields = b.gradient(y), b.notes.get(id(y.value), {})
        b.add_input_gradient(
            x[0], lambda dx, add: b.emit("pool_max_bwd", dy=dy, dx=dx, add=add, **fields), adds=True
        )  # fmt: skip


class _Average(_Pooled):
    def _emit(self, b: Builder, t: Tensor, y: Tensor, sizes: dict[str, int]) -> None:
        b.emit("pool_mean_fwd", x=t.buffer, y=y.buffer, **sizes)

    def emit_backward(self, b: Builder, *x: Tensor, y: Tensor) -> None:
        dy, sizes = b.gradient(y), _sizes(x[0], *self.grid(x[0]))
        b.add_input_gradient(
            x[0], lambda dx, add: b.emit("pool_mean_bwd", dy=dy, dx=dx, add=add, **sizes), adds=True
        )  # fmt: skip


# -- windows ----------------------------------------------------------------------------------------------------------


class _Pooling(Windowed):
    """Pooling of windows.

    Parameters
    ----------
    pool_size : int or tuple of int
        Positions of a window along each axis.
    strides : int or tuple of int, optional
        How far windows are apart; default: `pool_size`.
    padding : {"valid", "same"}
        "valid": windows lie within the input, `floor((n - pool_size) / strides) + 1` of them. "same":
        `ceil(n / strides)` windows, of which those at the edges reach beyond it.
    data_format : {"channels_last"}, optional
        For "channels_first", transpose the data.
    name : str, optional
    **kwargs
        `trainable`, `dtype`.
    """

    def __init__(
        self, pool_size: Any, strides: Any = None, padding: str = "valid", data_format: str | None = None,
        name: str | None = None, **kwargs: Any,
    ) -> None:  # fmt: skip
        super().__init__(name=name, **kwargs)
        owner = type(self).__name__
        self.pool_size = each_axis(owner, "pool_size", pool_size, self.axes)
        self.strides = self.pool_size if strides is None else each_axis(owner, "strides", strides, self.axes)
        self.padding = one_of(
            owner, "padding", padding.lower() if isinstance(padding, str) else padding, PADDINGS
        )  # fmt: skip
        self.data_format = channels_last(owner, data_format, self.axes)

    @property
    def taps(self) -> tuple[int, ...]:
        return self.pool_size


class MaxPooling1D(_Pooling, _Max):
    """The largest value of windows over steps: `(batch, steps, channels)` becomes `(batch, windows, channels)`.

    `y[i] = max(x[i * strides + k] for k < pool_size)`, of those that exist; NaN where one of them is. The gradient goes
    to the first of equal values.

    Parameters
    ----------
    pool_size : int
        Steps of a window.
    strides : int, optional
        How far windows are apart; default: `pool_size`.
    padding : {"valid", "same"}
        "valid": windows lie within the input, `floor((steps - pool_size) / strides) + 1` of them. "same":
        `ceil(steps / strides)` windows; what is missing lies half in front, rounded down, and half behind.
    data_format : {"channels_last"}, optional
        For "channels_first", transpose the data: `x.transpose(0, 2, 1)`.
    name : str, optional
    **kwargs
        `trainable`, `dtype`.

    Raises
    ------
    ValueError
        An input that is not of rank 3, or of which no window fits; sizes below 1; another `padding` or `data_format`.

    Examples
    --------
    >>> pydl.layers.MaxPooling1D(2)(np.array([[[1.0], [3], [2], [5], [4]]])).ravel()
    array([3., 5.], dtype=float32)
    """

    axes = 1

    def __init__(
        self, pool_size: Any = 2, strides: Any = None, padding: str = "valid", data_format: str | None = None,
        name: str | None = None, **kwargs: Any,
    ) -> None:  # fmt: skip
        super().__init__(pool_size, strides, padding, data_format, name, **kwargs)


class MaxPooling2D(_Pooling, _Max):
    """The largest value of windows over pixels: `(batch, rows, columns, channels)` keeps its rank.

    `y[i, j] = max(x[i * strides + k, j * strides + l])` over the window, of those that exist; NaN where one of them is.
    The gradient goes to the first of equal values, row by row.

    Parameters
    ----------
    pool_size : int or tuple of two int
        Rows and columns of a window.
    strides : int or tuple of two int, optional
        How far windows are apart; default: `pool_size`.
    padding : {"valid", "same"}
        "valid": windows lie within the input, `floor((n - pool_size) / strides) + 1` of them along each axis. "same":
        `ceil(n / strides)` windows; what is missing lies half in front, rounded down, and half behind.
    data_format : {"channels_last"}, optional
        For "channels_first", transpose the data: `x.transpose(0, 2, 3, 1)`.
    name : str, optional
    **kwargs
        `trainable`, `dtype`.

    Raises
    ------
    ValueError
        An input that is not of rank 4, or of which no window fits; sizes below 1; another `padding` or `data_format`.

    Examples
    --------
    >>> pydl.layers.MaxPooling2D()(np.arange(16.0).reshape(1, 4, 4, 1)).ravel()
    array([ 5.,  7., 13., 15.], dtype=float32)
    """

    axes = 2

    def __init__(
        self, pool_size: Any = (2, 2), strides: Any = None, padding: str = "valid", data_format: str | None = None,
        name: str | None = None, **kwargs: Any,
    ) -> None:  # fmt: skip
        super().__init__(pool_size, strides, padding, data_format, name, **kwargs)


class AveragePooling1D(_Pooling, _Average):
    """The mean of windows over steps: `(batch, steps, channels)` becomes `(batch, windows, channels)`.

    `y[i] = mean(x[i * strides + k] for k < pool_size)`, of those that exist. Sums run in double.

    Parameters
    ----------
    pool_size : int
        Steps of a window.
    strides : int, optional
        How far windows are apart; default: `pool_size`.
    padding : {"valid", "same"}
        "valid": windows lie within the input, `floor((steps - pool_size) / strides) + 1` of them. "same":
        `ceil(steps / strides)` windows; steps that are missing do not count.
    data_format : {"channels_last"}, optional
        For "channels_first", transpose the data: `x.transpose(0, 2, 1)`.
    name : str, optional
    **kwargs
        `trainable`, `dtype`.

    Raises
    ------
    ValueError
        An input that is not of rank 3, or of which no window fits; sizes below 1; another `padding` or `data_format`.

    Examples
    --------
    >>> pydl.layers.AveragePooling1D(2, padding="same")(np.array([[[1.0], [3], [5]]])).ravel()
    array([2., 5.], dtype=float32)
    """

    axes = 1

    def __init__(
        self, pool_size: Any, strides: Any = None, padding: str = "valid", data_format: str | None = None,
        name: str | None = None, **kwargs: Any,
    ) -> None:  # fmt: skip
        super().__init__(pool_size, strides, padding, data_format, name, **kwargs)


class AveragePooling2D(_Pooling, _Average):
    """The mean of windows over pixels: `(batch, rows, columns, channels)` keeps its rank.

    `y[i, j] = mean(x[i * strides + k, j * strides + l])` over the window, of those that exist. Sums run in double.

    Parameters
    ----------
    pool_size : int or tuple of two int
        Rows and columns of a window.
    strides : int or tuple of two int, optional
        How far windows are apart; default: `pool_size`.
    padding : {"valid", "same"}
        "valid": windows lie within the input, `floor((n - pool_size) / strides) + 1` of them along each axis. "same":
        `ceil(n / strides)` windows; pixels that are missing do not count.
    data_format : {"channels_last"}, optional
        For "channels_first", transpose the data: `x.transpose(0, 2, 3, 1)`.
    name : str, optional
    **kwargs
        `trainable`, `dtype`.

    Raises
    ------
    ValueError
        An input that is not of rank 4, or of which no window fits; sizes below 1; another `padding` or `data_format`.

    Examples
    --------
    >>> pydl.layers.AveragePooling2D(2)(np.arange(16.0).reshape(1, 4, 4, 1)).ravel()
    array([ 2.5,  4.5, 10.5, 12.5], dtype=float32)
    """

    axes = 2

    def __init__(
        self, pool_size: Any, strides: Any = None, padding: str = "valid", data_format: str | None = None,
        name: str | None = None, **kwargs: Any,
    ) -> None:  # fmt: skip
        super().__init__(pool_size, strides, padding, data_format, name, **kwargs)


# -- all positions ----------------------------------------------------------------------------------------------------


class _Global(Layer):
    """One value of all positions for each channel.

    Parameters
    ----------
    data_format : {"channels_last"}, optional
    keepdims : bool
        Keep the axes of positions, with size 1.
    """

    axes: int

    def __init__(self, data_format: str | None = None, keepdims: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.data_format = channels_last(type(self).__name__, data_format, self.axes)
        self.keepdims = bool(keepdims)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        if len(input_shape) != self.axes + 2:
            wanted = "(batch, steps, features)" if self.axes == 1 else "(batch, rows, columns, channels)"
            raise ValueError(f'{type(self).__name__} "{self.name}": expected input {wanted}, got {tuple(input_shape)}')
        ones = (1,) * self.axes if self.keepdims else ()
        return (input_shape[0], *ones, input_shape[-1])


class _GlobalAverage(_Global):
    def emit_forward(self, b: Builder, *x: Tensor) -> Tensor:
        t = x[0]
        b.note_reader(t)
        y = b.tensor((b.batch, *(int(d or 0) for d in self.compute_output_shape(t.shape)[1:])), t)
        b.emit("mean_steps_fwd", x=t.buffer, y=y.buffer, **self._fields(t))
        return y

    def emit_backward(self, b: Builder, *x: Tensor, y: Tensor) -> None:
        t, dy = x[0], b.gradient(y)
        fields = self._fields(t)
        b.add_input_gradient(t, lambda dx, add: b.emit("mean_steps_bwd", dy=dy, dx=dx, add=add, **fields), adds=True)

    def _fields(self, t: Tensor) -> dict[str, Any]:
        mask = t.mask.buffer if t.mask is not None and self.supports_masking else None
        return {"m": mask, "O": t.shape[-1], **t.by_last()}


class GlobalAveragePooling1D(_GlobalAverage):
    """The mean over the steps: `(batch, steps, features)` becomes `(batch, features)`.

    Steps that the input's mask leaves out do not count; the mean of no step at all is 0 (NaN in Keras). Steps may be
    None: any number. Sums run in double.

    Parameters
    ----------
    data_format : {"channels_last"}, optional
        For "channels_first", transpose the data: `x.transpose(0, 2, 1)`.
    keepdims : bool
        Keep the axis of steps, with size 1.
    **kwargs
        `name`, `trainable`, `dtype`.

    Raises
    ------
    ValueError
        An input that is not of rank 3; another `data_format`.
    """

    axes = 1
    supports_masking = True  # in that it uses the mask; there is none behind it

    def output_masks(self, masked: list[bool]) -> list[bool]:
        return [False]

    def emit_masks(self, b: Builder, x: list[Tensor], y: list[Tensor]) -> None:
        """The mask ends here."""


class GlobalAveragePooling2D(_GlobalAverage):
    """The mean over the pixels: `(batch, rows, columns, channels)` becomes `(batch, channels)`.

    Rows and columns may be None: any number. Sums run in double.

    Parameters
    ----------
    data_format : {"channels_last"}, optional
        For "channels_first", transpose the data: `x.transpose(0, 2, 3, 1)`.
    keepdims : bool
        Keep the axes of rows and columns, with size 1.
    **kwargs
        `name`, `trainable`, `dtype`.

    Raises
    ------
    ValueError
        An input that is not of rank 4; another `data_format`.
    """

    axes = 2


class _GlobalMax(_Global, _Max):
    def compute_output_shape(self, input_shape: Shape) -> Shape:
        shape = super().compute_output_shape(input_shape)
        if 0 in input_shape[1:-1]:
            raise ValueError(
                f'{type(self).__name__} "{self.name}": expected positions, as the largest of none is not known, got '
                f"input {tuple(input_shape)}"
            )
        return shape

    def grid(self, x: Tensor) -> tuple[Windows, Windows]:
        sizes = x.shape[1:-1] if self.axes == 2 else (1, x.shape[1])
        rows, columns = (windows(n, n) for n in sizes)
        return rows, columns


class GlobalMaxPooling1D(_GlobalMax):
    """The largest value over the steps: `(batch, steps, features)` becomes `(batch, features)`.

    NaN where one of them is. The gradient goes to the first of equal values (in Keras each gets a share of it). Steps
    may be None: any number. A mask does not count, and ends here.

    Parameters
    ----------
    data_format : {"channels_last"}, optional
        For "channels_first", transpose the data: `x.transpose(0, 2, 1)`.
    keepdims : bool
        Keep the axis of steps, with size 1.
    **kwargs
        `name`, `trainable`, `dtype`.

    Raises
    ------
    ValueError
        An input that is not of rank 3, or without steps; another `data_format`.
    """

    axes = 1


class GlobalMaxPooling2D(_GlobalMax):
    """The largest value over the pixels: `(batch, rows, columns, channels)` becomes `(batch, channels)`.

    NaN where one of them is. The gradient goes to the first of equal values, row by row (in Keras each gets a share of
    it). Rows and columns may be None: any number.

    Parameters
    ----------
    data_format : {"channels_last"}, optional
        For "channels_first", transpose the data: `x.transpose(0, 2, 3, 1)`.
    keepdims : bool
        Keep the axes of rows and columns, with size 1.
    **kwargs
        `name`, `trainable`, `dtype`.

    Raises
    ------
    ValueError
        An input that is not of rank 4, or without pixels; another `data_format`.
    """

    axes = 2


MaxPool1D, MaxPool2D = MaxPooling1D, MaxPooling2D
AvgPool1D, AvgPool2D = AveragePooling1D, AveragePooling2D
GlobalMaxPool1D, GlobalMaxPool2D = GlobalMaxPooling1D, GlobalMaxPooling2D
GlobalAvgPool1D, GlobalAvgPool2D = GlobalAveragePooling1D, GlobalAveragePooling2D
