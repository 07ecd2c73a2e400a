"""Products: of matrices, on pydl's kernels, and of tensors."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from pydl import activations, config
from pydl._base import check
from pydl._engine.matmul import multiply, product
from pydl._engine.tape import UNKNOWN, differentiable, is_followed
from pydl.ops.elementwise import multiply as times
from pydl.ops.elementwise import subtract
from pydl.ops.shapes import moveaxis, ndim, ravel, reshape, shape, stack

Array = np.ndarray


def matmul(
    a: Any,
    b: Any,
    *,
    bias: Any = None,
    activation: Any = None,
    transpose_a: bool = False,
    transpose_b: bool = False,
    out: Array | None = None,
) -> Array:
    """`activation(op(a) @ op(b) + bias)`, on all threads; 2 * M * K * N flops.

    Parameters
    ----------
    a : array (M, K), (..., K) or (K,)
        `(K, M)` where `transpose_a`.
    b : array (K, N) or (K,)
        `(N, K)` where `transpose_b`.
    bias : array (N,), optional
    activation : str or function, optional
        See `pydl.activations`.
    transpose_a, transpose_b : bool
        Use the transpose of a matrix, without a copy.
    out : array, optional
        Where to put the result: C-contiguous, of the result's shape and dtype, sharing no memory with the others.

    Returns
    -------
    array (M, N)
        float32 or float64 as the operands are (float32 with float64 gives float64; integers beside them count as
        `floatx`, and stay integers among themselves). Every element is summed over K in order, one fused multiply-add
        each: |error| <= 2 K eps |a| |b|.

    Raises
    ------
    TypeError, ValueError
        Operands that are no numbers, or whose shapes do not fit.

    Notes
    -----
    Stacks of matrices (b with more than two axes) and operands that are symbolic, have a history or are weights are
    multiplied by NumPy, as `a @ b`, without the other arguments.
    """
    if is_followed(a) or is_followed(b) or np.ndim(b) > 2:
        if bias is not None or activation is not None or transpose_a or transpose_b or out is not None:
            raise TypeError("matmul: bias, activation, transpose_a, transpose_b and out are for arrays, b a matrix")
        return stacked_matmul(a, b)
    if bias is None and activation is None:
        if out is None and _whole(a) and _whole(b):  # exact, as in Keras
            x, y = (np.transpose(v) if turned else v for v, turned in ((a, transpose_a), (b, transpose_b)))
            return np.matmul(x, y, dtype=np.result_type(x, y, np.int32))
        plain = product(a, b, transpose_a, transpose_b, out)
        if plain is not None:
            return plain
    x, y = _operand("a", a), _operand("b", b)
    dtype = np.result_type(x, y)
    if x.ndim == 0 or y.ndim not in (1, 2) or (transpose_a and x.ndim != 2) or (transpose_b and y.ndim != 2):
        raise ValueError(
            f"matmul: expected a (..., K) and b (K, N) or (K,), matrices where transposed; got {x.shape} and {y.shape}"
        )
    left, flip_a = _matrix(x.reshape(math.prod(x.shape[:-1]), x.shape[-1]), dtype, transpose_a)
    right, flip_b = _matrix(y[:, None] if y.ndim == 1 else y, dtype, transpose_b)
    rows, inner = left.shape[::-1] if flip_a else left.shape
    depth, columns = right.shape[::-1] if flip_b else right.shape
    if inner != depth:
        shapes = f"{x.shape}{' transposed' if transpose_a else ''} and {y.shape}{' transposed' if transpose_b else ''}"
        raise ValueError(f"matmul: the inner sizes differ: {inner} and {depth}, for {shapes}")
    outer = (rows,) if transpose_a else x.shape[:-1]
    shape = outer if y.ndim == 1 else (*outer, columns)
    result = _result(out, shape, dtype, (left, right))
    act = activations.get(activation)
    if act.function is not None:
        raise TypeError(f"matmul: activation: expected a name or a function of pydl.activations, got {activation!r}")
    if result.size:
        matrix = result.reshape(rows, columns)
        multiply(left, flip_a, right, flip_b, _bias(bias, columns, dtype), act, matrix)
    return result


def _whole(x: Any) -> bool:
    return isinstance(x, np.ndarray) and x.dtype.kind in "iu"


def _operand(name: str, x: Any) -> Array:
    array = check.numeric("matmul", name, x)
    return array if array.dtype.kind == "f" else array.astype(config.floatx())


def _matrix(x: Array, dtype: np.dtype[Any], transpose: bool) -> tuple[Array, bool]:
    """A C-contiguous matrix of `dtype`, and whether its transpose is meant."""
    x = x.astype(dtype, copy=False)
    if not x.flags.c_contiguous and x.flags.f_contiguous:
        return x.T, not transpose
    return np.ascontiguousarray(x), transpose


def _bias(bias: Any, columns: int, dtype: np.dtype[Any]) -> Array | None:
    """The bias, as a copy: `out` may be the same array."""
    if bias is None:
        return None
    values = _operand("bias", bias)
    if values.shape != (columns,):
        raise ValueError(f"matmul: bias: expected shape ({columns},), got {values.shape}")
    return values.astype(dtype, order="C")


def _result(out: Array | None, shape: tuple[int, ...], dtype: np.dtype[Any], operands: tuple[Array, ...]) -> Array:
    if out is None:
        return np.empty(shape, dtype)
    if not isinstance(out, np.ndarray):
        raise TypeError(f"matmul: out: expected an ndarray, got {type(out).__name__}")
    if out.shape != shape or out.dtype != dtype or not out.flags.c_contiguous or not out.flags.writeable:
        raise ValueError(
            f"matmul: out: expected a writable C-contiguous {dtype} array of shape {shape}, got {out.dtype} {out.shape}"
        )
    if any(np.may_share_memory(out, x) for x in operands):
        raise ValueError("matmul: out must not share memory with an operand")
    return out


def _matmul_slopes(dy: Array, y: Array, x1: Array, x2: Array) -> tuple[Array, Array]:
    """Of `x1 @ x2`: vectors are seen as matrices of one row or column."""
    left = x1[None, :] if x1.ndim == 1 else x1
    right = x2[:, None] if x2.ndim == 1 else x2
    if x1.ndim == 1:
        dy = np.expand_dims(dy, -1 if x2.ndim == 1 else -2)
    if x2.ndim == 1:
        dy = np.expand_dims(dy, -1)
    one = np.matmul(dy, np.swapaxes(right, -1, -2))
    other = np.matmul(np.swapaxes(left, -1, -2), dy)
    return one[..., 0, :] if x1.ndim == 1 else one, other[..., 0] if x2.ndim == 1 else other


@differentiable(_matmul_slopes, tensors=2)
def stacked_matmul(x1: Any, x2: Any) -> Any:
    """x1 @ x2, as NumPy does it: of the last two axes, repeated over those before."""
    return np.matmul(x1, x2)


def dot(x1: Any, x2: Any) -> Any:
    """The sum over the last axis of x1 and the last but one, or only, of x2; the product if one is a number."""
    if ndim(x1) == 0 or ndim(x2) == 0:
        return times(x1, x2)
    return tensordot(x1, x2, axes=((ndim(x1) - 1,), (max(ndim(x2) - 2, 0),)))


def _tensordot_slopes(dy: Array, y: Array, x1: Array, x2: Array, axes: Any = 2) -> tuple[Array, Array]:
    first, second = _axes(x1.ndim, axes)
    first, second = [i % x1.ndim for i in first], [i % x2.ndim for i in second]
    free1 = [i for i in range(x1.ndim) if i not in first]
    free2 = [i for i in range(x2.ndim) if i not in second]
    n = len(free1)
    one = np.tensordot(dy, x2, (range(n, dy.ndim), free2))  # axes: free1, then those of second in order
    other = np.tensordot(x1, dy, (free1, range(n)))  # those of first in order, then free2
    order1 = [*free1, *(first[second.index(j)] for j in sorted(second))]
    order2 = [*(second[first.index(i)] for i in sorted(first)), *free2]
    return one.transpose(np.argsort(order1)), other.transpose(np.argsort(order2))


def _axes(rank: int, axes: Any) -> tuple[list[int], list[int]]:
    if isinstance(axes, int):
        return list(range(rank - axes, rank)), list(range(axes))
    first, second = axes
    return list(np.atleast_1d(first)), list(np.atleast_1d(second))


@differentiable(_tensordot_slopes, tensors=2)
def tensordot(x1: Any, x2: Any, axes: Any = 2) -> Any:
    """Sums of products over axes: so many last of x1 and first of x2, or two lists of them."""
    return np.tensordot(x1, x2, axes)


def outer(x1: Any, x2: Any) -> Any:
    """All products of an element of one and one of the other."""
    return times(reshape(x1, (-1, 1)), reshape(x2, (1, -1)))


def _einsum_slopes(dy: Array, y: Array, operands: list[Array], subscripts: str) -> list[Array]:
    inputs, output = _subscripts(subscripts)
    slopes = []
    for i, mine in enumerate(inputs):
        others = [name for j, name in enumerate(inputs) if j != i]
        known = set(output).union(*others)
        lost = [k for k in mine if k not in known]  # summed over in this operand alone: repeated in its gradient
        kept = "".join(k for k in mine if k not in lost)
        values = [v for j, v in enumerate(operands) if j != i]
        part = np.einsum(",".join([output, *others]) + "->" + kept, dy, *values)
        sizes = [1 if k in lost else n for k, n in zip(mine, operands[i].shape, strict=True)]
        slopes.append(np.broadcast_to(part.reshape(sizes), operands[i].shape))
    return slopes


def _subscripts(subscripts: str) -> tuple[list[str], str]:
    left, arrow, output = subscripts.replace(" ", "").partition("->")
    if "." in left or any(len(set(part)) < len(part) for part in left.split(",")):
        raise ValueError(f"pydl.ops.einsum: no gradient is known for {subscripts!r}: with dots or an axis taken twice")
    if not arrow:
        output = "".join(sorted(k for k in set(left) - {","} if left.count(k) == 1))
    return left.split(","), output


@differentiable(_einsum_slopes, tensors=0)
def _einsum(operands: Any, subscripts: str) -> Any:
    return np.einsum(subscripts, *operands, optimize=len(operands) > 2)


def einsum(subscripts: str, *operands: Any) -> Any:
    """Sums of products by the letters of axes: "ij,jk->ik" is a product of matrices."""
    return _einsum(list(operands), subscripts=subscripts)


def inner(x1: Any, x2: Any) -> Any:
    """The sum of products over the last axis of both; the product if one is a number."""
    if ndim(x1) == 0 or ndim(x2) == 0:
        return times(x1, x2)
    return tensordot(x1, x2, axes=((ndim(x1) - 1,), (ndim(x2) - 1,)))


def vdot(x1: Any, x2: Any) -> Any:
    """The sum of products of all elements, in order."""
    return tensordot(ravel(x1), ravel(x2), axes=1)


def kron(x1: Any, x2: Any) -> Any:
    """x2 times each element of x1, in its place."""
    rank = max(ndim(x1), ndim(x2))
    sizes = [(1,) * (rank - ndim(x)) + tuple(shape(x)) for x in (x1, x2)]
    apart = times(reshape(x1, [n for size in sizes[0] for n in (size, 1)]),
                  reshape(x2, [n for size in sizes[1] for n in (1, size)]))  # fmt: skip
    return reshape(apart, [a * b for a, b in zip(*sizes, strict=True)])


@differentiable(UNKNOWN, tensors=2)
def correlate(x1: Any, x2: Any, mode: str = "valid") -> Any:
    """Sums of products of two vectors, one moved along the other; `mode` as in NumPy; without a gradient."""
    return np.correlate(x1, x2, mode)  # type: ignore[call-overload]


def cross(x1: Any, x2: Any, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: int | None = None) -> Any:
    """The vector at right angles to two of three elements along an axis; of two elements each, its third one alone."""
    axisa, axisb, axisc = (axisa, axisb, axisc) if axis is None else (axis,) * 3
    one, other = moveaxis(x1, axisa, -1), moveaxis(x2, axisb, -1)
    sizes = one.shape[-1], other.shape[-1]
    if not {*sizes} <= {2, 3}:
        raise ValueError(f"cross: expected vectors of two or three elements, got {sizes[0]} and {sizes[1]}")

    def part(i: int, j: int) -> Any:
        terms = [times(a[..., m], b[..., n]) for a, b, m, n in ((one, other, i, j), (one, other, j, i))
                 if m < a.shape[-1] and n < b.shape[-1]]  # fmt: skip
        return subtract(*terms) if len(terms) == 2 else terms[0] if i < sizes[0] and j < sizes[1] else -terms[0]

    if sizes == (2, 2):
        return part(0, 1)
    return moveaxis(stack([part(1, 2), part(2, 0), part(0, 1)], axis=-1), -1, axisc)
