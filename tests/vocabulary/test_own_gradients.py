"""Functions that bring their gradient: on values, in layers, losses and models, and in files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pydl
from pydl import ops
from pydl._engine.tape import gradient_of

X = np.random.default_rng(0).normal(size=(4, 3))


@ops.custom_gradient
def log1pexp(x: Any) -> Any:
    """The example of Keras's documentation, which works with each of its backends."""
    e = ops.exp(x)

    def grad(*args: Any, upstream: Any = None) -> Any:
        if upstream is None:
            (upstream,) = args
        return ops.multiply(upstream, 1.0 - 1.0 / ops.add(1, e))

    return ops.log(1 + e), grad


@ops.custom_gradient
def turned(x: Any) -> Any:
    return x, lambda upstream: -upstream


@ops.custom_gradient
def times(a: Any, b: Any) -> Any:
    def grad(a: Any, b: Any, *, upstream: Any) -> Any:
        return 10 * upstream * b, 100 * upstream * a

    return a * b, grad


def test_of_values() -> None:
    np.testing.assert_allclose(log1pexp(X), np.log1p(np.exp(X)))
    np.testing.assert_allclose(gradient_of(lambda x: ops.sum(log1pexp(x)), X), 1 / (1 + np.exp(-X)))
    assert gradient_of(lambda x: ops.sum(log1pexp(x)), np.array([900.0])) == 1, "where the formula gives NaN"
    np.testing.assert_allclose(gradient_of(lambda x: ops.sum(times(x, X) + x), X), 10 * X + 1)
    np.testing.assert_allclose(gradient_of(lambda x: ops.sum(times(X, x * x)), X), 100 * X * 2 * X)
    assert turned.__name__ == "turned"


def test_in_models(tmp_path: Path) -> None:
    """Behind a function that turns the gradient round, layers learn the opposite."""
    x, y = X.astype(np.float32), np.ones((4, 1))
    given = pydl.Input((3,))
    hidden = pydl.layers.Dense(2, name="a")(given)
    last = pydl.layers.Dense(1, name="b")
    model, plain = pydl.Model(given, last(turned(hidden))), pydl.Model(given, last(hidden))

    class Turning(pydl.layers.Layer):
        def call(self, x: Any) -> Any:
            return turned(x)

    of_layer = pydl.Model(given, last(Turning()(hidden)))
    found = []
    for each in (model, of_layer, plain):
        each.compile("sgd", "mse")
        found.append(each.loss_and_gradients(x, y)[1])
    for path, wanted in found[2].items():
        for gradients in found[:2]:
            np.testing.assert_allclose(gradients[path], wanted if path.startswith("b") else -wanted, rtol=1e-5)
    model.save(tmp_path / "m.keras")
    again = pydl.models.load_model(tmp_path / "m.keras", custom_objects={"turned": turned})
    np.testing.assert_array_equal(again.predict(x, verbose=0), model.predict(x, verbose=0))
    two = pydl.Model([given, other := pydl.Input((3,))], times(given, other))
    np.testing.assert_allclose(two([x, x]), x * x, rtol=1e-6)


def test_in_losses() -> None:
    """Straight through a step, which has no gradient of its own."""

    @ops.custom_gradient
    def rounded(x: Any) -> Any:
        return ops.round(x), lambda upstream: upstream

    def loss(y_true: Any, y_pred: Any) -> Any:
        return ops.mean(ops.square(y_true - rounded(y_pred)), axis=-1)

    model = pydl.Sequential([pydl.Input((3,)), pydl.layers.Dense(1)])
    model.compile(pydl.optimizers.SGD(0.05), loss)
    history = model.fit(X, X.sum(axis=1, keepdims=True) * 4, epochs=60, verbose=0).history["loss"]
    assert history[-1] < history[0] / 5


def test_what_is_refused() -> None:
    @ops.custom_gradient
    def two(x: Any) -> Any:
        return (x, x), lambda upstream: upstream

    with pytest.raises(TypeError, match="two should return one array and its gradient"):
        gradient_of(lambda x: two(x)[0], X)

    @ops.custom_gradient
    def short(a: Any, b: Any) -> Any:
        return a + b, lambda upstream: upstream

    with pytest.raises(ValueError, match="the gradient of short should be of 2 tensors, got 1"):
        gradient_of(lambda x: ops.sum(short(x, x)), X)


def test_of_weights(tmp_path: Path) -> None:
    """A weight that was given to such a function was not trained, without a word."""

    @ops.custom_gradient
    def sign(w: Any) -> Any:
        return ops.sign(w), lambda upstream: upstream

    class Binary(pydl.layers.Layer):
        def build(self, input_shape: Any) -> None:
            self.w = self.add_weight((input_shape[-1], 2), "glorot_uniform")

        def call(self, x: Any) -> Any:
            return times(ops.matmul(x, sign(self.w)), self.w[0])

    model = pydl.Sequential([pydl.Input((3,)), layer := Binary()])
    model.compile("sgd", "mse")
    w, y = layer.w.numpy().astype(np.float64), np.ones((4, 2))
    found = model.loss_and_gradients(X, y)[1][layer.w.path]
    z = X @ np.sign(w)
    dy = 2 * (z * w[0] - y) / y.size
    wanted = X.T @ (10 * dy * w[0])
    wanted[0] += (100 * dy * z).sum(axis=0)
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)


def test_what_it_is_given_is_its_own(tmp_path: Path) -> None:
    """A gradient that was changed in place changed that of the other branch."""

    @ops.custom_gradient
    def doubled(x: Any) -> Any:
        def grad(upstream: Any) -> Any:
            upstream *= 2
            return upstream

        return x * 1.0, grad

    np.testing.assert_allclose(gradient_of(lambda x: ops.sum(doubled(x) + x), X), 3)
    given = pydl.Input((3,))
    d = pydl.layers.Dense(3)(given)
    model = pydl.Model(given, times(d, d + 1))
    model.save(tmp_path / "m.keras")
    again = pydl.models.load_model(tmp_path / "m.keras", custom_objects={"times": times})
    np.testing.assert_array_equal(again.predict(X, verbose=0), model.predict(X, verbose=0))
