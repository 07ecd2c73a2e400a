"""Penalties: values, configuration, what is refused."""

from typing import Any

import numpy as np
import pytest

import pydl
from pydl import ops, regularizers

X = np.array([[1.0, -2.0], [0.0, 3.0]], dtype=np.float32)


@pytest.mark.parametrize(
    ("regularizer", "l1", "l2"),
    [
        (regularizers.L1(0.1), 0.1, 0.0),
        (regularizers.L2(0.2), 0.0, 0.2),
        (regularizers.L1L2(0.1, 0.2), 0.1, 0.2),
        (regularizers.L1L2(), 0.0, 0.0),
        (regularizers.get("l1"), 0.01, 0.0),
        (regularizers.get("l2"), 0.0, 0.01),
        (regularizers.l1_l2(l1=0.3), 0.3, 0.0),
    ],
)
def test_values(regularizer, l1, l2):
    assert (regularizer.l1, regularizer.l2) == (l1, l2)
    assert isinstance(regularizer.l1, float)
    assert isinstance(regularizer.l2, float)
    assert regularizer(X) == pytest.approx(l1 * 6 + l2 * 14, rel=1e-15)


def test_a_subclass_sets_its_factors():
    class Strong(regularizers.Regularizer):
        def __init__(self):
            self.l2 = 5.0

    assert Strong()([2.0]) == 20.0
    assert regularizers.get(Strong).l2 == 5.0


@pytest.mark.parametrize("value", [-0.1, float("nan"), float("inf"), "0.1", None, True])
@pytest.mark.parametrize("cls", [regularizers.L1, regularizers.L2, regularizers.L1L2])
def test_bad_factors(cls, value):
    with pytest.raises((TypeError, ValueError), match=f"{cls.__name__}: .l[12]. must be"):
        cls(value)


class Cubic(regularizers.Regularizer):
    """A subclass in the manner of Keras, with the gradient that training needs."""

    def __init__(self, factor=0.1):
        self.factor = factor

    def __call__(self, x):
        return self.factor * np.sum(np.abs(x) ** 3)

    def gradient(self, x):
        return 3 * self.factor * x * np.abs(x)


class Quartic(regularizers.Regularizer):
    def __call__(self, x):
        return np.sum(np.asarray(x) ** 4)


def bumps(x):
    return 0.3 * np.sum(np.cos(x))


bumps.gradient = lambda x: -0.3 * np.sin(x)


@pytest.mark.parametrize("mode", ["rows", "columns"])
@pytest.mark.parametrize("shape", [(4, 5), (5, 3), (1, 3)])
def test_orthogonal(mode, shape):
    x = np.random.default_rng(0).normal(size=shape)
    vectors = x if mode == "rows" else x.T
    n = len(vectors)
    cosines = [
        abs(vectors[i] @ vectors[j]) / np.linalg.norm(vectors[i]) / np.linalg.norm(vectors[j])
        for i in range(n) for j in range(i)
    ]  # fmt: skip
    wanted = 0.2 * np.mean(cosines) if cosines else 0.0
    assert regularizers.OrthogonalRegularizer(0.2, mode)(x) == pytest.approx(wanted, rel=1e-13)
    with pytest.raises(ValueError, match="rank 2"):
        regularizers.OrthogonalRegularizer()(x[0])


@pytest.mark.parametrize("regularizer", [
    regularizers.OrthogonalRegularizer(0.2), regularizers.OrthogonalRegularizer(0.2, "columns"), Cubic(),
    regularizers.get(bumps), regularizers.L1L2(0.1, 0.2),
])  # fmt: skip
def test_gradients_against_differences(regularizer):
    x = np.random.default_rng(1).normal(size=(4, 3))
    got, h = regularizer.gradient(x), 1e-6
    for i in np.ndindex(x.shape):
        up, down = x.copy(), x.copy()
        up[i] += h
        down[i] -= h
        assert got[i] == pytest.approx((regularizer(up) - regularizer(down)) / (2 * h), abs=1e-8)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("options", [{}, {"clipnorm": 0.1}, {"gradient_accumulation_steps": 2}])
@pytest.mark.parametrize("make", [Cubic, lambda: bumps, regularizers.OrthogonalRegularizer])
def test_training_with_a_penalty_in_python(make, options):
    """A step of SGD follows the gradients of the loss and of the penalty; the loss told is their sum."""
    rng = np.random.default_rng(2)
    x, y = rng.normal(size=(8, 4)), rng.normal(size=(8, 19))
    pydl.utils.set_random_seed(0)
    model = pydl.Sequential([pydl.Input((4,)), pydl.layers.Dense(19, kernel_regularizer=make(), use_bias=False)])
    model.compile(pydl.optimizers.SGD(0.5, **options), "mse")
    penalty = model.layers[0].kernel.regularizer
    (w,) = model.get_weights()
    loss = np.mean((x @ w - y) ** 2) + penalty(w)
    gradient = x.T @ (2 * (x @ w - y) / y.size) + penalty.gradient(w)
    if "clipnorm" in options:
        gradient *= min(1, 0.1 / np.linalg.norm(gradient))
    history = model.fit(x, y, batch_size=8, epochs=1, verbose=0)
    assert history.history["loss"] == [pytest.approx(loss, rel=1e-12)]
    if "gradient_accumulation_steps" in options:
        np.testing.assert_array_equal(model.get_weights()[0], w)
        model.fit(x, y, batch_size=8, verbose=0)
    np.testing.assert_allclose(model.get_weights()[0], w - 0.5 * gradient, rtol=1e-11, atol=1e-13)


def test_training_says_what_to_compute_penalties_with():
    model = pydl.Sequential([pydl.Input((2,)), pydl.layers.Dense(1, kernel_regularizer=Quartic())])
    model.compile("sgd", "mse")
    with pytest.raises(TypeError, match=r"use the functions of pydl\.ops"):
        model.fit(X, [[1.0], [2.0]], verbose=0)


@pytest.mark.parametrize("made", [lambda w: pydl.ops.sum(w**4), lambda w: 3.0])
def test_the_gradient_of_a_penalty_follows_from_its_functions(made):
    penalty = regularizers.get(made)
    np.testing.assert_allclose(penalty.gradient(X), 4 * X**3 if penalty(X) != 3 else 0 * X)


@pytest.mark.parametrize("made", [Cubic(0.5), regularizers.OrthogonalRegularizer(0.3, "columns"), bumps])
def test_files_bring_them_back(made, tmp_path):
    model = pydl.Sequential([pydl.Input((2,)), pydl.layers.Dense(3, kernel_regularizer=made)])
    model.compile("sgd", "mse")
    model.save(tmp_path / "model.safetensors")
    own = {"Cubic": Cubic, "bumps": bumps}
    again = pydl.models.load_model(tmp_path / "model.safetensors", custom_objects=own)
    w = model.layers[0].kernel
    assert again.layers[0].kernel.regularizer(w.numpy()) == w.regularizer(w.numpy()) != 0
    if made is not bumps:
        assert again.layers[0].kernel.regularizer.get_config() == made.get_config()


def test_a_lambda_has_no_name_to_save():
    with pytest.raises(TypeError, match="give the function a name with def"):
        regularizers.serialize(regularizers.get(lambda w: 0.0))


def test_a_function_that_gives_several_numbers_is_their_sum() -> None:
    def columns(w: Any) -> Any:
        return ops.sum(ops.square(w), axis=0)

    x, nets = np.ones((8, 4), np.float32), []
    for penalty in (columns, "l2"):
        dense = pydl.layers.Dense(
            2, kernel_initializer="ones", kernel_regularizer=penalty, activity_regularizer=penalty
        )
        nets.append(pydl.Sequential([pydl.Input((4,)), dense]))
        nets[-1].compile("sgd", "mse")
    ours, theirs = (m.loss_and_gradients(x, np.zeros((8, 2))) for m in nets)
    penalties = 8 + 16 * 16 / 8
    assert ours[0] - 16 == pytest.approx(penalties, rel=1e-5)
    assert theirs[0] - 16 == pytest.approx(0.01 * penalties, rel=1e-5)
