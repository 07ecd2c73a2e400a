"""Functions of several tensors, element by element, each repeated to the shape of all."""

from __future__ import annotations

from functools import reduce
from typing import Any

import numpy as np

from pydl import layers, ops
from pydl._onnx.building import Building
from pydl._onnx.ops.table import handles
from pydl._onnx.parsing import Node
from pydl._onnx.values import Value

_TWO: dict[str, Any] = {
    "Add": ops.add, "Sub": ops.subtract, "Mul": ops.multiply, "Div": ops.divide, "Pow": ops.power,
    "And": ops.logical_and, "Or": ops.logical_or, "Xor": ops.logical_xor, "Equal": ops.equal, "Less": ops.less,
    "LessOrEqual": ops.less_equal, "Greater": ops.greater, "GreaterOrEqual": ops.greater_equal,
}  # fmt: skip
_TRAINED = ("Add", "Sub", "Mul", "Div")
_WHOLE = ("Add", "Sub", "Mul", "Div")
_EXACT = 2**24  # whole numbers to which float32 has them all


@handles(*_TWO)
def of_two(g: Building, node: Node, a: Any, b: Any) -> Any:
    """With a tensor of the file as the one side, which then is trained, unless it is a single number."""
    b = _placed(node, a, b)
    function = _TWO[node.op]
    whole = node.op in _WHOLE and all(_whole(x) for x in (a, b))
    if _may_round(node, (a, b)):
        g.of_whole = g.of_whole or node
    (left, right), made = g.sides(a, b)
    if node.op == "Div" and whole:
        return _marked(made(ops.trunc(function(left, right))), whole, (a, b))
    for i, (name, side) in enumerate(zip(node.inputs, (left, right), strict=False)):
        if isinstance(side, np.ndarray) and side.ndim and name in g.trained and node.op in _TRAINED and not whole:
            other = (left, right)[1 - i]
            if isinstance(other, np.ndarray):
                continue
            layer = g.layer(layers.Parametric, function.name, side.shape, reflected=i == 0)
            return made(g.connect(layer, other, [side]))
    return _marked(made(function(left, right)), whole, (a, b))


def _may_round(node: Node, sides: tuple[Any, Any]) -> bool:
    """Whether float32 might give another result: all but a comparison with smaller numbers."""
    if node.op in ("And", "Or", "Xor") or not any(isinstance(x, Value) and x.whole for x in sides):
        return False
    constant = next((x for x in sides if isinstance(x, np.ndarray)), None)
    return node.op in (*_WHOLE, "Pow") or constant is None or bool(np.any(np.abs(constant) >= _EXACT))


def _whole(x: Any) -> bool:
    return x.whole if isinstance(x, Value) else x.dtype.kind in "iu"


def _marked(y: Any, whole: bool, sides: tuple[Any, Any]) -> Any:
    """A result, of whole numbers if both sides are."""
    if isinstance(y, Value):
        return Value(y.tensor, y.order, whole)
    return y.astype(np.result_type(*sides)) if whole else y


def _placed(node: Node, a: Any, b: Any) -> Any:
    """The second side with its axes where files before version 7 said that they belong."""
    if node.attributes.get("broadcast") and "axis" in node.attributes and isinstance(b, np.ndarray) and b.ndim:
        rank = a.ndim if isinstance(a, np.ndarray) else a.rank
        behind = rank - node.attributes["axis"] % rank - b.ndim
        return b.reshape(b.shape + (1,) * behind)
    return b


@handles("Sum", "Max", "Min", "Mean")
def of_several(g: Building, node: Node, *xs: Any) -> Any:
    function = {"Max": ops.maximum, "Min": ops.minimum}.get(node.op, ops.add)
    found, made = g.sides(*xs)
    y = reduce(function, found)
    return made(y / len(xs) if node.op == "Mean" and len(xs) > 1 else y)


@handles("Mod")
def modulo(g: Building, node: Node, a: Any, b: Any) -> Any:
    """The remainder with the divisor's sign, or with `fmod` that of what is divided."""
    (left, right), made = g.sides(a, b)
    if node.attributes.get("fmod", 0):
        return made(left - right * ops.trunc(ops.divide(left, right)))
    return made(ops.mod(left, right))


@handles("Where")
def where(g: Building, node: Node, condition: Any, a: Any, b: Any) -> Any:
    found, made = g.sides(condition, a, b)
    return made(ops.where(*found))
