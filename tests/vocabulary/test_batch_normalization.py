"""BatchNormalization of inputs with positions: values of float64, other axes, any number of threads, batches."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import pydl
from pydl import layers as L
from tests.differences import check_gradients
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
    with pytest.raises(ValueError, match="synchronized=True is not supported"):
        L.BatchNormalization(synchronized=True)
    for axis in (0, 3, -3, -4):
        with pytest.raises(ValueError, match=r"expected an axis of the .* other than the first"):
            L.BatchNormalization(axis).build((None, 4, 5))
    with pytest.raises(ValueError, match="expected a known number of features along axis 1"):
        L.BatchNormalization(1).build((None, None, 5))
    with pytest.raises(TypeError, match="Argument `axis` must be an integer"):
        L.BatchNormalization([1, 2])  # type: ignore[arg-type]
    layer = L.BatchNormalization(1)
    layer.build((None, 4, 5))
    with pytest.raises(ValueError, match="expected 4 features along axis 1"):
        layer(np.zeros((2, 5, 4), np.float32))


@pytest.mark.parametrize("axis", [1, 2, -1])
@pytest.mark.parametrize("shape", [(6, 4, 3), (5, 3, 4, 2)])
def test_masks_along_any_axis(shape: tuple[int, ...], axis: int) -> None:
    """Statistics of what counts; along an axis of steps, a feature may have none."""
    rng = np.random.default_rng(0)
    x, mask = rng.normal(3, 2, shape), rng.random(shape[:-1]) < 0.6
    mask[:, 1] = axis == -1  # along axis 1: the second feature has nothing that counts
    layer = L.BatchNormalization(axis, momentum=0.75, epsilon=EPSILON, dtype="float64")
    y = layer(x, training=True, mask=mask)
    each = np.moveaxis(np.broadcast_to(mask[..., None], shape), axis, -1)
    z, over = np.moveaxis(x, axis, -1), tuple(range(len(shape) - 1))
    count = each.sum(over) + 1e-7
    mean = (each * z).sum(over) / count
    var = (each * (z - mean) ** 2).sum(over) / count
    np.testing.assert_allclose(np.moveaxis(np.asarray(y), axis, -1), (z - mean) / np.sqrt(var + EPSILON), rtol=1e-9)
    np.testing.assert_allclose(layer.moving_mean.numpy(), 0.25 * mean, rtol=1e-9)
    np.testing.assert_allclose(layer.moving_variance.numpy(), 0.75 + 0.25 * var, rtol=1e-9)
    np.testing.assert_array_equal(layer(x, mask=mask), layer(x))  # masks matter in training only
    broad = layer(x, training=True, mask=mask[:, :1])
    np.testing.assert_array_equal(broad, layer(x, training=True, mask=np.broadcast_to(mask[:, :1], mask.shape)))


@pytest.mark.parametrize("axis", [1, -1])
def test_gradients_where_some_steps_count(axis: int) -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(size=(4, 3, 2))
    x[1, 2] = x[2, 0] = x[3, 1] = 0
    model = pydl.Sequential([
        pydl.Input((3, 2), dtype="float64"), L.Masking(dtype="float64"), L.Dense(2, "tanh", dtype="float64"),
        L.BatchNormalization(axis, dtype="float64"), L.Dense(1, "tanh", dtype="float64"),
    ])  # fmt: skip
    model.compile("sgd", "mse")
    check_gradients(model, x, rng.normal(size=(4, 3, 1)), rel=1e-5)


# -- renormalization --------------------------------------------------------------------------------------------------


def renormalized(**options: Any) -> Any:
    """A model with fixed running figures, and the layer."""
    rng = np.random.default_rng(3)
    layer = L.BatchNormalization(renorm=True, momentum=0.9, renorm_momentum=0.8, **options)
    model = pydl.Sequential([pydl.Input((4,)), L.Dense(3), layer, L.Dense(1)])
    model.compile(pydl.optimizers.SGD(0.0), "mse")
    for v in model.weights:
        v.assign(rng.uniform(0.5, 1.5, v.shape))
    return model, layer


@pytest.mark.usefixtures("float64")
def test_renormalization_by_its_formula() -> None:
    _, layer = renormalized(renorm_clipping={"rmin": 0.8, "rmax": 1.2, "dmax": 0.3})
    x = np.random.default_rng(0).normal(size=(6, 3))
    mean, deviation = x.mean(axis=0), np.sqrt(x.var(axis=0) + 1e-3)
    before = {v.name: v.numpy() for v in layer.weights}
    r = np.clip(deviation / before["renorm_stddev"], 0.8, 1.2)
    d = np.clip((mean - before["renorm_mean"]) / before["renorm_stddev"], -0.3, 0.3)
    wanted = ((x - mean) / deviation * r + d) * before["gamma"] + before["beta"]
    np.testing.assert_allclose(layer(x, training=True), wanted, rtol=1e-12)
    np.testing.assert_allclose(layer.renorm_mean.numpy(), 0.8 * before["renorm_mean"] + 0.2 * mean)
    np.testing.assert_allclose(layer.moving_stddev.numpy(), 0.9 * before["moving_stddev"] + 0.1 * deviation)
    np.testing.assert_allclose(layer.moving_variance.numpy(), layer.moving_stddev.numpy() ** 2 - 1e-3)
    assert L.BatchNormalization.from_config(layer.get_config()).get_config() == layer.get_config()
    assert "renorm" not in L.BatchNormalization().get_config()


@pytest.mark.usefixtures("float64")
def test_gradients_of_renormalization() -> None:
    """Those of differences, where r and d do not move with the weights: they are clipped to one value."""
    model, layer = renormalized(renorm_clipping={"rmin": 1.5, "rmax": 1.5, "dmax": 0.0})
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(8, 4)), rng.normal(size=(8, 1))
    state = [v.numpy() for v in model.weights]

    def loss() -> Any:
        return model.loss_and_gradients(x, y)

    _, gradients = loss()
    for k, v in enumerate(model.weights):
        if not v.trainable:
            continue
        i = tuple(rng.integers(0, n) for n in v.shape)
        found = []
        for h in (1e-6, -1e-6):
            for other, value in zip(model.weights, state, strict=True):
                other.assign(value)
            moved = state[k].copy()
            moved[i] += h
            v.assign(moved)
            found.append(loss()[0])
        np.testing.assert_allclose(gradients[v.path][i], (found[0] - found[1]) / 2e-6, rtol=1e-6, atol=1e-9)
    assert layer.gamma.path in gradients


def test_bounds_of_renormalization() -> None:
    for given, told in (
        ({"r": 1}, r"invalid keys \['r'\]"),
        ({"rmax": 0, "rmin": 1}, "at least rmin"),
        ({"dmax": -1}, "dmax"),
    ):
        with pytest.raises(ValueError, match=told):
            L.BatchNormalization(renorm=True, renorm_clipping=given)
