"""Shapes, parts and places: what moves elements and computes sizes, of constants and of tensors."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from pydl import layers, ops
from pydl._onnx.building import Building, as_list, axis_of, behind_batch
from pydl._onnx.ops.reducing import without
from pydl._onnx.ops.table import handles
from pydl._onnx.parsing import TYPES, Node
from pydl._onnx.values import BATCH, Size, Value, channels_last, sizes_of

Array = np.ndarray


def _rank(x: Any) -> int:
    return x.ndim if isinstance(x, np.ndarray) else x.rank


# -- constants ---------------------------------------------------------------------------------------------------------
@handles("Constant")
def constant(g: Building, node: Node) -> Array:
    names = ("value", "value_float", "value_floats", "value_int", "value_ints")
    given = [node.attributes[name] for name in names if name in node.attributes]
    if len(given) != 1 or not isinstance(given[0], np.ndarray | float | int | list):
        raise ValueError("expected one value of numbers")
    return np.asarray(given[0], np.float32 if any("float" in name for name in node.attributes) else None)


@handles("ConstantOfShape")
def constant_of_shape(g: Building, node: Node, shape: Array) -> Array:
    value = node.attributes.get("value", np.zeros(1, np.float32))
    sizes = _known(as_list(shape))
    g.fits(sizes)
    g.trained.add(node.outputs[0])
    return np.broadcast_to(value.reshape(-1)[0], sizes)


@handles("Range")
def numbers(g: Building, node: Node, start: Array, limit: Array, step: Array) -> Array:
    first, last, by = (np.asarray(v).reshape(()).item() for v in (start, limit, step))
    g.fits([max(0, math.ceil((last - first) / by))])
    return np.arange(first, last, by, dtype=np.asarray(start).dtype)


@handles("Shape")
def shape_of(g: Building, node: Node, x: Any) -> Array:
    sizes = sizes_of(x)[slice(node.attributes.get("start"), node.attributes.get("end"))]
    fixed = not any(isinstance(d, Size) for d in sizes)
    found = np.empty(len(sizes), np.int64 if fixed else object)
    found[:] = sizes
    return found


@handles("Size")
def size_of(g: Building, node: Node, x: Any) -> Array:
    return np.array(math.prod(_known(sizes_of(x))))


def _known(sizes: Sequence[Any]) -> list[int]:
    if any(isinstance(d, Size) or d < 0 for d in sizes):
        raise ValueError(f"expected sizes known in advance, got {list(sizes)}")
    return list(sizes)


# -- other shapes ------------------------------------------------------------------------------------------------------
@handles("Reshape", until=4)
def reshape_by_attribute(g: Building, node: Node, x: Any) -> Any:
    return _reshape(g, node, x, node.attributes["shape"])


@handles("Reshape", since=5)
def reshape(g: Building, node: Node, x: Any, shape: Any) -> Any:
    return _reshape(g, node, x, as_list(shape))


def _reshape(g: Building, node: Node, x: Any, wanted: list[Any]) -> Any:
    own = sizes_of(x)
    if not node.attributes.get("allowzero", 0):
        wanted = [own[i] if d == 0 else d for i, d in enumerate(wanted)]
    if isinstance(x, np.ndarray):
        return x.reshape(_known([-1 if d == -1 else d for d in wanted]) if -1 not in wanted else wanted)
    if not wanted or not (wanted[0] is BATCH or wanted[0] == -1 or wanted[0] in g.batches):
        raise ValueError(f"shape {wanted} of a tensor of shape {own}: samples would meet")
    target: list[Any] = [None, *wanted[1:]]
    free = [i for i, d in enumerate(target) if i and (d == -1 or isinstance(d, Size))]
    if free:
        rest = math.prod(d for i, d in enumerate(target) if i and i not in free)
        size = math.prod(_known(own[1:]))
        if len(free) > 1 or not rest or size % rest:
            raise ValueError(f"cannot show shape {own} as {wanted}")
        target[free[0]] = size // rest
    return shown(g, node, x, target)


def shown(g: Building, node: Node, x: Value, target: list[Any]) -> Value:
    """A tensor in another shape; products behind it put up with the order in which it is stored."""
    name = node.outputs[0]
    if len(target) == 2 and x.order != tuple(range(x.rank)) and None not in x.shape[1:] and _only_products(g, name):
        if math.prod(d or 1 for d in x.shape[1:]) != target[1]:
            raise ValueError(f"cannot show shape {x.shape} as {target}")
        g.flattened[name] = x
        return x
    return g.reshaped(x, target)


def _only_products(g: Building, name: str) -> bool:
    """Whether all that reads a tensor multiplies it by a constant."""
    readers = g.readers.get(name, [])
    return name not in g.outputs and bool(readers) and all(
        n.op in ("Gemm", "MatMul") and n.inputs[0] == name and n.inputs.count(name) == 1
        and not n.attributes.get("transA") and getattr(g.constant(n.inputs[1]), "ndim", 0) == 2
        for n in readers
    )  # fmt: skip


@handles("Flatten")
def flatten(g: Building, node: Node, x: Any) -> Any:
    rank, axis = _rank(x), node.attributes.get("axis", 1)
    axis = axis + rank if axis < 0 else axis
    if isinstance(x, np.ndarray):
        return x.reshape(math.prod(x.shape[:axis]), -1)
    if axis != 1:
        raise ValueError(f"axis {axis}: samples would meet")
    return shown(g, node, x, [None, math.prod(_known(sizes_of(x)[1:]))])


@handles("Squeeze")
def squeeze(g: Building, node: Node, x: Any, given: Any = None) -> Any:
    axes = node.attributes.get("axes") if given is None else as_list(given)
    if isinstance(x, np.ndarray):
        return np.squeeze(x, None if axes is None else tuple(axes))
    axes = [i for i, d in enumerate(x.shape) if d == 1] if axes is None else behind_batch(axes, x.rank)
    if any(x.shape[a] != 1 for a in axes):
        raise ValueError(f"expected axes of size 1, got {axes} of shape {x.shape}")
    return g.reshaped(x, [d for i, d in enumerate(x.shape) if i not in axes])


@handles("Unsqueeze")
def unsqueeze(g: Building, node: Node, x: Any, given: Any = None) -> Any:
    axes = node.attributes["axes"] if given is None else as_list(given)
    if isinstance(x, np.ndarray):
        return np.expand_dims(x, tuple(axes))
    rank = x.rank + len(axes)
    added = behind_batch(axes, rank)
    sizes = iter(x.shape)
    return g.reshaped(x, [1 if i in added else next(sizes) for i in range(rank)])


@handles("Transpose")
def transpose(g: Building, node: Node, x: Any) -> Any:
    """Of a tensor, nothing but a note of where its axes now belong."""
    perm = node.attributes.get("perm") or list(range(_rank(x)))[::-1]
    if sorted(perm) != list(range(_rank(x))):
        raise ValueError(f"expected each axis once, got {perm}")
    if isinstance(x, np.ndarray):
        return x.transpose(perm)
    if perm[0] != 0:
        raise ValueError(f"axes {perm}: samples would meet")
    return Value(x.tensor, [perm.index(axis) for axis in x.order], x.whole)


@handles("Expand")
def expand(g: Building, node: Node, x: Any, shape: Any) -> Any:
    sizes = as_list(shape)
    if isinstance(x, np.ndarray):
        g.fits(np.broadcast_shapes(x.shape, tuple(_known(sizes))))
        return x * np.ones(_known(sizes), x.dtype)
    if len(sizes) > x.rank or (len(sizes) == x.rank and not (sizes[0] in (BATCH, 1) or sizes[0] in g.batches)):
        raise ValueError(f"shape {sizes} of a tensor of shape {x.shape}: samples would meet")
    full = [1] * (x.rank - len(sizes)) + [1 if i + x.rank == len(sizes) else d for i, d in enumerate(sizes)]
    g.fits([max(int(a or 1), int(b)) for a, b in zip(x.shape[1:], _known(full[1:]), strict=True)])
    ones = np.ones([1, *full[1:]], g.dtype).transpose(x.order)
    return x.like(ops.multiply(x.tensor, ones), x.whole)


@handles("Tile", since=6)
def tile(g: Building, node: Node, x: Any, repeats: Any) -> Any:
    times = as_list(repeats)
    if len(times) != _rank(x) or any(n < 1 for n in times):
        raise ValueError(f"expected how often for each axis, got {times}")
    if isinstance(x, np.ndarray):
        g.fits([n * d for n, d in zip(times, x.shape, strict=True)])
        return np.tile(x, times)
    if times[0] != 1:
        raise ValueError(f"{times}: samples are not repeated")
    g.fits([n * (d or 1) for n, d in zip(times[1:], x.shape[1:], strict=True)])
    return x.like(ops.tile(x.tensor, [times[a] for a in x.order]), x.whole)


# -- parts -------------------------------------------------------------------------------------------------------------
@handles("Concat")
def concat(g: Building, node: Node, *xs: Any) -> Any:
    axis = axis_of(node.attributes.get("axis", 1), _rank(xs[0]))
    if all(isinstance(x, np.ndarray) for x in xs):
        g.fits([sum(x.size for x in xs)])
        return np.concatenate(xs, axis)
    if not all(isinstance(x, Value) and x.rank == xs[0].rank for x in xs):
        raise ValueError("constants beside tensors, or tensors of different ranks")
    first = xs[0]
    place = first.place(behind_batch([axis], first.rank)[0])
    tensors = [g.ordered(x, first.order) for x in xs]
    g.fits([sum(t.shape[i] or 1 if i == place else 0 for t in tensors) or d or 1
            for i, d in enumerate(first.tensor.shape) if i])  # fmt: skip
    if len(tensors) == 1:
        return first
    y = g.connect(g.layer(layers.Concatenate, axis=place), tensors)
    return first.like(y, all(x.whole for x in xs))


@handles("Split")
def split(g: Building, node: Node, x: Any, given: Any = None) -> list[Any]:
    axis = axis_of(node.attributes.get("axis", 0), _rank(x))
    size = sizes_of(x)[axis]
    if isinstance(size, Size):
        raise ValueError(f"parts of an axis whose size, {size}, is not known")
    sizes = node.attributes.get("split") if given is None else as_list(given)
    if not sizes:
        step = -(-size // len(node.outputs))
        sizes = [min(step, size - i) for i in range(0, size, step)]
    if len(sizes) != len(node.outputs) or sum(sizes) != size or min(sizes) < 0:
        raise ValueError(f"expected {len(node.outputs)} parts of {size}, got {sizes}")
    ends = np.cumsum([0, *sizes]).tolist()
    return [cut(x, {axis: slice(a, b)}) for a, b in pairwise(ends)]


def cut(x: Any, parts: dict[int, slice]) -> Any:
    """Parts of a constant or a tensor along some axes."""
    if isinstance(x, np.ndarray):
        return x[tuple(parts.get(axis, slice(None)) for axis in range(x.ndim))]
    if 0 in parts:
        raise ValueError("a part of the batch: samples are not told apart")
    key = tuple(parts.get(axis, slice(None)) for axis in x.order)
    return x.like(ops.get_item(x.tensor, key), x.whole)


@handles("Slice", until=9)
def slice_by_attributes(g: Building, node: Node, x: Any) -> Any:
    starts, ends = node.attributes["starts"], node.attributes["ends"]
    return _slice(g, x, starts, ends, node.attributes.get("axes"), None)


@handles("Slice", since=10)
def slice_by_inputs(g: Building, node: Node, x: Any, *given: Any) -> Any:
    """Starts, ends and, where they are given, axes and steps."""
    lists = [None if v is None else as_list(v) for v in (*given, None, None)]
    return _slice(g, x, *lists[:4])


def _slice(g: Building, x: Any, starts: Any, ends: Any, axes: Any, steps: Any) -> Any:
    axes = range(len(starts)) if axes is None else axes
    parts = {}
    for start, end, axis, step in zip(starts, ends, axes, steps or [1] * len(starts), strict=True):
        axis = axis_of(axis, _rank(x))
        size = sizes_of(x)[axis]
        if isinstance(size, Size):
            if start != 0 or step != 1 or not (end >= 2**31 - 1 or (size is BATCH and end in g.batches)):
                raise ValueError(f"a part of an axis whose size, {size}, is not known")
            continue
        if step == 0:
            raise ValueError("expected steps other than 0")
        first, last, by = slice(start, end if end >= -size else (None if step < 0 else 0), step).indices(size)
        if first == 0 and last == size and by == 1:
            continue
        if len(range(first, last, by)) < 1 and isinstance(x, Value):
            raise ValueError("nothing is left of an axis")
        parts[axis] = slice(first, last if last >= 0 else None, by)
    return cut(x, parts) if parts else x


@handles("Gather")
def gather(g: Building, node: Node, x: Any, indices: Any) -> Any:
    axis = axis_of(node.attributes.get("axis", 0), _rank(x))
    if isinstance(x, np.ndarray) and isinstance(indices, np.ndarray):
        g.fits([*indices.shape, x.size // max(x.shape[axis], 1)])
        return np.take(x, np.asarray(as_list(indices), np.int64).reshape(indices.shape), axis)
    if isinstance(x, np.ndarray):
        return _embedded(g, x, indices, axis)
    if not isinstance(indices, np.ndarray) or axis == 0:
        raise ValueError("expected constant indices along an axis behind the batch: samples would meet")
    size, at = x.shape[axis], indices.astype(np.int64)
    if size is None or at.size == 0 or at.min() < -size or at.max() >= size:
        raise ValueError(f"expected indices below {size}, got {at.reshape(-1)[:8].tolist()}")
    at = at % size
    place = x.place(axis)
    if at.ndim == 0:
        key = (slice(None),) * place + (int(at),)
        return Value(ops.get_item(x.tensor, key), without(x.order, [axis]), x.whole)
    g.fits([at.size, *(d or 1 for i, d in enumerate(x.shape) if i not in (0, axis))])
    taken = x.like(ops.take(x.tensor, at.reshape(-1).tolist(), axis=place), x.whole)
    return taken if at.ndim == 1 else g.reshaped(taken, [*x.shape[:axis], *at.shape, *x.shape[axis + 1 :]])


def _embedded(g: Building, table: Array, codes: Value, axis: int) -> Value:
    """Rows of a constant by the codes in a tensor."""
    if axis != 0 or table.ndim != 2 or table.dtype.kind != "f" or not codes.whole:
        raise ValueError("expected whole numbers that choose rows of a matrix")
    g.fits([*(d or 1 for d in codes.shape[1:]), table.shape[1]])
    return Value(g.connect(g.layer(layers.Embedding, *table.shape), g.plain(codes), [table]))


# -- borders -----------------------------------------------------------------------------------------------------------
@handles("Pad", until=1)
def pad_of_old(g: Building, node: Node, x: Any) -> Any:
    return padded(g, x, node.attributes["paddings"], node.attributes.get("value", 0.0), _mode(node))


@handles("Pad", since=2, until=10)
def pad_by_attributes(g: Building, node: Node, x: Any) -> Any:
    return padded(g, x, node.attributes["pads"], node.attributes.get("value", 0.0), _mode(node))


@handles("Pad", since=11)
def pad(g: Building, node: Node, x: Any, pads: Any, value: Any = None, axes: Any = None) -> Any:
    given, rank = as_list(pads), _rank(x)
    if axes is not None:
        chosen = [axis_of(a, rank) for a in as_list(axes)]
        half = len(chosen)
        full = [0] * 2 * rank
        for i, axis in enumerate(chosen):
            full[axis], full[rank + axis] = given[i], given[half + i]
        given = full
    return padded(g, x, given, 0.0 if value is None else np.asarray(value).reshape(()).item(), _mode(node))


def _mode(node: Node) -> str:
    return str(node.attributes.get("mode", b"constant").decode("ascii", "replace"))


def padded(g: Building, x: Any, pads: list[int], value: float, mode: str) -> Any:
    """A tensor with borders; what is below 0 is cut off."""
    rank = _rank(x)
    if len(pads) != 2 * rank or mode not in ("constant", "reflect", "edge", "wrap"):
        raise ValueError(f"expected two borders for each of {rank} axes, got {pads}, and a known mode, got {mode!r}")
    pairs = {axis: (pads[axis], pads[rank + axis]) for axis in range(rank)}
    sizes = sizes_of(x)
    g.fits([1 if isinstance(d, Size) else max(1, d + sum(map(abs, pairs[i]))) for i, d in enumerate(sizes)])
    less = {a: slice(max(-p, 0), sizes[a] - max(-q, 0)) for a, (p, q) in pairs.items() if min(p, q) < 0}
    x = cut(x, less) if less else x
    pairs = {a: (max(p, 0), max(q, 0)) for a, (p, q) in pairs.items()}
    if isinstance(x, np.ndarray):
        values = {"constant_values": value} if mode == "constant" else {}
        return np.pad(x, list(pairs.values()), mode=mode, **values)  # type: ignore[call-overload]
    if any(pairs[0]):
        raise ValueError("borders of the batch: samples are not added")
    if mode != "constant":
        return _repeated(x, pairs, mode)
    if rank == 4 and value == 0 and not any(pairs[1]) and x.order == channels_last(4):
        layer = g.layer(layers.ZeroPadding2D, (pairs[2], pairs[3]))
        return x.like(g.connect(layer, x.tensor), x.whole)
    if not any(any(p) for p in pairs.values()):
        return x
    return x.like(ops.pad(x.tensor, [pairs[a] for a in x.order], constant_values=value), x.whole)


def _repeated(x: Value, pairs: dict[int, tuple[int, int]], mode: str) -> Value:
    """Borders of what is within."""
    for axis, pair in pairs.items():
        size = x.shape[axis]
        if any(pair):
            if size is None:
                raise ValueError(f"borders along an axis whose size, {axis}, is not known")
            at = np.pad(np.arange(size), pair, mode=mode)  # type: ignore[call-overload]
            x = x.like(ops.take(x.tensor, at.tolist(), axis=x.place(axis)), x.whole)
    return x


# -- types -------------------------------------------------------------------------------------------------------------
@handles("Cast")
def cast(g: Building, node: Node, x: Any) -> Any:
    """A model computes in one dtype: of the types, whether numbers are whole and whether they are 0 or 1 remains."""
    to = TYPES.get(node.attributes["to"], ("other",))[0]
    if to == "other":
        raise ValueError(f"expected a type of numbers, got {node.attributes['to']}")
    if isinstance(x, np.ndarray):
        if x.dtype == object:
            return x
        return x.astype({"bfloat16": "float32", "float16": "float32"}.get(to, to))
    if to == "bool":
        return x.like(ops.not_equal(x.tensor, 0), whole=True)
    if "int" in to:
        codes = _are_codes(g, node.outputs[0])
        return x.like(x.tensor if x.whole or codes else ops.trunc(x.tensor), whole=True)
    return Value(x.tensor, x.order)


def _are_codes(g: Building, name: str) -> bool:
    """Whether a choice of rows reads a tensor, of a table or alone: an Embedding sees to it that codes are whole."""
    readers = g.readers.get(name, [])
    choices = [n for n in readers if n.op == "Gather" and n.inputs[0] != name]
    of_table = any(isinstance(g.values.get(n.inputs[0]), np.ndarray) for n in choices)
    return of_table or (name not in g.outputs and bool(readers) and len(choices) == len(readers))


@handles("CastLike")
def cast_like(g: Building, node: Node, x: Any, like: Any) -> Any:
    if isinstance(x, np.ndarray) and isinstance(like, np.ndarray):
        return x.astype(like.dtype)
    return x
