"""Layers that are not to be trained, from one call to the next."""

import warnings
from typing import Any

import numpy as np
import pytest

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


def gan() -> tuple[Any, Any]:
    """A discriminator that is frozen behind its compile, and the stack that it is frozen for."""
    judge = pydl.Sequential([pydl.Input((2,)), L.Dense(4, "relu"), L.Dense(1, "sigmoid")], name="judge")
    judge.compile("adam", "binary_crossentropy")
    judge.trainable = False
    stack = pydl.Sequential([pydl.Input((3,)), L.Dense(2), judge], name="stack")
    stack.compile("adam", "binary_crossentropy")
    return judge, stack


def moves(model: Any, columns: int, watched: Any) -> bool:
    before = watched.get_weights()
    model.train_on_batch(np.ones((4, columns)), np.ones((4, 1)))
    return any(not np.array_equal(a, b) for a, b in zip(before, watched.get_weights(), strict=True))


def test_a_model_of_which_nothing_is_trained_says_so() -> None:
    for method in ("train_on_batch", "fit"):
        judge, stack = gan()
        with pytest.warns(UserWarning, match='model "judge": all its layers are frozen, so nothing is trained'):
            getattr(judge, method)(np.ones((4, 2)), np.ones((4, 1)))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(2):
            judge.trainable = True
            assert moves(judge, 2, judge)
            judge.trainable = False
            assert not moves(stack, 3, judge)


def test_a_model_that_trains_what_was_frozen_at_its_compile_says_so_once() -> None:
    judge, stack = gan()
    judge.trainable = True
    with pytest.warns(UserWarning, match=r'model "stack": .*kernel.* were frozen when it was compiled'):
        assert moves(stack, 3, judge)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert moves(stack, 3, judge)
        stack.compile("adam", "binary_crossentropy")
        assert moves(stack, 3, judge)


def test_a_model_without_weights_has_nothing_to_say() -> None:
    model = pydl.Sequential([pydl.Input((1,)), L.Activation("tanh")])
    model.compile("sgd", "mse")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.fit(np.ones((4, 1)), np.ones((4, 1)), verbose=0)
