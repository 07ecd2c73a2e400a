"""Layers and models called on values with a history: in losses, and in code that cannot be made a graph."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest

import pydl
from pydl import layers, ops
from pydl._engine.tape import Tape

RNG = np.random.default_rng(0)
X, T = RNG.normal(size=(12, 4)), RNG.normal(size=(12, 4))


def check(model: Any, x: Any = X, t: Any = T) -> None:
    """That gradients are those of differences, at the first and the last element of each weight."""
    gradients = model.gradients(x, t)
    assert len(gradients) == len(model.trainable_weights)
    for v in model.trainable_weights:
        value = v.numpy()
        for at in ((0,) * v.ndim, (-1,) * v.ndim):
            losses = []
            for sign in (1, -1):
                moved = value.copy()
                moved[at] += sign * 1e-6
                v.assign(moved)
                losses.append(model.test_on_batch(x, t))
            v.assign(value)
            wanted = (losses[0] - losses[1]) / 2e-6
            assert gradients[v.path][at] == pytest.approx(wanted, rel=1e-5, abs=1e-8)


def net(*more: Any) -> Any:
    return pydl.Sequential([pydl.Input((4,)), layers.Dense(5, "tanh"), layers.Dense(4), *more])


def compared_by(features: Any) -> Any:
    return lambda t, y: ops.mean(ops.square(features(t) - features(y)), axis=-1)


LAYERS = {
    "a layer": lambda: layers.Activation("sigmoid"),
    "one that moves values": lambda: layers.Reshape((2, 2)),
    "one with weights": lambda: layers.Dense(3, "relu"),
    "a model": lambda: pydl.Sequential(
        [pydl.Input((4,)), layers.Dense(6, "relu"), layers.Dropout(0.5), layers.BatchNormalization(), layers.Dense(2)]
    ),
    "a model that is not built": lambda: pydl.Sequential([layers.Dense(6, "relu"), layers.Dense(2)]),
}


@pytest.mark.parametrize("kind", LAYERS)
def test_in_a_loss(kind: str, float64: None) -> None:
    features = LAYERS[kind]()
    model = net()
    model.compile("sgd", lambda t, y: ops.mean(ops.reshape(ops.square(features(t) - features(y)), (12, -1)), axis=-1))
    check(model)


def test_a_layer_of_the_model_in_its_loss(float64: None) -> None:
    last = layers.Dense(4, "tanh")
    model = net(last)
    model.compile("sgd", lambda t, y: ops.mean(ops.square(last(y) - t)))
    check(model)


@pytest.mark.parametrize("threads", [1, 2])
def test_the_same_numbers_on_any_number_of_threads(threads: int) -> None:
    pydl.utils.set_random_seed(0)
    x, t = (RNG.normal(size=(256, 64)).astype("float32") for _ in range(2))
    x, t = np.linspace(-1, 1, x.size).reshape(x.shape), np.linspace(1, -1, t.size).reshape(t.shape)
    before = pydl.config.get_num_threads()
    found = []
    try:
        for n in (1, threads):
            pydl.config.set_num_threads(n)
            pydl.utils.set_random_seed(0)
            features = pydl.Sequential([pydl.Input((64,)), layers.Dense(128, "relu"), layers.Dense(64)])
            model = pydl.Sequential([pydl.Input((64,)), layers.Dense(128, "relu"), layers.Dense(64)])
            model.compile("sgd", compared_by(features))
            model.fit(x, t, batch_size=128, epochs=2, verbose=0)
            found.append(model.get_weights())
    finally:
        pydl.config.set_num_threads(before)
    for one, other in zip(*found, strict=True):
        np.testing.assert_array_equal(one, other)


class Counting(layers.Layer):
    """Counts its calls in training, which no graph can, and uses layers of several inputs, outputs and states."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.inner, self.norm, self.add = layers.Dense(4, "tanh"), layers.BatchNormalization(), layers.Add()
        self.calls = self.add_weight((), "zeros", trainable=False, name="calls")

    def call(self, x: Any, training: bool = False) -> Any:
        if training:
            self.calls.assign_add(1.0)
        y = self.norm(self.inner(x), training=training)
        return self.add([y, x]) * ops.exp(-self.inner.kernel[0])


def test_code_that_assigns_weights() -> None:
    model = net(Counting())
    counting = model.layers[-1]
    model.compile("sgd", "mse")
    history = model.fit(X, T, batch_size=6, epochs=20, verbose=0).history["loss"]
    assert counting.calls.numpy() == 40
    assert history[-1] < history[0]
    assert not np.array_equal(counting.norm.moving_mean.numpy(), np.zeros(4))
    np.testing.assert_array_equal(copy.deepcopy(model).predict(X), model.predict(X))


def test_gradients_of_code_that_assigns_weights(float64: None) -> None:
    model = net(Counting())
    model.layers[-1].norm.trainable = False  # its statistics would be the batch's in one, and moving ones in the other
    model.compile("sgd", "mse")
    check(model)


class Moving(layers.Layer):
    """Of weights that it changes between two uses."""

    def build(self, input_shape: Any) -> None:
        self.scale = self.add_weight((), "ones", trainable=False, name="scale")

    def call(self, x: Any) -> Any:
        y = x * self.scale
        self.scale.assign(self.scale * 2.0)
        z = y * self.scale
        self.scale.assign(1.0)
        return z


def test_a_weight_has_its_value_of_the_moment(float64: None) -> None:
    model, plain = net(Moving()), net(layers.Rescaling(2.0))
    plain.set_weights(model.get_weights()[:-1])
    for m in (model, plain):
        m.compile("sgd", "mse")
    np.testing.assert_allclose(model.predict(X), plain.predict(X))
    for ours, theirs in zip(model.gradients(X, T).values(), plain.gradients(X, T).values(), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-10)


def test_a_layer_that_adds_to_the_loss_is_refused_where_nobody_would_know() -> None:
    model = net()
    model.compile("sgd", compared_by(layers.Dense(2, activity_regularizer="l2")))
    with pytest.raises(ValueError, match="it adds to the loss"):
        model.fit(X, T, verbose=0)


def test_codes_are_checked() -> None:
    table = layers.Embedding(3, 2)
    model = net()
    model.compile("sgd", lambda t, y: ops.mean(ops.square(table(ops.relu(y) * 0 + 7.0))))
    with pytest.raises(ValueError, match=r"\[0, 3\)"):
        model.fit(X, T, verbose=0)


def test_masks_do_not_get_lost() -> None:
    class Averaged(layers.Layer):
        def __init__(self, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.mask, self.mean = layers.Masking(), layers.GlobalAveragePooling1D()
            self.calls = self.add_weight((), "zeros", trainable=False, name="calls")

        def call(self, x: Any) -> Any:
            self.calls.assign_add(1.0)
            return self.mean(self.mask(x))

    steps = pydl.Sequential([pydl.Input((3, 4)), layers.Dense(4), Averaged(), layers.Dense(1)])
    steps.compile("sgd", "mse")
    with pytest.raises(ValueError, match="it makes a mask, which would not reach"):
        steps.fit(np.ones((4, 3, 4)), np.ones((4, 1)), verbose=0)


def test_plans_of_many_shapes_are_not_all_kept() -> None:
    dense = layers.Dense(2)
    tape = Tape()
    with tape.running():
        for n in range(1, 40):
            dense(tape.watch(np.ones((n, 3), np.float32)))
    assert len(vars(dense)["_on_tape"]) == 16
