"""Layers of several inputs: merging, products, arithmetic."""

from __future__ import annotations

from dataclasses import replace
from functools import reduce
from string import ascii_lowercase
from typing import Any

from pydl._onnx.activations import activate
from pydl._onnx.graph import Graph, Value
from pydl._onnx.writers import Writers
from pydl.layers import merging
from pydl.layers.arithmetic import Arithmetic
from pydl.layers.concatenating import Concatenate
from pydl.layers.dot_product import Dot
from pydl.layers.einsum_dense import EinsumDense

writers = Writers()

_OPS: dict[type, str] = {
    merging.Add: "Add", merging.Average: "Add", merging.Subtract: "Sub", merging.Multiply: "Mul",
    merging.Maximum: "Max", merging.Minimum: "Min",
}  # fmt: skip


@writers.of(*_OPS)
def merged(g: Graph, layer: Any, *x: Value) -> Value:
    rank = max(v.rank for v in x)
    of_counting = isinstance(layer, merging.Multiply | merging.Maximum)
    if of_counting:
        x = tuple(_where_it_counts(g, v, layer.neutral(g.dtype)) for v in x)
    first = all(v.last is None and v.rank == rank for v in x)
    names = [g.first(v) if first else g.unsqueeze(g.last(v), *range(1, 1 + rank - v.rank)) for v in x]
    y = reduce(lambda a, b: g.add(_OPS[type(layer)], a, b), names)
    if isinstance(layer, merging.Average):
        y = g.add("Mul", y, g.constant(1 / len(x)))
    shape = (None,) * rank
    z = Value(first=y, shape=shape, mask=_either(g, x)) if first else Value(y, shape=shape, mask=_either(g, x))
    return _where_it_counts(g, z, 0.0) if of_counting else z


def _where_it_counts(g: Graph, x: Value, otherwise: float) -> Value:
    """A tensor with a number in place of the steps that do not count."""
    if x.mask is None:
        return x
    return replace(x, first=None, last=g.add("Where", g.unsqueeze(x.mask, -1), g.last(x), g.constant(otherwise)))


def _all_count(g: Graph, x: Value) -> str:
    """A mask of steps that all count."""
    some = g.cast(g.reduce("ReduceMax", g.last(x), [-1]), "bool")
    return g.add("Or", some, g.add("Not", some))


def _either(g: Graph, x: tuple[Value, ...]) -> str | None:
    """Which steps count in any input, if all have masks."""
    masks = [v.mask for v in x]
    if None in masks:
        return None
    return reduce(lambda a, b: g.add("Or", a, b), [m for m in masks if m is not None])


@writers.of(Concatenate)
def concatenate(g: Graph, layer: Concatenate, *x: Value) -> Value:
    axis, rank = layer.axis_along(x[0].shape), x[0].rank
    mask = _either(g, x)
    if axis < rank - 1 and any(v.mask is not None for v in x):
        mask = g.add("Concat", *(_all_count(g, v) if v.mask is None else v.mask for v in x), axis=axis)
    dtype = x[0].dtype if all(v.dtype == x[0].dtype for v in x) else g.dtype
    x = tuple(v if v.dtype == dtype else g.number(v) for v in x)
    if all(v.last is None for v in x):
        names = [g.first(v) for v in x]
        return Value(first=g.add("Concat", *names, axis=1 if axis == rank - 1 else axis + 1), dtype=dtype, mask=mask)
    return Value(g.add("Concat", *(g.last(v) for v in x), axis=axis), dtype=dtype, mask=mask)


@writers.of(Dot)
def dot(g: Graph, layer: Dot, *x: Value) -> Value:
    p, q = layer._of([v.shape for v in x])
    names = [g.last(v) for v in x]
    if layer.normalize:
        names = [
            g.add("Div", name, g.add("Max", g.add("Sqrt", _squares(g, name, axis)), g.constant(1e-7)))
            for name, axis in zip(names, (p, q), strict=True)
        ]
    one = ascii_lowercase[: x[0].rank]
    other = list("a" + ascii_lowercase[x[0].rank : x[0].rank + x[1].rank - 1])
    other[q] = one[p]
    out = "".join(c for c in [*one, *other[1:]] if c != one[p])
    y = g.add("Einsum", *names, equation=f"{one},{''.join(other)}->{out}")
    return Value(g.unsqueeze(y, 1) if len(out) == 1 else y)


def _squares(g: Graph, x: str, axis: int) -> str:
    return g.reduce("ReduceSumSquare", x, [axis], keepdims=True)


@writers.of(EinsumDense)
def einsum_dense(g: Graph, layer: EinsumDense, x: Value) -> Value:
    letters = layer._letters(x.rank)
    kernel = g.kernel(layer)
    y = g.add("Einsum", g.last(x), kernel, equation="{},{}->{}".format(*letters))
    if layer.bias is not None:
        y = g.add("Add", y, g.weight(layer.bias))
    return activate(g, Value(y, shape=tuple(layer.compute_output_shape(x.shape))), layer.activation)


_ARITHMETIC = {"add": "Add", "subtract": "Sub", "multiply": "Mul", "divide": "Div", "power": "Pow"}


@writers.of(Arithmetic)
def arithmetic(g: Graph, layer: Arithmetic, *x: Value) -> Value:
    op = _ARITHMETIC[layer.op]
    masks = [v for v in x if v.mask is not None]
    mask = _either(g, tuple(masks)) if masks else None
    if layer.constant is None:
        return Value(g.add(op, *(g.last(v) for v in x)), mask=mask)
    constant = g.constant(layer.constant)
    if not isinstance(layer.constant, float):
        g.last(x[0])
    return g.by_element(
        x[0], lambda name: g.add(op, constant, name) if layer.reflected else g.add(op, name, constant)
    )  # fmt: skip
