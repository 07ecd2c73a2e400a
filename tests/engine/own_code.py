"""What tests of code of one's own share: data, and models of that code."""

import numpy as np

import pydl
from pydl import layers, ops

X = np.random.default_rng(0).normal(size=(64, 4)).astype("float32")
Y = (X.sum(1) > 0).astype(int) + (X[:, 0] > 0.5)


def compiled(model, loss="mse"):
    model.compile(pydl.optimizers.SGD(0.1), loss)
    return model


def same(first, second):
    """Gradients of two models with the same weights, one by one."""
    second.set_weights(first.get_weights())
    t = np.random.default_rng(1).normal(size=(64, *first.outputs[0].shape[1:]))
    pairs = zip(first.gradients(X, t).values(), second.gradients(X, t).values(), strict=True)
    return all(np.allclose(a, b, rtol=1e-4, atol=1e-6) for a, b in pairs)


class Counts(pydl.Model):
    """Changes a weight in each step, and chooses by the data."""

    def __init__(self):
        super().__init__()
        self.a, self.b, self.norm = layers.Dense(3, "tanh"), layers.Dense(2), layers.BatchNormalization()
        self.steps = self.add_weight((), "zeros", trainable=False, name="steps")

    def call(self, x, training=False):
        h = self.norm(self.a(x), training=training)
        if training:
            self.steps.assign_add(1.0)
        if self.steps > 1e6 or ops.sum(h) > 1e6:
            h = 0 * h
        return {"y": self.b(h)}
