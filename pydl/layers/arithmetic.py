"""Arithmetic: what `x + y`, `2 * x`, `x / y` and so on of symbolic tensors stand for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from pydl._base.args import one_of
from pydl._base.arrays import float_array
from pydl._base.naming import unique_name
from pydl._engine.builder import Builder
from pydl._engine.graph import Shape, SymbolicTensor, of_any_batch
from pydl._engine.kinds import kind_of
from pydl._engine.tensor import Tensor
from pydl.layers.base import Layer

Array = np.ndarray

_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "add": np.add, "subtract": np.subtract, "multiply": np.multiply, "divide": np.divide, "power": np.power,
}  # fmt: skip


class Arithmetic(Layer):
    """`y = x1 op x2` element by element, or `x op constant`, with NumPy's broadcasting of everything but the batch.

    Sums, differences and products of tensors of one shape, and all four operations with a number, are kernels; the rest
    is computed in NumPy. Masks end here, as those of Keras do.

    Parameters
    ----------
    op : {"add", "subtract", "multiply", "divide", "power"}
    constant : number or nested list of numbers, optional
        In place of the second tensor; of a row, or of all rows if its first axis is of size one.
    reflected : bool
        Whether the constant stands on the left. Only a constant can be a power.

    Raises
    ------
    ValueError
        Shapes that cannot be broadcast, tensors of different ranks.
    """

    def __init__(self, op: str, constant: Any = None, reflected: bool = False, **kwargs: Any) -> None:
        self.op = one_of("Arithmetic", "op", op, tuple(_FUNCTIONS))
        super().__init__(**{**kwargs, "name": kwargs.get("name") or unique_name(op)})
        self.constant = (
            None if constant is None else float_array("Arithmetic", "constant", constant, "float64").tolist()
        )
        self.reflected = bool(reflected)
        self.of_whole = constant is None or np.asarray(constant).dtype.kind in "biu"

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments as plain JSON values."""
        config = super().get_config()
        if self.of_whole and self.constant is not None:
            config["constant"] = np.asarray(self.constant, np.int64).tolist()
        return config

    def kinds_of(self, tensors: Sequence[Any]) -> Sequence[str | None]:
        return [kind_of(self.op, tensors, {}) if self.of_whole else None]

    def build(self, input_shape: Any) -> None:
        tensors = len(input_shape) if isinstance(input_shape, list) else 1
        of_two = self.constant is None and self.op != "power"
        if tensors != 1 + of_two or (self.constant is None and not of_two):
            wanted = "two tensors" if of_two else "one tensor and a constant"
            raise ValueError(f'Arithmetic "{self.name}": {self.op}: expected {wanted}, got {input_shape}')

    def compute_output_shape(self, input_shape: Any) -> Shape:
        a, b = input_shape if self.constant is None else (input_shape, np.shape(self.constant))
        if self.constant is not None and (len(b) < len(a) or b[0] == 1):  # the same for each row of the batch
            b = (a[0], *(1,) * (len(a) - 1 - len(b)), *(b if len(b) < len(a) else b[1:]))
        common = [_common(p, q) for p, q in zip(a[1:], b[1:], strict=False)]
        if len(a) != len(b) or a[0] != b[0] or 0 in common:
            raise ValueError(
                f'Arithmetic "{self.name}": cannot {self.op} shapes {tuple(a)} and {tuple(b)}: expected tensors of one '
                "rank, and equal sizes, or 1, on every axis; pydl.layers.Reshape gives a tensor another shape"
            )
        return (a[0], *common)

    # -- with kernels ---------------------------------------------------------------------------------------------

    def _line(self) -> tuple[float, float] | None:
        """a and c if the operation is a * x + c."""
        k, left = self.constant, self.reflected
        if not isinstance(k, float):
            return None
        lines = {"add": (1.0, k), "subtract": (-1.0, k) if left else (1.0, -k), "multiply": (k, 0.0)}
        if self.op == "divide" and not left and k != 0:
            return 1 / k, 0.0
        return lines.get(self.op)

    def _has_kernels(self, x: Sequence[Tensor]) -> bool:
        if self.constant is not None:
            return self._line() is not None
        return self.op in ("add", "subtract", "multiply") and x[0].shape == x[1].shape

    def emit_forward(self, b: Builder, *x: Tensor) -> Any:
        if not self._has_kernels(x):
            return super().emit_forward(b, *x)
        b.note_reader(*x)
        y = b.tensor(x[0].shape, *x)
        sizes = {"B": y.batch, "O": y.columns}
        line = self._line()
        if line is not None:
            b.emit("affine", x=x[0].buffer, y=y.buffer, a=line[0], c=line[1], **sizes)
            return y
        second = x[1].buffer
        if self.op == "subtract":
            b.emit("affine", x=second, y=y.buffer, a=-1.0, c=0.0, **sizes)
            second = y.buffer
        op = "multiply" if self.op == "multiply" else "add"
        b.emit(op, x1=x[0].buffer, x2=second, y=y.buffer, **sizes)
        return y

    def emit_backward(self, b: Builder, *x: Tensor, y: Any) -> None:
        if not self._has_kernels(x):
            super().emit_backward(b, *x, y=y)
            return
        dy, sizes = b.gradient(y), {"B": y.batch, "O": y.columns}
        line = self._line() or (1.0, 0.0)
        factors = [line[0], -1.0 if self.op == "subtract" else 1.0]
        for i, t in enumerate(x):
            if self.op == "multiply" and len(x) == 2:
                other = x[1 - i].buffer
                b.add_input_gradient(
                    t,
                    lambda dx, _, other=other: b.emit("multiply", x1=dy, x2=other, y=dx, **sizes),  # type: ignore[misc]
                )
            else:
                b.add_input_gradient(
                    t,
                    lambda dx, _, a=factors[i]: b.emit("affine", x=dy, y=dx, a=a, c=0.0, **sizes),  # type: ignore[misc]
                )

    # -- in NumPy -------------------------------------------------------------------------------------------------

    def _sides(self, x: Sequence[Array]) -> list[Array]:
        """What stands left and right."""
        if self.constant is None:
            return list(x)
        constant = np.asarray(self.constant, dtype=x[0].dtype)
        return [constant, x[0]] if self.reflected else [x[0], constant]

    def call(self, *inputs: Array) -> Array:
        with np.errstate(all="ignore"):  # infinities and NaN come out where they belong
            y: Array = _FUNCTIONS[self.op](*self._sides(inputs))
        return y

    def backward(self, *args: Any) -> list[Array]:
        *x, y, dy = args
        left, right = self._sides(x)
        with np.errstate(all="ignore"):
            slopes = _SLOPES[self.op](left, right, y, dy)
            if self.constant is not None:
                slopes = slopes[self.reflected :][:1]
            return [_summed(np.broadcast_to(slope(), y.shape), t.shape) for slope, t in zip(slopes, x, strict=True)]


#: Gradients of both sides, by operation, each to be computed if its side is a tensor.
_SLOPES: dict[str, Callable[..., list[Callable[[], Array]]]] = {
    "add": lambda a, b, y, dy: [lambda: dy, lambda: dy],
    "subtract": lambda a, b, y, dy: [lambda: dy, lambda: -dy],
    "multiply": lambda a, b, y, dy: [lambda: dy * b, lambda: dy * a],
    "divide": lambda a, b, y, dy: [lambda: dy / b, lambda: -dy * y / b],
    "power": lambda a, b, y, dy: [lambda: dy * b * a ** (b - 1), lambda: dy * y * np.log(a)],
}


def _common(p: int | None, q: int | None) -> int | None:
    """The size of two axes together; 0 if they do not fit."""
    return q if p == 1 else p if q in (1, p) else 0


def _summed(a: Array, shape: tuple[int, ...]) -> Array:
    """The sum over the axes along which an array of `shape` was repeated."""
    axes = tuple(i for i, (size, wanted) in enumerate(zip(a.shape, shape, strict=True)) if size != wanted)
    return a.sum(axis=axes, keepdims=True) if axes else a


def _form(op: str, tensors: Sequence[Any], others: Any = None) -> Any:
    """What `left op right` stands for; one side at least is a symbolic tensor."""
    left, right = tensors
    both = [t for t in tensors if isinstance(t, SymbolicTensor)]
    if not all(t.dtype.startswith("float") for t in both):
        return NotImplemented
    if len(both) == 2:
        return NotImplemented if op == "power" or left.ndim != right.ndim else Arithmetic(op, dtype=left.dtype)(both)
    reflected = both[0] is right
    constant = left if reflected else right
    if not isinstance(constant, np.ndarray | np.generic | int | float | list | tuple):
        return NotImplemented
    constant = np.asarray(of_any_batch(constant, both[0]))
    if constant.dtype.kind not in "biuf" or constant.ndim > both[0].ndim:
        return NotImplemented
    return Arithmetic(op, constant, reflected, dtype=both[0].dtype)(both[0])


SymbolicTensor.forms |= {op: partial(_form, op) for op in _FUNCTIONS}
SymbolicTensor.forms["negative"] = lambda tensors, others: _form("multiply", [tensors[0], -1.0])
SymbolicTensor.forms["square"] = lambda tensors, others: _form("multiply", [tensors[0], tensors[0]])
