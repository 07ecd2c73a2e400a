"""What all metrics share: variables, kept in double, and the call of a kernel or a function that adds to them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, Self

import numpy as np

from pydl import initializers, losses
from pydl._base.args import text
from pydl._base.arrays import align, float_array, of_one_rank, sizes, weighted_sums
from pydl._base.naming import unique_name
from pydl._base.registry import Configurable, custom_function, function_name, serialize, snake_case
from pydl._engine.facts import run_op
from pydl._engine.lent import lending
from pydl._engine.masked_array import weights_of
from pydl._engine.state import StateVariable
from pydl._engine.watching import of_values
from pydl.config import floatx, standardize_dtype


class Metric(Configurable):
    """Base class of metrics.

    A user's own metric makes its variables in the constructor, `self.hits = self.add_variable(shape=(),
    initializer="zeros", name="hits")`, and overrides `update_state` and `result`, all in NumPy.

    Parameters
    ----------
    name : str, optional
    dtype : str, optional
        Of direct calls, default `pydl.config.floatx()`; training uses the model's. Sums are kept in double in any case.

    Attributes
    ----------
    variables : list of StateVariable
        What the metric keeps: those made by `add_variable`, in order, then others that attributes, lists and
        dictionaries of it hold, then those of metrics among them.
    total, count : float
        For metrics without variables: what `result` divides.
    """

    #: Name of the kernel that gives one value per row, None for metrics written in NumPy.
    op: str | None = None
    #: Whether `update_state` is a user's own.
    in_code: bool = False
    #: That of a class from which one with an `update_state` of its own is derived.
    _kernel: str | None = None
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
    #: Whether names that are not given are numbered over the process, where Keras gives a constant one.
    numbered: bool = True
    #: The constructor's argument that says what suits predictions which are logits, and its value then.
    on_logits: tuple[str, Any] | None = None

    total: Any = 0.0
    count: Any = 0.0

    def __init_subclass__(cls, **options: Any) -> None:
        """Let `update_state` take what code of layers computes with: no gradient goes through a metric."""
        super().__init_subclass__(**options)
        if "update_state" in vars(cls):
            cls.update_state = of_values(cls.update_state)  # type: ignore[method-assign]
            if "op" not in vars(cls) and not cls.__module__.startswith("pydl."):  # it is what counts, in training too
                cls.in_code, cls._kernel, cls.op = True, cls.op or cls._kernel, None

    def __init__(self, name: str | None = None, dtype: Any = None) -> None:
        owner = type(self).__name__
        self._made: list[StateVariable] = []
        named = snake_case(owner)
        self.name = text(owner, "name", name) if name is not None else unique_name(named) if self.numbered else named
        self._dtype = _dtype_name(dtype)

    @property
    def dtype(self) -> str:
        """Name of the dtype."""
        return self._dtype

    # -- state ----------------------------------------------------------------------------------------------------

    def add_variable(
        self, shape: Any = (), initializer: Any = None, dtype: Any = None, aggregation: str = "sum", name: str = ""
    ) -> StateVariable:
        """A variable of this metric, which `reset_state` sets to zero.

        Parameters
        ----------
        shape : tuple of int, default ()
        initializer : str, Initializer, array or number, optional
            Default zeros.
        dtype : str, optional
            Floating-point numbers are kept in double.
        aggregation
            Without meaning here.
        name : str
        """
        self._check_made()
        if isinstance(initializer, np.ndarray | float | int):
            value = np.broadcast_to(initializer, shape)
        else:
            made = initializers.get("zeros" if initializer is None else initializer)
            assert made is not None
            value = made(tuple(shape), "float64")
        variable = StateVariable(value, "float64" if dtype is None else _dtype_name(dtype), name)
        self._made.append(variable)
        return variable

    def add_weight(
        self, shape: Any = (), initializer: Any = None, dtype: Any = None, name: str = "", **kwargs: Any
    ) -> StateVariable:
        """`add_variable` by an older name, which takes further arguments and leaves them out of account."""
        return self.add_variable(shape, initializer, dtype, name=name)

    @property
    def variables(self) -> list[Any]:
        """See the class."""
        self._check_made()
        found = list(held(vars(self)))
        own = [v for v in found if not isinstance(v, Metric)]
        inner = [v for metric in found if isinstance(metric, Metric) for v in metric.variables]
        return list({id(v): v for v in (*own, *inner)}.values())

    def fields(self) -> dict[str, Any]:
        """Constants of the kernel, by field."""
        return {}

    def build(self, y_pred_shape: tuple[int | None, ...]) -> None:
        """Make the variables whose shapes depend on that of the predictions; `update_state` does if nobody has."""

    def saved_state(self) -> np.ndarray:
        """All that the metric has summed up so far, as numbers that `restore_state` takes."""
        return np.concatenate([np.ravel(v) for v in self.variables or (self.total, self.count)]).astype(np.float64)

    def restore_state(self, numbers: Any) -> None:
        """Go on from what `saved_state` gave."""
        if not self.variables:
            self.total, self.count = numbers
            return
        values = np.asarray(numbers)
        ends = np.cumsum([np.size(v) for v in self.variables])
        if len(values) != ends[-1]:
            raise ValueError(f'Metric "{self.name}": expected a state of {ends[-1]} numbers, got {len(values)}')
        for v, part in zip(self.variables, np.split(values, ends[:-1]), strict=True):
            v.assign(part.reshape(v.shape))

    def _check_made(self) -> None:
        if "_made" not in vars(self):
            raise RuntimeError(
                f"{type(self).__name__}: call super().__init__(name=name) at the beginning of its constructor"
            )

    # -- use ------------------------------------------------------------------------------------------------------

    def update_state(self, *args: Any, **kwargs: Any) -> Any:
        """Take in a batch: `update_state(y_true, y_pred, sample_weight=None)`."""
        raise NotImplementedError(f"{type(self).__name__} must implement update_state(y_true, y_pred)")

    def result(self) -> Any:
        """The figure so far; 0 before any."""
        count = float(self.count)
        return np.float64(float(self.total) / count if count else 0.0)

    def reset_state(self) -> None:
        """Forget all batches."""
        variables = self.variables
        for v in variables:
            v.assign(np.zeros(v.shape))
        if not variables:
            self.total = self.count = 0.0

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """`update_state`, then `result`."""
        self._check_made()
        self.update_state(*args, **kwargs)
        return self.result()

    @contextmanager
    def _holding(self, values: Sequence[Any]) -> Iterator[None]:
        """Within the `with` block, the variables have these values."""
        variables = self.variables
        if len(values) != len(variables):
            raise ValueError(
                f'Metric "{self.name}": expected {len(variables)} arrays, one for each of its variables, got '
                f"{len(values)}"
            )
        before = [v.numpy() for v in variables]
        try:
            for v, value in zip(variables, values, strict=True):
                v.assign(np.asarray(value))
            yield
        finally:
            for v, value in zip(variables, before, strict=True):
                v.assign(value)

    def stateless_update_state(self, metric_variables: Sequence[Any], *args: Any, **kwargs: Any) -> list[np.ndarray]:
        """The values that the variables would have after `update_state`, from those given; the metric stays as it is.

        Raises
        ------
        ValueError
            When there are not as many values as variables.
        """
        with self._holding(metric_variables):
            self.update_state(*args, **kwargs)
            return [v.numpy() for v in self.variables]

    def stateless_result(self, metric_variables: Sequence[Any]) -> Any:
        """`result` where the variables have these values; raises as `stateless_update_state` does."""
        with self._holding(metric_variables):
            return self.result()

    def stateless_reset_state(self) -> list[np.ndarray]:
        """The values that the variables would have after `reset_state`; the metric stays as it is."""
        with self._holding([v.numpy() for v in self.variables]):
            self.reset_state()
            return [v.numpy() for v in self.variables]

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments as plain JSON values; for a class that overrides this, at least name and dtype."""
        try:
            return super().get_config()
        except NotImplementedError:
            if type(self).get_config is Metric.get_config:
                raise
            return {"name": self.name, "dtype": self.dtype}

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}>"


class MeanMetric(Metric):
    """`total / count`, the weighted mean over samples of values that a kernel gives for each row.

    Attributes
    ----------
    total, count : StateVariable
        Sum of the weighted values and of the weights (of ones, without weights) so far.
    """

    numbered = False

    #: Whether there is a value for each element, each with a weight of its own if need be.
    by_element: bool = False

    #: Whether a row is one thing, such as a vector or probabilities: targets and predictions without another axis are
    #: then a single row, not a column.
    of_whole_rows: bool = False

    def __init__(self, name: str | None = None, dtype: Any = None) -> None:
        super().__init__(name, dtype)
        self.total = self.add_variable((), "zeros", name="total")
        self.count = self.add_variable((), "zeros", name="count")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take in a batch.

        Parameters
        ----------
        y_true : array_like
            Targets: the shape of `y_pred`, or, for sparse metrics, class numbers without the last axis.
        y_pred : array_like, shape (..., O)
            One-dimensional ones are taken as (N, 1); metrics that judge a row as a whole, such as cosine similarity,
            take targets and predictions of one dimension as a row.
        sample_weight : array_like, optional
            One weight per sample, per row where a sample has several, or, for metrics that judge each element by
            itself, per element; axes of size one are for all.

        Raises
        ------
        ValueError
            Shapes that do not fit, class numbers out of range.
        """
        kernel = self.op or self._kernel
        if kernel is None:
            raise NotImplementedError(f"{type(self).__name__} must implement update_state(y_true, y_pred)")
        given, dtype = y_pred, "float64" if self.dtype == "float64" else floatx()
        y_pred = float_array(self.name, "y_pred", y_pred, dtype)
        y_true, y_pred = self._with_rows(y_true, y_pred)
        t, y = align(self.name, y_true, y_pred, sparse=self.sparse)
        if self.by_element:
            y, t = y[..., np.newaxis], t[..., np.newaxis]
        values = np.empty(y.shape[:-1], y.dtype)
        outputs = {self.output: values}
        run_op(kernel, y.dtype.name, y=y, t=t, L=1, **outputs, **sizes(y), **self.fields())
        if self.counts_nan:
            values = values * ~np.isnan(y[..., 0])
        self._add(values, weights_of(given, sample_weight))

    def _with_rows(self, y_true: Any, y_pred: np.ndarray) -> tuple[Any, np.ndarray]:
        """Those of one dimension as a column or a row, see `update_state`."""
        if y_pred.ndim != 1 or self.sparse:
            return y_true, y_pred
        if self.of_whole_rows and np.ndim(y_true) == 1 and getattr(self, "axis", -1) == -1:
            return np.asarray(y_true)[np.newaxis], y_pred[np.newaxis]
        return y_true, y_pred[:, np.newaxis]

    def _add(self, values: np.ndarray, sample_weight: Any) -> None:
        total, count = weighted_sums(self.name, values, sample_weight)
        self.total.assign_add(total)
        self.count.assign_add(count)


class LossMetric(MeanMetric):
    """The (weighted) mean of a loss over rows, by the loss's kernel."""

    output = "loss"


class RowMetric(MeanMetric):
    """The (weighted) mean of what a function in NumPy gives for each row.

    Targets and predictions come to it in double and in one shape.
    """

    def rows(self, t: np.ndarray, y: np.ndarray) -> np.ndarray:
        """A value for each row."""
        raise NotImplementedError

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        y = float_array(self.name, "y_pred", y_pred, "float64")
        t, y = align(self.name, *self._with_rows(y_true, y), sparse=False)
        self._add(self.rows(t, y), weights_of(y_pred, sample_weight))


class MeanMetricWrapper(MeanMetric):
    """The (weighted) mean of the values of a function or of a loss.

    A file holds only the function's name; who loads it hands the function over in `custom_objects`.

    Parameters
    ----------
    fn : callable (y_true, y_pred, **kwargs) -> array_like, or Loss
        One value per sample, an array whose first axis is that of the batch, or one figure for the whole batch: the
        result is then the mean over batches, whatever their sizes, as in Keras.
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
        super().__init__(name or getattr(fn, "name", getattr(fn, "__name__", "").strip("<>")) or None, dtype)
        self.fn = fn
        self.kwargs = kwargs
        self._values = fn.call if isinstance(fn, losses.Loss) else fn

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        t, y = of_one_rank(np.asarray(y_true), np.asarray(y_pred))
        values = float_array(self.name, "values", lending(partial(self._values, **self.kwargs), self, t, y), "float64")
        if values.size == 1 and y.ndim and (values.ndim == 0 or len(y) != 1):
            self._add(values.reshape(()), weights_of(y_pred, sample_weight))
            return
        if values.shape[:1] != y.shape[:1]:
            raise ValueError(
                f'Metric "{self.name}": the function must return one value per sample, an array of shape '
                f"({len(y)}, ...), or one number, got shape {values.shape}"
            )
        if values.size > max(y.size, t.size) or (values.shape[1:2] == values.shape[:1] and not _begins(values, y, t)):
            raise ValueError(
                f'Metric "{self.name}": the function returned shape {values.shape} for y_true {t.shape} and y_pred '
                f"{y.shape}; expected one value per sample or per element: bring both to one shape before they meet"
            )
        self._add(values, weights_of(y_pred, sample_weight))

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments as plain JSON values, a function by its name."""
        config = {"name": self.name, "dtype": self.dtype, **self.kwargs}
        if isinstance(self.fn, losses.Loss):
            return {"fn": serialize(self.fn), **config}
        return {"fn": function_name(f'Metric "{self.name}"', self.fn), **config}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """The metric that `get_config` described, its function from `custom_objects`."""
        config = dict(config)
        fn = config.pop("fn", None)
        return cls(losses.deserialize(fn) if isinstance(fn, Mapping) else custom_function(fn), **config)


def _begins(values: np.ndarray, *given: np.ndarray) -> bool:
    """Whether the shape of some values is the beginning of that of an array given."""
    return any(values.shape == array.shape[: values.ndim] for array in given)


def held(value: Any) -> Iterator[Any]:
    """Variables and metrics in a value, and in what it is made of."""
    if isinstance(value, Metric) or (hasattr(value, "assign") and hasattr(value, "numpy")):
        yield value
    elif isinstance(value, list | tuple | Mapping):
        for part in value.values() if isinstance(value, Mapping) else value:
            yield from held(part)


def _dtype_name(dtype: Any) -> str:
    """The name of a dtype, by default `floatx()`; of a policy, that of its computations."""
    dtype = getattr(dtype, "compute_dtype", dtype)
    if isinstance(dtype, str) and dtype in ("bfloat16", "int"):  # Keras's names that NumPy does not have, or not so
        return "int32" if dtype == "int" else dtype
    try:
        known = dtype is not None and np.dtype(dtype).kind in "biuf"
    except TypeError:
        known = False
    return np.dtype(dtype).name if known else standardize_dtype(dtype)
