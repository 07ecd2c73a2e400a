"""Layers that are not to be trained, from one call to the next."""

import numpy as np

import pydl
from pydl import layers as L


def test_penalties_are_those_of_trainable_weights() -> None:
    model = pydl.Sequential([pydl.Input((3,)), L.Dense(2, kernel_regularizer="l2", name="a"), L.Dense(1, name="b")])
    model.compile("sgd", "mse")
    x, y = np.ones((4, 3), np.float32), np.zeros((4, 1), np.float32)
    free = model.evaluate(x, y, verbose=0)
    model.get_layer("a").trainable = False
    frozen = model.evaluate(x, y, verbose=0)
    penalty = 0.01 * float((model.get_layer("a").get_weights()[0] ** 2).sum())
    assert penalty > 1e-4
    np.testing.assert_allclose(free - frozen, penalty, rtol=1e-4)


def test_freezing_a_layer_without_trainable_weights_counts_at_once() -> None:
    model = pydl.Sequential([pydl.Input((2,)), L.BatchNormalization(center=False, scale=False), L.Dense(1)])
    model.compile("sgd", "mse")
    rng = np.random.default_rng(0)
    x, y = rng.normal(3, 2, (8, 2)), rng.normal(size=(8, 1))
    model.train_on_batch(x, y)
    normalization = model.layers[0]
    moved = normalization.get_weights()
    assert not np.array_equal(moved[0], np.zeros(2))
    normalization.trainable = False
    model.train_on_batch(x, y)
    for before, after in zip(moved, normalization.get_weights(), strict=True):
        np.testing.assert_array_equal(before, after)
