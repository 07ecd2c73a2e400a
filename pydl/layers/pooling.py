"""Pooling of windows: one value for the positions of each."""

from __future__ import annotations

from typing import Any

from pydl._base.args import each_axis, one_of
from pydl._engine.windows import PADDINGS
from pydl.layers.pooled import Average, Largest
from pydl.layers.spatial import Windowed, channels_last


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


class MaxPooling1D(_Pooling, Largest):
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


class MaxPooling2D(_Pooling, Largest):
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


class AveragePooling1D(_Pooling, Average):
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


class AveragePooling2D(_Pooling, Average):
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


MaxPool1D, MaxPool2D = MaxPooling1D, MaxPooling2D
AvgPool1D, AvgPool2D = AveragePooling1D, AveragePooling2D
