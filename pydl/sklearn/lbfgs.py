"""L-BFGS: SciPy's, on pydl's loss and gradient of all rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from sklearn.utils.optimize import _check_optimize_result

import pydl

Array = NDArray[Any]

# At a time: a step's buffers need no more memory for more rows, or wider ones.
_ROWS = 1 << 14
_ELEMENTS = 1 << 22


def fit(
    model: pydl.Model, x: Any, y: Array, weights: Array | None, *, max_iter: int, max_fun: int, tol: float,
    verbose: bool,
) -> tuple[float, int]:  # fmt: skip
    """Minimise a compiled model's loss; returns the loss and the number of iterations.

    A `ConvergenceWarning` says that `max_iter` or `max_fun` came first.
    """
    variables = model.trainable_variables
    rows = x.shape[0]
    size = min(_ROWS, max(1, _ELEMENTS // x.shape[1]))
    parts = [slice(start, start + size) for start in range(0, rows, size)]

    def put(vector: Array) -> None:
        at = 0
        for v in variables:
            n = int(np.prod(v.shape))
            v.assign(vector[at : at + n].reshape(v.shape).astype(model.dtype))
            at += n

    def loss_and_gradient(vector: Array) -> tuple[float, Array]:
        put(vector)
        total, gradient = 0.0, np.zeros(len(vector))
        for part in parts:
            xs = x[part] if isinstance(x, np.ndarray) else x[part].toarray()
            loss, gradients = model.loss_and_gradients(xs, y[part], None if weights is None else weights[part])
            share = len(xs) / rows
            total += share * loss
            gradient += share * _flat([gradients[v.path] for v in variables])
        return total, gradient

    found = minimize(
        loss_and_gradient, _flat([v.numpy() for v in variables]), method="L-BFGS-B", jac=True,
        options={"maxfun": max_fun, "maxiter": max_iter, "gtol": tol},
    )  # fmt: skip
    iterations = _check_optimize_result("lbfgs", found, max_iter)
    put(found.x)
    if verbose:
        print(f"Iteration {iterations}, loss = {found.fun:.8f}")
    return float(found.fun), int(iterations)


def _flat(arrays: Sequence[Array]) -> Array:
    return np.concatenate([np.ravel(a) for a in arrays]).astype(np.float64)
