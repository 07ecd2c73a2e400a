"""Metrics that code of layers updates, reported beside those of `compile`."""

from __future__ import annotations

import numpy as np
import pytest

import pydl
from pydl import layers, metrics, ops

X = np.random.default_rng(0).normal(size=(12, 4)).astype(np.float32)
Y = X[:, :1]


class Watched(layers.Layer):
    """Passes on its input; tells its mean in two ways."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.mean = metrics.Mean(name="mean_of_units")

    def call(self, x):
        self.mean.update_state(x)
        self.add_metric(ops.max(x), name="largest")
        return x * 1.0


class Endpoint(layers.Layer):
    """Judges predictions itself."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.loss = pydl.losses.MeanSquaredError()
        self.error = metrics.MeanAbsoluteError(name="error")

    def call(self, y, t):
        self.add_loss(self.loss(t, y))
        self.error.update_state(t, y)
        return y


def watched() -> pydl.Model:
    model = pydl.Sequential([pydl.Input((4,)), layers.Dense(3, "tanh"), Watched(), layers.Dense(1)])
    model.compile(pydl.optimizers.SGD(0.0), "mse", metrics=["mae"])
    return model


def test_they_are_in_logs_of_every_pass():
    model = watched()
    history = model.fit(X, Y, batch_size=4, epochs=2, validation_data=(X[:4], Y[:4]), verbose=0).history
    assert list(history) == [
        "loss", "mae", "mean_of_units", "largest", "val_loss", "val_mae", "val_mean_of_units", "val_largest",
    ]  # fmt: skip
    hidden = pydl.Model(model.input, model.layers[0].output)
    assert history["mean_of_units"][1] == pytest.approx(hidden(X).mean(), rel=1e-5)
    assert history["val_largest"][1] == pytest.approx(hidden(X[:4]).max(), rel=1e-5)
    found = model.evaluate(X, Y, verbose=0, return_dict=True)
    assert found["largest"] == pytest.approx(hidden(X).max(), rel=1e-5)
    assert model.metrics_names == ["loss", "mae", "mean_of_units", "largest"]


def test_training_is_the_same_with_and_without_them():
    pydl.utils.set_random_seed(0)
    plain = pydl.Sequential([pydl.Input((4,)), layers.Dense(3, "tanh"), layers.Dense(1)])
    model = watched()
    model.set_weights(plain.get_weights())
    for m in (plain, model):
        m.compile(pydl.optimizers.SGD(0.1), "mse")
        m.fit(X, Y, batch_size=4, epochs=2, shuffle=False, verbose=0)
    for a, b in zip(plain.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7)


def test_an_endpoint_that_takes_targets():
    x, t = pydl.Input((4,), name="x"), pydl.Input((1,), name="t")
    y = layers.Dense(1)(x)
    model = pydl.Model([x, t], Endpoint()(y, t))
    model.compile("sgd")
    history = model.fit({"x": X, "t": Y}, epochs=2, verbose=0).history
    predicted = pydl.Model(x, y)(X)
    logs = model.evaluate({"x": X, "t": Y}, verbose=0, return_dict=True)
    assert set(history) == {"loss", "error"}
    assert logs["error"] == pytest.approx(np.abs(predicted - Y).mean(), rel=1e-5)


def test_a_metric_in_a_graph_that_is_traced_stands_still():
    class Net(pydl.Model):
        def __init__(self):
            super().__init__()
            self.dense = layers.Dense(1)
            self.mean = metrics.Mean(name="level")

        def call(self, x):
            y = self.dense(x)
            self.mean.update_state(y)
            return y

    model = Net()
    model.compile("sgd", "mse")
    with pytest.warns(UserWarning, match="level.*stands still"):
        model.fit(X, Y, verbose=0)


def test_a_layer_that_needs_a_mask():
    class Share(layers.Layer):
        """Softmax over the steps that count."""

        supports_masking = True

        def call(self, x, mask=None):
            e = ops.exp(x) * ops.expand_dims(ops.cast(mask, "float32"), -1)
            return e / ops.sum(e, axis=1, keepdims=True)

    codes = pydl.Input((None,), dtype="int32")
    scores = layers.Dense(1)(layers.Embedding(10, 4, mask_zero=True)(codes))
    model = pydl.Model(codes, Share()(scores))
    given = np.array([[1, 2, 0, 0], [3, 4, 5, 6]])
    shares = model.predict(given)
    np.testing.assert_array_equal(shares[0, 2:], 0)
    np.testing.assert_allclose(shares.sum(axis=1), 1, rtol=1e-6)
