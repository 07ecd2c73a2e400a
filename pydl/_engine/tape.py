"""Differentiation of NumPy code: functions whose derivative is known, and values that remember how they came about.

`differentiable` makes a function of `pydl.ops` from one on arrays. On arrays it computes; on `Traced` values it also
notes on their tape what was computed, so that gradients can be taken back; on symbolic tensors it becomes a layer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import update_wrapper
from typing import Any, ClassVar

import numpy as np

from pydl import config
from pydl._engine.graph import SymbolicTensor
from pydl._engine.operators import Operators, recorder, recording
from pydl._engine.variable import Variable

Array = np.ndarray
Gradient = Callable[..., Any]


class Traced(Operators):
    """An array that knows its history: what functions of `pydl.ops` and operators compute from it is noted."""

    def __init__(self, value: Array, tape: Tape, pull: Callable[[Array], Sequence[Any]] | None = None,
                 parents: Sequence[Any] = ()) -> None:  # fmt: skip
        self.value, self.tape, self.pull, self.parents = value, tape, pull, parents
        self.gradient: Array | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        return self.value.shape

    @property
    def ndim(self) -> int:
        return self.value.ndim

    @property
    def size(self) -> int:
        return self.value.size

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.value.dtype

    @property
    def T(self) -> Any:
        return self.operate("transpose", self)

    def astype(self, dtype: Any) -> Any:
        return self.operate("cast", self, dtype)

    def __len__(self) -> int:
        return len(self.value)

    def __iter__(self) -> Iterator[Any]:
        return (self[i] for i in range(len(self.value)))

    def __bool__(self) -> bool:
        return bool(self.value)

    def __float__(self) -> float:
        return float(self.value)

    def __eq__(self, other: object) -> Any:
        return self.operate("equal", self, other)

    def __ne__(self, other: object) -> Any:
        return self.operate("not_equal", self, other)

    __hash__ = object.__hash__

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        raise TypeError(
            "a value that gradients are to be taken of was given to NumPy, which cannot differentiate; use the "
            "functions of pydl.ops of the same names, or pydl.ops.stop_gradient(x) for a value without gradient"
        )

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        """NumPy's functions, as those of `pydl.ops` with their names; complex numbers are not on the tape."""
        if func.__module__ == "numpy.fft":
            raise TypeError(f"numpy.fft.{func.__name__}: its complex numbers cannot be differentiated: pydl.ops.rfft "
                            "and its kin give the real part and the imaginary part")  # fmt: skip
        return self.operate(func.__name__, *args, **kwargs)

    def __repr__(self) -> str:
        return f"<Traced {self.value!r}>"


class Tape:
    """What was computed, in order, between `with` and the call of `gradients`. Weights used meanwhile are on it too."""

    def __init__(self) -> None:
        self.values: list[Traced] = []
        self.weights: dict[int, Traced] = {}  # as they were when they were first read
        self._current: dict[int, Traced] = {}
        self.variables: list[Variable] = []  # those of `weights`

    @contextmanager
    def running(self) -> Iterator[Tape]:
        with recording(self):
            yield self

    def watch(self, value: Array) -> Traced:
        """The beginning of a history."""
        return Traced(value, self)

    def weight(self, variable: Variable) -> Traced:
        """What stands for a weight, with the value that it has now."""
        key = id(variable)
        if key not in self._current:
            self._current[key] = self.watch(variable.numpy())
            if key not in self.weights:
                self.variables.append(variable)
                self.weights[key] = self._current[key]
        return self._current[key]

    def assigned(self, variable: Variable) -> None:
        """A weight is about to have another value: what follows is computed from that, without a gradient."""
        self._current.pop(id(variable), None)

    def of_weights(self, op: Op, tensors: Sequence[Any], others: dict[str, Any]) -> Any:
        """A function of weights alone."""
        return op(*(self._weights(tensors) if op.tensors else [self._weights(tensors)]), **others)

    def of_layer(self, layer: Any, given: Any, training: Any) -> Any:
        """A layer on constants, weights or values with a history."""
        listed = isinstance(given, list | tuple)
        tensors = self._weights(given if listed else [given])
        return layer._applied(tensors if listed else tensors[0], training, self)

    def _weights(self, tensors: Sequence[Any]) -> list[Any]:
        return [self.weight(t) if isinstance(t, Variable) else t for t in tensors]

    def note(self, value: Array, parents: Sequence[Any], pull: Callable[[Array], Sequence[Any]]) -> Traced:
        traced = Traced(value, self, pull, parents)
        self.values.append(traced)
        return traced

    def take_back(self, outputs: Sequence[Any], gradients: Sequence[Array]) -> None:
        """Leave in `gradient` of all that the outputs depend on what they send back; None where nothing came."""
        for y, gradient in zip(outputs, gradients, strict=True):
            if isinstance(y, Traced):
                _send(y, gradient)
        for node in reversed(self.values):
            dy = node.gradient
            if dy is None or node.pull is None:
                continue
            with np.errstate(all="ignore"):  # infinities and NaN come out where they belong
                found = node.pull(dy)
            node.gradient = None
            for parent, dx in zip(node.parents, found, strict=True):
                if isinstance(parent, Traced) and dx is not None:
                    _send(parent, dx)


def gradient_of(function: Callable[[Any], Any], x: Array, dy: Array | None = None) -> Array:
    """What a function of an array sends back to it: its gradient, if it gives one number and there is no `dy`."""
    tape = Tape()
    start = tape.watch(x)
    with tape.running():
        y = function(start)
    if weights := [v.path for v in tape.variables if v.trainable]:
        name = getattr(function, "__name__", type(function).__name__)
        raise ValueError(
            f"{name}: it has weights, {', '.join(weights)}, which would not be trained where it is used as a function; "
            "make it a layer"
        )
    tape.take_back([y], [np.ones(np.shape(value_of(y)), x.dtype) if dy is None else dy])
    return np.zeros_like(x) if start.gradient is None else start.gradient


def _send(to: Traced, gradient: Any) -> None:
    gradient = summed_to(np.asarray(gradient), to.shape).astype(to.dtype, copy=False)
    to.gradient = gradient if to.gradient is None else to.gradient + gradient


def summed_to(a: Array, shape: tuple[int, ...]) -> Array:
    """What is left of a gradient for an array of `shape` that was repeated: its sum where it was, else itself."""
    if a.shape == shape:
        return a
    if a.ndim > len(shape):
        a = a.sum(axis=tuple(range(a.ndim - len(shape))))
    axes = tuple(i for i, size in enumerate(shape) if size == 1 and i < a.ndim and a.shape[i] != 1)
    return np.broadcast_to(a.sum(axis=axes, keepdims=True) if axes else a, shape)


def UNKNOWN(*_: Any, **__: Any) -> Any:
    """The gradient of a function that has one, which is not known here."""


class Op:
    """A function of `pydl.ops`.

    Attributes
    ----------
    name : str
    forward : callable
        On arrays: the tensors first, then what else it takes.
    gradient : callable or None
        `gradient(dy, y, *tensors, **others)`: the gradient(s) of the tensors, each of its shape or to be summed to it;
        None: all zero; `UNKNOWN`: an error for whoever asks.
    otherwise : callable or None
        The same by other functions, for tensors among its other arguments.
    tensors : int
        How many of its arguments are tensors; 0: the first argument is a list of them.
    """

    known: ClassVar[dict[str, Op]] = {}  # by name, for layers that are read from files

    #: What it is where a size among its arguments is that of the batch, None, in code that is run on symbolic tensors.
    for_batch: Callable[..., Any] | None = None

    def __init__(self, forward: Callable[..., Any], gradient: Gradient | None, tensors: int,
                 otherwise: Callable[..., Any] | None = None) -> None:  # fmt: skip
        self.name = forward.__name__
        Op.known[self.name] = self
        self.forward, self.gradient, self.tensors, self.otherwise = forward, gradient, tensors, otherwise
        code = forward.__code__
        self._names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
        update_wrapper(self, forward)

    def __call__(self, *args: Any, **others: Any) -> Any:
        tensors, others = self._sorted(args, others)
        if any(isinstance(v, Operators) for v in others.values()):
            if self.otherwise is not None:
                return self.otherwise(*tensors, **others)
            self._refuse_symbolic(others)
        if any(isinstance(t, SymbolicTensor) for t in tensors):
            return SymbolicTensor.apply(self, tensors, others)
        notes = recorder.get()
        if notes is not None and self.for_batch is not None:
            y = self.for_batch(notes, *tensors, **others)
            if y is not NotImplemented:
                return y
        if notes is not None and any(isinstance(t, Variable | Expression) for t in tensors):
            return notes.of_weights(self, tensors, others)
        traced = next((t for t in tensors if isinstance(t, Traced)), None)
        values = arrays([value_of(t) for t in tensors])
        y = self.compute(values, others)
        if traced is None or self.gradient is None:
            return _apart(y, tensors, values)
        if isinstance(y, list | tuple):
            raise TypeError(f"pydl.ops.{self.name}: several results cannot be differentiated; take them one by one")
        return traced.tape.note(y, tensors, lambda dy: self.pull(dy, y, values, others))

    def _refuse_symbolic(self, others: dict[str, Any]) -> None:
        wrong = next((name for name, v in others.items() if isinstance(v, SymbolicTensor)), None)
        if wrong is not None:
            raise TypeError(f"pydl.ops.{self.name}: expected numbers as {wrong}, got {others[wrong]!r}")

    def _sorted(self, args: tuple[Any, ...], others: dict[str, Any]) -> tuple[list[Any], dict[str, Any]]:
        """The tensors, and everything else by name."""
        n = self.tensors or 1
        given = list(args[:n])
        given += [others.pop(name) for name in self._names[len(given) : n] if name in others]
        if len(given) < n or len(args) > len(self._names):
            raise TypeError(f"pydl.ops.{self.name}: expected {', '.join(self._names)}, got {len(args)} arguments")
        others = {**dict(zip(self._names[n:], args[n:], strict=False)), **others}
        others |= {k: tuple(v) for k, v in others.items() if k in ("axis", "axes") and isinstance(v, list)}
        return (given if self.tensors else list(given[0])), others

    def compute(self, values: Sequence[Any], others: dict[str, Any]) -> Any:
        """The function of arrays; in float32 unless one of them is float64."""
        if any(getattr(v, "dtype", None) in _BYTES for v in values):  # of which NumPy makes float16
            with np.errstate(all="ignore"):
                y = self._of(values, others)
            if _is_half(y) and not any(map(_is_half, values)):
                y = self._of([_widened(v) for v in values], others)
        else:
            y = self._of(values, others)
        if others.get("dtype") is not None:  # as it was asked for
            return np.asarray(y)
        if isinstance(y, list | tuple):
            return type(y)(_narrowed(v, values) for v in y)
        return _narrowed(y, values)

    def _of(self, values: Sequence[Any], others: dict[str, Any]) -> Any:
        return self.forward(*values, **others) if self.tensors else self.forward(list(values), **others)

    def pull(self, dy: Array, y: Array, values: Sequence[Any], others: dict[str, Any]) -> Sequence[Any]:
        """The gradient of each tensor, None where there is none."""
        if self.gradient is None:
            return [None] * len(values)
        if self.gradient is UNKNOWN:
            raise ValueError(
                f"pydl.ops.{self.name}: its gradient is not known; stop_gradient(x) lets it count as a constant"
            )
        found = self.gradient(dy, y, *values, **others) if self.tensors else self.gradient(dy, y, values, **others)
        return found if isinstance(found, list | tuple) else (found,)


class Expression(Operators):
    """What functions of `pydl.ops`, or layers, make of weights and constants alone, in code that is run on symbolic
    tensors: computed when the layer runs that it becomes an operand of.

    Parameters
    ----------
    call : callable
        Of the tensors: an array, or what a tape that is running knows of.
    tensors : sequence
        Weights, expressions and constants.
    own : sequence of Variable
        Other weights that the value depends on: those of a layer.
    """

    def __init__(self, call: Callable[..., Any], tensors: Sequence[Any], own: Sequence[Variable] = ()) -> None:
        self.call, self.tensors, self.own = call, list(tensors), own

    def compute(self) -> Any:
        """The value now: an array, or what a tape that is running knows of."""
        return self.call(*(t.compute() if isinstance(t, Expression) else t for t in self.tensors))

    def weights(self) -> list[Variable]:
        """Those that it is computed from, each once."""
        found: dict[int, Variable] = {id(v): v for v in self.own}
        for t in self.tensors:
            found |= {
                id(v): v for v in (t.weights() if isinstance(t, Expression) else [t] if isinstance(t, Variable) else [])
            }
        return list(found.values())

    def _now(self) -> Array:
        with recording(None):
            return np.asarray(self.compute())

    @property
    def shape(self) -> tuple[int, ...]:
        return self._now().shape

    @property
    def ndim(self) -> int:
        return self._now().ndim

    @property
    def dtype(self) -> Any:
        return self._now().dtype

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        raise TypeError(
            "weights change: what is computed from them in a model's code has to be by functions of pydl.ops"
        )


def differentiable(gradient: Gradient | None, tensors: int = 1,
                   otherwise: Callable[..., Any] | None = None) -> Callable[[Callable[..., Any]], Op]:  # fmt: skip
    """Make a function of `pydl.ops`; see `Op`."""
    return lambda forward: Op(forward, gradient, tensors, otherwise)


def is_traced(inputs: Any) -> bool:
    """Whether an input, or one of a list, has a history."""
    return any(isinstance(x, Traced) for x in (inputs if isinstance(inputs, list | tuple) else [inputs]))


def is_followed(x: Any) -> bool:
    """Whether what is computed from x is noted, or will be computed later: a weight in code that is recorded, too."""
    return isinstance(x, Operators) or (isinstance(x, Variable) and recorder.get() is not None)


def value_of(x: Any) -> Any:
    """What an operand stands for, in numbers."""
    if isinstance(x, Traced):
        return x.value
    return x.unpack(x.buffer) if isinstance(x, Variable) else x


def _apart(y: Any, tensors: Sequence[Any], values: Sequence[Any]) -> Any:
    """A result that does not share the memory of a weight."""
    if not isinstance(y, np.ndarray):
        return y
    pairs = zip(tensors, values, strict=True)
    shared = any(isinstance(t, Variable) and np.may_share_memory(y, v) for t, v in pairs)
    return y.copy() if shared else y


def arrays(values: Sequence[Any]) -> list[Any]:
    """Operands as arrays; a number beside an array stays one, as it takes the array's dtype."""
    made = [v if isinstance(v, np.ndarray | np.generic | int | float) else _array(v) for v in values]
    if any(isinstance(v, np.ndarray) for v in made):
        return made
    return [_array(v) for v in made]


def _array(value: Any) -> Array:
    """Python's floats become `floatx`, its integers int32, as in Keras; what has a dtype keeps it."""
    array = np.asarray(value)
    if hasattr(value, "dtype") or array.dtype.kind not in "fi":
        return array
    return array.astype(config.floatx() if array.dtype.kind == "f" else "int32")


def _is_half(y: Any) -> bool:
    return any(map(_is_half, y)) if isinstance(y, list | tuple) else getattr(y, "dtype", None) == np.float16


_BYTES = frozenset(map(np.dtype, ("bool", "int8", "uint8")))


def _widened(value: Any) -> Any:
    """Whole numbers and truth values of a byte as floats."""
    return value.astype(config.floatx()) if getattr(value, "dtype", None) in _BYTES else value


def _narrowed(y: Any, values: Sequence[Any]) -> Array:
    y = np.asanyarray(y)
    wide = y.dtype == np.float64 and not any(getattr(v, "dtype", None) == np.float64 for v in values)
    return y.astype(config.floatx()) if wide else y
