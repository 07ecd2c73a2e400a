"""What code of a user's does with the arrays that it is given, nobody else sees."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import pydl
from pydl import layers, ops

X = np.random.default_rng(0).normal(size=(12, 3)).astype("float32")


def both_outputs(x: Any, y: Any) -> list[Any]:
    """What comes out beside an output, which reads the same input."""
    model = pydl.Model(x, [y, layers.Activation("linear")(x)])
    return list(model.predict(X, verbose=0))


def test_a_loss_and_a_metric() -> None:
    def loss(y_true: Any, y_pred: Any) -> Any:
        y_true *= 2.0
        return ops.mean(ops.abs(y_true - y_pred), axis=-1)

    def metric(y_true: Any, y_pred: Any) -> Any:
        y_pred += 1.0
        return ops.mean(ops.abs(y_true - y_pred), axis=-1)

    model = pydl.Sequential([pydl.Input((3,)), layers.Dense(3)])
    model.compile("sgd", loss, metrics=[metric, "mae"])
    y, t = model.predict(X, verbose=0), X[::-1].copy()
    found = model.evaluate(X, t, verbose=0, return_dict=True)
    wanted = {"loss": 2 * t - y, "metric": t - y - 1, "mae": t - y}
    assert found == pytest.approx({name: np.abs(value).mean() for name, value in wanted.items()}, rel=1e-5)
    assert found == pytest.approx(model.train_on_batch(X, t, return_dict=True), rel=1e-5)
    direct = pydl.losses.FunctionLoss(loss)(t, y)
    assert direct == pytest.approx(found["loss"], rel=1e-5)
    assert np.array_equal(t, X[::-1])


class Doubled(layers.Layer):
    def call(self, x: Any) -> Any:
        out = ops.reshape(x, (-1, 3))
        out += x
        return out


def test_a_layer() -> None:
    x = pydl.Input((3,))
    y, kept = both_outputs(x, Doubled()(x))
    np.testing.assert_allclose(y, 2 * X, rtol=1e-6)
    np.testing.assert_array_equal(kept, X)
    given = X.copy()
    y = Doubled()(given)
    np.testing.assert_allclose(y, 2 * X, rtol=1e-6)
    np.testing.assert_array_equal(given, X)
    y += 1  # the result is the caller's
    assert type(y) is np.ndarray


def test_a_layer_whose_shapes_are_not_found_by_a_trial() -> None:
    """It is first seen that it writes to its input when a batch runs, and what it counted till then counts once."""

    class Centred(layers.Layer):
        def build(self, input_shape: Any) -> None:
            self.calls = self.add_weight((), "zeros", dtype="int32", trainable=False)

        def compute_output_shape(self, input_shape: Any) -> Any:
            return input_shape

        def call(self, x: Any) -> Any:
            self.calls.assign_add(1)
            x -= ops.mean(x, axis=1, keepdims=True)
            return x

    x = pydl.Input((3,))
    layer = Centred()
    y, kept = both_outputs(x, layer(x))
    np.testing.assert_allclose(y, X - X.mean(axis=1, keepdims=True), atol=1e-6)
    np.testing.assert_array_equal(kept, X)
    before = int(layer.calls.numpy())
    both_outputs(x, layer(x))
    model = pydl.Sequential([pydl.Input((3,)), Centred(), layers.Dense(1)])
    model.compile("sgd", "mse")
    history = model.fit(X, X[:, :1], batch_size=4, epochs=1, verbose=0, validation_data=(X, X[:, :1])).history
    assert np.isfinite(history["val_loss"]).all()
    assert int(layer.calls.numpy()) - before == 1


def test_what_a_layer_gives_back_as_it_came_is_an_array_of_its_own() -> None:
    class Same(layers.Layer):
        def call(self, x: Any) -> Any:
            return x

    given = np.arange(6).reshape(2, 3)
    same = Same()(given)
    same += 1
    np.testing.assert_array_equal(given, np.arange(6).reshape(2, 3))


def test_a_layer_that_assigns_to_its_input_is_told() -> None:
    class Assigns(layers.Layer):
        def call(self, x: Any) -> Any:
            x[:, 0] = 0
            return x

    with pytest.raises(ValueError, match="read-only"):
        Assigns()(pydl.Input((3,)))


def test_an_activation_and_a_penalty_of_outputs() -> None:
    def activation(x: Any) -> Any:
        x *= 2.0
        return x

    def penalty(y: Any) -> Any:
        y *= 0.0
        return ops.sum(y)

    x = pydl.Input((3,))
    hidden = layers.Activation("linear", activity_regularizer=penalty)(x)
    y, kept = both_outputs(x, layers.Activation(activation)(hidden))
    np.testing.assert_allclose(y, 2 * X, rtol=1e-6)
    np.testing.assert_array_equal(kept, X)


def test_a_backward_pass() -> None:
    class Twice(layers.Layer):
        def call(self, x: Any) -> Any:
            return 2 * x

        def backward(self, x: Any, y: Any, dy: Any) -> Any:
            dy *= 2
            return dy

    x = pydl.Input((3,))
    hidden = layers.Dense(3, kernel_initializer="identity")(x)
    model = pydl.Model(x, layers.Add()([Twice()(hidden), hidden]))
    plain = pydl.Sequential([pydl.Input((3,)), layers.Dense(3, kernel_initializer="identity"), layers.Rescaling(3.0)])
    for m in (model, plain):
        m.compile("sgd", "mse")
    for ours, theirs in zip(model.gradients(X, X).values(), plain.gradients(X, X).values(), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5)


@pytest.mark.parametrize(
    "made",
    [ops.convert_to_tensor, ops.convert_to_numpy, ops.stop_gradient, ops.ravel, lambda w: ops.reshape(w, (3, 2))],
)
def test_weights_change_by_assign_alone(made: Any) -> None:
    w = pydl.Variable(np.ones((2, 3), "float32"))
    values = made(w)
    values *= 3
    np.testing.assert_array_equal(w.numpy(), 1)
    np.testing.assert_array_equal(values, 3)
