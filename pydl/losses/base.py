"""What losses share: reductions, direct calls, the kernel behind them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from functools import lru_cache
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np

from pydl._base.args import one_of, real, text
from pydl._base.arrays import align, float_array, sizes
from pydl._base.reductions import REDUCTIONS, reduced
from pydl._base.registry import Configurable, serialize, snake_case, tables
from pydl._engine.facts import run_op
from pydl._engine.following import Followed, fitted
from pydl._engine.graph import SymbolicTensor
from pydl._engine.lent import lending
from pydl._engine.masked_array import mask_of
from pydl._engine.operators import Operators
from pydl._engine.tape import Traced, differentiable, value_of
from pydl.config import standardize_dtype


class Loss(Configurable):
    """Base class of losses.

    A user's own loss leaves `op` at None and implements `call` with functions of `pydl.ops` and operators, which give
    its gradient; or `call` and `gradient` on NumPy arrays.

    Parameters
    ----------
    name : str, optional
    reduction : {"sum_over_batch_size", "mean", "mean_with_sample_weight", "sum", "none", None}
        Default "sum_over_batch_size". What becomes of the weighted values: their mean (the first two: divided by their
        number), their sum divided by that of the weights, their sum, or themselves.
    dtype : {"float32", "float64", "float16", "bfloat16"}, optional
        Of direct calls, default `pydl.config.floatx()`; training uses the model's. The latter two are computed in
        float32 and rounded; "bfloat16" needs the package `ml_dtypes`.
    """

    #: Name of the kernel that takes predictions, None for losses written in NumPy.
    op: str | None = None
    #: Activation of the output layer -> name of the kernel that takes its inputs (logits, logarithms) instead.
    fused: Mapping[str, str] = MappingProxyType({})
    #: Whether targets are class numbers, or other numbers of which a row has one.
    sparse: bool = False
    #: Whether those name columns of the predictions.
    names_columns: bool = True
    #: A class whose rows do not count.
    ignore_class: float | None = None
    #: Whether targets must be in [0, 1].
    probability_targets: bool = False
    #: Whether `call` is a formula of a user's own, in functions of `pydl.ops` or NumPy.
    in_code: bool = False
    #: Whether targets and predictions may change places.
    symmetric: bool = False

    def __init__(
        self, name: str | None = None, reduction: str | None = "sum_over_batch_size", dtype: Any = None
    ) -> None:
        owner = type(self).__name__
        self.name = snake_case(owner) if name is None else text(owner, "name", name)
        self.reduction = one_of(owner, "reduction", reduction, REDUCTIONS)
        self._dtype, self._computes_in = _precision(dtype)
        self._own_dtype = dtype is not None

    @property
    def dtype(self) -> str:
        """Of the results of direct calls."""
        return self._dtype

    def fields(self) -> dict[str, Any]:
        """Constants of the kernel, by field."""
        return {}

    def scale(self, rows: int) -> float:
        """What the sum of the weighted values of `rows` rows is multiplied by.

        Raises
        ------
        ValueError
            reduction "none": there is no single number to minimise.
        """
        if self.reduction in (None, "none"):
            raise ValueError(f'Loss "{self.name}": reduction={self.reduction!r} gives no single number; use "sum"')
        return 1.0 if self.reduction == "sum" else 1.0 / rows

    @property
    def normalization(self) -> int:
        """What weights are divided by: 0 nothing; 1 how many of a mask count; 2 their sum."""
        return {"sum_over_batch_size": 1, "mean": 1, "mean_with_sample_weight": 2}.get(str(self.reduction), 0)

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments as plain JSON values; dtype only where one was given."""
        config = super().get_config()
        if not self._own_dtype:
            config.pop("dtype", None)
        return config

    def check_output(self, shape: tuple[int | None, ...]) -> None:
        """Raise ValueError if predictions of this shape cannot be judged."""

    def values_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Shape of the values that `call` returns for predictions of this shape."""
        return shape[:-1]

    def counted(self, y_true: np.ndarray, values: np.ndarray) -> np.ndarray | None:
        """Which of the values count, None if all do: a mean is one over these."""
        return None

    def call(self, y_true: np.ndarray, y_pred: Any) -> Any:
        """One value per row: shape y_pred.shape[:-1]."""
        raise NotImplementedError(f"{type(self).__name__} must implement call(y_true, y_pred)")

    def __init_subclass__(cls, **options: Any) -> None:
        """A `call` of a user's own is what counts, and has the gradient that its functions have."""
        super().__init_subclass__(**options)
        if "__call__" in vars(cls) and "call" not in vars(cls) and not cls.__module__.startswith("pydl."):
            cls.call = cls.__call__  # type: ignore[method-assign]
        if "call" in vars(cls) and not cls.__module__.startswith("pydl."):
            cls.in_code = True
            if not {"gradient", "pullback"} & set(vars(cls)):
                cls.gradient, cls.pullback = Loss.gradient, Loss.pullback  # type: ignore[method-assign]

    def each(self, y_true: Any, y_pred: Any) -> Any:
        """`call`, of tensors and, in the code of a loss or layer, of what gradients are taken of, too."""
        if self.in_code or not (isinstance(y_true, Operators) or isinstance(y_pred, Operators)):
            return self.call(y_true, y_pred)
        symbolic = isinstance(y_true, SymbolicTensor) or isinstance(y_pred, SymbolicTensor)
        loss = json.dumps(serialize(self)) if symbolic else self
        return _each(y_true, y_pred, loss, isinstance(y_true, Operators))

    def values(self, y_true: np.ndarray, y_pred: np.ndarray) -> np.ndarray:
        """A value for each row, where `call` may return other shapes: see `fitted`."""
        result = np.asarray(value_of(lending(self.call, self, y_true, y_pred)))
        return fitted(self, result, y_pred.shape)[0]

    def followed(self, y_true: np.ndarray, y_pred: np.ndarray) -> Followed | None:
        """Values and what they send back, of a formula whose gradient is that of its functions; None for others."""
        own = type(self).gradient is Loss.gradient and type(self).pullback is Loss.pullback
        return Followed(self, y_true, y_pred) if own else None

    def gradient(self, y_true: np.ndarray, y_pred: np.ndarray) -> np.ndarray:
        """Derivative of each row's value by that row's predictions: the shape of y_pred."""
        return self.pullback(y_true, y_pred, 1.0)

    def pullback(self, y_true: np.ndarray, y_pred: np.ndarray, factors: Any) -> np.ndarray:
        """Derivative of the sum of factors times values by the predictions; factors: a number, or one for each value.

        To be overridden, instead of `gradient`, where a value depends on more than one row.
        """
        if type(self).gradient is not Loss.gradient:
            slope = np.asarray(self.gradient(y_true, y_pred))
            return slope * (factors[..., np.newaxis] if np.ndim(factors) else factors)
        return Followed(self, y_true, y_pred).pull(factors)

    def _traced(self, y_true: Any, y_pred: Any, sample_weight: Any) -> Any:
        """The loss as a value that gradients can be taken back from: in the code of a layer."""
        if self.in_code and isinstance(y_true, Traced) and sample_weight is None:
            return self._reduced(self.each(y_true, y_pred))
        y, targets = value_of(y_pred), value_of(y_true)
        y = y if isinstance(y_pred, Traced) else float_array(self.name, "y_pred", y)
        t = targets if self.sparse else float_array(self.name, "y_true", targets, y.dtype.name)
        ones = np.ones(self.values_shape(y.shape), y.dtype)
        shares = reduced(self.name, ones, sample_weight, None, None)  # of each value in what is reduced
        total = reduced(self.name, ones, sample_weight, None, self.reduction)
        share = np.sum(total) / max(float(np.sum(shares)), np.finfo(y.dtype).tiny)
        value = np.asarray(self(t, y, sample_weight))
        tape, both = next(v.tape for v in (y_true, y_pred) if isinstance(v, Traced)), isinstance(y_true, Traced)
        return tape.note(value, [y_true, y_pred], lambda dy: self.slopes(shares * share * dy, t, y, both))

    def slopes(self, factors: Any, t: Any, y: Any, both: bool) -> tuple[Any, Any]:
        """What `pullback` gives by the targets, where that is asked for, and by the predictions."""
        return self.by_targets(t, y, factors) if both else None, self.pullback(t, y, factors)

    def by_targets(self, y_true: Any, y_pred: Any, factors: Any) -> Any:
        """Derivative of the sum of factors times values by the targets."""
        if self.symmetric:
            return self.pullback(y_pred, y_true, factors)
        raise ValueError(
            f'Loss "{self.name}": its gradient by y_true is not known; pydl.ops.stop_gradient(y_true) lets it count as '
            "a constant"
        )

    def _symbolic(self, y_true: Any, y_pred: Any, sample_weight: Any) -> Any:
        """The loss as a tensor of a model."""
        if sample_weight is not None:
            raise TypeError(f'Loss "{self.name}": sample_weight is for arrays; multiply what reduction="none" gives')
        return self._reduced(self.each(y_true, y_pred))

    def _reduced(self, values: Any) -> Any:
        if self.reduction in (None, "none"):
            return values
        return Operators.operate("sum" if self.reduction == "sum" else "mean", values)

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """The loss of a batch.

        Parameters
        ----------
        y_true : array_like
            Targets: the shape of `y_pred`, or, for sparse losses, class numbers without the last axis.
        y_pred : array_like, shape (..., O)
        sample_weight : array_like, optional
            One weight per row, or per sample where a sample has several rows.

        Returns
        -------
        A number of `dtype`, or with reduction "none" an array of shape y_pred.shape[:-1].

        Raises
        ------
        ValueError
            Shapes that do not fit, class numbers out of range, no rows at all.
        """
        if isinstance(y_pred, Traced) or isinstance(y_true, Traced):
            return self._traced(y_true, y_pred, value_of(sample_weight))
        if isinstance(y_pred, SymbolicTensor) or isinstance(y_true, SymbolicTensor):
            return self._symbolic(y_true, y_pred, sample_weight)
        t = y_true if self.sparse else float_array(self.name, "y_true", y_true, self._computes_in)
        y = float_array(self.name, "y_pred", y_pred, self._computes_in)
        values = np.asarray(value_of(lending(self.call, self, t, y)))
        mask = mask_of(y_pred)
        counted = self.counted(t, values)
        if counted is not None:
            mask = counted if mask is None else counted * np.reshape(mask, counted.shape)
        if self.reduction not in (None, "none") and values.size == 0:
            raise ValueError(f'Loss "{self.name}": expected at least one row, got y_pred {np.shape(y_pred)}')
        result = reduced(self.name, values, sample_weight, mask, self.reduction).astype(self.dtype)
        return result if result.ndim else result[()]


def _slopes(dy: np.ndarray, y: np.ndarray, y_true: Any, y_pred: Any, loss: Any, both: bool) -> tuple[Any, Any]:
    found: tuple[Any, Any] = _described(loss).slopes(dy, y_true, y_pred, both)
    return found


@differentiable(_slopes, 2)
def _each(y_true: Any, y_pred: Any, loss: Any, both: bool) -> Any:
    """A value for each row, by a loss or the description of one; `both`: gradients by the targets as well."""
    return _described(loss).call(y_true, y_pred)


def _described(loss: Any) -> Any:
    return _read(loss) if isinstance(loss, str) else loss


@lru_cache(maxsize=64)
def _read(loss: str) -> Any:
    return tables["loss"].deserialize(json.loads(loss))


def _precision(dtype: Any) -> tuple[str, str]:
    """The dtype of results, and that of the arithmetic behind them."""
    if dtype == "bfloat16":
        with suppress(ImportError):
            import ml_dtypes  # noqa: F401  # by which NumPy knows the name
    try:
        name = np.dtype(dtype).name if dtype is not None else ""
    except TypeError:
        name = ""
    return (name, "float32") if name in ("float16", "bfloat16") else (standardize_dtype(dtype),) * 2


class _Kernel:
    """What a loss's kernel computes, whatever the loss itself does with that."""

    def __init__(self, loss: KernelLoss) -> None:
        self.loss = loss

    def call(self, y_true: Any, y_pred: Any) -> np.ndarray:
        return self.loss._run(y_true, y_pred, gradient=False)

    def slopes(self, factors: Any, t: Any, y: Any, both: bool) -> tuple[Any, Any]:
        found = self.loss.along(self.loss._run(t, y, gradient=True), factors)
        return self.loss.by_targets(t, y, factors) if both else None, found


class KernelLoss(Loss):
    """A loss computed by the kernel `op`."""

    op: str | None
    _kernel: str = ""
    #: Axis of the predictions over which a value is taken.
    axis: int = -1

    def call(self, y_true: Any, y_pred: Any) -> Any:
        if isinstance(y_true, Operators) or isinstance(y_pred, Operators):  # in the `call` of a class derived from it
            return _each(y_true, y_pred, _Kernel(self), isinstance(y_true, Operators))
        return self._run(y_true, y_pred, gradient=False)

    def gradient(self, y_true: Any, y_pred: Any) -> np.ndarray:
        return self._run(y_true, y_pred, gradient=True)

    def _along(self, axis: Any) -> None:
        """Take values over this axis of the predictions. Kernels know the last one only: over another one, training
        calls `call` and `gradient`, which turn the arrays."""
        owner = type(self).__name__
        if isinstance(axis, bool) or not isinstance(axis, int | np.integer):
            raise ValueError(f"{owner}: axis must be an integer, got {axis!r} ({type(axis).__name__})")
        self.axis = int(axis)
        if self.axis != -1:
            self.leave_kernel()

    def leave_kernel(self) -> None:
        """Let training call `call` and `gradient`."""
        self._kernel, self.op, self.fused = str(self.op), None, {}

    def pullback(self, y_true: np.ndarray, y_pred: np.ndarray, factors: Any) -> np.ndarray:
        return self.along(self.gradient(y_true, y_pred), factors)

    def along(self, slope: np.ndarray, factors: Any) -> np.ndarray:
        """A slope of each row times a number, or one for each row."""
        return slope * (np.expand_dims(factors, self.axis) if np.ndim(factors) else factors)

    def by_targets(self, y_true: Any, y_pred: Any, factors: Any) -> Any:
        slope = self._target_slope(y_true, y_pred)
        return super().by_targets(y_true, y_pred, factors) if slope is None else self.along(slope, factors)

    def _target_slope(self, t: np.ndarray, y: np.ndarray) -> np.ndarray | None:
        """Derivative of each row's value by that row's targets; None where it is not known."""
        return None

    def values_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        at = range(len(shape))[self.axis]
        return shape[:at] + shape[at + 1 :]

    def _run(self, y_true: Any, y_pred: Any, *, gradient: bool) -> np.ndarray:
        turned = self.axis != -1
        if turned:
            y_true, y_pred = _turned(self, y_true, y_pred)
        t, y = align(self.name, y_true, y_pred, sparse=self.sparse, labels=self.sparse and self.names_columns)
        values, dy = np.empty(y.shape[:-1], y.dtype), np.empty_like(y) if gradient else None
        run_op(
            self.op or self._kernel,
            y.dtype.name,
            y=y,
            t=t,
            loss=values,
            dy=dy,
            L=1,
            scale=1.0,
            **sizes(y),
            **self.fields(),
        )
        if dy is None:
            return values
        return np.moveaxis(dy, -1, self.axis) if turned else dy


def _turned(loss: KernelLoss, y_true: Any, y_pred: Any) -> tuple[np.ndarray, np.ndarray]:
    """Targets and predictions with the loss's axis last."""
    y, t = np.asarray(y_pred), np.asarray(y_true)
    if not -y.ndim <= loss.axis < y.ndim:
        raise ValueError(f"{loss.name}: axis={loss.axis} is none of y_pred {y.shape}")
    if t.ndim == y.ndim:
        t = np.moveaxis(t, loss.axis, -1)
    return t, np.moveaxis(y, loss.axis, -1)


class Crossentropy(KernelLoss):
    """A cross-entropy, from probabilities by the kernel `probabilities`, from logits by the one in `logits`."""

    probabilities: str
    logits: ClassVar[Mapping[str, str]]

    def __init__(self, from_logits: bool, axis: int, reduction: str | None, name: str, dtype: Any) -> None:
        super().__init__(name, reduction, dtype)
        self.from_logits = bool(from_logits)
        self.op = next(iter(self.logits.values())) if self.from_logits else self.probabilities
        self.fused = {} if self.from_logits else self.logits
        self._along(axis)


class SmoothedCrossentropy(Crossentropy):
    """A cross-entropy whose targets are shares, mixed with the uniform distribution by `label_smoothing`."""

    probability_targets = True

    def __init__(
        self, from_logits: bool, label_smoothing: float, axis: int, reduction: str | None, name: str, dtype: Any
    ) -> None:
        super().__init__(from_logits, axis, reduction, name, dtype)
        self.label_smoothing = real(type(self).__name__, "label_smoothing", label_smoothing, at_least=0, at_most=1)

    def fields(self) -> dict[str, Any]:
        return {"smooth": self.label_smoothing}
