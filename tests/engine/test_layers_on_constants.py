"""A layer that is called on a constant and on data: gradients of its weights are those of both calls."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import pydl
from pydl import layers as L
from pydl import ops

X = np.random.default_rng(0).normal(size=(4, 3, 2))
Y = np.random.default_rng(1).normal(size=(4, 2))


class Uses(L.Layer):
    """Layers `a` and `b`, used as `form` says."""

    def __init__(self, form: Callable[..., Any]) -> None:
        super().__init__(dtype="float64")
        self.form = form
        self.a, self.b = (L.Dense(2, "tanh", bias_initializer="ones", dtype="float64") for _ in range(2))

    def call(self, x: Any) -> Any:
        return self.form(self.a, self.b, x[:, 0], ops.shape(x)[0])


def recurrent(a: Any, b: Any, x: Any, n: Any) -> Any:
    state = ops.zeros((n, 2))
    for _ in range(3):
        state = b(x) + a(state)
    return state


FORMS: dict[str, Callable[..., Any]] = {
    "a recurrence from zeros": recurrent,
    "of zeros, then of the sum": lambda a, b, x, n: a(x + a(ops.zeros((n, 2)))),
    "of ones, then of the sum": lambda a, b, x, n: a(x + a(ops.ones((n, 2)))),
    "one row of ones": lambda a, b, x, n: a(x + a(ops.ones((1, 2)))),
    "an array": lambda a, b, x, n: a(x + a(np.full((1, 2), 0.3))),
    "a product": lambda a, b, x, n: a(x * a(ops.ones((n, 2)))),
    "another layer between": lambda a, b, x, n: b(ops.tanh(a(ops.ones((n, 2)))) + x) + a(x),
    "side by side": lambda a, b, x, n: a(x) + a(ops.ones((n, 2))),
    "on the constant last": lambda a, b, x, n: a(ops.ones((n, 2))) + a(a(x)),
}


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize("subclassed", [False, True])
def test_gradients(name: str, subclassed: bool) -> None:
    layer = Uses(FORMS[name])
    if subclassed:

        class Net(pydl.Model):
            def __init__(self) -> None:
                super().__init__(dtype="float64")
                self.inner = layer

            def call(self, x: Any) -> Any:
                return self.inner(x)

        model: Any = Net()
        model.build((None, 3, 2))
    else:
        model = pydl.Sequential([pydl.Input((3, 2), dtype="float64"), layer])
    model.compile("sgd", "mse")
    found = model.gradients(X, Y)
    assert found

    def loss() -> float:
        return float(model.evaluate(X, Y, verbose=0))

    for v in model.trainable_weights:
        w = v.numpy()
        for at in np.ndindex(w.shape):
            slopes = []
            for step in (1e-5, -1e-5):
                moved = w.copy()
                moved[at] += step
                v.assign(moved)
                slopes.append(loss() / (2 * step))
            v.assign(w)
            np.testing.assert_allclose(found[v.path][at] if v.path in found else 0.0, sum(slopes), atol=1e-7)
