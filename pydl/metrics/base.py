"""What all metrics share: sums over rows, kept in double, and the call of a kernel or a function that fills them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Self

import numpy as np

from pydl import losses
from pydl._base.args import text
from pydl._base.arrays import align, float_array, of_one_rank, row_weights, sizes
from pydl._base.registry import Configurable, custom_function, serialize, snake_case
from pydl._engine.facts import run_op
from pydl.config import standardize_dtype


class Metric(Configurable):
    """Base class of metrics: `total / count`, a weighted mean over rows.

    A user's own metric leaves `op` at None and overrides `update_state`, and `result` and `reset_state` as needed.

    Parameters
    ----------
    name : str, optional
    dtype : {"float32", "float64"}, optional
        Of direct calls, default `pydl.config.floatx()`; training uses the model's.

    Attributes
    ----------
    total, count : float
        Sum of the weighted values and of the weights (of ones, without weights) so far.
    """

    #: Name of the kernel that gives one value per row, None for metrics written in NumPy.
    op: str | None = None
    #: The kernel's field that takes the values.
    output: str = "m"
    #: Whether targets are class numbers.
    sparse: bool = False
    #: Whether a larger figure is better, for callbacks; None leaves it to the name of the class.
    rising: bool | None = None
    #: Whether the kernel takes a prediction that is NaN for one like others, where it has to count 0.
    counts_nan: bool = False
    #: How many figures `result` gives.
    figures: int = 1
    #: The constructor's argument that says what suits predictions which are logits, and its value then.
    on_logits: tuple[str, Any] | None = None

    def __init__(self, name: str | None = None, dtype: Any = None) -> None:
        owner = type(self).__name__
        self.name = snake_case(owner) if name is None else text(owner, "name", name)
        self.dtype = standardize_dtype(dtype)
        self.total = 0.0
        self.count = 0.0

    def fields(self) -> dict[str, Any]:
        """Constants of the kernel, by field."""
        return {}

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take in a batch.

        Parameters
        ----------
        y_true : array_like
            Targets: the shape of `y_pred`, or, for sparse metrics, class numbers without the last axis.
        y_pred : array_like, shape (..., O)
            One-dimensional ones are taken as (N, 1).
        sample_weight : array_like, optional
            One weight per row, or per sample where a sample has several rows.

        Raises
        ------
        ValueError
            Shapes that do not fit, class numbers out of range.
        """
        if self.op is None:
            raise NotImplementedError(f"{type(self).__name__} must implement update_state(y_true, y_pred)")
        y_pred = float_array(self.name, "y_pred", y_pred, self.dtype)
        if y_pred.ndim == 1 and not self.sparse:
            y_pred = y_pred[:, np.newaxis]
        t, y = align(self.name, y_true, y_pred, sparse=self.sparse)
        if self.counts_nan:  # element by element, so that those which are no numbers can be left out
            y, t = y[..., np.newaxis], t[..., np.newaxis]
        values = np.empty(y.shape[:-1], y.dtype)
        outputs = {self.output: values}
        run_op(self.op, y.dtype.name, y=y, t=t, L=1, **outputs, **sizes(y), **self.fields())
        if self.counts_nan:
            values = (values * ~np.isnan(y[..., 0])).mean(axis=-1, dtype=np.float64)
        self._add(values, sample_weight)

    def result(self) -> float:
        """The figure so far; 0 before any."""
        return self.total / self.count if self.count else 0.0

    def reset_state(self) -> None:
        """Forget all batches."""
        self.total = 0.0
        self.count = 0.0

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> float:
        """`update_state`, then `result`."""
        self.update_state(y_true, y_pred, sample_weight)
        return self.result()

    def _add(self, values: np.ndarray, sample_weight: Any) -> None:
        if sample_weight is None:
            self.total += float(np.sum(values, dtype=np.float64))
            self.count += values.size
        else:
            w = row_weights(self.name, sample_weight, values.shape)
            self.total += float(np.sum(values * w, dtype=np.float64))
            self.count += float(np.sum(w))


class LossMetric(Metric):
    """The (weighted) mean of a loss over rows, by the loss's kernel."""

    output = "loss"


class Mean(Metric):
    """The (weighted) mean of values: `update_state(values, sample_weight=None)`.

    Parameters
    ----------
    name : str, default "mean"
    dtype
        As for `Metric`.
    """

    def __init__(self, name: str = "mean", dtype: Any = None) -> None:
        super().__init__(name, dtype)

    def update_state(self, values: Any, sample_weight: Any = None) -> None:  # type: ignore[override]
        """Take in values of any shape, with weights of the same shape or of its beginning."""
        self._add(float_array(self.name, "values", values, "float64"), sample_weight)

    def __call__(self, values: Any, sample_weight: Any = None) -> float:  # type: ignore[override]
        """`update_state`, then `result`."""
        self.update_state(values, sample_weight)
        return self.result()


class MeanMetricWrapper(Metric):
    """The (weighted) mean of the values of a function or of a loss.

    A file holds only the function's name; who loads it hands the function over in `custom_objects`.

    Parameters
    ----------
    fn : callable (y_true, y_pred, **kwargs) -> array_like, or Loss
        One value per sample: an array whose first axis is that of the batch. A mean over the batch would make the
        result depend on the size of the batches.
    name : str, optional
        Default that of `fn`.
    dtype
        As for `Metric`.
    **kwargs
        Passed on to `fn`.
    """

    def __init__(
        self, fn: Callable[..., Any] | losses.Loss, name: str | None = None, dtype: Any = None, **kwargs: Any
    ) -> None:
        super().__init__(name or getattr(fn, "name", getattr(fn, "__name__", None)), dtype)
        self.fn = fn
        self.kwargs = kwargs
        self._values = fn.call if isinstance(fn, losses.Loss) else fn

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        t, y = of_one_rank(np.asarray(y_true), np.asarray(y_pred))
        values = float_array(self.name, "values", self._values(t, y, **self.kwargs), "float64")
        if values.shape[:1] != y.shape[:1]:
            raise ValueError(
                f'Metric "{self.name}": the function must return one value per sample, an array of shape '
                f"({len(y)}, ...), got shape {values.shape}; leave out the mean over the batch"
            )
        if not any(_begins(values.shape, a.shape) for a in (y, t)):
            raise ValueError(
                f'Metric "{self.name}": the function returned shape {values.shape} for y_true {t.shape} and y_pred '
                f"{y.shape}; expected one value per sample or per element: bring both to one shape before they meet"
            )
        self._add(values, sample_weight)

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments as plain JSON values, a function by its name."""
        config = {"name": self.name, "dtype": self.dtype, **self.kwargs}
        if isinstance(self.fn, losses.Loss):
            return {"fn": serialize(self.fn), **config}
        name = getattr(self.fn, "__name__", "<lambda>")
        if name == "<lambda>":
            raise TypeError(f'Metric "{self.name}": cannot save {self.fn!r}: give the function a name with def')
        return {"fn": name, **config}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """The metric that `get_config` described, its function from `custom_objects`."""
        config = dict(config)
        fn = config.pop("fn", None)
        return cls(losses.deserialize(fn) if isinstance(fn, Mapping) else custom_function(fn), **config)


def _begins(shape: tuple[int, ...], whole: tuple[int, ...]) -> bool:
    """Whether a shape is the beginning of another one, but for a last axis of size one."""
    return shape == whole[: len(shape)] or (shape[-1:] == (1,) and shape[:-1] == whole[: len(shape) - 1])


def judged(owner: str, y_true: Any, y_pred: Any, sample_weight: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Whether targets are positive (not 0), predictions, and float64 weights: all of shape (..., O)."""
    y = float_array(owner, "y_pred", y_pred)
    t, y = align(owner, y_true, y[:, np.newaxis] if y.ndim == 1 else y, sparse=False)
    rows = np.ones(y.shape[:-1]) if sample_weight is None else row_weights(owner, sample_weight, y.shape[:-1])
    return t != 0, y, np.broadcast_to(rows[..., np.newaxis], y.shape)
