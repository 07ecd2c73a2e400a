"""Functions of whole numbers: their bits, divisors and multiples. They have no gradients."""

from __future__ import annotations

from typing import Any

import numpy as np

from pydl._engine.tape import differentiable


@differentiable(None, tensors=2)
def bitwise_and(x: Any, y: Any) -> Any:
    """Bits that both have."""
    return np.bitwise_and(x, y)


@differentiable(None, tensors=2)
def bitwise_or(x: Any, y: Any) -> Any:
    """Bits that one has, or both."""
    return np.bitwise_or(x, y)


@differentiable(None, tensors=2)
def bitwise_xor(x: Any, y: Any) -> Any:
    """Bits that just one has."""
    return np.bitwise_xor(x, y)


@differentiable(None)
def bitwise_invert(x: Any) -> Any:
    """All bits the other way."""
    return np.invert(x)


bitwise_not = bitwise_invert


@differentiable(None, tensors=2)
def bitwise_left_shift(x: Any, y: Any) -> Any:
    """x * 2^y."""
    return np.left_shift(x, y)


left_shift = bitwise_left_shift


@differentiable(None, tensors=2)
def bitwise_right_shift(x: Any, y: Any) -> Any:
    """x / 2^y, rounded down."""
    return np.right_shift(x, y)


right_shift = bitwise_right_shift


@differentiable(None, tensors=2)
def gcd(x1: Any, x2: Any) -> Any:
    """The greatest common divisor."""
    return np.gcd(x1, x2)


@differentiable(None, tensors=2)
def lcm(x1: Any, x2: Any) -> Any:
    """The lowest common multiple."""
    return np.lcm(x1, x2)
