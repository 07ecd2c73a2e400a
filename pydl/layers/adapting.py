"""Normalization: a layer that learns the mean and variance of its input before training, from data."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np

from pydl._base import check
from pydl._base.args import whole
from pydl._base.arrays import float_array
from pydl._engine.builder import Buffer, Builder
from pydl._engine.layout import Layout, array_of
from pydl._engine.tensor import Tensor
from pydl._engine.variable import Variable, apart_from_files
from pydl.layers.base import Layer
from pydl.utils.results import Result

Array = np.ndarray

_LEAST = 1e-14  # the square of Keras's least deviation, by which a constant is divided


class _Statistics(Layout):
    """Numbers of some axes, repeated along the axes between and behind them, as kernels read them.

    Parameters
    ----------
    shape : tuple of int
        Sizes of the axes that have numbers of their own.
    dtype : str
    repeated : tuple of int
        Sizes of all axes from the first of those on.
    own : tuple of int
        Which of them those are.
    least : float
        What smaller numbers count as.

    Attributes
    ----------
    rest : Variable, optional
        What the numbers lack, as they are rounded to the dtype. Whoever reads them gets the sum, in double.
    """

    rest: Variable | None = None

    def __init__(
        self, shape: Sequence[int], dtype: str, repeated: tuple[int, ...], own: tuple[int, ...], least: float
    ) -> None:
        super().__init__(shape, dtype)
        self.storage, self.least = repeated, least
        self._seen = tuple(slice(None) if axis in own else 0 for axis in range(len(repeated)))
        self._spread = tuple(slice(None) if axis in own else np.newaxis for axis in range(len(repeated)))

    def unpack(self, stored: Array) -> Array:
        seen = np.asarray(stored[self._seen])
        return seen if self.rest is None else seen + array_of(self.rest.buffer)[self._seen].astype(np.float64)

    def pack(self, values: Any, stored: Array) -> None:
        stored[...] = np.maximum(values, self.least)[self._spread]
        if self.rest is not None:
            lacking = np.asarray(values, np.float64)[self._spread] - stored
            array_of(self.rest.buffer)[...] = np.where(np.isfinite(lacking), lacking, 0)


class Normalization(Layer):
    """`y = (x - mean) / max(sqrt(variance), 1e-7)`, of values that `adapt` learnt or that were given.

    Sums run in double, over deviations. The mean is kept as a number of the layer's dtype and what that lacks, so that
    values far from zero lose nothing but what they lack themselves. Before `adapt`, the mean is 0 and the variance 1.

    Parameters
    ----------
    axis : int, tuple of int, or None
        Axes with statistics of their own, or none at all. The batch is axis 0.
    mean, variance : float or array_like, optional
        Of the shape of those axes; both, or none. They then belong to the configuration, not to the weights.
    invert : bool
        `y = x * max(sqrt(variance), 1e-7) + mean` instead.
    **kwargs
        `name`, `trainable`, `dtype`, `input_shape`.

    Attributes
    ----------
    mean, variance : ndarray
        With an axis of size one for each that has no numbers of its own; variances below 1e-14 count as that. None
        until the layer is built.

    Raises
    ------
    ValueError
        The axis of the batch, or one that is not there; axes of unknown size, from the first of those on; one of `mean`
        and `variance` alone, or of another shape.
    """

    supports_masking = True

    def __init__(
        self, axis: Any = -1, mean: Any = None, variance: Any = None, invert: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        several = isinstance(axis, list | tuple)
        axes = [] if axis is None else list(axis) if several else [axis]
        axes = [whole("Normalization", "axis", a, at_least=-32) for a in axes]
        self.axis = None if axis is None else axes if several else axes[0]
        self.invert = bool(invert)
        if (mean is None) != (variance is None):
            raise ValueError(f'Normalization "{self.name}": both `mean` and `variance` must be set, or neither')
        given = None if mean is None else (mean, variance)
        self._given = given and tuple(float_array("Normalization", "mean and variance", g, "float64") for g in given)
        self._axes = axes
        self._mean: Variable | None = None
        self._variance: Variable | None = None
        self._rest: Variable | None = None
        self._count: Variable | None = None

    @property
    def mean(self) -> Any:
        """What is subtracted, with an axis of size one for each that has no numbers of its own; None until built."""
        return self._shown(self._mean)

    @property
    def variance(self) -> Any:
        """The square of what is divided by, in the same form."""
        return self._shown(self._variance)

    def _shown(self, statistic: Variable | None) -> Any:
        if statistic is None:
            return None
        own = self._own_axes(self._shape)
        sizes = [d if axis in own else 1 for axis, d in enumerate(self._shape)]
        return statistic.numpy().astype(self.dtype).reshape(sizes).view(Result)

    def _own_in_order(self) -> list[Variable]:
        if self._mean is None or self._variance is None or self._given is not None:
            return []
        if self._count is None:  # no file of pydl's has it
            with apart_from_files():
                self._count = Variable((), self.dtype, "count", trainable=False)
            self._count.path = f"{self.name}/count"
        return [self._mean, self._variance, self._count]

    @property
    def weights(self) -> list[Variable]:
        """Mean, variance and, as Keras has it, a count, which means nothing; none where the former were given."""
        return self._own_in_order()

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments as plain JSON values; what `adapt` learnt are weights."""
        mean, variance = (None, None) if self._given is None else (g.tolist() for g in self._given)
        return {**super().get_config(), "mean": mean, "variance": variance}

    def _own_axes(self, shape: Sequence[int | None]) -> list[int]:
        """The axes that have statistics of their own, in order."""
        rank = len(shape)
        axes = sorted({a + rank if a < 0 else a for a in self._axes})
        if any(not 0 < a < rank for a in axes):
            raise ValueError(
                f'Normalization "{self.name}": All `axis` values must be in the range of axes behind the batch, '
                f"[1, {rank}) or negative, got {self.axis} for {tuple(shape)}"
            )
        return axes

    def build(self, input_shape: Any) -> None:
        own = self._own_axes(input_shape)
        repeated = tuple(input_shape)[own[0] :] if own else ()
        if None in repeated:
            raise ValueError(
                f'Normalization "{self.name}": All `axis` values to be kept, and those behind them, must have a known '
                f"size, got axis={self.axis} for {tuple(input_shape)}"
            )
        sizes = tuple(int(input_shape[a]) for a in own)
        places = tuple(a - own[0] for a in own)

        def layout(least: float) -> Callable[[Sequence[int], str], Layout]:
            return partial(_Statistics, repeated=repeated, own=places, least=least)

        self._shape, self._columns = tuple(input_shape), math.prod(repeated)
        self._mean = self._statistic("mean", sizes, 0.0, layout(-np.inf))
        self._variance = self._statistic("variance", sizes, 1.0, layout(_LEAST))
        if not self.invert:
            self._rest = self._statistic("mean_rest", sizes, 0.0, layout(-np.inf))
            self._mean.layout.rest = self._rest  # type: ignore[attr-defined]
        if self._given is not None:
            try:
                mean, variance = (np.broadcast_to(g, sizes) for g in self._given)
            except ValueError:
                raise ValueError(
                    f'Normalization "{self.name}": expected mean and variance of shape {sizes}, got '
                    f"{[g.shape for g in self._given]}"
                ) from None
            self._assign(mean, 0.0, variance)

    def _statistic(
        self, name: str, sizes: tuple[int, ...], value: float, layout: Callable[[Sequence[int], str], Layout]
    ) -> Variable:
        if self._given is None:
            return self.add_weight(sizes, "zeros" if value == 0 else "ones", name=name, trainable=False, layout=layout)
        with apart_from_files():
            return Variable(sizes, self.dtype, name, trainable=False, layout=layout)

    def _assign(self, near: Array, rest: Any, variance: Array) -> None:
        """Set the mean, near + rest, and the variance."""
        assert self._mean is not None
        assert self._variance is not None
        with np.errstate(over="ignore"):
            narrow, spread = (near + rest).astype(self.dtype), variance.astype(self.dtype)
        if not (np.isfinite(narrow).all() and np.isfinite(spread).all()):
            raise ValueError(
                f'Normalization "{self.name}": its mean or variance is no finite {self.dtype}: impute what is missing; '
                'scale what is huge, or take dtype="float64"'
            )
        self._mean.assign(narrow)
        self._variance.assign(spread)
        if self._rest is not None:
            self._rest.assign(near - narrow + rest)

    def adapt(self, data: Any) -> None:
        """Learn mean and variance of the data, and forget what was learnt before.

        Parameters
        ----------
        data : array, frame, or iterable of batches
            Rows, the batch first. Of batches that are tuples, such as (inputs, targets), the first entry counts.

        Raises
        ------
        ValueError
            NaN or infinity; no rows; rows of another shape than the layer was built for; a layer with given values.
        """
        if self._given is not None:
            raise ValueError(f'Normalization "{self.name}": its mean and variance were given; make one without them')
        count, near, rest, squares = 0, np.zeros(()), np.zeros(()), np.zeros(())
        for batch in _batches(data):
            rows = check.numeric(f'Normalization "{self.name}"', "data", batch).astype(np.float64)
            rows = rows[:, np.newaxis] if rows.ndim == 1 else rows
            self._build_once((None, *rows.shape[1:]))
            assert self._mean is not None
            own = self._own_axes(rows.shape)
            if tuple(rows.shape[a] for a in own) != self._mean.shape:
                raise ValueError(
                    f'Normalization "{self.name}": expected rows {self.input_shape}, got an incompatible shape, '
                    f"{rows.shape}"
                )
            flat = np.moveaxis(rows, own, range(-len(own), 0)).reshape(-1, *self._mean.shape)
            if not len(flat):
                continue
            if not np.isfinite(flat).all():
                raise ValueError(f'Normalization "{self.name}": data hold NaN or infinity; drop or impute such rows')
            if not count:
                near = flat.mean(axis=0)
            flat = flat - near  # from here on numbers whose rounding is that of deviations
            center = flat.mean(axis=0)
            step, total = center - rest, count + len(flat)
            squares = squares + ((flat - center) ** 2).sum(axis=0) + step**2 * (count * len(flat) / total)
            rest, count = rest + step * (len(flat) / total), total
        if not count:
            raise ValueError(f'Normalization "{self.name}": expected at least one row of data, not an empty iterable')
        self._assign(near, rest, np.asarray(squares / count))

    def compute_output_shape(self, input_shape: Any) -> Any:
        stored = () if self._mean is None else self._mean.layout.storage
        if tuple(input_shape)[len(input_shape) - len(stored) :] != stored:
            raise ValueError(
                f'Normalization "{self.name}": expected input whose last axes are {stored}, got {tuple(input_shape)}'
            )
        return tuple(input_shape)

    def emit_forward(self, b: Builder, *x: Tensor) -> Tensor:
        t = x[0]
        b.note_reader(t)
        y = b.tensor(t.shape, t)
        if self.invert:
            self._scale(b, t, t.buffer, y.buffer)
            self._emit(b, t, y.buffer, y.buffer, beta=self._mean)
        else:
            self._emit(b, t, t.buffer, y.buffer, mean=self._mean)
            self._emit(b, t, y.buffer, y.buffer, mean=self._rest, var=self._variance)
        return y

    def emit_backward(self, b: Builder, *x: Tensor, y: Tensor) -> None:
        dy = b.gradient(y)
        b.add_input_gradient(x[0], lambda dx, _: self._scale(b, x[0], dy, dx))

    def _scale(self, b: Builder, t: Tensor, x: Any, y: Buffer) -> None:
        """y = x / deviation or, inverted, x * deviation."""
        self._emit(b, t, x, y, var=self._variance)
        if self.invert:
            self._emit(b, t, y, y, gamma=self._variance)

    def _emit(self, b: Builder, t: Tensor, x: Any, y: Buffer, **given: Variable | None) -> None:
        """y = gamma * (x - mean) / sqrt(var) + beta, with 0 and 1 for what is not given."""
        n = self._columns
        one, zero = b.zeros((n,)), b.zeros((n,))
        array_of(one)[...] = 1
        buffers = {"mean": zero, "var": one, **{name: v.buffer for name, v in given.items() if v is not None}}
        per_sample = t.columns // n
        b.emit("bn_infer", x=x, y=y, B=t.batch * per_sample, L=per_sample, O=n, eps=0.0, **buffers)


def _batches(data: Any) -> Iterator[Any]:
    """The batches of inputs that data consist of."""
    if hasattr(data, "__array__") or hasattr(data, "__dlpack__"):
        yield data
        return
    if isinstance(data, list | tuple):
        first = data[0] if len(data) else None
        inputs: Any = first[0] if isinstance(first, tuple) and first else first
        if not (hasattr(inputs, "shape") and np.ndim(inputs) > 1):
            yield data
            return
    batches = data
    if hasattr(data, "__getitem__") and hasattr(data, "__len__"):  # such as a PyDataset, which ends by its length only
        batches = (data[i] for i in range(len(data)))
    if not isinstance(batches, Iterable):
        raise TypeError(f"Normalization.adapt: expected an array, or an iterable of batches, got {data!r}")
    for batch in batches:
        yield batch[0] if isinstance(batch, tuple) else batch
