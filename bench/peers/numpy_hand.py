"""NumPy by hand, as somebody would write the forward pass who has nothing else; its products are OpenBLAS's."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from bench.nets import Array, Net


def predictor(net: Net) -> Callable[[Array], Array]:
    """The forward pass, in place where that saves an array."""
    *hidden, (last, bias) = net.weights()

    def predict(x: Array) -> Array:
        for w, b in hidden:
            x = x @ w
            x += b
            np.maximum(x, 0, x)
        y = x @ last
        y += bias
        if net.classes:
            y -= y.max(1, keepdims=True)
            np.exp(y, y)
            y /= y.sum(1, keepdims=True)
        return y

    return predict


def product(a: Array, b: Array) -> Callable[[], Array]:
    """`np.matmul` into an array that is there."""
    out = np.empty((len(a), b.shape[1]), a.dtype)
    return lambda: np.matmul(a, b, out=out)
