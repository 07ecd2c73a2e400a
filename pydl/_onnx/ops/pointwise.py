"""Functions of one tensor, element by element, and activations, which layers in front of them take along."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from pydl import layers, ops
from pydl._onnx.building import Building, axis_of, behind_batch
from pydl._onnx.ops.table import handles
from pydl._onnx.parsing import Node
from pydl._onnx.values import Value
from pydl.activations import Activation

_KERNELS = {
    "Relu": "relu", "Sigmoid": "sigmoid", "Tanh": "tanh", "Softplus": "softplus", "Softsign": "softsign",
    "HardSwish": "hard_silu", "Mish": "mish", "Exp": "exponential",
}  # fmt: skip

_SELU = {"alpha": 1.67326319, "gamma": 1.05070102}


def activation_of(node: Node) -> Activation | None:
    """The activation that a node is, if layers know one."""
    given = node.attributes.get
    if node.op in _KERNELS:
        return Activation(_KERNELS[node.op])
    if node.op == "LeakyRelu" and given("alpha", 0.01) > 0:
        return Activation("leaky_relu", given("alpha", 0.01))
    if node.op in ("Elu", "Celu") and given("alpha", 1.0) > 0:
        return Activation(node.op.lower(), given("alpha", 1.0))
    if node.op == "Selu" and all(abs(given(key, own) - own) < 1e-4 for key, own in _SELU.items()):
        return Activation("selu")
    if node.op == "HardSigmoid" and abs(given("alpha", 0.2) - 1 / 6) < 1e-6 and given("beta", 0.5) == 0.5:
        return Activation("hard_sigmoid")
    if node.op == "Gelu":
        return Activation("gelu_tanh" if given("approximate") == b"tanh" else "gelu")
    if node.op == "Swish" and given("alpha", 1.0) == 1:
        return Activation("silu")
    return None


def following(g: Building, name: str) -> tuple[Activation | None, str]:
    """The activation that alone reads a tensor, taken along, and what comes out of it; else none and the tensor."""
    reader = g.only_reader(name)
    found = None if reader is None or reader.domain or reader.op == "Exp" else activation_of(reader)
    if reader is None or found is None:
        return None, name
    g.done.add(id(reader))
    return found, reader.outputs[0]


@handles("Relu", "Sigmoid", "Tanh", "Softplus", "Softsign", "HardSwish", "Mish", "Exp", "LeakyRelu", "Elu", "Celu",
         "Selu", "HardSigmoid", "Gelu", "Swish")  # fmt: skip
def activation(g: Building, node: Node, x: Any) -> Any:
    found = activation_of(node)
    if found is not None and isinstance(x, Value):
        return x.like(g.connect(g.layer(layers.Activation, found), x.tensor))
    return g.pointwise(found if found is not None else lambda t: _FORMULAS[node.op](t, node.attributes.get), x)


def _below(x: Any, otherwise: Any) -> Any:
    """x where it is above 0, else another value."""
    return ops.where(ops.greater(x, 0), x, otherwise)


_FORMULAS: dict[str, Any] = {
    "LeakyRelu": lambda x, given: _below(x, given("alpha", 0.01) * x),
    "Elu": lambda x, given: _below(x, given("alpha", 1.0) * ops.expm1(ops.minimum(x, 0.0))),
    "Celu": lambda x, given: _below(x, given("alpha", 1.0) * ops.expm1(ops.minimum(x, 0.0) / given("alpha", 1.0))),
    "Selu": lambda x, given: (
        given("gamma", _SELU["gamma"]) * _below(x, given("alpha", _SELU["alpha"]) * ops.expm1(ops.minimum(x, 0.0)))
    ),
    "HardSigmoid": lambda x, given: ops.clip(given("alpha", 0.2) * x + given("beta", 0.5), 0.0, 1.0),
    "Swish": lambda x, given: x * ops.sigmoid(given("alpha", 1.0) * x),
}

_FUNCTIONS: dict[str, Any] = {
    "Abs": ops.abs, "Acos": ops.arccos, "Acosh": ops.arccosh, "Asin": ops.arcsin, "Asinh": ops.arcsinh,
    "Atan": ops.arctan, "Atanh": ops.arctanh, "Ceil": ops.ceil, "Cos": ops.cos, "Cosh": ops.cosh, "Erf": ops.erf,
    "Floor": ops.floor, "IsNaN": ops.isnan, "Log": ops.log, "Neg": ops.negative, "Not": ops.logical_not,
    "Reciprocal": ops.reciprocal, "Round": ops.round, "Sign": ops.sign, "Sin": ops.sin, "Sinh": ops.sinh,
    "Sqrt": ops.sqrt, "Tan": ops.tan,
}  # fmt: skip
_WHOLE = ("Abs", "Ceil", "Floor", "Neg", "Round", "Sign")


@handles(*_FUNCTIONS)
def function(g: Building, node: Node, x: Any) -> Any:
    return g.pointwise(_FUNCTIONS[node.op], x, node.op in _WHOLE and isinstance(x, Value) and x.whole)


@handles("ThresholdedRelu")
def thresholded(g: Building, node: Node, x: Any) -> Any:
    alpha = node.attributes.get("alpha", 1.0)
    return g.pointwise(lambda t: ops.where(ops.greater(t, alpha), t, 0.0), x)


@handles("Shrink", since=9)
def shrink(g: Building, node: Node, x: Any) -> Any:
    """Towards 0 by `bias`, and 0 where |x| <= lambd."""
    bias, limit = node.attributes.get("bias", 0.0), node.attributes.get("lambd", 0.5)
    return g.pointwise(lambda t: ops.where(ops.greater(ops.abs(t), limit), t - bias * ops.sign(t), 0.0), x)


@handles("Identity")
def identity(g: Building, node: Node, x: Any) -> Any:
    return x


@handles("Dropout")
def dropout(g: Building, node: Node, x: Any, ratio: Any = None, training: Any = None) -> Any:
    if any(name in g.readers or name in g.outputs for name in node.outputs[1:] if name):
        raise ValueError("the mask of a Dropout is not computed")
    if training is not None and (not isinstance(training, np.ndarray) or bool(training)):
        raise ValueError("expected a Dropout that drops nothing when the model is used")
    rate = node.attributes.get("ratio", 0.5) if ratio is None else float(np.asarray(ratio))
    if not isinstance(x, Value) or not 0 < rate < 1:
        return x
    return Value(g.connect(g.layer(layers.Dropout, rate), x.tensor), x.order, x.whole)


@handles("Clip", until=10)
def clip_by_attributes(g: Building, node: Node, x: Any) -> Any:
    return _clipped(g, x, node.attributes.get("min", -math.inf), node.attributes.get("max", math.inf))


@handles("Clip", since=11)
def clip(g: Building, node: Node, x: Any, low: Any = None, high: Any = None) -> Any:
    low, high = (b if b is None else np.asarray(b).item() for b in (low, high))
    return _clipped(g, x, -math.inf if low is None else low, math.inf if high is None else high)


def _clipped(g: Building, x: Any, low: float, high: float) -> Any:
    if isinstance(x, Value) and low == 0 and high >= 0:
        found = Activation("relu6", high) if high < math.inf else Activation("relu")
        return x.like(g.connect(g.layer(layers.Activation, found), x.tensor), x.whole)
    if low == -math.inf and high == math.inf:
        return x
    return g.pointwise(lambda t: ops.minimum(ops.maximum(t, low), high), x, isinstance(x, Value) and x.whole)


@handles("PRelu")
def prelu(g: Building, node: Node, x: Value, slope: Any) -> Any:
    """Slopes repeat to the tensor; before version 7, one for each channel."""
    if not isinstance(slope, np.ndarray):
        (left, right), made = g.sides(x, slope)
        return made(_below(left, left * right))
    if g.opset < 7 and slope.ndim == 1 and slope.size > 1:
        slope = slope.reshape(slope.size, *[1] * (x.rank - 2))
    full = slope.reshape((1,) * (x.rank - slope.ndim) + slope.shape)
    if full.shape[0] != 1:
        raise ValueError(f"slopes of shape {slope.shape}, which differ between samples")
    alpha = full.transpose(x.order)[0]
    shared = [i + 1 for i, n in enumerate(alpha.shape) if n == 1]
    return x.like(g.connect(g.layer(layers.PReLU, shared_axes=shared or None), x.tensor, [alpha]))


@handles("Softmax", "LogSoftmax", since=13)
def softmax(g: Building, node: Node, x: Any) -> Any:
    return _softmax(g, node, x, [axis_of(node.attributes.get("axis", -1), np.ndim(x) or x.rank)])


@handles("Softmax", "LogSoftmax", until=12)
def softmax_of_rows(g: Building, node: Node, x: Any) -> Any:
    rank = np.ndim(x) or x.rank
    return _softmax(g, node, x, list(range(axis_of(node.attributes.get("axis", 1), rank), rank)))


def _softmax(g: Building, node: Node, x: Any, axes: list[int]) -> Any:
    function = {"Softmax": ops.softmax, "LogSoftmax": ops.log_softmax}[node.op]
    if not isinstance(x, Value):
        return np.asarray(function(x, tuple(axes)))
    places = [x.place(a) for a in behind_batch(axes, x.rank)]
    if places == [x.rank - 1]:
        return x.like(g.connect(g.layer(layers.Activation, _ROWWISE[node.op]), x.tensor))
    sized = [p for p in places if x.tensor.shape[p] != 1] or places[:1]
    y: Any = function(x.tensor, sized[0] if len(sized) == 1 else tuple(sized))
    return x.like(y)


_ROWWISE = {"Softmax": "softmax", "LogSoftmax": "log_softmax"}
