"""Layers that make codes of numbers or texts, and rows of 0 and 1 of codes."""

from __future__ import annotations

from typing import Any

import numpy as np

from pydl._onnx.graph import Graph, Value
from pydl._onnx.writers import Writers
from pydl.layers.category_encoding import CategoryEncoding
from pydl.layers.discretization import Discretization
from pydl.layers.lookup import IntegerLookup, Lookup, StringLookup

writers = Writers()


def _encoded(g: Graph, codes: str, rank: int, shape: Any, mode: str, depth: int) -> Value:
    """What `pydl.layers.host.encode` makes of codes, whole numbers of this rank and shape."""
    if mode == "int":
        return Value(codes, dtype="int64")
    if mode == "one_hot" and rank > 1 and shape[-1] == 1:
        codes = g.squeeze(codes, -1)
    each = g.cast(g.add("Equal", g.unsqueeze(codes, -1), g.constant(range(depth), "int64")), g.dtype)
    if mode == "one_hot":
        return Value(each)
    if rank == 1:
        raise g.refuse(f'output_mode "{mode}" of one code a row has no batch; take "one_hot"')
    return Value(g.reduce("ReduceMax" if mode == "multi_hot" else "ReduceSum", each, [1]))


@writers.of(CategoryEncoding)
def category_encoding(g: Graph, layer: CategoryEncoding, x: Value) -> Value:
    return _encoded(g, g.whole(x), x.rank, x.shape, layer.output_mode, layer.num_tokens)


@writers.of(Discretization)
def discretization(g: Graph, layer: Discretization, x: Value) -> Value:
    """How many boundaries a number is not below; for NaN that is all of them."""
    if layer.bin_boundaries is None:
        raise g.refuse("expected a call of adapt first, or bin_boundaries")
    name = g.unsqueeze(g.last(g.number(x)), -1)
    beyond = g.add("Not", g.add("Less", name, g.constant(layer.bin_boundaries)))
    codes = g.reduce("ReduceSum", g.cast(beyond, "int64"), [-1])
    return _encoded(g, codes, x.rank, x.shape, layer.output_mode, layer._depth())


@writers.of(IntegerLookup, StringLookup)
def lookup(g: Graph, layer: Lookup, x: Value) -> Value:
    """Equal to which token, whose codes then are summed up, as one at most is not 0."""
    texts = isinstance(layer, StringLookup)
    if layer.invert:
        raise g.refuse("invert=True has no ONNX form; look the tokens up outside of the file")
    if texts and g.opset < 19:
        raise g.refuse(f"texts can be compared from opset 19 on, not in opset {g.opset}; export with opset=19")
    if texts != (x.dtype == "string"):
        raise g.refuse(f"expected {'texts' if texts else 'whole numbers'}, got {x.dtype}")
    if layer.num_oov_indices > 1 and (texts or getattr(layer, "oov_method", "") != "floormod"):
        raise g.refuse("several codes for what is unknown are told apart by a hash, which ONNX lacks")
    if not layer._table.tokens:
        raise g.refuse("expected a vocabulary, or a call of adapt, first")
    tokens, first = layer._table.tokens, len(layer._special())
    special = first - layer.num_oov_indices  # the code of the first that stands for what is unknown
    name = g.last(x) if texts else g.whole(x)
    codes, known = _found(g, name, list(tokens), range(first, first + len(tokens)), "string" if texts else "int64")
    if layer.num_oov_indices:
        unknown = g.constant(special, "int64")
        if layer.num_oov_indices > 1:
            unknown = g.add("Add", unknown, g.add("Mod", name, g.constant(layer.num_oov_indices, "int64")))
    else:
        unknown = g.constant(-1, "int64")
    codes = g.add("Where", known, codes, unknown)
    if layer.mask_token is not None:
        masked = g.add("Equal", name, g.constant(layer.mask_token, "string" if texts else "int64"))
        codes = g.add("Where", masked, g.constant(0 if layer.output_mode == "int" else -1, "int64"), codes)
    mode = "count" if layer.output_mode == "tf_idf" else layer.output_mode
    y = _encoded(g, codes, x.rank, x.shape, mode, layer._depth())
    if layer.output_mode != "tf_idf":
        return y
    assert layer._table.idf is not None
    idf = np.pad(layer._table.idf, (0, layer._depth() - len(layer._table.idf)))
    return Value(g.add("Mul", g.last(y), g.constant(idf)))


def _found(g: Graph, x: str, tokens: list[Any], codes: Any, dtype: str) -> tuple[str, str]:
    """The code of each element that is a token, and whether it is one."""
    each = g.cast(g.add("Equal", g.unsqueeze(x, -1), g.constant(tokens, dtype)), "int64")
    found = g.reduce("ReduceSum", g.add("Mul", each, g.constant(codes, "int64")), [-1])
    return found, g.cast(g.reduce("ReduceMax", each, [-1]), "bool")
