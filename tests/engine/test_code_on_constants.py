"""Layers that code calls on constants and on weights, and products and penalties of weights in it."""

import numpy as np
import pytest

import pydl
from pydl import layers, ops
from tests.engine.own_code import Counts, X, compiled

POSITIONS = {
    "arange": lambda self, x: ops.arange(0, ops.shape(x)[-1], 1),
    "NumPy's": lambda self, x: np.arange(5),
    "kept": lambda self, x: self.places,
    "with an axis": lambda self, x: ops.expand_dims(ops.arange(5), 0),
}


class Placed(layers.Layer):
    """Tokens and their places, as Keras's examples embed them."""

    def __init__(self, kind, **kwargs):
        super().__init__(**kwargs)
        self.tokens, self.places_of, self.kind = layers.Embedding(6, 3), layers.Embedding(5, 3), kind
        self.places = np.arange(5)

    def call(self, x):
        return self.tokens(x) + self.places_of(POSITIONS[self.kind](self, x))


class PlacedModel(pydl.Model):
    def __init__(self):
        super().__init__()
        self.tokens, self.places_of = layers.Embedding(6, 3), layers.Embedding(5, 3)
        self.mean, self.head = layers.GlobalAveragePooling1D(), layers.Dense(1)

    def call(self, x):
        return self.head(self.mean(self.tokens(x) + self.places_of(ops.arange(5))))


@pytest.mark.parametrize("kind", [*POSITIONS, "model"])
def test_a_layer_on_constants_is_trained(kind, float64):
    codes, t = np.random.default_rng(0).integers(0, 6, (20, 5)), X[:20, :1].astype(float)
    if kind == "model":
        model = PlacedModel()
        model.build((None, 5))
        tokens, places, kernel, bias = model.weights
    else:
        x = pydl.Input((5,), dtype="int32")
        model = pydl.Model(x, layers.Dense(1)(layers.GlobalAveragePooling1D()(Placed(kind)(x))))
        tokens, places, kernel, bias = model.weights
    assert places.shape == (5, 3)
    for i, v in enumerate(model.weights):
        v.assign(np.random.default_rng(i).normal(size=v.shape))
    y = model.predict(codes)
    means = (tokens.numpy()[codes] + places.numpy()).mean(axis=1)
    np.testing.assert_allclose(y, means @ kernel.numpy() + bias.numpy())
    compiled(model)
    gradients = model.gradients(codes, t)
    assert len(gradients) == 4
    dy = 2 * (y - t) / len(t)
    wanted = np.repeat((dy * kernel.numpy().T / 5).sum(axis=0, keepdims=True), 5, axis=0)
    np.testing.assert_allclose(gradients[places.path], wanted, rtol=1e-9)


OF_WEIGHTS = {
    "a layer": lambda self, x: x @ layers.UnitNormalization()(self.w),
    "an activation that is held": lambda self, x: x @ self.act(self.w),
    "a layer with weights": lambda self, x: x @ self.inner(self.w),
    "both ways": lambda self, x: self.inner(x) @ self.inner(self.w),
    "an array first": lambda self, x: x + ops.sum(ops.matmul(np.arange(16.0).reshape(4, 4), self.w), axis=0),
    "NumPy's product": lambda self, x: x + ops.sum(np.arange(16.0).reshape(4, 4) @ self.w, axis=0),
    "a penalty": lambda self, x: self.penalised(self.w, x @ self.w),
    "a penalty of a tensor": lambda self, x: self.penalised(x @ self.w, self.inner(x)),
}


class OnWeights(layers.Layer):
    def __init__(self, way, **kwargs):
        super().__init__(**kwargs)
        self.way, self.inner, self.act = way, layers.Dense(4, "tanh"), layers.Activation("sigmoid")

    def build(self, input_shape):
        self.w = self.add_weight((4, 4), name="w")

    def penalised(self, w, y):
        self.add_loss(pydl.regularizers.L1L2(0.1, 0.2)(w))
        return y

    def call(self, x):
        return OF_WEIGHTS[self.way](self, x)


@pytest.mark.parametrize("way", OF_WEIGHTS)
def test_layers_and_penalties_of_weights(way, float64):
    own = OnWeights(way)
    model = compiled(pydl.Sequential([pydl.Input((4,)), own, layers.Dense(2)]))
    x, t = X[:8].astype(float), X[:8, :2].astype(float)
    gradients = model.gradients(x, t)
    assert own.w.path in gradients
    for v in model.trainable_weights:
        value, found = v.numpy(), []
        for sign in (1, -1):
            moved = value.copy()
            moved[(0,) * v.ndim] += sign * 1e-6
            v.assign(moved)
            found.append(model.test_on_batch(x, t))
        v.assign(value)
        wanted = (found[0] - found[1]) / 2e-6
        assert gradients[v.path][(0,) * v.ndim] == pytest.approx(wanted, rel=1e-4, abs=1e-7)


def test_a_model_of_code_in_another():
    class Outer(pydl.Model):
        def __init__(self):
            super().__init__()
            self.first, self.inner, self.last = layers.Dense(4), Counts(), layers.Dense(1)

        def call(self, x, training=False):
            return self.last(self.inner(self.first(x) + 0, training=training)["y"])

    model = Outer()
    model.predict(X)
    compiled(model).fit(X, X[:, :1], batch_size=32, verbose=0)
    assert model.inner.steps.numpy() == 2
    assert len(model.trainable_weights) == 10
