"""Products: Dense layers of constants, and products of tensors."""

from __future__ import annotations

from typing import Any

import numpy as np

from pydl import layers, ops
from pydl._onnx.building import Building
from pydl._onnx.ops.pointwise import following
from pydl._onnx.ops.table import handles
from pydl._onnx.parsing import Node
from pydl._onnx.values import Value

Array = np.ndarray


def dense(g: Building, node: Node, x: Any, kernel: Array, bias: Array | None, name: str) -> Value:
    """A Dense layer over the last axis of a tensor, with the activation behind it; `name`: of what comes out."""
    act, last = following(g, name)
    kernel = np.asarray(kernel)
    if kernel.ndim != 2 or 0 in kernel.shape:
        raise ValueError(f"expected a matrix with rows and columns, got shape {kernel.shape}")
    layer = g.layer(layers.Dense, kernel.shape[1], activation=act, use_bias=bias is not None)
    y = Value(g.connect(layer, x, [kernel, bias]))
    g.values[last] = y
    return y


@handles("Gemm")
def gemm(g: Building, node: Node, a: Value, b: Any, c: Any = None) -> Any:
    """`alpha * a @ b + beta * c`; b is turned, and numbers are multiplied into the weights, once."""
    given = node.attributes.get
    if given("transA", 0):
        raise ValueError("transA=1: samples would meet")
    if not isinstance(b, np.ndarray):
        raise ValueError("expected a constant as the matrix")
    kernel = b.T if given("transB", 0) else b
    kernel = kernel if given("alpha", 1.0) == 1 else given("alpha", 1.0) * kernel
    x, kernel = flat_input(g, node, a, kernel)
    if isinstance(c, Value):
        plain = Value(g.connect(g.layer(layers.Dense, kernel.shape[1], use_bias=False), x, [kernel]))
        (left, right), made = g.sides(plain, c)
        return made(left + given("beta", 1.0) * right)
    bias = None if c is None else _bias(given("beta", 1.0) * c, kernel.shape[-1])
    return dense(g, node, x, kernel, bias, node.outputs[0])


def flat_input(g: Building, node: Node, a: Any, kernel: Array) -> tuple[Any, Array]:
    """The input of a product, and the kernel with its rows in the order in which the columns of that input are."""
    source = g.flattened.get(node.inputs[0])
    if source is None:
        return g.plain(a), kernel
    columns = kernel.T.reshape(kernel.shape[1], *(d or 1 for d in source.shape[1:]))
    columns = columns.transpose(0, *source.order[1:]).reshape(kernel.T.shape)
    return g.connect(g.layer(layers.Flatten), source.tensor), columns.T


def _bias(c: Array, units: int) -> Array:
    if c.ndim > 2 or (c.ndim == 2 and c.shape[0] != 1) or c.shape[-1:] not in ((), (1,), (units,)):
        raise ValueError(f"expected a bias for each of {units} columns, got shape {c.shape}")
    return np.broadcast_to(c.reshape(-1) if c.ndim else c, (units,))


@handles("MatMul")
def matmul(g: Building, node: Node, a: Any, b: Any) -> Any:
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
        g.fits((*a.shape[:-1], *b.shape[-1:]))
        return np.matmul(a, b)
    if isinstance(a, Value) and isinstance(b, np.ndarray) and b.ndim == 2:
        bias, name = _added(g, node, b.shape[-1])
        x, kernel = flat_input(g, node, a, b)
        return dense(g, node, x, kernel, bias, name)
    first = a if isinstance(a, Value) else b
    left, right = (g.plain(x) if isinstance(x, Value) else x for x in (a, b))
    ranks = [len(x.shape) for x in (left, right)]
    if first.rank < 3 or (isinstance(a, Value) and isinstance(b, Value) and ranks[0] != ranks[1]):
        raise ValueError(f"a product of shapes {left.shape} and {right.shape}: samples would meet")
    constant = right if isinstance(right, np.ndarray) else left if isinstance(left, np.ndarray) else None
    if constant is not None and constant.ndim >= first.rank and constant.shape[0] != 1:
        raise ValueError(f"a constant of shape {constant.shape}, which differs between samples")
    g.fits([max(d or 1 for d in pair) for pair in zip(left.shape[:-1][::-1], right.shape[::-1], strict=False)])
    if constant is not None and constant.dtype.kind == "f":
        reflected = constant is left
        layer = g.layer(layers.Parametric, "stacked_matmul", constant.shape, reflected=reflected)
        return Value(g.connect(layer, right if reflected else left, [constant]))
    y: Any = ops.matmul(left, right)
    return Value(y)


def _added(g: Building, node: Node, units: int) -> tuple[Array | None, str]:
    """The constant that alone is added to a product, taken along, and what comes out of the sum."""
    name = node.outputs[0]
    reader = g.only_reader(name)
    if reader is None or reader.op != "Add" or reader.domain or "broadcast" in reader.attributes:
        return None, name
    other = g.constant(next((n for n in reader.inputs if n != name), ""))
    if other is None or other.shape != (1,) * (other.ndim - 1) + (units,) or other.ndim > 2:
        return None, name
    g.done.add(id(reader))
    return other.reshape(-1), reader.outputs[0]


@handles("Einsum")
def einsum(g: Building, node: Node, *xs: Any) -> Any:
    """Of tensors, or of one and a constant, which becomes the kernel of an EinsumDense layer."""
    equation = node.attributes["equation"].decode("ascii", "replace").replace(" ", "")
    left, arrow, right = equation.partition("->")
    names = left.split(",")
    if (
        "." in equation
        or not arrow
        or len(names) != len(xs)
        or not isinstance(xs[0], Value)
        or names[0][:1] != right[:1]
    ):
        raise ValueError(f"equation {equation!r}: expected letters, and the batch first on both sides")
    sizes: dict[str, int] = {}
    for letters, x in zip(names, xs, strict=True):
        if len(letters) != len(x.shape) or len(set(letters)) < len(letters):
            raise ValueError(f"equation {equation!r}: {letters!r} for shape {x.shape}")
        sizes |= {k: d or 1 for k, d in zip(letters, x.shape, strict=True)}
    g.fits([sizes[k] for k in right[1:]])
    if len(xs) == 2 and isinstance(xs[1], np.ndarray):
        if names[0][0] in names[1]:
            raise ValueError(f"equation {equation!r}: a constant that differs between samples")
        layer = g.layer(layers.EinsumDense, equation, tuple(sizes[k] for k in right[1:]))
        return Value(g.connect(layer, g.plain(xs[0]), [xs[1]]))
    if not all(isinstance(x, Value) and letters[:1] == right[:1] for x, letters in zip(xs, names, strict=True)):
        raise ValueError(f"equation {equation!r}: samples would meet, or several constants")
    y: Any = ops.einsum(equation, *(g.plain(x) for x in xs))
    return Value(y)
