"""A layer that is called on a constant and on data: gradients of its weights are those of both calls."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import pydl
from pydl import layers as L
from pydl import ops
from tests.differences import check_gradients

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


class Scaled(L.Layer):
    """A layer that brings its gradient."""

    def build(self, input_shape: Any) -> None:
        self.factor = self.add_weight((input_shape[-1],), "ones", name="factor")

    def call(self, x: Any) -> Any:
        return np.asarray(x) * self.factor.numpy()

    def backward(self, x: Any, y: Any, dy: Any) -> Any:
        self.factor.gradient[...] = (dy * x).sum(axis=0)
        return dy * self.factor.numpy()


LAYERS: dict[str, Callable[[], Any]] = {
    "a model": lambda: pydl.Sequential([L.Dense(2, dtype="float64"), L.Dense(2, dtype="float64")]),
    "in groups": lambda: L.GroupNormalization(1, dtype="float64"),
    "with its gradient": lambda: Scaled(dtype="float64"),
}


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("again", [False, True])
def test_gradients_of_other_layers(name: str, again: bool) -> None:
    class Net(pydl.Model):
        def __init__(self) -> None:
            super().__init__(dtype="float64")
            self.dense, self.inner = L.Dense(2, dtype="float64"), LAYERS[name]()

        def call(self, x: Any) -> Any:
            y = self.dense(x) + self.inner(np.array([[0.3, 0.7]]))
            return y + self.inner(self.dense(x)) if again else y

    model = Net()
    model(X[:, 0])
    model.compile("sgd", "mse")
    assert len({v.path for v in model.weights}) == len(model.weights)
    check_gradients(model, X[:, 0], Y, rel=1e-7, abs=1e-7)


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
    check_gradients(model, X, Y, rel=1e-7, abs=1e-7)
