"""Functions of `pydl.ops` as layers: a closed table by the name of the function.

Layers compute in floats, so that what is true is 1, and what is false 0.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from typing import Any

import numpy as np

from pydl._engine.facts import rowwise
from pydl._engine.tape import Expression, Op
from pydl._engine.variable import Variable
from pydl._onnx import indexing
from pydl._onnx.activations import ACTIVATIONS
from pydl._onnx.graph import Graph, Shape, Value
from pydl._onnx.writers import Writers
from pydl.activations import Activation
from pydl.layers.operation import Operation
from pydl.layers.parametric import Parametric

writers = Writers()


class Given:
    """What a function is given: the names of its operands, its other arguments by name, shapes.

    Attributes
    ----------
    op : str
    x : list of str
    first, out : tuple
        The shape of the first tensor among the operands, and of the result.
    """

    def __init__(
        self, g: Graph, op: str, x: Sequence[str], arguments: Mapping[str, Any], first: Shape, out: Shape
    ) -> None:  # fmt: skip
        self.g, self.op, self.x, self.arguments = g, op, list(x), arguments
        self.first, self.out = first, out

    def __getitem__(self, name: str) -> Any:
        return self.arguments.get(name)

    def axes(self, axis: Any) -> list[int]:
        """Axes from the front, none of them the batch."""
        rank = len(self.first)
        listed = range(rank) if axis is None else axis if isinstance(axis, list | tuple) else [axis]
        found = [int(a) % rank for a in listed]
        if 0 in found:
            raise self.g.refuse(f"pydl.ops.{self.op} over the batch has no ONNX form; give it an axis")
        return found


Write = Callable[[Graph, Given], str]


def operation(g: Graph, layer: Operation, x: Sequence[Value], out: Shape) -> Value:
    """The output of a layer that stands for a function."""
    tensors = iter(x)
    names = []
    for i, v in enumerate(layer.operands):
        kind = "int64" if (layer.op, i) == ("take", 1) else g.dtype  # indices
        if isinstance(v, dict):
            name = g.last(next(tensors))
            names.append(name if kind == g.dtype else g.cast(name, kind))
        else:
            names.append(g.constant(_values(v), kind))
    return _written(g, Given(g, layer.op, names, layer.arguments, x[0].shape, out))


@writers.of(Parametric)
def parametric(g: Graph, layer: Parametric, x: Value) -> Value:
    sides = [g.last(x), g.weight(layer.weight)]
    out = tuple(layer.compute_output_shape(x.shape))
    return _written(g, Given(g, layer.op, sides[::-1] if layer.reflected else sides, {}, x.shape, out))


def _written(g: Graph, given: Given) -> Value:
    write = OPS.get(given.op)
    if write is None:
        raise g.refuse(f"pydl.ops.{given.op} has no ONNX form; compute it outside of the model")
    return Value(write(g, given))


def _values(operand: Any) -> Any:
    if isinstance(operand, Expression):
        operand = operand.compute()
    return operand.numpy() if isinstance(operand, Variable) else operand


# -- element by element -----------------------------------------------------------------------------------------------


def _plain(op: str) -> Write:
    return lambda g, a: g.add(op, *a.x)


def _with(op: str, number: float) -> Write:
    """x op number."""
    return lambda g, a: g.add(op, a.x[0], g.constant(number))


def _then(*writes: Callable[[Graph, str], str]) -> Write:
    """Functions of one tensor, one after the other."""
    return lambda g, a: reduce(lambda x, write: write(g, x), writes, a.x[0])


def _op(op: str, *numbers: float) -> Callable[[Graph, str], str]:
    return lambda g, x: g.add(op, x, *map(g.constant, numbers))


def _compared(op: str, negated: bool = False) -> Write:
    def write(g: Graph, a: Given) -> str:
        y = g.add(op, *a.x)
        return g.cast(g.add("Not", y) if negated else y, g.dtype)

    return write


def _logic(op: str) -> Write:
    return lambda g, a: g.cast(g.add(op, *(g.cast(x, "bool") for x in a.x)), g.dtype)


def _floor_divide(g: Graph, a: Given) -> str:
    return g.add("Floor", g.add("Div", *a.x))


def _divide_no_nan(g: Graph, a: Given) -> str:
    zero = g.add("Equal", a.x[1], g.constant(0.0))
    divided = g.add("Div", a.x[0], g.add("Where", zero, g.constant(1.0), a.x[1]))
    return g.add("Where", zero, g.constant(0.0), divided)


def _logaddexp(g: Graph, a: Given) -> str:
    """The larger one, and log(1 + exp(-distance))."""
    distance = g.add("Abs", g.add("Sub", *a.x))
    more = g.add("Log", g.add("Add", g.add("Exp", g.add("Neg", distance)), g.constant(1.0)))
    return g.add("Add", g.add("Max", *a.x), more)


def _squared(g: Graph, x: str) -> str:
    return g.add("Mul", x, x)


def _finite(g: Graph, a: Given) -> str:
    odd = g.add("Or", g.add("IsNaN", a.x[0]), g.add("IsInf", a.x[0]))
    return g.cast(g.add("Not", odd), g.dtype)


def _clip(g: Graph, a: Given) -> str:
    return g.add("Min", g.add("Max", a.x[0], g.constant(a["x_min"])), g.constant(a["x_max"]))


def _activate(g: Graph, a: Given) -> str:
    activation, axis = Activation(a["name"], a["alpha"]), a["axis"]
    if activation.name == "linear":
        return a.x[0]
    if axis in (None, -1, len(a.first) - 1) or not rowwise(activation):
        return ACTIVATIONS[activation.name](g, a.x[0], activation.alpha)
    if isinstance(axis, tuple) or activation.name == "sparsemax":
        raise g.refuse(f"{activation.name} along axis {axis} has no ONNX form")
    a.axes(axis)
    return g.add({"softmax": "Softmax", "log_softmax": "LogSoftmax"}[activation.name], a.x[0], axis=axis)


def _cast(g: Graph, a: Given) -> str:
    dtype = np.dtype(a["dtype"])
    as_it_is = dtype.kind == "f" and dtype.itemsize >= np.dtype(g.dtype).itemsize
    return a.x[0] if as_it_is else g.cast(g.cast(a.x[0], dtype.name), g.dtype)


def _round(g: Graph, a: Given) -> str:
    decimals = int(a["decimals"] or 0)
    if not decimals:
        return g.add("Round", a.x[0])
    there, back = ("Mul", "Div") if decimals > 0 else ("Div", "Mul")
    power = g.constant(10.0 ** abs(decimals))
    return g.add(back, g.add("Round", g.add(there, a.x[0], power)), power)


def _log1p(g: Graph, a: Given) -> str:
    """log u x / (u - 1), u = 1 + x, which makes good for what rounding u took from x."""
    u = g.add("Add", a.x[0], g.constant(1.0))
    return _exact_near_zero(g, a.x[0], u, g.add("Log", u), g.add("Sub", u, g.constant(1.0)))


def _expm1(g: Graph, a: Given) -> str:
    """(u - 1) x / log u, u = exp x."""
    u = g.add("Exp", a.x[0])
    return _exact_near_zero(g, a.x[0], u, g.add("Sub", u, g.constant(1.0)), g.add("Log", u))


def _exact_near_zero(g: Graph, x: str, u: str, y: str, back: str) -> str:
    """y beyond 1/2, y x / back up to there, x where u is 1 and both of them are 0."""
    zero = g.add("Equal", u, g.constant(1.0))
    near = g.add("Mul", y, g.add("Div", x, g.add("Where", zero, g.constant(1.0), back)))
    far = g.add("Greater", g.add("Abs", x), g.constant(0.5))
    return g.add("Where", far, y, g.add("Where", zero, x, near))


def _full_like(g: Graph, x: str, number: Any) -> str:
    return g.add("Expand", g.constant(number), g.add("Shape", x))


# -- along axes -------------------------------------------------------------------------------------------------------


def _reduced(op: str, before: Callable[[Graph, str], str] | None = None) -> Write:
    def write(g: Graph, a: Given) -> str:
        x = a.x[0] if before is None else before(g, a.x[0])
        return g.reduce(op, x, a.axes(a["axis"]), bool(a["keepdims"]))

    return write


def _truth(g: Graph, x: str) -> str:
    """1 where x is not 0."""
    return g.cast(g.cast(x, "bool"), g.dtype)


def _var(g: Graph, a: Given) -> str:
    axes = a.axes(a["axis"])
    centred = g.add("Sub", a.x[0], g.reduce("ReduceMean", a.x[0], axes, keepdims=True))
    return g.reduce("ReduceMean", _squared(g, centred), axes, bool(a["keepdims"]))


def _norm(g: Graph, a: Given) -> str:
    ops = {None: "ReduceL2", "euclidean": "ReduceL2", 2: "ReduceL2", 1: "ReduceL1"}
    if a["ord"] not in ops or not isinstance(a["axis"], int):
        raise g.refuse(f"pydl.ops.norm(ord={a['ord']!r}, axis={a['axis']!r}) has no ONNX form")
    return _reduced(ops[a["ord"]])(g, a)


def _arg(op: str) -> Write:
    def write(g: Graph, a: Given) -> str:
        (axis,) = a.axes(a["axis"])[-1:] if a["axis"] is not None else a.axes(None)
        return g.cast(g.add(op, a.x[0], axis=axis, keepdims=int(bool(a["keepdims"]))), g.dtype)

    return write


def _cumsum(g: Graph, a: Given) -> str:
    (axis,) = a.axes(a["axis"])
    return g.add("CumSum", a.x[0], g.constant(axis, "int64"))


# -- shapes -----------------------------------------------------------------------------------------------------------


def _reshaped(g: Graph, a: Given, x: str | None = None) -> str:
    """To the shape that comes out, of which one size behind the batch may be open."""
    open_sizes = a.out[1:].count(None)
    if open_sizes > 1:
        raise g.refuse(f"expected one open size at most behind the batch, got {a.out}")
    return g.reshape(a.x[0] if x is None else x, 0, *(-1 if d is None else d for d in a.out[1:]))


def _moved(g: Graph, a: Given) -> str:
    """Axes in the order that the function gives those of an array whose sizes are all different."""
    sizes = range(2, 2 + len(a.first))
    trial = Op.known[a.op].forward(np.empty(tuple(sizes), np.bool_), **a.arguments)
    return g.transpose(a.x[0], [sizes.index(n) for n in trial.shape])


def _broadcast(g: Graph, a: Given) -> str:
    if None in a.out[1:]:
        raise g.refuse(f"expected known sizes behind the batch, got {a.out}")
    return g.add("Expand", a.x[0], g.ints(1, *(int(d or 0) for d in a.out[1:])))


def _for_each(g: Graph, a: Given) -> str:
    """One sample, for each of the batch."""
    samples = g.slice(g.add("Shape", a.x[0]), 0, 1, 0)
    return g.add("Expand", a.x[1], g.add("Concat", samples, g.ints(*(1 for _ in a.out[1:])), axis=0))


def _concatenate(g: Graph, a: Given) -> str:
    (axis,) = a.axes(a["axis"] or 0)
    return g.add("Concat", *a.x, axis=axis)


def _stack(g: Graph, a: Given) -> str:
    axis = (a["axis"] or 0) % len(a.out)
    return g.add("Concat", *(g.unsqueeze(x, axis) for x in a.x), axis=axis)


def _flip(g: Graph, a: Given) -> str:
    return reduce(lambda x, axis: g.slice(x, -1, -(2**31), axis, -1), a.axes(a["axis"]), a.x[0])


def _repeat(g: Graph, a: Given) -> str:
    (axis,) = a.axes(a["axis"])
    times = [1] * (len(a.first) + 1)
    times[axis + 1] = int(a["repeats"])
    return _reshaped(g, a, g.add("Tile", g.unsqueeze(a.x[0], axis + 1), g.ints(*times)))


def _tile(g: Graph, a: Given) -> str:
    repeats = list(a["repeats"]) if isinstance(a["repeats"], list | tuple) else [a["repeats"]]
    times = [1] * (len(a.first) - len(repeats)) + repeats
    if len(times) > len(a.first) or times[0] != 1:
        raise g.refuse(f"expected repeats behind the batch, got {a['repeats']}")
    return g.add("Tile", a.x[0], g.ints(*times))


def _pad(g: Graph, a: Given) -> str:
    widths = np.broadcast_to(a["pad_width"], (len(a.first), 2))
    mode = a["mode"] or "constant"
    if mode not in ("constant", "reflect", "edge"):
        raise g.refuse(f"pydl.ops.pad(mode={mode!r}) has no ONNX form")
    value = [g.constant(float(a["constant_values"] or 0.0))] if mode == "constant" else []
    return g.add("Pad", a.x[0], g.ints(*widths[:, 0], *widths[:, 1]), *value, mode=mode)


def _take(g: Graph, a: Given) -> str:
    (axis,) = a.axes(a["axis"])
    return g.add("Gather", *a.x, axis=axis)


def _triangle(upper: int) -> Write:
    def write(g: Graph, a: Given) -> str:
        if g.opset < _TRILU:
            raise g.refuse(f"pydl.ops.{a.op} has a form from opset {_TRILU} on, not in opset {g.opset}")
        return g.add("Trilu", a.x[0], g.constant(a["k"] or 0, "int64"), upper=upper)

    return write


def _one_hot(g: Graph, a: Given) -> str:
    if a["axis"] not in (None, -1):
        raise g.refuse(f"pydl.ops.one_hot(axis={a['axis']}) has no ONNX form; take the last axis")
    codes = g.unsqueeze(g.cast(a.x[0], "int64"), -1)
    return g.cast(g.add("Equal", codes, g.constant(range(a["num_classes"]), "int64")), g.dtype)


_TRILU = 14  # the opset that brought it
_SAME_NAME = (
    "cos", "sin", "tan", "sinh", "cosh", "exp", "log", "sqrt", "floor", "ceil", "reciprocal", "sign",
)  # fmt: skip

#: By the name of the function.
OPS: dict[str, Write] = {
    **{name: _plain(name.capitalize()) for name in _SAME_NAME},
    **{f"arc{name}": _plain(f"A{name}") for name in ("cos", "cosh", "sin", "sinh", "tan", "tanh")},
    "absolute": _plain("Abs"), "negative": _plain("Neg"), "stop_gradient": lambda g, a: a.x[0],
    "copy": lambda g, a: a.x[0],
    "add": _plain("Add"), "subtract": _plain("Sub"), "multiply": _plain("Mul"), "divide": _plain("Div"),
    "power": _plain("Pow"), "maximum": _plain("Max"), "minimum": _plain("Min"),
    "square": _then(_squared), "rsqrt": _then(_op("Sqrt"), _op("Reciprocal")),
    "exp2": _then(_op("Mul", math.log(2)), _op("Exp")), "expm1": _expm1, "log1p": _log1p, "round": _round,
    "log2": _then(_op("Log"), _op("Div", math.log(2))),
    "log10": _then(_op("Log"), _op("Div", math.log(10))),
    "trunc": lambda g, a: g.add("Mul", g.add("Sign", a.x[0]), g.add("Floor", g.add("Abs", a.x[0]))),
    "squared_difference": lambda g, a: _squared(g, g.add("Sub", *a.x)),
    "hypot": lambda g, a: g.add("Sqrt", g.add("Add", _squared(g, a.x[0]), _squared(g, a.x[1]))),
    "logaddexp": _logaddexp, "divide_no_nan": _divide_no_nan, "floor_divide": _floor_divide,
    "mod": lambda g, a: g.add("Sub", a.x[0], g.add("Mul", _floor_divide(g, a), a.x[1])),
    "clip": _clip, "activate": _activate, "cast": _cast,
    "_choose": lambda g, a: g.add("Where", g.cast(a.x[0], "bool"), *a.x[1:]),
    "equal": _compared("Equal"), "not_equal": _compared("Equal", negated=True), "less": _compared("Less"),
    "less_equal": _compared("LessOrEqual"), "greater": _compared("Greater"),
    "greater_equal": _compared("GreaterOrEqual"), "isnan": _compared("IsNaN"), "isinf": _compared("IsInf"),
    "isfinite": _finite, "logical_and": _logic("And"), "logical_or": _logic("Or"), "logical_xor": _logic("Xor"),
    "logical_not": _logic("Not"),
    "zeros_like": lambda g, a: _full_like(g, a.x[0], 0.0), "ones_like": lambda g, a: _full_like(g, a.x[0], 1.0),
    "full_like": lambda g, a: _full_like(g, a.x[0], a["fill_value"]),
    "sum": _reduced("ReduceSum"), "mean": _reduced("ReduceMean"), "max": _reduced("ReduceMax"),
    "min": _reduced("ReduceMin"), "prod": _reduced("ReduceProd"), "logsumexp": _reduced("ReduceLogSumExp"),
    "any": _reduced("ReduceMax", _truth), "all": _reduced("ReduceMin", _truth),
    "count_nonzero": _reduced("ReduceSum", _truth), "var": _var, "std": lambda g, a: g.add("Sqrt", _var(g, a)),
    "norm": _norm, "argmax": _arg("ArgMax"), "argmin": _arg("ArgMin"), "cumsum": _cumsum,
    "reshape": _reshaped, "expand_dims": _reshaped, "_squeeze": _reshaped, "transpose": _moved, "swapaxes": _moved,
    "moveaxis": _moved, "broadcast_to": _broadcast, "_for_each": _for_each, "concatenate": _concatenate,
    "stack": _stack, "flip": _flip,
    "repeat": _repeat, "tile": _tile, "pad": _pad, "take": _take, "tril": _triangle(0), "triu": _triangle(1),
    "one_hot": _one_hot, "get_item": lambda g, a: indexing.indexed(g, a.x[0], a["key"], a.first),
    "stacked_matmul": _plain("MatMul"), "_einsum": lambda g, a: g.add("Einsum", *a.x, equation=a["subscripts"]),
}  # fmt: skip
