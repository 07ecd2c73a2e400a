"""Operations on arrays: the matrix product and the activation functions, on pydl's kernels."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from pydl import activations, config
from pydl._base import check
from pydl._engine.matmul import multiply, product
from pydl.activations import (
    elu,
    hard_sigmoid,
    leaky_relu,
    log_softmax,
    mish,
    relu,
    selu,
    sigmoid,
    silu,
    softmax,
    softplus,
    softsign,
    tanh,
)  # fmt: skip

__all__ = [
    "elu", "gelu", "hard_sigmoid", "leaky_relu", "log_softmax", "matmul", "mish", "relu", "selu", "sigmoid", "silu",
    "softmax", "softplus", "softsign", "tanh",
]  # fmt: skip

Array = np.ndarray


def gelu(x: Any, approximate: bool = True) -> Array:
    """x * P(X <= x), X standard normal, or, by default as in Keras, its approximation by tanh.

    `pydl.activations.gelu` and the layers' "gelu" are exact by default, as in Keras too.
    """
    return activations.gelu(x, approximate)


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
        float32 or float64 as the operands are (float32 with float64 gives float64; integers count as `floatx`). Every
        element is summed over K in order, one fused multiply-add each: |error| <= 2 K eps |a| |b|.

    Raises
    ------
    TypeError, ValueError
        Operands that are no numbers, or whose shapes do not fit.
    """
    if bias is None and activation is None:
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
    if result.size:
        matrix = result.reshape(rows, columns)
        multiply(left, flip_a, right, flip_b, _bias(bias, columns, dtype), act, matrix)
    return result


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
