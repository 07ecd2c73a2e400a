"""Constraints: projections, axes, what is refused."""

import numpy as np
import pytest

import pydl
from pydl import constraints
from pydl.config import epsilon

RNG = np.random.default_rng(0)
W = RNG.normal(size=(5, 4))


def norms(w, axis=0):
    return np.sqrt(np.sum(w**2, axis=axis, keepdims=True))


def test_max_norm():
    limit = float(np.median(norms(W)))
    w = constraints.MaxNorm(limit)(W)
    assert (norms(W) > limit).any()
    assert (norms(W) <= limit).any()
    np.testing.assert_allclose(w, W * np.minimum(norms(W), limit) / (epsilon() + norms(W)), rtol=1e-15)
    assert (norms(w) <= limit).all()


def test_unit_norm_along_any_axes():
    np.testing.assert_allclose(norms(constraints.UnitNorm()(W)), 1, rtol=1e-6)
    np.testing.assert_allclose(norms(constraints.UnitNorm(axis=1)(W), 1), 1, rtol=1e-6)
    np.testing.assert_allclose(np.sum(constraints.UnitNorm(axis=[0, 1])(W) ** 2), 1, rtol=1e-6)
    np.testing.assert_allclose(norms(constraints.UnitNorm(axis=-1)(W), -1), 1, rtol=1e-6)


def test_min_max_norm_goes_part_of_the_way():
    n = norms(W)
    expected = 0.25 * np.clip(n, 1.0, 2.0) + 0.75 * n
    w = constraints.MinMaxNorm(1.0, 2.0, rate=0.25)(W)
    np.testing.assert_allclose(w, W * expected / (epsilon() + n), rtol=1e-15)


def test_non_neg():
    w = constraints.NonNeg()(np.array([-1.0, 0.0, 2.0, np.nan]))
    np.testing.assert_array_equal(w, [0, 0, 2, np.nan])


@pytest.mark.parametrize("name", ["max_norm", "unit_norm", "min_max_norm", "non_neg"])
def test_keeps_dtype_shape_and_argument(name):
    w = W.astype(np.float32)
    before = w.copy()
    out = constraints.get(name)(w)
    assert out.dtype == np.float32
    assert out.shape == w.shape
    np.testing.assert_array_equal(w, before)


def test_zero_weights_stay_finite():
    for cls in (constraints.MaxNorm, constraints.UnitNorm, constraints.MinMaxNorm):
        np.testing.assert_array_equal(cls()(np.zeros((3, 2))), np.zeros((3, 2)))


@pytest.mark.parametrize(
    "call",
    [
        lambda: constraints.MaxNorm(0),
        lambda: constraints.MaxNorm(axis=0.5),
        lambda: constraints.MinMaxNorm(2.0, 1.0),
        lambda: constraints.MinMaxNorm(rate=1.5),
        lambda: constraints.UnitNorm(axis=2)(W),
        lambda: constraints.get(3),
    ],
)
def test_errors(call):
    with pytest.raises((TypeError, ValueError), match=r"Norm|Constraint"):
        call()


def halved(w):
    return w / 2


@pytest.mark.usefixtures("float64")
def test_a_function_is_called_after_every_step(tmp_path):
    model = pydl.Sequential([pydl.Input((2,)), pydl.layers.Dense(1, kernel_constraint=halved, use_bias=False)])
    model.compile(pydl.optimizers.SGD(0.0), "mse")
    (w,) = model.get_weights()
    model.fit(np.ones((3, 2)), np.ones((3, 1)), batch_size=1, verbose=0)
    np.testing.assert_array_equal(model.get_weights()[0], w / 8)
    model.save(tmp_path / "model.safetensors")
    again = pydl.models.load_model(tmp_path / "model.safetensors", custom_objects={"halved": halved})
    assert again.layers[0].kernel.constraint.function is halved
    assert constraints.get("halved", {"halved": halved}).function is halved


def test_the_base_leaves_weights_as_they_are():
    w = np.array([-1.0, 2.0])
    np.testing.assert_array_equal(constraints.Constraint()(w), w)


def test_variables_are_taken_and_old_names_known():
    w = pydl.Variable([[3.0, -1.0], [4.0, 0.0]])
    np.testing.assert_allclose(constraints.maxnorm(1.0)(w), [[0.6, -1.0], [0.8, 0.0]], rtol=1e-6)
    np.testing.assert_array_equal(constraints.nonneg()(w), [[3.0, 0.0], [4.0, 0.0]])
    assert constraints.unitnorm is constraints.unit_norm is constraints.UnitNorm
    assert constraints.get("min_max_norm").__class__ is constraints.minmaxnorm
