"""BatchNormalization of inputs with positions: values of float64, other axes, any number of threads, batches."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import pydl
from pydl import layers as L
from tests.vocabulary.test_normalization import far, first_gradient

Array = np.ndarray[Any, Any]
EPSILON = 1e-3


def normalized(x: Array, axis: int) -> tuple[Array, Array, Array]:
    """x^ over all other axes, mean and variance."""
    z = np.moveaxis(x.astype(np.float64), axis, -1)
    over = tuple(range(z.ndim - 1))
    mean, var = z.mean(over), z.var(over)
    return np.moveaxis((z - mean) / np.sqrt(var + EPSILON), -1, axis), mean, var


@pytest.mark.parametrize("axis", [-1, 1, 2])
@pytest.mark.parametrize("shape", [(6, 5, 4, 3), (3, 70, 2, 17)])
def test_outputs_and_moving_statistics_in_training(shape: tuple[int, ...], axis: int, isa: str) -> None:
    x = np.random.default_rng(0).normal(3, 2, shape).astype(np.float32)
    layer = L.BatchNormalization(axis, momentum=0.75, epsilon=EPSILON)
    normal, mean, var = normalized(x, axis)
    np.testing.assert_allclose(layer(x, training=True), normal, 0, 2e-6)
    np.testing.assert_allclose(layer.moving_mean.numpy(), 0.25 * mean, 1e-6)
    np.testing.assert_allclose(layer.moving_variance.numpy(), 0.75 + 0.25 * var, 1e-6)


def test_values_far_from_zero(isa: str) -> None:
    x = far(16, 4, 3, 5)
    y = normalized(x, -1)[0]
    loss, of_gamma = first_gradient(L.BatchNormalization(epsilon=EPSILON), x)
    assert loss == pytest.approx(np.square(y - 1).mean(), rel=1e-5)
    np.testing.assert_allclose(of_gamma, 2 * ((y - 1) * y).sum((0, 1, 2)) / y.size, 1e-5)


def test_a_first_row_far_from_the_others(isa: str) -> None:
    """Sums are taken about the first row of a sample: what is lost there is bounded by its own part of the variance."""
    x = far(4, 9, 5)
    x[:, 0] = 0
    np.testing.assert_allclose(
        L.BatchNormalization(epsilon=EPSILON)(x, training=True), normalized(x, -1)[0], 4e-6, 4e-6
    )


@pytest.mark.parametrize("threads", [2, 3, 16])
def test_the_same_bits_on_any_number_of_threads(threads: int) -> None:
    x = np.random.default_rng(1).normal(size=(40, 6, 5, 19)).astype(np.float32)
    results = []
    for n in (1, threads):
        pydl.utils.set_random_seed(2)
        with pydl.config.limit_threads(n):
            model = pydl.Sequential([pydl.Input(x.shape[1:]), L.BatchNormalization(), L.ReLU(), L.Dense(19)])
            model.compile("sgd", "mse")
            model.fit(x, x, batch_size=20, epochs=2, verbose=0)
            results.append(model.get_weights())
    for one, many in zip(*results, strict=True):
        np.testing.assert_array_equal(one, many)


def test_what_does_not_fit_is_refused_with_a_reason() -> None:
    with pytest.raises(ValueError, match="renorm=True is not supported"):
        L.BatchNormalization(renorm=True)
    with pytest.raises(ValueError, match="synchronized=True is not supported"):
        L.BatchNormalization(synchronized=True)
    for axis in (0, 3, -3, -4):
        with pytest.raises(ValueError, match=r"expected an axis of the .* other than the first"):
            L.BatchNormalization(axis).build((None, 4, 5))
    with pytest.raises(ValueError, match="expected a known number of features along axis 1"):
        L.BatchNormalization(1).build((None, None, 5))
    with pytest.raises(TypeError, match="axis must be an integer"):
        L.BatchNormalization([1, 2])  # type: ignore[arg-type]
    masked = pydl.Sequential([pydl.Input((4, 5)), L.Masking(), L.BatchNormalization(1)])
    with pytest.raises(ValueError, match="expected axis -1 where there is a mask"):
        masked.predict(np.ones((2, 4, 5)), verbose=0)
    layer = L.BatchNormalization(1)
    layer.build((None, 4, 5))
    with pytest.raises(ValueError, match="expected 4 features along axis 1"):
        layer(np.zeros((2, 5, 4), np.float32))
