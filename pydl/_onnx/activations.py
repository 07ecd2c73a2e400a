"""Activations as ONNX nodes."""

from __future__ import annotations

import math
from collections.abc import Callable

from pydl._engine.facts import rowwise
from pydl._onnx.graph import Graph, Value
from pydl.activations import Activation

Write = Callable[[Graph, str, float], str]


def activate(g: Graph, x: Value, activation: Activation) -> Value:
    """What an activation makes of a value."""
    if activation.function is not None:
        raise g.refuse(f"its activation {activation.name!r} is a function of your own; make it a layer behind this one")
    if activation.name == "linear":
        return x
    if activation.name in _ALONG_ROWS and x.last is None:
        op = _ALONG_ROWS[activation.name]
        return Value(first=g.add(op, g.first(x), axis=1), shape=x.shape, dtype=x.dtype, mask=x.mask)
    if rowwise(activation):
        g.last(x)
    return g.by_element(x, lambda name: ACTIVATIONS[activation.name](g, name, activation.alpha))


def _gate(g: Graph, x: str, gate: str) -> str:
    return g.add("Mul", x, gate)


def _clip(g: Graph, x: str, low: float, high: float) -> str:
    return g.add("Clip", x, g.constant(low), g.constant(high))


def _selu(g: Graph, x: str, alpha: float) -> str:
    slope, scale = 1.6732632423543772, 1.0507009873554805
    if g.dtype == "float32":
        return g.add("Selu", x, alpha=slope, gamma=scale)
    return g.add("Mul", _elu(g, x, slope), g.constant(scale))


def _elu(g: Graph, x: str, alpha: float) -> str:
    if g.dtype == "float32":
        return g.add("Elu", x, alpha=float(alpha))
    below = g.add("Sub", g.add("Exp", g.add("Min", x, g.constant(0.0))), g.constant(1.0))
    return _bent(g, x, g.add("Mul", below, g.constant(alpha)))


def _leaky_relu(g: Graph, x: str, alpha: float) -> str:
    if g.dtype == "float32":
        return g.add("LeakyRelu", x, alpha=float(alpha))
    return _bent(g, x, g.add("Mul", x, g.constant(alpha)))


def _bent(g: Graph, x: str, below: str) -> str:
    """x above 0, something else below."""
    return g.add("Where", g.add("Greater", x, g.constant(0.0)), x, below)


def _gelu(g: Graph, x: str, alpha: float) -> str:
    """x * (1 + erf(x / sqrt(2))) / 2"""
    erf = g.add("Erf", g.add("Mul", x, g.constant(1 / math.sqrt(2))))
    return g.add("Mul", g.add("Mul", x, g.constant(0.5)), g.add("Add", erf, g.constant(1.0)))


def _gelu_tanh(g: Graph, x: str, alpha: float) -> str:
    """x * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x^3))) / 2"""
    cube = g.add("Mul", g.add("Mul", x, x), g.add("Mul", x, g.constant(0.044715)))
    inner = g.add("Mul", g.add("Add", x, cube), g.constant(math.sqrt(2 / math.pi)))
    return g.add("Mul", g.add("Mul", x, g.constant(0.5)), g.add("Add", g.add("Tanh", inner), g.constant(1.0)))


def _hard_sigmoid(g: Graph, x: str, alpha: float = 0.0) -> str:
    if g.dtype == "float32":
        return g.add("HardSigmoid", x, alpha=1 / 6, beta=0.5)
    return _clip(g, g.add("Add", g.add("Mul", x, g.constant(1 / 6)), g.constant(0.5)), 0.0, 1.0)


def _squareplus(g: Graph, x: str, alpha: float) -> str:
    """y = (|x| + sqrt(x^2 + a)) / 2 above 0, a / 4 / y below, without the square of what is large."""
    if not alpha:
        return g.add("Relu", x)
    size = g.add("Abs", x)
    unit = g.add("Max", size, g.constant(1.0))
    part, least = g.add("Div", size, unit), g.add("Div", g.constant(math.sqrt(alpha)), unit)
    squares = g.add("Add", g.add("Mul", part, part), g.add("Mul", least, least))
    half = g.constant(0.5)
    above = g.add("Add", g.add("Mul", size, half), g.add("Mul", g.add("Mul", unit, half), g.add("Sqrt", squares)))
    below = g.add("Div", g.constant(alpha / 4), above)
    return g.add("Where", g.add("Less", x, g.constant(0.0)), below, above)


def _softsign(g: Graph, x: str, alpha: float) -> str:
    if g.dtype == "float32":
        return g.add("Softsign", x)
    return g.add("Div", x, g.add("Add", g.add("Abs", x), g.constant(1.0)))


def _hard_shrink(g: Graph, x: str, alpha: float) -> str:
    """0 up to alpha, else x, NaN as well, of which Shrink makes 0."""
    return g.add("Where", g.add("LessOrEqual", g.add("Abs", x), g.constant(alpha)), g.constant(0.0), x)


def _soft_shrink(g: Graph, x: str, alpha: float) -> str:
    return g.add("Sub", x, _clip(g, x, -alpha, alpha))


def _sparse_plus(g: Graph, x: str, alpha: float) -> str:
    """The square of max(x + 1, 0) / 2 up to 1, x beyond."""
    half = g.add("Mul", g.add("Max", g.add("Add", x, g.constant(1.0)), g.constant(0.0)), g.constant(0.5))
    return g.add("Where", g.add("Greater", x, g.constant(1.0)), x, g.add("Mul", half, half))


def _sparse_sigmoid(g: Graph, x: str, alpha: float) -> str:
    return _clip(g, g.add("Mul", g.add("Add", x, g.constant(1.0)), g.constant(0.5)), 0.0, 1.0)


def _sparsemax(g: Graph, x: str, alpha: float) -> str:
    """max(x - t, 0): t = (sum of the k largest - 1) / k, for the most k whose smallest exceeds it.

    Of what the maximum is taken from, so that large numbers do not swallow the 1.
    """
    x = g.add("Sub", x, g.reduce("ReduceMax", x, [-1], keepdims=True))
    sizes = g.add("Slice", g.add("Shape", x), g.ints(-1), g.ints(2**31 - 1), g.ints(0))
    largest = g.add("TopK", x, sizes, outputs=2, axis=-1)
    one, count = g.constant(1.0), g.cast(g.add("Range", g.constant(1, "int64"), _next(g, sizes),
                                               g.constant(1, "int64")), g.dtype)  # fmt: skip
    sums = g.add("CumSum", largest, g.constant(-1, "int64"))
    within = g.cast(g.add("Greater", g.add("Add", g.add("Mul", largest, count), one), sums), g.dtype)
    k = g.reduce("ReduceSum", within, [-1], keepdims=True)
    total = g.reduce("ReduceSum", g.add("Mul", largest, within), [-1], keepdims=True)
    threshold = g.add("Div", g.add("Sub", total, one), k)
    return g.add("Max", g.add("Sub", x, threshold), g.constant(0.0))


def _next(g: Graph, sizes: str) -> str:
    """One more than a number in a vector of one, as a scalar."""
    return g.squeeze(g.add("Add", sizes, g.ints(1)), 0)


_ALONG_ROWS = {"softmax": "Softmax", "log_softmax": "LogSoftmax"}

#: By the name of the kernel: it gets the name of the input and the parameter.
ACTIVATIONS: dict[str, Write] = {
    "celu": lambda g, x, a: g.add("Celu", x, alpha=float(a)),
    "elu": _elu,
    "erf": lambda g, x, a: g.add("Erf", x),
    "exponential": lambda g, x, a: g.add("Exp", x),
    "gelu": _gelu,
    "gelu_tanh": _gelu_tanh,
    "hard_shrink": _hard_shrink,
    "hard_sigmoid": _hard_sigmoid,
    "hard_silu": lambda g, x, a: _gate(g, x, _hard_sigmoid(g, x)),
    "hard_tanh": lambda g, x, a: _clip(g, x, -1.0, 1.0),
    "leaky_relu": _leaky_relu,
    "log_sigmoid": lambda g, x, a: g.add("Neg", g.add("Softplus", g.add("Neg", x))),
    "mish": lambda g, x, a: _gate(g, x, g.add("Tanh", g.add("Softplus", x))),
    "relu": lambda g, x, a: g.add("Relu", x),
    "relu6": lambda g, x, a: _clip(g, x, 0.0, a),
    "selu": _selu,
    "sigmoid": lambda g, x, a: g.add("Sigmoid", x),
    "silu": lambda g, x, a: _gate(g, x, g.add("Sigmoid", x)),
    "soft_shrink": _soft_shrink,
    "softplus": lambda g, x, a: g.add("Softplus", x),
    "softsign": _softsign,
    "sparse_plus": _sparse_plus,
    "sparse_sigmoid": _sparse_sigmoid,
    "sparsemax": _sparsemax,
    "squareplus": _squareplus,
    "tanh": lambda g, x, a: g.add("Tanh", x),
    "tanh_shrink": lambda g, x, a: g.add("Sub", x, g.add("Tanh", x)),
    **{name: lambda g, x, a, op=op: g.add(op, x, axis=-1) for name, op in _ALONG_ROWS.items()},  # type: ignore[misc]
}
